"""BoSS (2026, arXiv 2603.13109): the best of many batches of many strategies, by the test set that no strategy may see.

Two of the authors' twelve strategies are not among ours.
"""

import numpy as np
import torch
from torch import Tensor

from al_bench.core.ranges import PositiveInt
from al_bench.core.strategy import Needs, QueryContext, Strategy
from al_bench.strategies.maths.linear_fit import fitted_head, num_hits
from al_bench.strategies.members import MEMBERS, members_of, needs_of, proposed

MIN_SUBSET, MAX_SUBSET = 4, 5000  # batches, and examples, that a strategy is shown


class Boss(Strategy):
    """The one of many batches with which a refitted head predicts most of the test set right, the first of equals.

    Args:
        num_batches: proposed by random, margin, coreset, badge, bait, typiclust, alfamix, dropquery, maxherding and
            uherding in turn, each shown a uniform subset of a size that is uniform from 4 B to 5,000.
    """

    is_oracle = True

    def __init__(self, num_batches: PositiveInt = 100) -> None:
        self.num_batches = num_batches
        self._members = members_of(list(MEMBERS))
        own = Needs.EMBEDDING | Needs.LABELLED | Needs.POOL_TARGETS | Needs.TEST
        self.needs = needs_of(self._members) | own

    def check(self, *, pool_size: int, batch_size: int, num_classes: int, num_dimensions: int) -> None:
        """See `Strategy.check`."""
        for member in self._members:
            member.check(
                pool_size=pool_size, batch_size=batch_size, num_classes=num_classes, num_dimensions=num_dimensions
            )

    def cost_of_query(self, batch_size: int) -> str:  # noqa: ARG002
        """See `Strategy.cost_of_query`."""
        return f"{self.num_batches:,} batches of {len(self._members)} strategies, and as many fits of the last layer"

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """See `Strategy.query`; each proposal has a generator of its own, spawned from `rng`."""
        pool = torch.arange(context.num_unlabelled, device=context.unlabelled_targets.device)
        fewest = MIN_SUBSET * batch_size
        best, most_hits = pool[:0], -1
        for number, spawned in enumerate(rng.spawn(self.num_batches)):
            member = self._members[number % len(self._members)]
            subset_size = int(spawned.integers(fewest, max(fewest, MAX_SUBSET), endpoint=True))
            rows = proposed(member, context, pool, subset_size, batch_size, spawned)
            if (hits := self._hits(context, rows)) > most_hits:
                best, most_hits = rows, hits
        return best

    @staticmethod
    def _hits(context: QueryContext, rows: Tensor) -> int:
        """On the test set, of the head fitted to the labelled examples and these."""
        embedding_ND = torch.cat([context.labelled.embedding_ND, context.unlabelled.embedding_ND[rows]])
        targets_N = torch.cat([context.labelled_targets, context.unlabelled_targets[rows]]).to(torch.int64)
        test = context.test
        weight_CD = fitted_head(embedding_ND, targets_N, context.num_classes)
        return num_hits(test.outputs.embedding_ND, test.targets, weight_CD)

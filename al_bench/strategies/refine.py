"""REFINE: Huseljic et al., "Cleaning the Pool" (CVPR 2026, arXiv 2511.22344): strategies propose batches, round after
round, from what was proposed in the one before.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from al_bench.core.ranges import PositiveInt
from al_bench.core.strategy import QueryContext, Strategy
from al_bench.strategies.members import Member, members_of, needs_of, proposed
from al_bench.strategies.uherding import UHerding

FIRST_SUBSET = 5000  # of the pool, that a strategy is shown in the first round
SHARE = 0.4  # of what is left of the pool, in later ones
MAX_UNION = 10_000  # rows that a round leaves at most
ALL: tuple[Member, ...] = (
    *("random", "margin", "badge", "bait", "typiclust", "alfamix", "dropquery", "maxherding", "uherding"),
)


class Refine(Strategy):
    """An ensemble narrows the pool to the union of its batches, again and again; UHerding chooses from what is left.

    Args:
        strategies: names, in the order in which they propose in turn, each at its defaults.
        num_rounds: how often the pool is narrowed.
        num_batches: that are proposed in each round.
    """

    family = "both"

    def __init__(
        self, strategies: Sequence[Member] = ALL, num_rounds: PositiveInt = 5, num_batches: PositiveInt = 100
    ) -> None:
        if not strategies:
            raise ValueError("strategies=[]: names of strategies that propose batches; at least one")
        self._members = members_of(strategies)
        self._last = UHerding()
        self._num_rounds = num_rounds
        self._num_batches = num_batches
        self.needs = needs_of([*self._members, self._last])

    def check(self, *, pool_size: int, batch_size: int, num_classes: int, num_dimensions: int) -> None:
        """See `Strategy.check`."""
        for member in self._members:
            member.check(
                pool_size=pool_size, batch_size=batch_size, num_classes=num_classes, num_dimensions=num_dimensions
            )

    def cost_of_query(self, batch_size: int) -> str:  # noqa: ARG002
        """See `Strategy.cost_of_query`."""
        return f"{self._num_rounds * self._num_batches:,} batches of {len(self._members)} strategies"

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """See `Strategy.query`; each proposal has a generator of its own, spawned from `rng`."""
        pool = torch.arange(context.num_unlabelled, device=context.labelled_targets.device)
        for round in range(self._num_rounds):
            subset_size = FIRST_SUBSET if round == 0 else max(batch_size, math.ceil(SHARE * len(pool)))
            subset_size = max(batch_size, subset_size)
            batches = [
                proposed(self._members[number % len(self._members)], context, pool, subset_size, batch_size, spawned)
                for number, spawned in enumerate(rng.spawn(self._num_batches))
            ]
            pool = torch.cat(batches).unique()
            if len(pool) > MAX_UNION:
                kept = np.sort(rng.permutation(len(pool))[: max(MAX_UNION, batch_size)])
                pool = pool[torch.from_numpy(kept).to(pool.device)]
        return proposed(self._last, context, pool, len(pool), batch_size, rng)

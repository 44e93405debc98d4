"""GreedyOracle: how much a few right choices are worth, by the test set that no strategy may see.

The greedy oracle of Werner et al., "A Cross-Domain Benchmark for Active Learning" (2024), with the head refitted in
place of a training run for each candidate.
"""

import numpy as np
import torch
from torch import Tensor

from al_bench.core.ranges import PositiveInt
from al_bench.core.strategy import Needs, QueryContext, Strategy
from al_bench.strategies.maths.linear_fit import fitted_head, num_hits
from al_bench.strategies.uncertainty import Margin


class GreedyOracle(Strategy):
    """Again and again the candidate with which a refitted head is the most accurate on the test set.

    Where none is better than without it, the example of smallest margin is taken. Ties by the order drawn.

    Args:
        num_candidates: drawn uniformly for each example of the batch; so many fits it takes.
    """

    needs = Needs.LOGITS | Needs.EMBEDDING | Needs.LABELLED | Needs.POOL_TARGETS | Needs.TEST
    is_oracle = True

    def __init__(self, num_candidates: PositiveInt = 20) -> None:
        self.num_candidates = num_candidates

    def cost_of_query(self, batch_size: int) -> str:
        """See `Strategy.cost_of_query`."""
        return f"{batch_size * self.num_candidates:,} fits of the last layer"

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """See `Strategy.query`."""
        embedding_ND, target_N = context.unlabelled.embedding_ND, context.unlabelled_targets
        by_margin = Margin().query(context, context.num_unlabelled, rng).tolist()
        left = np.arange(context.num_unlabelled)
        known_LD, known_L = context.labelled.embedding_ND, context.labelled_targets.to(torch.int64)
        hits = self._hits(context, known_LD, known_L)
        rows: list[int] = []
        for _ in range(batch_size):
            drawn = rng.permutation(left)[: self.num_candidates].tolist()
            found = [
                self._hits(context, torch.cat([known_LD, embedding_ND[[row]]]), torch.cat([known_L, target_N[[row]]]))
                for row in drawn
            ]
            best = int(np.argmax(found))
            taken = set(rows)
            row = drawn[best] if found[best] > hits else next(each for each in by_margin if each not in taken)
            known_LD, known_L = torch.cat([known_LD, embedding_ND[[row]]]), torch.cat([known_L, target_N[[row]]])
            hits = found[best] if found[best] > hits else self._hits(context, known_LD, known_L)
            rows.append(row)
            left = left[left != row]
        return torch.tensor(rows, device=target_N.device)

    @staticmethod
    def _hits(context: QueryContext, embedding_LD: Tensor, target_L: Tensor) -> int:
        """On the test set, of the head fitted to these examples; with none of them, what a head of zeros hits."""
        test = context.test
        test_ND = test.outputs.embedding_ND
        weight_CD = torch.zeros(context.num_classes, test_ND.shape[1], dtype=torch.float64, device=test_ND.device)
        if len(target_L):
            weight_CD = fitted_head(embedding_LD, target_L, context.num_classes)
        return num_hits(test_ND, test.targets, weight_CD)

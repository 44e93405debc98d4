"""BalancedOracle: what class balance alone is worth. It sees the labels before it asks for them."""

import numpy as np
import torch
from torch import Tensor

from al_bench.core.strategy import Needs, QueryContext, Strategy


class BalancedOracle(Strategy):
    """Again and again a uniform example of a class with the fewest labels, of those that have unlabelled examples."""

    needs = Needs.POOL_TARGETS
    is_oracle = True

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """See `Strategy.query`."""
        target_N = context.unlabelled_targets.cpu().numpy()
        order_N = rng.permutation(len(target_N))
        left = [order_N[target_N[order_N] == target].tolist() for target in range(context.num_classes)]
        count_C = np.bincount(context.labelled_targets.cpu().numpy().astype(np.int64), minlength=context.num_classes)
        rows: list[int] = []
        for uniform in rng.random(batch_size):
            able = [target for target in range(context.num_classes) if left[target]]
            fewest = min(count_C[target] for target in able)
            tied = [target for target in able if count_C[target] == fewest]
            target = tied[int(uniform * len(tied))]
            rows.append(left[target].pop())
            count_C[target] += 1
        return torch.tensor(rows, device=context.unlabelled_targets.device)

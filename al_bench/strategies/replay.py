"""Replay: Lowell, Lipton and Wallace, "Practical Obstacles to Deploying Active Learning" (EMNLP 2019): what the labels
that one model has chosen are worth to another.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from al_bench.core.errors import ConfigError, StrategyError
from al_bench.core.strategy import Needs, QueryContext, Strategy


@dataclass(frozen=True)
class Bought:
    """What a finished run has bought: pool indices (N,) in that order, the initial ones first; by an oracle, or not."""

    indices: NDArray[np.int64]
    is_oracle: bool = False


class Replay(Strategy):
    """What a finished run has bought, in its order, as far as that is not labelled.

    Args:
        of: the folder of the runs, one for each seed.
        bought_by: what the run there of the same seed has bought; of al_bench.
    """

    needs = Needs.INDICES

    def __init__(self, of: str, bought_by: Callable[[str], Bought]) -> None:
        bought = bought_by(of)
        self._indices = bought.indices
        self.is_oracle = bought.is_oracle

    def check(self, *, pool_size: int, batch_size: int, num_classes: int, num_dimensions: int) -> None:  # noqa: ARG002
        """See `Strategy.check`."""
        if self.subset_size is not None:
            raise ConfigError(f"strategy.subset_size={self.subset_size}: what is bought again may lie outside of it")

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:  # noqa: ARG002
        """See `Strategy.query`; StrategyError if that run has not bought so many more."""
        index_N, row_N = context.unlabelled_indices.cpu().sort()
        left = self._indices[np.isin(self._indices, index_N.numpy())][:batch_size]
        if len(left) < batch_size:
            raise StrategyError(
                f"replay: {batch_size} labels are asked for, and {len(left)} are left of what was bought"
            )
        return row_N[torch.searchsorted(index_N, torch.from_numpy(left))]

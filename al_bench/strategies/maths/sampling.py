"""Drawing rows in proportion to weights: in float64, through sums of blocks, the same on every device."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from al_bench.core.errors import StrategyError

BLOCK = 256  # rows per partial sum


def block_weights(num_rows: int, value: float, device: torch.device) -> Tensor:
    """Weights (K, BLOCK), float64: `value` for each row, 0 for those that fill up the last block."""
    weights_KM = torch.zeros(-(-num_rows // BLOCK), BLOCK, dtype=torch.float64, device=device)
    weights_KM.view(-1)[:num_rows] = value
    return weights_KM


def draw_proportional(weights_KM: Tensor, uniform: float, otherwise_KM: Tensor) -> int:
    """The first row whose cumulative weight exceeds `uniform` of the sum; by `otherwise_KM` if all weights are 0.

    The device sums the blocks; those sums, then the weights within one block, are cumulated on the host, as a
    cumulative sum of floats is not deterministic on CUDA. Never a row of weight 0.
    """
    sums_K = weights_KM.sum(dim=1).cpu().numpy()
    cumulative_K = np.cumsum(sums_K)
    if cumulative_K[-1] == 0:
        if otherwise_KM is weights_KM:
            raise StrategyError("all weights are 0: there is nothing to draw")
        return draw_proportional(otherwise_KM, uniform, otherwise_KM)
    block, mass = _inverse_cdf(sums_K, cumulative_K, uniform * cumulative_K[-1])
    weights_M = weights_KM[block].cpu().numpy()
    row, _ = _inverse_cdf(weights_M, np.cumsum(weights_M), max(mass, 0.0))
    return block * BLOCK + row


def _inverse_cdf(weights: NDArray[np.float64], cumulative: NDArray[np.float64], mass: float) -> tuple[int, float]:
    """The position where the cumulative weight exceeds `mass`, and the mass left within it."""
    position = int(cumulative.searchsorted(mass, side="right"))
    if position == len(cumulative):  # by rounding: the last one that adds to the sum is meant
        position = int(cumulative.searchsorted(cumulative[-1]))
    return position, float(mass - (cumulative[position] - weights[position]))

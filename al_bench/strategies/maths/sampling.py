"""Drawing rows in proportion to weights, in float64: one by one, through sums of blocks, the same on every device; or a
batch at once without replacement, by perturbed scores.

The latter: Kirsch, Farquhar, Atighehchian, Jesson, Branchaud-Charron and Gal, "Stochastic Batch Acquisition: A Simple
Baseline for Deep Active Learning" (TMLR 2023), as the B largest of log w_i + Gumbel noise are B draws without
replacement in proportion to w_i (Gumbel-top-k: Kool, van Hoof and Welling, 2019).
"""

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from al_bench.core.errors import StrategyError
from al_bench.strategies.maths.ranking import decreasing, largest

BLOCK = 256  # rows per partial sum

Kind = Literal["power", "softmax", "softrank"]


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
    cumulative_K = sums_K.cumsum()
    total = float(cumulative_K[-1])
    if total == 0:
        if otherwise_KM is weights_KM:
            raise StrategyError("all weights are 0: there is nothing to draw")
        return draw_proportional(otherwise_KM, uniform, otherwise_KM)
    block, mass = _inverse_cdf(sums_K, cumulative_K, uniform * total)
    weights_M = weights_KM[block].cpu().numpy()
    row, _ = _inverse_cdf(weights_M, weights_M.cumsum(), max(mass, 0.0))
    return block * BLOCK + row


def _inverse_cdf(weights: NDArray[np.float64], cumulative: NDArray[np.float64], mass: float) -> tuple[int, float]:
    """The position where the cumulative weight exceeds `mass`, and the mass left within it."""
    position = int(cumulative.searchsorted(mass, side="right"))
    if position == len(cumulative):  # by rounding: the last one that adds to the sum is meant
        position = int(cumulative.searchsorted(cumulative[-1]))
    return position, float(mass - (cumulative[position] - weights[position]))


def power_choice(scores_N: Tensor, batch_size: int, rng: np.random.Generator, kind: Kind, beta: float) -> Tensor:
    """Rows (batch_size,) in the order drawn, from scores (N,) >= 0, float64.

    Each is drawn in proportion to s^beta (`power`), exp(beta s) (`softmax`) or rank^-beta (`softrank`: rank 1 for the
    largest, equal ones in pool order). Those of weight 0 come last, uniformly among themselves.
    """
    exponential_N = torch.from_numpy(rng.standard_exponential(len(scores_N))).to(scores_N.device)
    return drawn(beta * log_weights(scores_N, kind), -exponential_N.log(), batch_size)


def log_weights(uncertainty_N: Tensor, kind: Kind) -> Tensor:
    """Logarithms (N,) of the weights at beta = 1; -inf for a weight of 0. Equal ones are ranked in pool order."""
    if kind == "power":
        return uncertainty_N.log()
    if kind == "softmax":
        return uncertainty_N
    order_N = decreasing(uncertainty_N)
    rank_N = torch.empty_like(uncertainty_N)
    rank_N[order_N] = torch.arange(1, len(order_N) + 1, dtype=rank_N.dtype, device=rank_N.device)
    return rank_N.log_().neg_()


def drawn(log_weight_N: Tensor, gumbel_N: Tensor, num_wanted: int) -> Tensor:
    """Rows (num_wanted,), drawn without replacement with probabilities proportional to weights.

    With standard Gumbel variables G_i (minus the logarithms of exponential ones) the largest log w_i + G_i is that of
    row i with probability w_i / sum of w, and the B largest in their order are B such draws (Yellott, 1977). Rows of
    weight 0 come last, by G_i alone: uniformly.
    """
    is_positive_N = log_weight_N > -torch.inf
    rows = largest(log_weight_N + gumbel_N, min(num_wanted, int(is_positive_N.sum())))
    others = largest(gumbel_N.masked_fill(is_positive_N, -torch.inf), num_wanted - len(rows))
    return torch.cat([rows, others])

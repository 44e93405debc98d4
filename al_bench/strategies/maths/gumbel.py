"""Drawing a batch without replacement by perturbed scores: Kirsch, Farquhar, Atighehchian, Jesson, Branchaud-Charron
and Gal, "Stochastic Batch Acquisition: A Simple Baseline for Deep Active Learning" (TMLR 2023).

The B largest of log w_i + Gumbel noise are B draws without replacement in proportion to w_i (Gumbel-top-k: Kool, van
Hoof and Welling, 2019).
"""

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from al_bench.strategies.maths.ranking import largest

Kind = Literal["power", "softmax", "softrank"]


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
    order_N = torch.sort(uncertainty_N, descending=True, stable=True).indices
    rank_N = torch.empty_like(uncertainty_N)
    rank_N[order_N] = torch.arange(1, len(order_N) + 1, dtype=rank_N.dtype, device=rank_N.device)
    return -rank_N.log()


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

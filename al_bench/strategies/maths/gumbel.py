"""Drawing a batch without replacement by perturbed scores: Kirsch, Farquhar, Atighehchian, Jesson, Branchaud-Charron
and Gal, "Stochastic Batch Acquisition: A Simple Baseline for Deep Active Learning" (TMLR 2023).

The B largest of log w_i + Gumbel noise are B draws without replacement in proportion to w_i (Gumbel-top-k: Kool, van
Hoof and Welling, 2019).
"""

from typing import Literal

import numpy as np
import torch
from torch import Tensor

Kind = Literal["power", "softmax", "softrank"]


def power_choice(scores_N: Tensor, batch_size: int, rng: np.random.Generator, kind: Kind, beta: float) -> Tensor:
    """Rows (batch_size,) in the order drawn, from scores (N,) >= 0, float64.

    Each is drawn in proportion to s^beta (`power`), exp(beta s) (`softmax`) or rank^-beta (`softrank`: rank 1 for the
    largest, equal ones in pool order). Those of weight 0 come last, uniformly among themselves.
    """
    noise_N = torch.from_numpy(rng.gumbel(size=len(scores_N))).to(scores_N.device) / beta
    order_N = (_log_weights(scores_N, kind) + noise_N).sort(descending=True, stable=True).indices
    num_positive = int((scores_N > 0).sum()) if kind == "power" else len(scores_N)
    if num_positive >= batch_size:
        return order_N[:batch_size]
    zero_rows = (scores_N <= 0).nonzero().squeeze(1)
    shuffled = zero_rows[noise_N[zero_rows].sort(descending=True, stable=True).indices]
    return torch.cat([order_N[:num_positive], shuffled])[:batch_size]


def _log_weights(scores_N: Tensor, kind: Kind) -> Tensor:
    """Log w_i / beta."""
    if kind == "power":
        return scores_N.log()  # -inf at 0
    if kind == "softmax":
        return scores_N
    ranks_N = torch.empty_like(scores_N)
    ranks_N[scores_N.sort(descending=True, stable=True).indices] = torch.arange(
        1, len(scores_N) + 1, dtype=scores_N.dtype, device=scores_N.device
    )
    return -ranks_N.log()

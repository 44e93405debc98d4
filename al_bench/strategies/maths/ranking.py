"""Rows in the order of their scores: those of the largest, or all."""

import torch
from torch import Tensor
from torch.nn.functional import pad


def largest(scores_N: Tensor, num_wanted: int) -> Tensor:
    """The rows (num_wanted,) of largest score, the largest first; equal scores in the order of the rows.

    That is the beginning of a stable sort of all; only what is not below the last score wanted is sorted.
    """
    if num_wanted == 0:
        return torch.empty(0, dtype=torch.int64, device=scores_N.device)
    least = scores_N.topk(num_wanted, sorted=False).values.amin()
    rows = (scores_N >= least).nonzero().squeeze(1)
    return rows[torch.sort(scores_N[rows], descending=True, stable=True).indices[:num_wanted]]


def decreasing(scores_N: Tensor) -> Tensor:
    """All rows (N,), the largest score first; equal scores in the order of the rows.

    NumPy's sort is several times as fast as a stable one, which follows for the rows that have equals.
    """
    order_N = torch.from_numpy((-scores_N).cpu().numpy().argsort()).to(scores_N.device)
    sorted_N = scores_N[order_N]
    is_as_next = sorted_N[:-1] == sorted_N[1:]
    has_equals_N = pad(is_as_next, (0, 1)) | pad(is_as_next, (1, 0))
    rows = order_N[has_equals_N].sort().values
    order_N[has_equals_N] = rows[torch.sort(scores_N[rows], descending=True, stable=True).indices]
    return order_N

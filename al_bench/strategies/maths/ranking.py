"""The rows of largest score."""

import torch
from torch import Tensor


def largest(scores_N: Tensor, num_wanted: int) -> Tensor:
    """The rows (num_wanted,) of largest score, the largest first; equal scores in the order of the rows.

    That is the beginning of a stable sort of all; only what is not below the last score wanted is sorted.
    """
    if num_wanted == 0:
        return torch.empty(0, dtype=torch.int64, device=scores_N.device)
    least = scores_N.topk(num_wanted, sorted=False).values.amin()
    rows = (scores_N >= least).nonzero().squeeze(1)
    return rows[torch.sort(scores_N[rows], descending=True, stable=True).indices[:num_wanted]]

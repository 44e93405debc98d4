"""Squared Euclidean distances from inner products, which are cheaper than differences."""

import math

import torch
from torch import Tensor

CHUNK = 1024  # rows that are converted to float64 at a time: what fits a cache
CACHED = 2**15  # entries
RESIDUE = 1e-12  # outputs are float32: squared distances below this share of the squared norms are rounding


def cached_rows(rows_NM: Tensor) -> int:
    """Rows of a matrix that are converted to float64 at a time: what fits a cache."""
    return max(1, CACHED // rows_NM.shape[1])


def squared_distances(squares: Tensor, products: Tensor) -> Tensor:
    """|x|^2 + |y|^2 - 2 x.y, from `squares` = |x|^2 + |y|^2 and `products` = x.y in float64; 0 between equal rows."""
    distances = torch.sub(squares, products, alpha=2)
    return torch.where(distances > RESIDUE * squares, distances, 0.0)


def common_offset(embedding_ND: Tensor) -> Tensor:
    """Near the mean of the embeddings (D,), float64: distances without it lose no digits to what all have in common.

    A multiple of a power of two of the size of their deviation, so that equal distances of round numbers stay equal.
    """
    sampled_SD = embedding_ND[:: -(-len(embedding_ND) // CHUNK)].double()
    deviation = float(sampled_SD.std(dim=0, correction=0).amax())
    unit = 2.0 ** math.ceil(math.log2(deviation)) if deviation > 0 else 1.0
    offset_D: Tensor = (sampled_SD.mean(dim=0) / unit).round() * unit
    return offset_D

"""Squared Euclidean distances from inner products, which are cheaper than differences; and copies, which rounding could
tell apart.
"""

import math

import torch
from torch import Tensor

CHUNK = 1024  # rows that are converted to float64 at a time: what fits a cache
HASHED = 512  # rows hashed at a time: what fits a cache
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


def first_equals(rows_ND: Tensor) -> Tensor:
    """The first row that is equal to each (N,), by a hash and then by comparing: rounding differs between copies."""
    generator = torch.Generator().manual_seed(0)
    factor_D = torch.randint(2**30, (rows_ND.shape[1],), generator=generator).to(rows_ND.device, torch.int32)
    bits = ((chunk + 0.0).view(torch.int32) for chunk in rows_ND.float().split(HASHED))  # -0.0 becomes 0.0
    hash_N = torch.cat([(bits_ND * (2 * factor_D + 1)).sum(dim=1, dtype=torch.int64) for bits_ND in bits])
    sorted_N, order_N = hash_N.sort(stable=True)
    is_new_N = torch.ones_like(order_N, dtype=torch.bool)  # in that order
    is_new_N[1:] = sorted_N[1:] != sorted_N[:-1]
    for pairs in (~is_new_N).nonzero().squeeze(1).split(CHUNK):
        is_new_N[pairs] = (rows_ND[order_N[pairs]] != rows_ND[order_N[pairs - 1]]).any(dim=1)
    first_N: Tensor = torch.empty_like(order_N)
    first_N[order_N] = order_N[is_new_N][is_new_N.cumsum(0) - 1]
    return first_N

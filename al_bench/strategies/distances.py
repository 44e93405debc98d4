"""Squared Euclidean distances from inner products, which are cheaper than differences."""

import torch
from torch import Tensor

CHUNK = 4096  # rows that are converted to float64 at a time
RESIDUE = 1e-12  # outputs are float32: squared distances below this share of the squared norms are rounding


def squared_distances(squares: Tensor, products: Tensor) -> Tensor:
    """|x|^2 + |y|^2 - 2 x.y, from `squares` = |x|^2 + |y|^2 and `products` = x.y in float64; 0 between equal rows."""
    distances = torch.sub(squares, products, alpha=2)
    return torch.where(distances > RESIDUE * squares, distances, 0.0)

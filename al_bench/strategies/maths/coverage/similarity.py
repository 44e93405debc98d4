"""How similar points are: the larger their inner product, the more; from 0 to 1."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from al_bench.strategies.maths.coverage.grid import Points


class Similarity(Protocol):
    """k between two groups of points, with values in [0, 1]: the larger, the larger their inner products."""

    @property
    def scale(self) -> float:
        """The size of squared distances that matters."""

    def __call__(self, some: Points, others: Points) -> Tensor:
        """K (N, M)."""


@dataclass(frozen=True)
class Cosine:
    """x . y / |x||y|, clipped at 0; for zeros 0."""

    scale = 1.0

    def __call__(self, some: Points, others: Points) -> Tensor:
        """See `Similarity`."""
        lengths_NM = _inverse_lengths(some)[:, None] * _inverse_lengths(others)
        return lengths_NM.mul_(some.products(others)).clamp_(0.0, 1.0)


@dataclass(frozen=True)
class Gaussian:
    """exp(-|x - y|^2 / sigma^2)."""

    sigma: float

    @property
    def scale(self) -> float:
        """See `Similarity`."""
        return self.sigma**2

    def __call__(self, some: Points, others: Points) -> Tensor:
        """See `Similarity`."""
        return some.squared_distances(others).mul_(-min(1 / self.sigma / self.sigma, 1e300)).clamp_(max=0.0).exp_()


@dataclass(frozen=True)
class Ball:
    """1 where |x - y|^2 is below `scale`, else 0."""

    scale: float

    def __call__(self, some: Points, others: Points) -> Tensor:
        """See `Similarity`."""
        return some.squared_distances(others).lt_(self.scale)


def _inverse_lengths(points: Points) -> Tensor:
    return torch.where(points.square_N > 0, 1 / points.square_N.sqrt(), 0.0)

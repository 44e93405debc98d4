"""Points on a common grid, where inner products and squared distances have no rounding error.

Coordinates are multiples of 2^-25 R, where no point is farther than R, a power of two, from the origin. Inner products
and squared distances are then sums of multiples of 2^-50 R^2 that never exceed 4 R^2, and float64 holds such sums to
the last bit, whatever the order: blocks, threads and devices change nothing, and copies, or distances that are equal on
paper, are equal. What rounding to the grid takes from a point is of the size of the rounding of float32 outputs.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from al_bench.strategies.maths.distances import CHUNK

BITS = 25  # twice as many, 2 for the factor 4 and 1 for R itself are float64's 53
ROUNDINGS, FLOAT32 = 16, 2.0**-24  # of a distance, beside those of its products; the relative size of one
LEAST, MOST = 1e-25, 1e25  # of squares that float32 does not lose
LEEWAY = 1 - 2.0**-20  # lengths just above a power of two by rounding, as of rows of length 1, count as that


@dataclass(frozen=True)
class Points:
    """Points (N, D) on a grid, float64, and their squared lengths (N,).

    Or float32 ones near them, with `slack` added to inner products, which are then bounds from above.
    """

    point_ND: Tensor
    square_N: Tensor
    slack: float = 0.0

    def __len__(self) -> int:
        return len(self.square_N)

    def take(self, rows: Tensor | slice) -> "Points":
        """The points of these rows alone (R, D), with the same slack."""
        return Points(self.point_ND[rows], self.square_N[rows], self.slack)

    def split(self, size: int) -> Iterator["Points"]:
        """All of them, so many at a time."""
        return (self.take(slice(start, start + size)) for start in range(0, len(self), size))

    def products(self, others: "Points") -> Tensor:
        """Inner products (N, M) with other points of the same grid."""
        products_NM = self.point_ND @ others.point_ND.T
        return products_NM.add_(self.slack) if self.slack else products_NM

    def squared_distances(self, others: "Points") -> Tensor:
        """Squared distances (N, M) to other points of the same grid."""
        distances_NM = torch.addmm(others.square_N, self.point_ND, others.point_ND.T, alpha=-2)
        return distances_NM.add_((self.square_N - 2 * self.slack)[:, None])

    def rough(self) -> "Points":
        """In float32, which is twice as fast; the slack is above all rounding, that of an inner product foremost."""
        largest = float(self.square_N.amax())
        if not LEAST < largest < MOST:
            return self
        slack = (self.point_ND.shape[1] + ROUNDINGS) * FLOAT32 * largest
        return Points(self.point_ND.float(), self.square_N.float(), slack)


def on_grid(*vectors: Tensor, origin: bool = False) -> list[Points]:
    """Groups of vectors (N, D), rounded to one grid.

    The origin is moved to the middle of the ranges of their coordinates, which costs distances no digits and saves
    those that all have in common, unless `origin` is to be kept for inner products.
    """
    num_dimensions = vectors[0].shape[1]
    some = [each_ND for each_ND in vectors if len(each_ND)]
    offset_D = vectors[0].new_zeros(num_dimensions, dtype=torch.float64)
    if not origin and some:
        least_D = torch.stack([each_ND.amin(dim=0) for each_ND in some]).amin(dim=0).double()
        largest_D = torch.stack([each_ND.amax(dim=0) for each_ND in some]).amax(dim=0).double()
        offset_D = (least_D + largest_D) / 2
    radius = max((_largest_length(each_ND, offset_D) for each_ND in some), default=0.0)
    unit = 2.0 ** (math.ceil(math.log2(radius * LEEWAY)) - BITS) if radius > 0 else 1.0
    return [_rounded(each_ND, offset_D, unit) for each_ND in vectors]


def nearest_of_other_groups(points: Points, group_N: Tensor) -> Tensor:
    """Squared distance (N,) of each point to the nearest of another group; infinity where there is none."""
    order_N = group_N.argsort(stable=True)
    groups = [points.take(rows) for rows in order_N.split(group_N.bincount().tolist())]
    nearest_N = torch.full_like(points.square_N, torch.inf)
    nearest_of_groups = nearest_N.split([len(each) for each in groups])
    for number, (group, nearest_G) in enumerate(zip(groups, nearest_of_groups, strict=True)):
        for other, nearest_H in zip(groups[:number], nearest_of_groups, strict=False):
            _take_nearer(group, nearest_G, other, nearest_H)
    return torch.empty_like(nearest_N).index_copy_(0, order_N, nearest_N)


def _take_nearer(group: Points, nearest_G: Tensor, other: Points, nearest_H: Tensor) -> None:
    """Note the distances between two groups in the nearest of both."""
    for some, nearest_S in zip(group.split(CHUNK), nearest_G.split(CHUNK), strict=True):
        for others, nearest_T in zip(other.split(CHUNK), nearest_H.split(CHUNK), strict=True):
            distances_ST = some.squared_distances(others)
            torch.minimum(nearest_S, distances_ST.amin(dim=1), out=nearest_S)
            torch.minimum(nearest_T, distances_ST.amin(dim=0), out=nearest_T)


def _largest_length(vectors_ND: Tensor, offset_D: Tensor) -> float:
    squares = [(chunk.double() - offset_D).square().sum(dim=1).amax() for chunk in vectors_ND.split(CHUNK)]
    return math.sqrt(max(map(float, squares)))


def _rounded(vectors_ND: Tensor, offset_D: Tensor, unit: float) -> Points:
    point_ND = vectors_ND.double()
    for chunk in point_ND.split(CHUNK):
        chunk.sub_(offset_D).div_(unit).round_().mul_(unit)
    squares = [chunk.square().sum(dim=1) for chunk in point_ND.split(CHUNK)]
    return Points(point_ND, torch.cat(squares) if squares else point_ND.new_zeros(0))

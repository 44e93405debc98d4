"""The nearest of some rows to each of others, of equally near ones the first.

Squared distances come from inner products in float64. Those that differ by less than their rounding count as equal, so
neither copies of a row nor the shape of a matrix product decide who is a neighbour.
"""

import torch
from torch import Tensor

from al_bench.strategies.maths.distances import CHUNK, RESIDUE, common_offset
from al_bench.strategies.maths.spaces import unit_doubles

NUM_DISTANCES = 2**21  # at a time: what fits a cache


def nearest_neighbours(vectors_ND: Tensor, others_LD: Tensor, num_neighbours: int, *, normalise: bool) -> Tensor:
    """Which of L others are nearest to each of N rows (N, K), K <= L; those of a row in ascending order.

    Args:
        vectors_ND: the rows.
        others_LD: among which their neighbours are.
        num_neighbours: K.
        normalise: Euclidean distances are between rows scaled to length 1; rows of zeros stay so.
    """
    doubles = unit_doubles if normalise else Tensor.double
    others_LD = doubles(others_LD)
    offset_D = common_offset(others_LD)
    others_LD = others_LD - offset_D
    square_L = others_LD.square().sum(dim=1)
    size = max(1, min(CHUNK, NUM_DISTANCES // len(others_LD)))
    nearest_NK = torch.empty(len(vectors_ND), num_neighbours, dtype=torch.int64, device=vectors_ND.device)
    for rows_FD, nearest_FK in zip(vectors_ND.split(size), nearest_NK.split(size), strict=True):
        nearest_FK.copy_(_nearest(doubles(rows_FD) - offset_D, others_LD, square_L, num_neighbours))
    return nearest_NK


def _nearest(rows_FD: Tensor, others_LD: Tensor, square_L: Tensor, num_neighbours: int) -> Tensor:
    # squared, without the square of the row, which all of its distances have in common
    distance_FL = torch.addmm(square_L, rows_FD, others_LD.T, alpha=-2)
    least = distance_FL.topk(min(num_neighbours + 1, len(others_LD)), largest=False)
    nearest_FK = least.indices[:, :num_neighbours]
    if num_neighbours < len(others_LD):
        last_F1, next_F1 = least.values[:, -2:-1], least.values[:, -1:]
        slack_F1 = RESIDUE * (rows_FD.square().sum(dim=1, keepdim=True) + square_L[nearest_FK[:, -1:]])
        is_open_F = (next_F1 - last_F1 <= slack_F1).squeeze(1)
        nearest_FK[is_open_F] = _first_of_equal(
            distance_FL[is_open_F], last_F1[is_open_F], slack_F1[is_open_F], num_neighbours
        )
    return nearest_FK.sort(dim=1).values


def _first_of_equal(distance_FL: Tensor, last_F1: Tensor, slack_F1: Tensor, num_neighbours: int) -> Tensor:
    """The columns (F, K) below the K-th least distance, and the first of those that are equal to it."""
    is_nearer_FL = distance_FL < last_F1 - slack_F1
    is_equal_FL = (distance_FL <= last_F1 + slack_F1) & ~is_nearer_FL
    num_wanted_F1 = num_neighbours - is_nearer_FL.sum(dim=1, keepdim=True)
    is_chosen_FL = is_nearer_FL | (is_equal_FL & (is_equal_FL.cumsum(dim=1) <= num_wanted_F1))
    return is_chosen_FL.nonzero()[:, 1].view(-1, num_neighbours)

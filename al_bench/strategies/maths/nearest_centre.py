"""Distances to the nearest centre under k-means++, evaluated only where a new centre can be nearer.

With b = |z| a, the Cauchy-Schwarz inequality bounds the inner product of two gradient embeddings,

    g_i . g_c = (a_i . a_c)(z_i . z_c)  <=  |b_i . b_c|,    and <= max(0, b_i . b_c) where all z >= 0 (after a ReLU)
                                                            or all a >= 0 (vectors, a = 1),

so a row at squared distance D^2 keeps it if |g_i|^2 + |g_c|^2 - 2 |b_i . b_c| >= D^2, whatever z_i . z_c is. What is
left passes a second bound: z_i . z_c = P_i . P_c + R_i . R_c, with P the coordinates in a few directions that hold most
of the embeddings, and R the rest, of which only |R_i . R_c| <= |R_i||R_c| is used. Few rows need the whole z_i . z_c.
The directions are found once so many have needed it that the second bound is worth that time.

By the triangle inequality a centre with |g_c| >= |g_i| + D_i is no nearer. Rows are kept sorted by that sum, as far as
pays, so only a leading part of them is looked at. Bounds are float32 and give way by more than their rounding: the
distances are those that evaluating all of them gives.
"""

import sys

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from al_bench.strategies.maths.distances import CACHED, RESIDUE, cached_rows
from al_bench.strategies.maths.gradients import GradientEmbedding
from al_bench.strategies.maths.sampling import block_weights

Floats = NDArray[np.float64]
Bounds = NDArray[np.float32]
Rows = NDArray[np.int64]

SLACK = 2.0**-12  # relative; above the rounding of float32 inner products of 1,000 classes
UNDERFLOW = 1e-36  # what float32 may lose of squares below 1, whatever their size
NUM_DIRECTIONS = 16
NUM_SAMPLED = 4096  # rows that the directions are found from
PATIENCE = 10  # inner products z_i . z_c per row before the directions are found
SORTED_AT = 8  # centres: rows are sorted, and again at as many times those of the last time


class NearestCentre:
    """Squared distances of all rows to the nearest of the centres added so far; infinite without any, unless written
    to `distance_KM` before the first one is added.

    `distance_KM` is laid out as in `maths.sampling`. `num_evaluated` counts the inner products z_i . z_c. All of it is
    NumPy on the host: a centre takes thirty operators on few numbers, of which NumPy's calls cost least.
    """

    def __init__(self, gradients: GradientEmbedding) -> None:
        self.num_rows = len(gradients.square_N)
        self.num_evaluated = 0
        self.distance_KM = block_weights(self.num_rows, torch.inf, torch.device("cpu"))
        self._distance_N = self.distance_KM.view(-1)[: self.num_rows].numpy()
        self._gradients = gradients
        self._error_NC, self._embedding_ND, self._square_N = (
            each.cpu().numpy() for each in (gradients.error_NC, gradients.embedding_ND, gradients.square_N)
        )
        self._norm_N = np.sqrt(self._square_N)
        longest = float(gradients.length_N.amax()) or 1.0
        self._per_square = longest**-2
        self._negative_square_N = (self._square_N * (self._per_square * (SLACK - 1))).astype(np.float32)
        scaled_NC = gradients.error_NC * (gradients.length_N / longest).float()[:, None]
        self._scaled_CN = scaled_NC.T.contiguous().cpu().numpy()
        self._is_nonnegative = bool(gradients.embedding_ND.amin() >= 0) or bool(gradients.error_NC.amin() >= 0)
        self._bound_N = np.empty(self.num_rows, dtype=np.float32)
        self._direction_NP: Bounds | None = None
        self._order_N: Rows | None = None
        self._sorted_CN = self._scaled_CN
        self._num_centres = 0
        self._sort_at = SORTED_AT

    def add(self, centre: int) -> None:
        """Another row is a centre from now on, at distance 0 from itself."""
        if self._num_centres == 0:
            np.minimum(self._distance_N, self._squared_distances(None, centre), out=self._distance_N)
            self._excess_N = self._excess(slice(None))
            self.num_evaluated += self.num_rows
        else:
            if self._num_centres == self._sort_at:
                self._sort()
                self._sort_at *= SORTED_AT
            positions = self._candidates(centre)
            rows = positions if self._order_N is None else self._order_N[positions]
            self._distance_N[rows] = np.minimum(self._distance_N[rows], self._squared_distances(rows, centre))
            self._excess_N[positions] = self._excess(rows)
            self.num_evaluated += len(rows)
        self._num_centres += 1

    def _squared_distances(self, rows: Rows | None, centre: int) -> Floats:
        """|g_i|^2 + |g_c|^2 - 2 (a_i . a_c)(z_i . z_c) of `rows` (R,), or all, to one row: (R,), 0 for equal ones."""
        products_R = _products(self._error_NC, rows, centre) * _products(self._embedding_ND, rows, centre)
        squares_R = (self._square_N if rows is None else self._square_N[rows]) + self._square_N[centre]
        distances_R: Floats = squares_R - 2 * products_R
        distances_R[distances_R <= RESIDUE * squares_R] = 0.0
        return distances_R

    def _sort(self) -> None:
        """Rows by how far out a centre may be to be nearer to them, in halves of octaves, the farthest first; within
        one in their order, in which memory is read. Copies of centres come last.
        """
        halves_N = -_half_octaves(self._norm_N + np.sqrt(self._distance_N))
        halves_N[self._distance_N == 0] = np.iinfo(np.int16).max
        self._order_N = halves_N.argsort(kind="stable")
        self._negative_reach_N = halves_N[self._order_N]
        self._excess_N = self._excess(self._order_N)
        self._sorted_CN = self._scaled_CN.take(self._order_N, axis=1)

    def _excess(self, rows: Rows | slice) -> Bounds:
        """D_i^2 - |g_i|^2, or more, in units of the longest embedding squared."""
        excesses = self._negative_square_N[rows] + self._distance_N[rows] * (self._per_square * (1 + SLACK))
        return excesses.astype(np.float32)

    def _candidates(self, centre: int) -> Rows:
        """Positions in the sorted order that hold all the rows to which this centre is nearer."""
        least = np.float32(-float(self._negative_square_N[centre]) - UNDERFLOW)
        num_near = self.num_rows
        if self._order_N is not None:
            least_reach = -_half_octaves(self._norm_N[centre] * (1 - SLACK))
            num_near = int(self._negative_reach_N.searchsorted(least_reach, side="right"))
        excess_N, bounds_N = self._excess_N[:num_near], self._bound_N[:num_near]
        np.matmul(2 * self._scaled_CN[:, centre], self._sorted_CN[:, :num_near], out=bounds_N)
        if self._is_nonnegative:
            np.maximum(bounds_N, 0.0, out=bounds_N)
        else:
            np.abs(bounds_N, out=bounds_N)
        bounds_N += excess_N
        positions = np.flatnonzero(bounds_N > least)
        if (direction_NP := self._directions()) is None:
            return positions
        excesses = excess_N[positions]
        products = bounds_N[positions] - excesses
        rows = positions if self._order_N is None else self._order_N[positions]
        bounds = excesses + products * self._largest_cosines(direction_NP.take(rows, axis=0), direction_NP[centre])
        return positions[bounds > least]

    def _directions(self) -> Bounds | None:
        """What the second bound takes; None before it is worth its time."""
        patience = PATIENCE if len(self._scaled_CN) > 1 else 0  # of vectors the first bound is that of their lengths
        if self._direction_NP is None and self.num_evaluated > patience * self.num_rows:
            self._direction_NP = _directions(self._gradients).cpu().numpy()
        return self._direction_NP

    def _largest_cosines(self, rows_RP: Bounds, centre_P: Bounds) -> Bounds:
        """Upper bounds of |z_i . z_c| / |z_i||z_c|."""
        if self._is_nonnegative:
            cosines: Bounds = rows_RP @ centre_P
        else:
            cosines = np.abs(rows_RP[:, :-1] @ centre_P[:-1]) + rows_RP[:, -1] * centre_P[-1]
        return cosines


def _half_octaves(lengths: Floats) -> NDArray[np.int16]:
    exponents: NDArray[np.int16] = np.frexp(np.maximum(lengths * lengths, sys.float_info.min))[1].astype(np.int16)
    return exponents


def _products(rows_NM: NDArray[np.floating], rows: Rows | None, other: int) -> Floats:
    """Inner products of `rows` (R,), or all, with another row: (R,), float64."""
    num_rows, num_cached = len(rows_NM) if rows is None else len(rows), max(1, CACHED // rows_NM.shape[1])
    other_M, products_R = rows_NM[other].astype(np.float64), np.empty(num_rows)
    for start in range(0, num_rows, num_cached):
        chunk = slice(start, start + num_cached)
        chunk_RM = rows_NM[chunk] if rows is None else rows_NM.take(rows[chunk], axis=0)
        np.dot(chunk_RM.astype(np.float64), other_M, out=products_R[chunk])
    return products_R


def _directions(gradients: GradientEmbedding) -> Tensor:
    """Of each z / |z|, the coordinates in a few orthonormal directions and the length of the rest: (N, P), float32.

    Any directions give valid bounds. These come near the leading right singular vectors of the embeddings, by subspace
    iteration (Halko, Martinsson and Tropp, 2011, algorithm 4.4) on some rows, from some of them.
    """
    embedding_ND = gradients.embedding_ND
    sampled_SD = embedding_ND[:: -(-len(embedding_ND) // NUM_SAMPLED)].double()
    basis_DK = sampled_SD[:: -(-len(sampled_SD) // NUM_DIRECTIONS)].T
    for _ in range(2):
        basis_DK = torch.linalg.qr(sampled_SD.T @ (sampled_SD @ basis_DK)).Q
    chunks = []
    num_rows = cached_rows(embedding_ND)
    for chunk_ND, length_N in zip(embedding_ND.split(num_rows), gradients.length_N.split(num_rows), strict=True):
        projected_NK = (chunk_ND.double() @ basis_DK) / length_N.clamp(min=torch.finfo(torch.float32).tiny)[:, None]
        rest_N1 = (1 - projected_NK.square().sum(dim=1, keepdim=True)).clamp(min=0).sqrt()
        chunks.append(torch.cat([projected_NK, rest_N1], dim=1).float())
    return torch.cat(chunks)

"""Distances to the nearest centre under k-means++, evaluated only where a new centre can be nearer.

With b = |z| a, the Cauchy-Schwarz inequality bounds the inner product of two gradient embeddings,

    g_i . g_c = (a_i . a_c)(z_i . z_c)  <=  |b_i . b_c|,    and <= max(0, b_i . b_c) where all z >= 0 (after a ReLU)
                                                            or all a >= 0 (vectors, a = 1),

so a row at squared distance D^2 keeps it if |g_i|^2 + |g_c|^2 - 2 |b_i . b_c| >= D^2, whatever z_i . z_c is. What is
left passes a second bound: z_i . z_c = P_i . P_c + R_i . R_c, with P the coordinates in a few directions that hold most
of the embeddings, and R the rest, of which only |R_i . R_c| <= |R_i||R_c| is used. Few rows need the whole z_i . z_c.
The directions are found once so many have needed it that the second bound is worth that time.

Rows are kept sorted by |g_i| + D_i: by the triangle inequality a centre with |g_c| >= |g_i| + D_i is no nearer, so
only a leading part of them is looked at. Bounds are float32 and give way by more than their rounding: the distances
are those that evaluating all of them gives.
"""

import torch
from torch import Tensor

from al_bench.strategies.maths.distances import cached_rows
from al_bench.strategies.maths.gradients import GradientEmbedding
from al_bench.strategies.maths.sampling import block_weights

SLACK = 2.0**-12  # relative; above the rounding of float32 inner products of 1,000 classes
UNDERFLOW = 1e-36  # what float32 may lose of squares below 1, whatever their size
NUM_DIRECTIONS = 16
NUM_SAMPLED = 4096  # rows that the directions are found from
PATIENCE = 10  # inner products z_i . z_c per row before the directions are found
SORTED_AGAIN = 8  # rows are, at as many times the centres of the last time


class NearestCentre:
    """Squared distances of all rows to the nearest of the centres added so far; infinite without any, unless written
    to `distance_KM` before the first one is added.

    `distance_KM` is laid out as in `maths.sampling`. `num_evaluated` counts the inner products z_i . z_c.
    """

    def __init__(self, gradients: GradientEmbedding) -> None:
        self.num_rows = len(gradients.square_N)
        self.num_evaluated = 0
        self.distance_KM = block_weights(self.num_rows, torch.inf, gradients.square_N.device)
        self._distance_N = self.distance_KM.view(-1)[: self.num_rows]
        self._gradients = gradients
        self._norm_N = gradients.square_N.sqrt()
        longest = float(gradients.length_N.amax()) or 1.0
        self._per_square = longest**-2
        self._negative_square_N = (gradients.square_N * (self._per_square * (SLACK - 1))).float()
        self._scaled_CN = (gradients.error_NC * (gradients.length_N / longest).float()[:, None]).T.contiguous()
        self._direction_NP: Tensor | None = None
        # On the host, as one number of them is read for each centre:
        self._host_norm_N = self._norm_N.cpu().numpy()
        self._host_negative_square_N = self._negative_square_N.cpu().numpy()
        self._is_nonnegative = bool(gradients.embedding_ND.amin() >= 0) or bool(gradients.error_NC.amin() >= 0)
        self._num_centres = 0
        self._sort_at = 1

    def add(self, centre: int) -> None:
        """Another row is a centre from now on, at distance 0 from itself."""
        if self._num_centres == 0:
            rows = torch.arange(self.num_rows, device=self._norm_N.device)
            distances = self._gradients.squared_distances(rows, centre)
            torch.minimum(self._distance_N, distances, out=self._distance_N)
        else:
            if self._num_centres == self._sort_at:
                self._sort()
                self._sort_at *= SORTED_AGAIN
            positions = self._candidates(centre)
            rows = self._order_N.index_select(0, positions)
            distances = self._gradients.squared_distances(rows, centre)
            distances = torch.minimum(distances, self._distance_N.index_select(0, rows))
            self._distance_N.index_copy_(0, rows, distances)
            self._excess_N.index_copy_(0, positions, self._excess(rows, distances))
        self._num_centres += 1
        self.num_evaluated += len(rows)

    def _sort(self) -> None:
        """Rows by how far a centre may be out to be nearer to them, the farthest first; copies of centres last."""
        reach_N = torch.where(self._distance_N > 0, self._norm_N + self._distance_N.sqrt(), -torch.inf)
        negative_reach_N = -reach_N.cpu().numpy()
        order_N = negative_reach_N.argsort()
        self._negative_reach_N = negative_reach_N[order_N]
        self._order_N = torch.from_numpy(order_N).to(reach_N.device)
        self._excess_N = self._excess(self._order_N, self._distance_N.index_select(0, self._order_N))
        self._sorted_CN = self._scaled_CN.index_select(1, self._order_N)

    def _excess(self, rows: Tensor, distances: Tensor) -> Tensor:
        """D_i^2 - |g_i|^2, or more, in units of the longest embedding squared."""
        factor = self._per_square * (1 + SLACK)
        return torch.add(self._negative_square_N.index_select(0, rows), distances, alpha=factor).float()

    def _candidates(self, centre: int) -> Tensor:
        """Positions in the sorted order that hold all the rows to which this centre is nearer."""
        least = -float(self._host_negative_square_N[centre]) - UNDERFLOW
        num_near = int(self._negative_reach_N.searchsorted(-self._host_norm_N[centre] * (1 - SLACK)))
        excess_N, scaled_CN = self._excess_N[:num_near], self._sorted_CN[:, :num_near]
        products_N = torch.mv(scaled_CN.T, 2 * self._scaled_CN[:, centre])
        bounds_N = products_N.clamp_(min=0) if self._is_nonnegative else products_N.abs_()
        positions = (bounds_N.add_(excess_N) > least).nonzero().squeeze(1)
        if (direction_NP := self._directions()) is None:
            return positions
        excesses = excess_N.index_select(0, positions)
        products = bounds_N.index_select(0, positions).sub_(excesses)
        rows_RP = direction_NP.index_select(0, self._order_N.index_select(0, positions))
        cosines = self._largest_cosines(rows_RP, direction_NP[centre])
        return positions.index_select(0, (excesses.addcmul_(products, cosines) > least).nonzero().squeeze(1))

    def _directions(self) -> Tensor | None:
        """What the second bound takes; None before it is worth its time."""
        patience = PATIENCE if len(self._scaled_CN) > 1 else 0  # of vectors the first bound is that of their lengths
        if self._direction_NP is None and self.num_evaluated > patience * self.num_rows:
            self._direction_NP = _directions(self._gradients)
        return self._direction_NP

    def _largest_cosines(self, rows_RP: Tensor, centre_P: Tensor) -> Tensor:
        """Upper bounds of |z_i . z_c| / |z_i||z_c|."""
        if self._is_nonnegative:
            return rows_RP @ centre_P
        return (rows_RP[:, :-1] @ centre_P[:-1]).abs_() + rows_RP[:, -1] * centre_P[-1]


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

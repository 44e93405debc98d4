"""TypiClust: Hacohen, Dekel and Weinshall, "Active Learning on a Budget: Opposite Strategies Suit High and Low Budgets"
(ICML 2022).

All examples, labelled ones too, are clustered; the clusters with fewest labels take turns, each giving its most typical
example: the one nearest to its neighbours.
"""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from al_bench.core.copies import first_equal
from al_bench.core.ranges import NonNegativeInt, PositiveInt
from al_bench.core.strategy import Needs, QueryContext, Strategy
from al_bench.strategies.maths.clustering import clustered
from al_bench.strategies.maths.distances import CHUNK, common_offset, squared_distances
from al_bench.strategies.maths.spaces import NEEDS, Space, vectors

MOST_BY_ALL_ROWS, MINIBATCH_SIZE = 50, 5000  # clusters, and rows, as in the authors' code
MAX_DIFFERENCES = 2**24  # in memory at a time
ROUNDING = 1e-5  # of the longest row: more than what inner products leave of a mean of distances


class TypiClust(Strategy):
    """The most typical examples of the largest clusters with the fewest labels.

    Args:
        num_neighbours: that typicality is the mean distance to; at most half of the rows that a cluster has left.
        max_clusters: there are as many as labels after the query, but no more than this.
        min_cluster_size: clusters of this size or smaller come last.
        space: of the distances.
        normalise: whether rows are scaled to length 1.
    """

    family = "diversity"

    def __init__(
        self,
        num_neighbours: PositiveInt = 20,
        max_clusters: PositiveInt = 500,
        min_cluster_size: NonNegativeInt = 5,
        space: Space = "embedding",
        normalise: bool = True,
    ) -> None:
        self.needs = NEEDS[space] | Needs.LABELLED
        self.num_neighbours = num_neighbours
        self.max_clusters = max_clusters
        self.min_cluster_size = min_cluster_size
        self.space = space
        self.normalise = normalise

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """See `Strategy.query`."""
        vectors_ND, labelled_LD = (
            vectors(each, self.space, normalise=self.normalise) for each in (context.unlabelled, context.labelled)
        )
        num_clusters = min(len(labelled_LD) + batch_size, self.max_clusters)
        minibatch_size = MINIBATCH_SIZE if num_clusters > MOST_BY_ALL_ROWS else None
        _, cluster_M = clustered(torch.cat([vectors_ND, labelled_LD]), num_clusters, rng, minibatch_size=minibatch_size)
        cluster_N = cluster_M[: len(vectors_ND)]
        left: dict[int, Tensor] = {}
        rows: list[int] = []
        for cluster in islice(turns(cluster_M.cpu().numpy(), len(vectors_ND), self.min_cluster_size), batch_size):
            if cluster not in left:
                left[cluster] = (cluster_N == cluster).nonzero().squeeze(1)
            position = most_typical(vectors_ND[left[cluster]], self.num_neighbours)
            rows.append(int(left[cluster][position]))
            left[cluster] = torch.cat([left[cluster][:position], left[cluster][position + 1 :]])
        return torch.tensor(rows, device=vectors_ND.device)


def turns(cluster_M: NDArray[np.int64], num_unlabelled: int, min_size: int) -> Iterator[int]:
    """The cluster that each choice comes from, given the cluster of each row, unlabelled ones first.

    Those with fewest labels first, of these the largest, of these the one that comes first in the pool; again and
    again, passing over those without rows left. Those of at most `min_size` rows come after them, the largest first;
    or among them, where there are no others.
    """
    size_K, num_left_K = np.bincount(cluster_M), np.bincount(cluster_M[:num_unlabelled])
    clusters, firsts = np.unique(cluster_M[:num_unlabelled], return_index=True)
    first_of = dict(zip(clusters.tolist(), firsts.tolist(), strict=True))
    is_small_K = (size_K <= min_size) & bool((size_K > min_size).any())
    kept = [cluster for cluster in first_of if not is_small_K[cluster]]
    dropped = [cluster for cluster in first_of if is_small_K[cluster]]
    kept.sort(key=lambda each: (size_K[each] - num_left_K[each], -size_K[each], first_of[each]))
    dropped.sort(key=lambda each: (-size_K[each], first_of[each]))
    for group in (kept, dropped):
        for turn in range(max((num_left_K[each] for each in group), default=0)):
            yield from (each for each in group if num_left_K[each] > turn)


def most_typical(vectors_RD: Tensor, num_neighbours: int) -> int:
    """The row with the least mean distance to its nearest others, at most half as many as there are rows; of equals
    the first.

    Means by inner products leave a few rows; those are told apart by differences, which are the same for copies.
    """
    num_neighbours = min(num_neighbours, len(vectors_RD) // 2)
    first_R = torch.from_numpy(first_equal(vectors_RD)).to(vectors_RD.device)
    has_enough_copies_R = first_R.bincount(minlength=len(first_R))[first_R] > num_neighbours
    if has_enough_copies_R.any():
        return int(has_enough_copies_R.int().argmax())
    vectors_RD = vectors_RD.double() - common_offset(vectors_RD)
    square_R = vectors_RD.square().sum(dim=1)
    means = []
    for start, chunk_SD in zip(range(0, len(first_R), CHUNK), vectors_RD.split(CHUNK), strict=True):
        squares_SR = square_R[start : start + CHUNK, None] + square_R
        distance_SR = squared_distances(squares_SR, chunk_SD @ vectors_RD.T).sqrt_()
        distance_SR.diagonal(start).fill_(torch.inf)  # of a row to itself
        means.append(distance_SR.topk(num_neighbours, largest=False).values.mean(dim=1))
    mean_R = torch.cat(means)
    candidates = first_R[mean_R <= mean_R.amin() + ROUNDING * square_R.amax().sqrt()].unique()
    sums = [
        _distances(vectors_RD, some).topk(num_neighbours + 1, largest=False).values.sum(dim=1)
        for some in candidates.split(max(1, MAX_DIFFERENCES // vectors_RD.numel()))
    ]
    return int(candidates[torch.cat(sums).argmin()])


def _distances(vectors_RD: Tensor, rows: Tensor) -> Tensor:
    """From some rows (S,) to all, by differences: (S, R); 0 to themselves."""
    return (vectors_RD[rows][:, None] - vectors_RD).square_().sum(dim=2).sqrt_()

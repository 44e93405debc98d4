"""LCMD: Holzmüller, Zaverkin, Kästner and Steinwart, "A Framework and Benchmark for Deep Batch Active Learning for
Regression" (JMLR 2023).

Largest cluster, maximum distance: labelled examples are centres, and each unlabelled one belongs to its nearest. The
farthest example of the cluster with the largest sum of squared distances is chosen, and becomes a centre; again and
again.
"""

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from al_bench.core.copies import first_equal
from al_bench.core.strategy import Needs, Outputs, QueryContext, Strategy
from al_bench.strategies.maths.coverage.greedy import not_among
from al_bench.strategies.maths.distances import common_offset
from al_bench.strategies.maths.gradients import GradientEmbedding
from al_bench.strategies.maths.nearest_centre import NearestCentre
from al_bench.strategies.maths.spaces import NEEDS, longest, vectors

MASS_BITS = 62  # of the sum of all masses, as an integer


class LCMD(Strategy):
    """The farthest example of the heaviest cluster, again and again; deterministic.

    Args:
        space: of the distances: the network's embedding, fixed features, or the gradient embeddings of BADGE.
        normalise: whether rows are scaled to length 1; not in the gradient space.
        use_labelled: whether labelled examples are centres. Without any the first choice is the longest row.
    """

    family = "both"

    def __init__(
        self,
        space: Literal["embedding", "features", "gradient"] = "embedding",
        normalise: bool = False,
        use_labelled: bool = True,
    ) -> None:
        if space == "gradient" and normalise:
            raise ValueError(
                "normalise=true: of space=embedding or features; the length of a gradient is the network's uncertainty"
            )
        self.needs = Needs.LOGITS | Needs.EMBEDDING if space == "gradient" else NEEDS[space]
        if use_labelled:
            self.needs |= Needs.LABELLED
        self.space = space
        self.normalise = normalise
        self.use_labelled = use_labelled

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:  # noqa: ARG002
        """See `Strategy.query`."""
        distinct, count_R = self._distinct(context.unlabelled)
        outputs = context.unlabelled.take(distinct)
        offset_D = 0.0 if self.space == "gradient" else common_offset(self._vectors(outputs))
        points = self._points(outputs, offset_D)
        clusters = Clusters(points, count_R)
        rows: list[int] = []
        if self.use_labelled and len(context.labelled_targets):
            labelled = context.labelled.take(self._distinct(context.labelled)[0])
            clusters.start_from(self._points(labelled, offset_D))
        else:
            squares_N = points.square_N
            rows.append(int(squares_N.argmax()) if self.space == "gradient" else longest(vectors(outputs, self.space)))
            clusters.add(rows[0])
        while len(rows) < batch_size and (row := clusters.farthest_of_the_heaviest()) is not None:
            clusters.add(row)
            rows.append(row)
        chosen = distinct[rows]
        return torch.cat([chosen, not_among(chosen, context.num_unlabelled)[: batch_size - len(rows)]])

    def _distinct(self, outputs: Outputs) -> tuple[Tensor, Tensor]:
        """The first of each group of equal rows (R,), ascending, and how many are in it: copies share a distance."""
        if self.space == "gradient":
            read_NM = torch.cat([outputs.logits_NC, outputs.embedding_ND], dim=1)
        else:
            read_NM = vectors(outputs, self.space)
        first_N = torch.from_numpy(first_equal(read_NM)).to(read_NM.device)
        distinct, count_R = first_N.unique(return_counts=True)
        return distinct, count_R

    def _points(self, outputs: Outputs, offset_D: Tensor | float) -> GradientEmbedding:
        if self.space == "gradient":
            return GradientEmbedding.of(outputs.logits_NC, outputs.embedding_ND)
        return GradientEmbedding.of_vectors(self._vectors(outputs) - offset_D)

    def _vectors(self, outputs: Outputs) -> Tensor:
        assert self.space != "gradient"
        return vectors(outputs, self.space, normalise=self.normalise)


class Clusters:
    """Rows (R,) by their nearest centre; `count_R` of each count.

    A row that is as near to two centres belongs to the earlier one. Sums of squared distances are of integers, which
    have no rounding that depends on their order: a unit is 2^-61 of what all rows at the largest distance would weigh.
    Like those distances they are on the host.
    """

    def __init__(self, points: GradientEmbedding, count_R: Tensor) -> None:
        num_rows = len(count_R)
        self._points = points
        self._count_R = count_R.cpu()
        self._nearest = NearestCentre(points)
        self._distance_R = self._nearest.distance_KM.view(-1)[:num_rows]
        self._cluster_R = torch.zeros_like(self._count_R)
        self._num_clusters = 0
        self._mass_exponent = MASS_BITS - math.frexp(float(count_R.sum()))[1]

    def start_from(self, centres: GradientEmbedding) -> None:
        """The first centres, none of which need be a row."""
        distance_R, cluster_R = self._points.nearest_of(centres)
        self._distance_R.copy_(distance_R)
        self._cluster_R = cluster_R.cpu()
        self._num_clusters = len(centres.square_N)

    def add(self, row: int) -> None:
        """This row is a centre from now on."""
        before_R = self._distance_R.clone()
        self._nearest.add(row)
        self._cluster_R[self._distance_R < before_R] = self._num_clusters
        self._num_clusters += 1

    def farthest_of_the_heaviest(self) -> int | None:
        """The row farthest from its centre in the cluster with the largest sum; None where all distances are 0.

        Of equal clusters, that with the farthest row; of equal distances, the first row.
        """
        largest = float(self._distance_R.amax())
        if largest == 0:
            return None
        unit = math.ldexp(1.0, self._mass_exponent - math.frexp(largest)[1])
        mass_R = (self._distance_R * unit).round().long() * self._count_R
        mass_K = torch.zeros(self._num_clusters, dtype=torch.int64, device=mass_R.device)
        mass_K.index_add_(0, self._cluster_R, mass_R)
        heaviest = (mass_K == mass_K.amax()).index_select(0, self._cluster_R).nonzero().squeeze(1)
        return int(heaviest[self._distance_R[heaviest].argmax()])

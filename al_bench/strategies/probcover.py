"""ProbCover: Yehuda, Dekel, Hacohen and Weinshall, "Active Learning Through a Covering Lens" (NeurIPS 2022).

The balls of radius delta around the labelled and the chosen examples are to hold as many others as they can.
"""

import logging
import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from al_bench.core.ranges import Fraction, PositiveFloat
from al_bench.core.strategy import Needs, QueryContext, Strategy
from al_bench.strategies.maths.clustering import clustered
from al_bench.strategies.maths.coverage.greedy import Coverage, not_among
from al_bench.strategies.maths.coverage.grid import nearest_of_other_groups, on_grid
from al_bench.strategies.maths.coverage.similarity import Ball
from al_bench.strategies.maths.spaces import NEEDS, Space, vectors

log = logging.getLogger(__name__)


class ProbCover(Strategy):
    """Greedily the most examples that no ball |x - x_c| < delta holds yet, c the labelled and the chosen examples.

    Once all are held by one, the rest of a batch is drawn uniformly.

    Args:
        delta: of the balls; `auto`: the largest for which so many balls are pure, see `largest_pure`.
        purity: their share.
        space: what x is.
        normalise: whether x is scaled to length 1.
    """

    family = "diversity"

    def __init__(
        self,
        delta: Literal["auto"] | PositiveFloat = "auto",
        purity: Fraction = 0.95,
        space: Space = "embedding",
        normalise: bool = True,
    ) -> None:
        self.delta, self.purity, self.space, self.normalise = delta, purity, space, normalise
        self.needs = NEEDS[space] | Needs.LABELLED

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """See `Strategy.query`."""
        both = (context.unlabelled, context.labelled)
        both_ND = torch.cat([vectors(each, self.space, normalise=self.normalise) for each in both])
        (all_points,) = on_grid(both_ND)
        if self.delta == "auto":
            _, cluster_N = clustered(both_ND, min(context.num_classes, len(both_ND)), rng)
            square = largest_pure(nearest_of_other_groups(all_points, cluster_N), self.purity)
        else:
            square = self.delta**2
        points = all_points.take(slice(0, context.num_unlabelled))
        labelled = all_points.take(slice(context.num_unlabelled, None))
        cover = Coverage(points, Ball(square), labelled)
        rows = cover.chosen(batch_size)
        log.info("probcover: delta=%.4g, covered: %.1f %%", math.sqrt(square), 100 * cover.share_covered)
        others = not_among(rows, len(points))
        if len(rows) < batch_size:
            drawn = torch.from_numpy(rng.permutation(len(others))[: batch_size - len(rows)]).to(others.device)
            rows = torch.cat([rows, others[drawn]])
        return rows


def largest_pure(near_N: Tensor, purity: float) -> float:
    """The largest radius for which a share `purity` of balls hold nothing of another cluster.

    An open ball is pure if its radius is at most the distance `near_N` of its centre to the nearest of another cluster:
    so this is the ceil(purity N)-th largest of those, or its square of their squares.
    """
    rank = math.ceil(purity * len(near_N) - 1e-9)  # .07 * 100 is above 7 in floats
    return float(near_N.sort(descending=True).values[rank - 1])

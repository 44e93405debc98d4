"""MaxHerding: Bae, Noh and Sutherland, "Generalized Coverage for More Robust Low-Budget Active Learning" (ECCV 2024).

The generalised coverage of a Gaussian kernel k(x, y) = exp(-|x - y|^2 / sigma^2) is maximised greedily.
"""

import numpy as np
from torch import Tensor

from al_bench.core.ranges import PositiveFloat
from al_bench.core.strategy import Needs, QueryContext, Strategy
from al_bench.strategies.maths.coverage.greedy import greedily_covering
from al_bench.strategies.maths.coverage.grid import on_grid
from al_bench.strategies.maths.coverage.similarity import Gaussian
from al_bench.strategies.maths.spaces import NEEDS, Space, vectors


class MaxHerding(Strategy):
    """Greedily the largest rise of sum_i max_c k(x_i, x_c), c the labelled and the chosen examples.

    Args:
        sigma: of the kernel exp(-distance^2 / sigma^2).
        space: what x is.
        normalise: whether x is scaled to length 1.
    """

    family = "diversity"

    def __init__(self, sigma: PositiveFloat = 1.0, space: Space = "embedding", normalise: bool = True) -> None:
        self.sigma, self.space, self.normalise = sigma, space, normalise
        self.needs = NEEDS[space] | Needs.LABELLED

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:  # noqa: ARG002
        """See `Strategy.query`."""
        both = (context.unlabelled, context.labelled)
        points, labelled = on_grid(*(vectors(each, self.space, normalise=self.normalise) for each in both))
        return greedily_covering(points, Gaussian(self.sigma), labelled, batch_size)

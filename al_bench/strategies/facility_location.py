"""Facility location: the examples to which all unlabelled ones are most similar, given what is labelled.

Wei, Iyer and Bilmes, "Submodularity in Data Subset Selection and Active Learning" (ICML 2015), without its filter by
uncertainty.
"""

import numpy as np
from torch import Tensor

from al_bench.core.strategy import Needs, QueryContext, Strategy
from al_bench.strategies.maths.coverage.greedy import greedily_covering
from al_bench.strategies.maths.coverage.grid import on_grid
from al_bench.strategies.maths.coverage.similarity import Cosine
from al_bench.strategies.maths.spaces import NEEDS, Space, vectors


class FacilityLocation(Strategy):
    """Greedily the largest rise of sum_i max_c max(cos(z_i, z_c), 0), c the labelled and the chosen examples.

    Args:
        space: what z is.
    """

    family = "diversity"

    def __init__(self, space: Space = "embedding") -> None:
        self.space = space
        self.needs = NEEDS[space] | Needs.LABELLED

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:  # noqa: ARG002
        """See `Strategy.query`."""
        groups = [vectors(each, self.space, normalise=True) for each in (context.unlabelled, context.labelled)]
        points, labelled = on_grid(*groups, origin=True)
        return greedily_covering(points, Cosine(), labelled, batch_size)

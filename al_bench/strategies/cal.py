"""CAL: Margatina, Vernikos, Barrault and Aletras, "Active Learning by Acquiring Contrastive Examples" (EMNLP 2021).

The examples whose predictions differ most from those of their nearest labelled neighbours.
"""

import numpy as np
import torch
from torch import Tensor

from al_bench.core.errors import ConfigError
from al_bench.core.ranges import PositiveInt
from al_bench.core.strategy import Needs, QueryContext, Strategy
from al_bench.strategies.maths.distances import CHUNK
from al_bench.strategies.maths.neighbours import nearest_neighbours
from al_bench.strategies.maths.ranking import largest
from al_bench.strategies.maths.spaces import NEEDS, Space, vectors


class Cal(Strategy):
    """The largest mean Kullback-Leibler divergence from the predictions of labelled neighbours; ties in pool order.

    Args:
        num_neighbours: nearest labelled examples that each is compared with, or all if there are fewer.
        space: that distances are taken in.
        normalise: to length 1 before.
    """

    family = "both"

    def __init__(self, num_neighbours: PositiveInt = 10, space: Space = "embedding", normalise: bool = True) -> None:
        self.needs = Needs.LOGITS | Needs.LABELLED | NEEDS[space]
        self.num_neighbours = num_neighbours
        self.space: Space = space
        self.normalise = normalise

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:  # noqa: ARG002
        """See `Strategy.query`; ConfigError without labelled examples."""
        logits_NC, labelled_LC = context.unlabelled.logits_NC, context.labelled.logits_NC
        if len(labelled_LC) == 0:
            raise ConfigError("num_initial=0: cal compares with labelled examples, and there are none; at least 1")
        neighbours_NK = nearest_neighbours(
            vectors(context.unlabelled, self.space, normalise=False),
            vectors(context.labelled, self.space, normalise=False),
            min(self.num_neighbours, len(labelled_LC)),
            normalise=self.normalise,
        )
        known_LC = labelled_LC.double().log_softmax(dim=1)
        chunks = zip(logits_NC.split(CHUNK), neighbours_NK.split(CHUNK), strict=True)
        return largest(torch.cat([mean_divergence(*chunk, known_LC) for chunk in chunks]), batch_size)


def mean_divergence(logits_FC: Tensor, neighbours_FK: Tensor, known_LC: Tensor) -> Tensor:
    """mean_j KL(p_j || p_i) (F,) over the neighbours j of each row i; 0 where all of them predict as it does.

    From differences of logarithms, in float64: no probability is too small for one. `known_LC` holds all log p_j.
    """
    log_FC = logits_FC.double().log_softmax(dim=1)
    divergence_F = torch.zeros_like(log_FC[:, 0])
    for neighbour_F in neighbours_FK.unbind(dim=1):
        neighbour_FC = known_LC[neighbour_F]
        divergence_F += (neighbour_FC.exp() * (neighbour_FC - log_FC)).sum(dim=1)
    return divergence_F / neighbours_FK.shape[1]

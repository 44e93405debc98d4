"""What strategies have in common that go by predictions under samples of the network's weights."""

from abc import abstractmethod

import numpy as np
from torch import Tensor

from al_bench.core.ranges import Fraction
from al_bench.core.strategy import Needs, QueryContext, Strategy
from al_bench.strategies.maths.samples import DropoutAtTheHead, NumSamples, Predictions


class Sampled(Strategy):
    """A score of each unlabelled example by predictions under samples of the weights.

    Args:
        num_samples: S.
        dropout: how likely an entry of the last layer's input is 0 in a sample.
    """

    needs = Needs.EMBEDDING | Needs.HEAD

    def __init__(self, num_samples: NumSamples = 20, dropout: Fraction = 0.5) -> None:
        self._num_samples = num_samples
        self._dropout = dropout

    @abstractmethod
    def scores(self, context: QueryContext, rng: np.random.Generator) -> Tensor:
        """Of each unlabelled example (N,), float64, in nats, never below 0; equal for equal examples."""

    def predictions(self, context: QueryContext, rng: np.random.Generator) -> Predictions:
        """For the unlabelled examples; masks are the first that is drawn."""
        head = context.head_weight_CD, context.head_bias_C
        return DropoutAtTheHead(context.unlabelled.embedding_ND, head, self._num_samples, self._dropout, rng)

"""What strategies have in common that go by predictions under samples of the network's weights."""

from abc import abstractmethod
from typing import Literal

import numpy as np
from torch import Tensor

from al_bench.core.ranges import Fraction
from al_bench.core.strategy import Needs, QueryContext, Samples, Strategy
from al_bench.strategies.maths.samples import DropoutAtTheHead, NumSamples, Predictions, SampledLogits

SamplesOf = Literal["head", "network", "ensemble"]


class Sampled(Strategy):
    """A score of each unlabelled example by predictions under samples of the weights.

    Args:
        num_samples: S, of `head` and `network`.
        dropout: how likely an entry of the last layer's input is 0 in a sample of `head`.
        samples: by dropout at the last layer's input (`head`), wherever the `network` has it, or by an `ensemble`.
        num_members: S, the networks of the ensemble, all trained in every round.
    """

    family = "Bayesian"

    def __init__(
        self,
        num_samples: NumSamples = 20,
        dropout: Fraction = 0.5,
        samples: SamplesOf = "head",
        num_members: NumSamples = 5,
    ) -> None:
        self._num_samples = num_samples
        self._dropout = dropout
        self.needs = Needs.EMBEDDING | Needs.HEAD if samples == "head" else Needs.SAMPLES
        if samples != "head":
            self.samples = Samples(num_members if samples == "ensemble" else num_samples, samples)

    @abstractmethod
    def scores(self, context: QueryContext, rng: np.random.Generator) -> Tensor:
        """The scores of the unlabelled examples (N,), float64, in nats, never below 0; equal for equal examples."""

    def predictions(self, context: QueryContext, rng: np.random.Generator) -> Predictions:
        """For the unlabelled examples; masks of `head` are the first that is drawn."""
        if self.samples is not None:
            return SampledLogits(context.unlabelled.samples_SNC)
        head = context.head_weight_CD, context.head_bias_C
        return DropoutAtTheHead(context.unlabelled.embedding_ND, head, self._num_samples, self._dropout, rng)

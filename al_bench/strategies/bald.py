"""BALD: Houlsby, Huszar, Ghahramani and Lengyel, "Bayesian Active Learning for Classification and Preference Learning"
(2011), on samples as Gal, Islam and Ghahramani, "Deep Bayesian Active Learning with Image Data" (ICML 2017).

The information that a label has about the weights: large where samples of the weights are certain and disagree.
"""

import numpy as np
from torch import Tensor

from al_bench.core.ranges import Fraction, PositiveFloat
from al_bench.core.strategy import QueryContext
from al_bench.strategies.maths.ranking import largest
from al_bench.strategies.maths.samples import NumSamples, mutual_information
from al_bench.strategies.maths.sampling import Kind, power_choice
from al_bench.strategies.sampled import Sampled, SamplesOf


class Bald(Sampled):
    """The examples of largest I(y; theta) = H(mean_s p_s) - mean_s H(p_s), equal ones in pool order."""

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """See `Strategy.query`."""
        return largest(self.scores(context, rng), batch_size)

    def scores(self, context: QueryContext, rng: np.random.Generator) -> Tensor:
        """See `Sampled.scores`."""
        return self.predictions(context, rng).scores(mutual_information)


class PowerBald(Bald):
    """A batch drawn by the scores of BALD: Kirsch et al. (2023).

    Args:
        kind: what an example's chances are proportional to, see `power_choice`.
        beta: how strongly they go by the score.
    """

    def __init__(
        self,
        num_samples: NumSamples = 20,
        dropout: Fraction = 0.5,
        samples: SamplesOf = "head",
        num_members: NumSamples = 5,
        kind: Kind = "power",
        beta: PositiveFloat = 1.0,
    ) -> None:
        super().__init__(num_samples, dropout, samples, num_members)
        self._kind = kind
        self._beta = beta

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """See `Strategy.query`; the noise is drawn after the masks."""
        return power_choice(self.scores(context, rng), batch_size, rng, self._kind, self._beta)

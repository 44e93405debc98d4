"""EPIG: Bickford Smith, Kirsch, Farquhar, Gal, Foster and Rainforth, "Prediction-Oriented Bayesian Active Learning"
(AISTATS 2023).

The information that a label has about the predictions for other examples, the targets, rather than about the weights:
what matters for none of them does not count.
"""

from functools import partial

import numpy as np
import torch
from torch import Tensor

from al_bench.core.ranges import Fraction, PositiveInt
from al_bench.core.strategy import QueryContext
from al_bench.strategies.maths.ranking import largest
from al_bench.strategies.maths.samples import NumSamples, information_about
from al_bench.strategies.maths.sampling import power_choice
from al_bench.strategies.sampled import Sampled, SamplesOf


class Epig(Sampled):
    """The examples of largest mean over targets t of I(y; y_t), equal ones in pool order.

    Args:
        num_targets: drawn uniformly from the unlabelled examples; all of them where there are fewer.
        power: draw the batch in proportion to the scores.
    """

    def __init__(
        self,
        num_samples: NumSamples = 20,
        dropout: Fraction = 0.5,
        samples: SamplesOf = "head",
        num_members: NumSamples = 5,
        num_targets: PositiveInt = 100,
        power: bool = False,
    ) -> None:
        super().__init__(num_samples, dropout, samples, num_members)
        self._num_targets = num_targets
        self._power = power

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """See `Strategy.query`; the noise of `power` is drawn last."""
        scores_N = self.scores(context, rng)
        if self._power:
            return power_choice(scores_N, batch_size, rng, "power", beta=1.0)
        return largest(scores_N, batch_size)

    def scores(self, context: QueryContext, rng: np.random.Generator) -> Tensor:
        """See `Sampled.scores`; targets are drawn after the masks."""
        predictions = self.predictions(context, rng)
        drawn = np.sort(rng.permutation(context.num_unlabelled)[: self._num_targets])
        targets = torch.from_numpy(drawn).to(predictions.device)
        target_probabilities_TSC = predictions.log_probabilities(targets).exp()
        return predictions.scores(partial(information_about, target_probabilities_TSC=target_probabilities_TSC))

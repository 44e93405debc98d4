"""Stochastic acquisition: Kirsch, Farquhar, Atighehchian, Jesson, Branchaud-Charron and Gal, "Stochastic Batch
Acquisition: A Simple Baseline for Deep Active Learning" (TMLR 2023).

Not the examples of largest score, but examples drawn by it: the more uncertain, the more likely.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from torch import Tensor

from al_bench.core.ranges import PositiveFloat
from al_bench.core.strategy import Needs, QueryContext, Strategy
from al_bench.strategies.maths.sampling import Kind, power_choice
from al_bench.strategies.uncertainty import Confidence, Entropy, Margin, Uncertainty

Score = Literal["margin", "entropy", "confidence"]

SCORES: Mapping[Score, tuple[type[Uncertainty], float]] = {  # and the score of a certain prediction
    "margin": (Margin, -1.0),
    "entropy": (Entropy, 0.0),
    "confidence": (Confidence, -1.0),
}


class Power(Strategy):
    """Examples drawn without replacement, by an uncertainty s >= 0 that is 0 for a certain prediction.

    The probability of each draw is proportional to a weight of the examples that are left: to s^beta (`power`),
    exp(beta s) (`softmax`), or r^-beta, r = 1 for the largest s (`softrank`).

    Args:
        score: s: 1 - (p_(1) - p_(2)) for `margin`, 1 - p_(1) for `confidence`, and the `entropy` in nats.
        kind: of weight.
        beta: the larger, the more likely are the most uncertain examples; towards 0 draws become uniform.
    """

    needs = Needs.LOGITS
    family = "uncertainty"

    def __init__(self, score: Score, kind: Kind = "power", beta: PositiveFloat = 1.0) -> None:
        self.score = score
        self.kind = kind
        self.beta = beta

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """See `Strategy.query`."""
        scored, certain = SCORES[self.score]
        uncertainty_N = (scored.scores(context.unlabelled.logits_NC) - certain).clamp(min=0)
        return power_choice(uncertainty_N, batch_size, rng, self.kind, self.beta)

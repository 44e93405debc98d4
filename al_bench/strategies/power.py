"""Stochastic acquisition: Kirsch, Farquhar, Atighehchian, Jesson, Branchaud-Charron and Gal, "Stochastic Batch
Acquisition: A Simple Baseline for Deep Active Learning" (TMLR 2023).

Not the examples of largest score, but examples drawn by it: the more uncertain, the more likely.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from al_bench.core.ranges import PositiveFloat
from al_bench.core.strategy import Needs, QueryContext, Strategy
from al_bench.strategies.maths.ranking import largest
from al_bench.strategies.uncertainty import Confidence, Entropy, Margin, Uncertainty

Score = Literal["margin", "entropy", "confidence"]
Kind = Literal["power", "softmax", "softrank"]

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

    def __init__(self, score: Score, kind: Kind = "power", beta: PositiveFloat = 1.0) -> None:
        self.score = score
        self.kind = kind
        self.beta = beta

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """See `Strategy.query`."""
        scored, certain = SCORES[self.score]
        uncertainty_N = (scored.scores(context.unlabelled.logits_NC) - certain).clamp(min=0)
        exponential_N = torch.from_numpy(rng.standard_exponential(context.num_unlabelled)).to(uncertainty_N.device)
        return drawn(self.beta * log_weights(uncertainty_N, self.kind), -exponential_N.log(), batch_size)


def log_weights(uncertainty_N: Tensor, kind: Kind) -> Tensor:
    """Logarithms (N,) of the weights at beta = 1; -inf for a weight of 0. Equal ones are ranked in pool order."""
    if kind == "power":
        return uncertainty_N.log()
    if kind == "softmax":
        return uncertainty_N
    order_N = torch.sort(uncertainty_N, descending=True, stable=True).indices
    rank_N = torch.empty_like(uncertainty_N)
    rank_N[order_N] = torch.arange(1, len(order_N) + 1, dtype=rank_N.dtype, device=rank_N.device)
    return -rank_N.log()


def drawn(log_weight_N: Tensor, gumbel_N: Tensor, num_wanted: int) -> Tensor:
    """Rows (num_wanted,), drawn without replacement with probabilities proportional to weights.

    With standard Gumbel variables G_i (minus the logarithms of exponential ones) the largest log w_i + G_i is that of
    row i with probability w_i / sum of w, and the B largest in their order are B such draws (Yellott, 1977). Rows of
    weight 0 come last, by G_i alone: uniformly.
    """
    is_positive_N = log_weight_N > -torch.inf
    rows = largest(log_weight_N + gumbel_N, min(num_wanted, int(is_positive_N.sum())))
    others = largest(gumbel_N.masked_fill(is_positive_N, -torch.inf), num_wanted - len(rows))
    return torch.cat([rows, others])

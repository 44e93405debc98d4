"""Uncertainty sampling: the examples of whose class the network is least sure.

Confidence and margin: Settles, "Active Learning Literature Survey" (2009), section 3.1. Entropy: Shannon (1948).
Equal logits have equal scores, which are taken in pool order. Scores that are equal on paper alone (of the same logits
in another order, or all larger by as much) differ by their rounding, and go by that.
"""

from abc import abstractmethod

import numpy as np
import torch
from torch import Tensor

from al_bench.core.strategy import Needs, QueryContext, Strategy
from al_bench.strategies.maths.distances import CHUNK
from al_bench.strategies.maths.ranking import largest


class Uncertainty(Strategy):
    """The `batch_size` examples of largest acquisition score."""

    needs = Needs.LOGITS
    family = "uncertainty"

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:  # noqa: ARG002
        """See `Strategy.query`."""
        return largest(self.scores(context.unlabelled.logits_NC), batch_size)

    @classmethod
    def scores(cls, logits_NC: Tensor) -> Tensor:
        """The acquisition scores (N,) in float64: in float32 probabilities of 1 - 1e-8 and 1 are the same."""
        return torch.cat([cls.score(chunk_NC.double()) for chunk_NC in logits_NC.split(CHUNK)])

    @staticmethod
    @abstractmethod
    def score(logits_NC: Tensor) -> Tensor:
        """The acquisition score of each example (N,): the larger, the less certain."""


class Confidence(Uncertainty):
    """Least confident first: the smallest probability of the most probable class."""

    @staticmethod
    def score(logits_NC: Tensor) -> Tensor:
        """-max_c p_c (N,): the less probable the prediction, the higher."""
        return -logits_NC.softmax(dim=1).amax(dim=1)


class Margin(Uncertainty):
    """The smallest difference between the two most probable classes."""

    @staticmethod
    def score(logits_NC: Tensor) -> Tensor:
        """p_(2) - p_(1) (N,), of the two most probable classes: never above 0."""
        top_N2 = logits_NC.softmax(dim=1).topk(2, dim=1).values
        return top_N2[:, 1] - top_N2[:, 0]


class Entropy(Uncertainty):
    """The largest entropy of the predicted distribution."""

    @staticmethod
    def score(logits_NC: Tensor) -> Tensor:
        """-sum_c p_c log p_c in nats; from the log-softmax, so that an underflowed p_c adds 0 and not NaN."""
        log_probabilities_NC = logits_NC.log_softmax(dim=1)
        return -(log_probabilities_NC.exp() * log_probabilities_NC).sum(dim=1)

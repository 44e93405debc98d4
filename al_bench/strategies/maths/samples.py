"""Predictions under samples of the weights, and the information in what they disagree on.

Shapes: N examples, R of them at once, S samples, C classes, D dimensions of the embedding.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge, Le
from torch import Tensor

from al_bench.core.copies import first_equal
from al_bench.strategies.maths.distances import CHUNK

NumSamples = Annotated[int, Ge(2), Le(2**31 - 1)]  # one has none to disagree with
MAX_NUMBERS = 2**22  # logits at once, of at least one example
MAX_JOINT = 2**16  # joint probabilities at once, of at least one pair of examples: what fits a cache
GRID = 2.0**-40  # nats: where samples are saturated, many scores differ by less, which is rounding


class Predictions(ABC):
    """log p(c | x, theta_s) of N examples under S samples theta_s of the weights, the same for all examples."""

    num_samples: int
    num_classes: int

    def __init__(self, read: Tensor) -> None:
        self._read = read  # what the logits are a function of, an example a row (N, ...)
        self.device = read.device

    @abstractmethod
    def logits(self, rows: Tensor) -> Tensor:
        """Logits (R, S, C), float64, of these rows (R,)."""

    def log_probabilities(self, rows: Tensor) -> Tensor:
        """Log-probabilities (R, S, C), float64, of these rows (R,); never -inf."""
        return self.logits(rows).log_softmax(dim=2)

    def scores(self, information: Callable[[Tensor], Tensor]) -> Tensor:
        """`information`, of log p (R, S, C) -> nats (R,), of all examples: (N,), in multiples of GRID, not below 0.

        Equal rows have equal scores to the bit, which the rounding of a matrix product would not give them.
        """
        size = max(1, min(CHUNK, MAX_NUMBERS // (self.num_samples * self.num_classes)))
        rows = torch.arange(len(self._read), device=self.device)
        scores_N = torch.cat([information(self.log_probabilities(chunk)) for chunk in rows.split(size)])
        scores_N = (scores_N / GRID).round_().clamp_(min=0) * GRID
        return scores_N[torch.from_numpy(first_equal(self._read)).to(self.device)]


class DropoutAtTheHead(Predictions):
    """h_s = W (z * m_s / (1 - dropout)) + b, with a mask m_s for each sample, drawn in their order.

    Each of the D entries of a mask is 0 with probability `dropout`, else 1. They go into W: one matrix product for all.
    """

    def __init__(
        self,
        embedding_ND: Tensor,
        head: tuple[Tensor, Tensor],
        num_samples: int,
        dropout: float,
        rng: np.random.Generator,
    ) -> None:
        super().__init__(embedding_ND)
        weight_CD, bias_C = (each.double() for each in head)
        self.num_samples, self.num_classes = num_samples, len(bias_C)
        is_kept_SD = rng.random((num_samples, embedding_ND.shape[1])) >= dropout
        factor_SD = torch.from_numpy(is_kept_SD / (1 - dropout)).to(embedding_ND.device)
        self._weight_KD = (factor_SD[:, None] * weight_CD).flatten(end_dim=1)
        self._bias_K = bias_C.repeat(num_samples)

    def logits(self, rows: Tensor) -> Tensor:
        """See `Predictions.logits`."""
        embedding_RD = self._read.index_select(0, rows).double()
        logits_RK = torch.addmm(self._bias_K, embedding_RD, self._weight_KD.T)
        return logits_RK.view(len(rows), self.num_samples, self.num_classes)


class SampledLogits(Predictions):
    """Predictions whose logits (S, N, C) the network has computed."""

    def __init__(self, samples_SNC: Tensor) -> None:
        super().__init__(samples_SNC.movedim(0, 1))
        self.num_samples, _, self.num_classes = samples_SNC.shape

    def logits(self, rows: Tensor) -> Tensor:
        """See `Predictions.logits`."""
        return self._read.index_select(0, rows).double()


def information_about(log_probabilities_RSC: Tensor, target_probabilities_TSC: Tensor) -> Tensor:
    """mean_t I(y; y_t) = H(mean_s p_s) + mean_t H(mean_s p_ts) - mean_t H(mean_s p_s p_ts') (R,) in nats.

    The joint probabilities of some of the R with some of the T are one matrix product (R C x S)(S x T C).
    """
    probabilities_RSC = log_probabilities_RSC.exp()
    _, num_samples, num_classes = probabilities_RSC.shape
    num_targets = len(target_probabilities_TSC)
    rows_at_once = max(1, MAX_JOINT // (num_targets * num_classes**2))
    targets_at_once = max(1, MAX_JOINT // (rows_at_once * num_classes**2))
    entropies_R = entropy_of_mean(probabilities_RSC) + entropy_of_mean(target_probabilities_TSC).mean()
    for ours_RSC, joint_R in zip(probabilities_RSC.split(rows_at_once), entropies_R.split(rows_at_once), strict=True):
        ours_MS = ours_RSC.transpose(1, 2).flatten(end_dim=1) / num_samples
        for theirs_TSC in target_probabilities_TSC.split(targets_at_once):
            joint_MK = ours_MS @ theirs_TSC.transpose(0, 1).flatten(start_dim=1)
            joint_MK.clamp_(min=torch.finfo(joint_MK.dtype).tiny)  # so that 0 log 0 is 0
            joint_R += (joint_MK.log() * joint_MK).view(len(joint_R), -1).sum(dim=1) / num_targets
    return entropies_R


def entropy_of_mean(probabilities_RSC: Tensor) -> Tensor:
    """H(mean_s p_s) (R,) in nats."""
    entropies_R: Tensor = torch.special.entr(probabilities_RSC.mean(dim=1)).sum(dim=1)
    return entropies_R


def mutual_information(log_probabilities_RSC: Tensor) -> Tensor:
    """I(y; theta) = H(mean_s p_s) - mean_s H(p_s) (R,) in nats; a p that underflows adds 0 and not NaN."""
    probabilities_RSC = log_probabilities_RSC.exp()
    negative_entropies_R = (probabilities_RSC * log_probabilities_RSC).sum(dim=(1, 2))
    return entropy_of_mean(probabilities_RSC) + negative_entropies_R / probabilities_RSC.shape[1]

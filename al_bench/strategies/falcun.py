"""Falcun: Gilhuber, Beer, Ma and Seidl, "FALCUN: A Simple and Efficient Deep Active Learning Strategy" (ECML PKDD
2024).

A batch is drawn example by example, each in proportion to a power of its relevance: its uncertainty, and how far its
predicted distribution is from those of the examples drawn before it.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from al_bench.core.ranges import PositiveFloat
from al_bench.core.strategy import Needs, QueryContext, Strategy
from al_bench.strategies.maths.distances import CHUNK
from al_bench.strategies.maths.sampling import block_weights, draw_proportional
from al_bench.strategies.uncertainty import Margin


class Falcun(Strategy):
    """Examples drawn by relevance: uncertainty, and the L1 distance to the nearest distribution drawn so far.

    Args:
        gamma: the exponent of the relevance: the larger, the more likely are the most relevant examples.
    """

    needs = Needs.LOGITS
    family = "both"

    def __init__(self, gamma: PositiveFloat = 10.0) -> None:
        self.gamma = gamma

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """See `Strategy.query`."""
        logits_NC = context.unlabelled.logits_NC
        probability_NC = torch.cat([chunk_NC.double().softmax(dim=1) for chunk_NC in logits_NC.split(CHUNK)])
        uncertainty_N = Margin.scores(logits_NC) + 1
        rows = drawn_by_relevance(probability_NC, uncertainty_N, rng.random(batch_size).tolist(), self.gamma)
        return torch.tensor(rows, device=logits_NC.device)


def drawn_by_relevance(
    probability_NC: Tensor, uncertainty_N: Tensor, uniforms: Sequence[float], gamma: float
) -> list[int]:
    """Distinct rows, each drawn with probability proportional to (d~ + u)^gamma; uniformly where all of these are 0.

    d begins as the uncertainty u, and is the L1 distance to the nearest row drawn where that is less. d~ is d scaled to
    0 .. 1 over the rows that are left (0 where all d are equal): a copy of a row drawn keeps a relevance of u.

    Args:
        probability_NC: float64.
        uncertainty_N: u, 1 - (p_(1) - p_(2)).
        uniforms: one number in [0, 1) per draw, of at most as many as there are rows.
        gamma: the exponent.
    """
    num_rows = len(uncertainty_N)
    left_KM = block_weights(num_rows, 1.0, uncertainty_N.device)
    weight_KM = torch.zeros_like(left_KM)
    left_N, weight_N = left_KM.view(-1)[:num_rows], weight_KM.view(-1)[:num_rows]
    distance_N = uncertainty_N.clone()
    rows: list[int] = []
    for uniform in uniforms:
        weight_N.copy_(_relevance(distance_N, uncertainty_N, left_N).pow_(gamma))
        row = draw_proportional(weight_KM, uniform, left_KM)
        torch.minimum(distance_N, l1_distances(probability_NC, row), out=distance_N)
        left_N[row] = 0.0
        rows.append(row)
    return rows


def l1_distances(probability_NC: Tensor, row: int) -> Tensor:
    """Distances (N,) to a row, each summed in the same order: 0 between copies, and to the bit the same for them."""
    return torch.cdist(probability_NC, probability_NC[row, None], p=1.0).squeeze(1)


def _relevance(distance_N: Tensor, uncertainty_N: Tensor, left_N: Tensor) -> Tensor:
    """d~ + u as a share of the largest (N,), whose power would underflow otherwise; 0 for rows that are not left."""
    is_left_N = left_N > 0
    least = torch.where(is_left_N, distance_N, torch.inf).amin()
    extent = torch.where(is_left_N, distance_N, -torch.inf).amax() - least
    scaled_N = (distance_N - least) / torch.where(extent > 0, extent, 1.0)
    relevance_N = (scaled_N + uncertainty_N) * left_N
    most = relevance_N.amax()
    return relevance_N / torch.where(most > 0, most, 1.0)

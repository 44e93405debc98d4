"""BADGE: Ash, Zhang, Krishnamurthy, Langford and Agarwal, "Deep Batch Active Learning by Diverse, Uncertain
Gradient Lower Bounds" (ICLR 2020).

The gradient embedding of an example is the gradient of its loss at the last layer's weights, had the network's
own prediction been its target: g = a (x) z, the outer product of a = p - onehot(argmax p) and the embedding z.
A batch is a k-means++ seeding (Arthur and Vassilvitskii, 2007) of the gradient embeddings of the unlabelled
examples. The N x CD matrix of gradients is never built: distances come from the two factors.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from al_bench.interfaces import Needs, QueryContext, Strategy

BLOCK = 1024  # examples per partial sum when drawing
RESIDUE = 1e-5  # squared distances below this share of the squared norms are rounding: the gradients are equal


@dataclass(frozen=True)
class GradientEmbedding:
    """Gradient embeddings (N, CD) as their two factors, (N, C) and (N, D), and their squared norms (N,)."""

    error_NC: Tensor
    embedding_ND: Tensor
    norm_N: Tensor

    @classmethod
    def of(cls, logits_NC: Tensor, embedding_ND: Tensor) -> "GradientEmbedding":
        """From a network's outputs."""
        probabilities_NC = logits_NC.softmax(dim=1)
        prediction_NC = functional.one_hot(logits_NC.argmax(dim=1), logits_NC.shape[1])
        error_NC = probabilities_NC - prediction_NC
        norm_N = error_NC.square().sum(dim=1) * embedding_ND.square().sum(dim=1)
        return cls(error_NC, embedding_ND, norm_N)

    def squared_distances(self, centre: Tensor) -> Tensor:
        """To the row `centre` (1,): |g_i|^2 + |g_c|^2 - 2 (a_i . a_c)(z_i . z_c), shape (N,); equal rows give 0."""
        norms_N = self.norm_N + self.norm_N[centre]
        error_C = self.error_NC[centre].squeeze(0)
        embedding_D = self.embedding_ND[centre].squeeze(0)
        distance_N = norms_N - 2 * ((self.error_NC @ error_C) * (self.embedding_ND @ embedding_D))
        return torch.where(distance_N > RESIDUE * norms_N, distance_N, 0.0)


class Badge(Strategy):
    """k-means++ seeding on gradient embeddings.

    Args:
        first: how the first centre is chosen: `uniform`, as in the paper, or the one of `largest` norm, as in
            the authors' code.
    """

    needs = Needs.LOGITS | Needs.EMBEDDING

    def __init__(self, first: Literal["uniform", "largest"] = "uniform") -> None:
        self.first = first

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """See `Strategy.query`."""
        gradients = GradientEmbedding.of(context.unlabelled.logits_NC, context.unlabelled.embedding_ND)
        uniforms_B = torch.from_numpy(rng.random(batch_size)).to(gradients.norm_N.device)
        start = None if self.first == "uniform" else gradients.norm_N.argmax().reshape(1)
        return kmeans_plus_plus(gradients, uniforms_B, start)


def kmeans_plus_plus(gradients: GradientEmbedding, uniforms_B: Tensor, first: Tensor | None = None) -> Tensor:
    """Distinct rows (B,): each drawn with probability proportional to its squared distance to the nearest
    row before it.

    Once every distance is 0 (only copies of chosen rows are left), the draw is uniform over what is left.

    Args:
        gradients: of N >= B examples.
        uniforms_B: one number in [0, 1) per draw.
        first: the first row (1,); None to draw it uniformly.
    """
    num_rows = len(gradients.norm_N)
    is_left_N = torch.ones(num_rows, dtype=torch.float64, device=uniforms_B.device)
    distance_N = torch.full_like(gradients.norm_N, torch.inf)
    rows = []
    for position, uniform in enumerate(uniforms_B):
        if position == 0:
            row = draw_proportional(is_left_N, uniform) if first is None else first
        else:
            weights_N = distance_N.double()
            row = draw_proportional(torch.where(weights_N.sum() > 0, weights_N, is_left_N), uniform)
        distance_N = torch.minimum(distance_N, gradients.squared_distances(row))
        distance_N[row] = 0.0
        is_left_N[row] = 0.0
        rows.append(row)
    return torch.cat(rows)


def draw_proportional(weights_N: Tensor, uniform: Tensor) -> Tensor:
    """A row (1,) with probability weight / sum: the first whose cumulative weight exceeds `uniform` of the sum.

    Sums of blocks are cumulated first, then the weights within one block: cheap, without a step on the host, and
    in float64 exact enough for millions of rows. Never a row of weight 0, unless all are.
    """
    blocks_KM = functional.pad(weights_N, (0, -len(weights_N) % BLOCK)).reshape(-1, BLOCK)
    block, rest = _inverse_cdf(blocks_KM.sum(dim=1), uniform * weights_N.sum())
    row, _ = _inverse_cdf(blocks_KM[block].squeeze(0), rest.clamp(min=0))
    return block * BLOCK + row


def _inverse_cdf(weights_M: Tensor, mass: Tensor) -> tuple[Tensor, Tensor]:
    """The position (1,) where the cumulative weight exceeds `mass`, and the mass left within it."""
    cumulative_M = _cumulative(weights_M)
    # Rounding may leave `mass` at or above the whole: the last position that adds to the sum is meant then.
    last = torch.where(weights_M > 0, torch.arange(len(weights_M), device=weights_M.device), 0).amax()
    position = torch.searchsorted(cumulative_M, mass.reshape(1), right=True).clamp(max=last)
    return position, mass - (cumulative_M[position] - weights_M[position])


def _cumulative(weights_M: Tensor) -> Tensor:
    """A cumulative sum that is deterministic on CUDA too, where torch.cumsum is not."""
    if weights_M.device.type == "cpu":
        return weights_M.cumsum(dim=0)
    return weights_M.new_ones(len(weights_M), len(weights_M)).tril() @ weights_M

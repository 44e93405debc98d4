"""Gradient embeddings of Ash et al. (2020), "Deep Batch Active Learning by Diverse, Uncertain Gradient Lower Bounds".

The gradient embedding of an example is the gradient of its loss at the last layer's weights, had the network's own
prediction been its target: g = a (x) z, the outer product of a = p - onehot(argmax p) and the embedding z. The N x CD
matrix of gradients is never built: inner products and distances come from the two factors.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from al_bench.strategies.maths.distances import CHUNK, cached_rows, squared_distances

OTHERS = 256  # rows that as many rows as are converted at a time are compared with at a time


@dataclass(frozen=True)
class GradientEmbedding:
    """Gradient embeddings (N, CD) as their two float32 factors, a (N, C) and z (N, D), with |z| and |g|^2, both (N,).

    Norms and distances are float64: computed from inner products, those of nearby rows would be rounding otherwise.
    """

    error_NC: Tensor
    embedding_ND: Tensor
    length_N: Tensor
    square_N: Tensor

    @classmethod
    def of(cls, logits_NC: Tensor, embedding_ND: Tensor) -> "GradientEmbedding":
        """The gradient embeddings of a network's logits (N, C) and embeddings (N, D)."""
        probabilities_NC = logits_NC.softmax(dim=1)
        prediction_N1 = logits_NC.argmax(dim=1, keepdim=True)
        # p - 1 of a certain prediction is rounding: minus the sum of the other probabilities is the same, and exact.
        error_NC = probabilities_NC.scatter_(1, prediction_N1, 0.0)
        error_NC.scatter_(1, prediction_N1, -error_NC.sum(dim=1, keepdim=True))
        squares_N = _squares(embedding_ND)
        return cls(error_NC, embedding_ND, squares_N.sqrt(), _squares(error_NC) * squares_N)

    @classmethod
    def of_vectors(cls, vectors_ND: Tensor) -> "GradientEmbedding":
        """Vectors, of any dtype, as they are: the outer products of 1 and each of them."""
        squares_N = _squares(vectors_ND)
        return cls(torch.ones_like(vectors_ND[:, :1], dtype=torch.float32), vectors_ND, squares_N.sqrt(), squares_N)

    def nearest_of(self, others: "GradientEmbedding") -> tuple[Tensor, Tensor]:
        """Squared distances (N,) to the nearest of the others (M,), and which it is (N,): of equals the first.

        By matrix products in blocks: |g_j|^2 - 2 (a_i . a_j)(z_i . z_j) has its least where the distance has. Of
        vectors, a = 1, the first product is left out.
        """
        least_N, nearest_N = (
            torch.full_like(self.square_N, torch.inf),
            torch.zeros_like(self.square_N, dtype=torch.int64),
        )
        errors, embeddings, squares = (
            each.double().split(OTHERS) for each in (others.error_NC, others.embedding_ND, others.square_N)
        )
        embeddings = [-2 * embedding_MD for embedding_MD in embeddings]
        for start in range(0, len(least_N), CHUNK):
            rows = slice(start, start + CHUNK)
            error_RC, embedding_RD = self.error_NC[rows].double(), self.embedding_ND[rows].double()
            for number, (error_MC, embedding_MD, square_M) in enumerate(zip(errors, embeddings, squares, strict=True)):
                products_RM = embedding_RD @ embedding_MD.T
                if error_RC.shape[1] > 1:
                    products_RM.mul_(error_RC @ error_MC.T)
                least_R, position_R = products_RM.add_(square_M).min(dim=1)
                nearest_N[rows] = torch.where(least_R < least_N[rows], position_R + number * OTHERS, nearest_N[rows])
                least_N[rows] = torch.minimum(least_R, least_N[rows])
        square_N = others.square_N[nearest_N]
        return squared_distances(self.square_N + square_N, (square_N - least_N) / 2), nearest_N


def _squares(rows_NM: Tensor) -> Tensor:
    return torch.cat([chunk.double().square().sum(dim=1) for chunk in rows_NM.split(cached_rows(rows_NM))])

"""BADGE: Ash, Zhang, Krishnamurthy, Langford and Agarwal, "Deep Batch Active Learning by Diverse, Uncertain
Gradient Lower Bounds" (ICLR 2020).

A batch is a k-means++ seeding (Arthur and Vassilvitskii, 2007) of the gradient embeddings of the unlabelled examples.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from al_bench.core.strategy import Needs, QueryContext, Strategy
from al_bench.strategies.maths.gradients import GradientEmbedding
from al_bench.strategies.maths.nearest_centre import NearestCentre
from al_bench.strategies.maths.sampling import block_weights, draw_proportional


class Badge(Strategy):
    """k-means++ seeding on gradient embeddings.

    Args:
        first: how the first centre is chosen: `uniform`, as in the paper, or the one of `largest` norm, as in
            the authors' code.
    """

    needs = Needs.LOGITS | Needs.EMBEDDING
    family = "both"

    def __init__(self, first: Literal["uniform", "largest"] = "uniform") -> None:
        self.first = first

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """See `Strategy.query`."""
        gradients = GradientEmbedding.of(context.unlabelled.logits_NC, context.unlabelled.embedding_ND)
        first = None if self.first == "uniform" else int(gradients.square_N.argmax())
        rows = kmeans_plus_plus(NearestCentre(gradients), rng.random(batch_size).tolist(), first)
        return torch.tensor(rows, device=gradients.square_N.device)


def kmeans_plus_plus(nearest: NearestCentre, uniforms: Sequence[float], first: int | None = None) -> list[int]:
    """Distinct rows, each drawn with probability proportional to its squared distance to the nearest row before it.

    Once every distance is 0 (only copies of chosen rows are left), the draw is uniform over what is left.

    Args:
        nearest: distances of the rows, without a centre yet.
        uniforms: one number in [0, 1) per draw, of at most as many as there are rows.
        first: the first row; None to draw it uniformly.
    """
    is_left_KM = block_weights(nearest.num_rows, 1.0, nearest.distance_KM.device)
    rows: list[int] = []
    for uniform in uniforms:
        if rows:
            row = draw_proportional(nearest.distance_KM, uniform, is_left_KM)
        else:
            row = draw_proportional(is_left_KM, uniform, is_left_KM) if first is None else first
        nearest.add(row)
        is_left_KM.view(-1)[row] = 0.0
        rows.append(row)
    return rows

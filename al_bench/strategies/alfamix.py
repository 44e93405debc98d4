"""ALFA-Mix: Parvaneh, Abbasnejad, Teney, Haffari, van den Hengel and Shi, "Active Learning by Feature Mixing" (CVPR
2022), with the closed form of its mixing ratios.

Candidates are the examples whose predicted class changes when the embedding is mixed a little with the mean embedding
of a labelled class. The batch is spread over them by k-means.
"""

import math
from typing import Annotated

import numpy as np
import torch
from annotated_types import Gt, Le
from torch import Tensor

from al_bench.core.strategy import Needs, QueryContext, Strategy
from al_bench.strategies.candidates import predicted_classes, spread_batch
from al_bench.strategies.maths.distances import CHUNK, RESIDUE, common_offset, squared_distances


class AlfaMix(Strategy):
    """Examples whose class changes by mixing, spread by k-means.

    Args:
        cap: how far an example is mixed at first; then twice, three times as far, up to 1, until there are more
            candidates than labels wanted.
    """

    needs = Needs.EMBEDDING | Needs.LABELLED | Needs.HEAD
    family = "both"

    def __init__(self, cap: Annotated[float, Gt(0), Le(1)] = 0.2) -> None:
        self.cap = cap

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """See `Strategy.query`."""
        embedding_ND, targets_L = context.unlabelled.embedding_ND, context.labelled_targets
        anchors = [context.labelled.embedding_ND[targets_L == each].double().mean(dim=0) for each in targets_L.unique()]
        is_candidate_N = torch.zeros(len(embedding_ND), dtype=torch.bool, device=embedding_ND.device)
        if anchors:
            turn_N = turning_caps(embedding_ND, torch.stack(anchors), context.head_weight_CD, context.head_bias_C)
            is_candidate_N = turn_N < self._largest_cap(turn_N, batch_size)
        return spread_batch(embedding_ND, is_candidate_N, batch_size, rng)

    def _largest_cap(self, turn_N: Tensor, batch_size: int) -> float:
        """The first of cap, 2 cap, ... 1 below which there are more examples than wanted; 1 if there are never."""
        least = float(turn_N.kthvalue(min(batch_size + 1, len(turn_N))).values)
        return min(self.cap * (least // self.cap + 1), 1.0) if least < 1 else 1.0


def turning_caps(embedding_ND: Tensor, anchor_KD: Tensor, weight_CD: Tensor, bias_C: Tensor) -> Tensor:
    """For each example the smallest cap e at which its class changes (N,), float64; infinite if it never does.

    With g the gradient of the loss of the predicted class with respect to z, the paper mixes z and an anchor z* by

        a = e / sqrt(D) |z* - z| g / (|g| (z* - z))       elementwise, so       (1 - a) z + a z* = z + s g / |g|

    with s = e / sqrt(D) |z* - z|. The anchor counts by its distance alone. As the examples of a class are a convex set
    of embeddings, one that has left it along a ray stays outside: the farthest anchor decides, and a cap that is large
    enough makes all larger ones so. Where z* - z has a zero this is the limit, as the paper's ratio is 0 / 0.
    """
    weight_CD, bias_C = weight_CD.double(), bias_C.double()
    gram_CC = weight_CD @ weight_CD.T
    offset_D = common_offset(embedding_ND)
    anchor_KD = anchor_KD - offset_D
    square_K, scale = anchor_KD.square().sum(dim=1), math.sqrt(embedding_ND.shape[1])
    chunks = []
    for chunk_ND in embedding_ND.split(CHUNK):
        rows_ND = chunk_ND.double()
        length_N = turning_lengths(rows_ND @ weight_CD.T + bias_C, gram_CC)
        rows_ND -= offset_D
        square_NK = rows_ND.square().sum(dim=1, keepdim=True) + square_K
        farthest_N = squared_distances(square_NK, rows_ND @ anchor_KD.T).amax(dim=1).sqrt()
        chunks.append(torch.where(farthest_N > 0, scale * length_N / farthest_N, torch.inf))
    return torch.cat(chunks)


def turning_lengths(logits_NC: Tensor, gram_CC: Tensor) -> Tensor:
    """How far z has to move along g / |g| until another class is the largest (N,); infinite if none ever is.

    g = (1 - p_y) W^T u with u = q - onehot(y), where q is the softmax over the classes other than y, the predicted one:
    its direction is exact though p_y is 1 in float64. A unit of length adds W W^T u / sqrt(u^T W W^T u) to the logits.
    """
    prediction_N1 = predicted_classes(logits_NC)[:, None]
    error_NC = logits_NC.scatter(1, prediction_N1, -torch.inf).softmax(dim=1).scatter_(1, prediction_N1, -1.0)
    slope_NC = error_NC @ gram_CC
    square_N1 = (error_NC * slope_NC).sum(dim=1, keepdim=True)
    is_zero_N1 = square_N1 <= 4 * RESIDUE * gram_CC.diagonal().amax()  # g = 0, up to rounding, as the sum of |u| is 2
    slope_NC = torch.where(is_zero_N1, 0.0, slope_NC / square_N1.clamp(min=0).sqrt())
    gain_NC = slope_NC - slope_NC.gather(1, prediction_N1)
    gap_NC = (logits_NC.gather(1, prediction_N1) - logits_NC).clamp(min=0)
    is_nearing_NC = gain_NC > RESIDUE * slope_NC.abs().amax(dim=1, keepdim=True)
    return torch.where(is_nearing_NC, gap_NC / gain_NC, torch.inf).amin(dim=1)

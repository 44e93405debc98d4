"""DropQuery: Gupte, Aklilu, Nirschl and Yeung-Levy, "Revisiting Active Learning in the Era of Vision Foundation Models"
(TMLR 2024).

Candidates are the examples whose predicted class changes under dropout of the embedding. The batch is spread over them
by k-means.
"""

import numpy as np
import torch
from torch import Tensor

from al_bench.core.ranges import Fraction, PositiveInt
from al_bench.core.strategy import Needs, QueryContext, Strategy
from al_bench.strategies.candidates import predicted_classes, spread_batch

NUM_MASKED = 2**18  # numbers masked at a time: what fits a cache
MIN_PER_LABEL = 25  # candidates for each label wanted, below which a single change is enough


class DropQuery(Strategy):
    """Examples whose class changes under dropout, spread by k-means.

    Args:
        num_samples: passes through the head; candidates change in more than half of them, or in any, if there would be
            fewer than 25 for each label wanted.
        dropout: the share of the embedding that a pass sets to 0.
    """

    needs = Needs.EMBEDDING | Needs.HEAD
    family = "both"

    def __init__(self, num_samples: PositiveInt = 3, dropout: Fraction = 0.75) -> None:
        self.num_samples = num_samples
        self.dropout = dropout

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """See `Strategy.query`."""
        embedding_ND = context.unlabelled.embedding_ND
        num_changes_N = self.num_changes(embedding_ND, context.head_weight_CD, context.head_bias_C, rng)
        is_candidate_N = num_changes_N > self.num_samples // 2
        if int(is_candidate_N.sum()) < MIN_PER_LABEL * batch_size:
            is_candidate_N = num_changes_N > 0
        return spread_batch(embedding_ND, is_candidate_N, batch_size, rng)

    def num_changes(self, embedding_ND: Tensor, weight_CD: Tensor, bias_C: Tensor, rng: np.random.Generator) -> Tensor:
        """In how many passes the largest of W (z o m / (1 - dropout)) + b is not that of W z + b: (N,).

        A mask m of its own for each example and pass, drawn example by example, so that it depends on no chunk. The
        logits are float64.
        """
        num_dimensions = embedding_ND.shape[1]
        weight_DC, bias_C = weight_CD.double().T, bias_C.double()
        scaled_DC = weight_DC / (1 - self.dropout)
        chunks = []
        for chunk_ND in embedding_ND.split(max(1, NUM_MASKED // (self.num_samples * num_dimensions))):
            shape = (len(chunk_ND), self.num_samples, num_dimensions)
            is_kept = torch.from_numpy(rng.random(shape, dtype=np.float32) >= self.dropout).to(chunk_ND.device)
            rows_ND = chunk_ND.double()
            masked_MD = (rows_ND[:, None] * is_kept).flatten(0, 1)
            predictions_NS = predicted_classes(masked_MD @ scaled_DC + bias_C).view(shape[:2])
            predictions_N1 = predicted_classes(rows_ND @ weight_DC + bias_C)[:, None]
            chunks.append((predictions_NS != predictions_N1).sum(dim=1))
        return torch.cat(chunks)

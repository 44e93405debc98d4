"""What DropQuery and ALFA-Mix share: a class predicted, and a diverse batch of those examples whose class changes."""

import numpy as np
import torch
from torch import Tensor

from al_bench.strategies.kmeans import nearest_rows
from al_bench.strategies.maths.clustering import clustered
from al_bench.strategies.maths.distances import RESIDUE
from al_bench.strategies.maths.spaces import unit_length


def predicted_classes(logits_NC: Tensor) -> Tensor:
    """The class of largest logit (N,), of equal ones the first; in float64, a difference by rounding alone is none.

    So classes of equal weights, as those that a head trained from zeros never saw, are equal in any matrix product.
    """
    least_N1 = logits_NC.amax(dim=1, keepdim=True) - RESIDUE * logits_NC.abs().amax(dim=1, keepdim=True)
    return (logits_NC >= least_N1).byte().argmax(dim=1)


def spread_batch(embedding_ND: Tensor, is_candidate_N: Tensor, batch_size: int, rng: np.random.Generator) -> Tensor:
    """The candidates nearest to the centres of B clusters of their z / |z|, by k-means: rows (B,).

    If there are not more candidates than that, all of them, and others drawn uniformly, in an order drawn at random.
    """
    candidates = is_candidate_N.nonzero().squeeze(1)
    if len(candidates) <= batch_size:
        order_N = torch.from_numpy(rng.permutation(len(is_candidate_N))).to(is_candidate_N.device)
        is_first_N = is_candidate_N[order_N]
        return torch.cat([order_N[is_first_N], order_N[~is_first_N]])[:batch_size]
    direction_RD = unit_length(embedding_ND[candidates])
    centre_BD, _ = clustered(direction_RD, batch_size, rng)
    return candidates[torch.tensor(nearest_rows(direction_RD, centre_BD), device=candidates.device)]

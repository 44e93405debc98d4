"""CLUE: Prabhu, Chandrasekaran, Saenko and Hoffman, "Active Domain Adaptation via Clustering Uncertainty-weighted
Embeddings" (ICCV 2021).
"""

import numpy as np
import torch
from torch import Tensor

from al_bench.core.ranges import PositiveFloat
from al_bench.core.strategy import Needs, QueryContext, Strategy
from al_bench.strategies.kmeans import nearest_rows
from al_bench.strategies.maths.clustering import clustered
from al_bench.strategies.maths.distances import CHUNK
from al_bench.strategies.maths.spaces import NEEDS, Space, vectors
from al_bench.strategies.uncertainty import Entropy


class Clue(Strategy):
    """As many clusters as labels wanted, of examples that weigh what the network does not know of them; for each
    centre the nearest example.

    Args:
        temperature: that logits are divided by: the lower, the more the unsure examples outweigh the others.
        space: of the distances.
        normalise: whether rows are scaled to length 1.
    """

    family = "both"

    def __init__(self, temperature: PositiveFloat = 1.0, space: Space = "embedding", normalise: bool = False) -> None:
        self.needs = Needs.LOGITS | NEEDS[space]
        self.temperature = temperature
        self.space = space
        self.normalise = normalise

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """See `Strategy.query`."""
        vectors_ND = vectors(context.unlabelled, self.space, normalise=self.normalise)
        weights_N = relative_entropies(context.unlabelled.logits_NC, self.temperature)
        centre_BD, _ = clustered(vectors_ND, batch_size, rng, weights_N=weights_N)
        return torch.tensor(nearest_rows(vectors_ND, centre_BD), device=vectors_ND.device)


def relative_entropies(logits_NC: Tensor, temperature: float) -> Tensor:
    """Entropies of softmax(h / temperature) (N,), float64, as shares of the largest; all 1 where all are 0.

    The clusters of shares are those of entropies, but tiny ones are not lost in the float32 of a clustering.
    """
    scores = [Entropy.score(chunk_NC.double() / temperature) for chunk_NC in logits_NC.split(CHUNK)]
    entropy_N = torch.cat(scores).clamp(min=0)
    largest = entropy_N.amax()
    return torch.where(largest > 0, entropy_N / largest, 1.0)

"""Information density: Settles and Craven, "An Analysis of Active Learning Strategies for Sequence Labeling Tasks"
(EMNLP 2008), section 3.4, for a network: similarity is that of embeddings.

Shapes: N unlabelled examples, D dimensions of the embedding, C classes.
"""

import numpy as np
from torch import Tensor
from torch.nn.functional import normalize

from al_bench import Needs, QueryContext, Strategy
from al_bench.core.ranges import NonNegativeFloat


class Density(Strategy):
    """Uncertain examples that are like many others: outliers are uncertain, too, and teach little.

    Args:
        beta: the weight of density; 0: entropy alone.
    """

    needs = Needs.LOGITS | Needs.EMBEDDING

    def __init__(self, beta: NonNegativeFloat = 1.0) -> None:
        self.beta = beta

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """The largest H(p_i) s_i^beta, where s_i is the mean of (1 + cosine of i and j) / 2 over all j."""
        log_probability_NC = context.unlabelled.logits_NC.double().log_softmax(dim=1)
        entropy_N = -(log_probability_NC.exp() * log_probability_NC).sum(dim=1)
        direction_ND = normalize(context.unlabelled.embedding_ND.double(), dim=1)
        similarity_N = (1 + direction_ND @ direction_ND.mean(dim=0)) / 2  # a mean of products: N x N are not needed
        return (entropy_N * similarity_N**self.beta).argsort(descending=True, stable=True)[:batch_size]

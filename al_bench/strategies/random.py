"""Random: the baseline that every strategy has to beat."""

import numpy as np
import torch
from torch import Tensor

from al_bench.core.strategy import QueryContext, Strategy


class Random(Strategy):
    """Examples drawn uniformly, without replacement."""

    family = "diversity"

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """See `Strategy.query`."""
        return torch.from_numpy(rng.permutation(context.num_unlabelled)[:batch_size])

"""A uniform subset of the pool."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from al_bench.core.data import Dataset
from al_bench.core.ranges import PositiveInt


@dataclass(frozen=True)
class MaxPoolSize:
    """At most so many examples of the pool, drawn uniformly, in pool order; those of a smaller size are among them."""

    max_pool_size: PositiveInt

    def __call__(self, dataset: Dataset, rng: np.random.Generator) -> Dataset:
        """The data set with these in its pool."""
        kept = np.sort(rng.permutation(len(dataset.train))[: self.max_pool_size])
        return replace(dataset, train=dataset.train.take(torch.from_numpy(kept)))

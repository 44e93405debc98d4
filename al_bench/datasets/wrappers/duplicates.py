"""A pool with copies in it, as those of Repeated MNIST (Kirsch et al., "BatchBALD", 2019)."""

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge, Le

from al_bench.core.data import Dataset


@dataclass(frozen=True)
class Duplicates:
    """Exact copies of examples that are drawn uniformly stand behind the pool, which keeps its indices.

    None is copied again before all are; with a smaller share the copies are the first of these.

    Args:
        share: of copies, of the pool: 1 doubles it.
    """

    share: Annotated[float, Ge(0), Le(100)]

    def __call__(self, dataset: Dataset, rng: np.random.Generator) -> Dataset:
        """The data set with the copies in its pool."""
        size = len(dataset.train)
        copied = np.resize(rng.permutation(size), round(self.share * size))
        rows = torch.from_numpy(np.concatenate([np.arange(size), copied]))
        return replace(dataset, train=dataset.train.take(rows))

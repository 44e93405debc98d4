"""A pool with a long tail of rare classes (Cui et al., "Class-Balanced Loss", 2019)."""

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import torch
from annotated_types import Gt, Le

from al_bench.core.data import Dataset


@dataclass(frozen=True)
class LongTail:
    """Class k of C, in class order, keeps n ratio^(k / (C - 1)) examples, where n is the size of the largest.

    Rounded, at least one, and at most what there is; drawn uniformly, and in pool order. Those of a smaller ratio are
    among them.

    Args:
        ratio: of the size of the last class to that of the first, if all are equally frequent.
    """

    ratio: Annotated[float, Gt(0), Le(1)]

    def __call__(self, dataset: Dataset, rng: np.random.Generator) -> Dataset:
        """The data set with these in its pool."""
        order_N = rng.permutation(len(dataset.train))
        targets_N = dataset.train.targets.numpy()[order_N]
        largest, last = np.bincount(targets_N).max(), dataset.num_classes - 1
        kept = [
            order_N[targets_N == target][: max(1, round(largest * self.ratio ** (target / last)))]
            for target in range(dataset.num_classes)
        ]
        return replace(dataset, train=dataset.train.take(torch.from_numpy(np.sort(np.concatenate(kept)))))

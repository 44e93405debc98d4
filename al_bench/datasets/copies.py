"""Copies in a data set: how many there are, and what is done about them."""

from dataclasses import asdict, dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from al_bench.core.copies import first_equal
from al_bench.core.data import Dataset
from al_bench.core.errors import DataError

MANY = 0.005  # of the pool or of the test set

Choice = Literal["keep", "pool", "test"]
"""`keep` leaves copies where they are; `pool` keeps the first of equal examples of the pool, in its order, with its
label; `test` takes the examples that have a copy in the pool out of the test set."""


@dataclass(frozen=True)
class Found:
    """Counts of examples.

    Args:
        pool: of the pool that are copies of one before them.
        test: of the test set that have a copy in the pool.
        conflicts: of the pool that have a copy in the pool with another label.
    """

    pool: int = 0
    test: int = 0
    conflicts: int = 0

    def as_dict(self) -> dict[str, int]:
        """For environment.json."""
        return asdict(self)


@dataclass(frozen=True)
class Copies:
    """For each example of the pool and of the test set the first in the pool with equal inputs; -1 without one."""

    pool_N: NDArray[np.int64]
    test_M: NDArray[np.int64]
    targets_N: NDArray[np.int64]
    test_targets_M: NDArray[np.int64]

    @classmethod
    def of(cls, dataset: Dataset) -> "Copies":
        """Found by inputs alone."""
        train, test = dataset.train, dataset.test
        first = first_equal(torch.cat([train.inputs, test.inputs]))
        of_test = first[len(train) :]
        return cls(
            first[: len(train)],
            np.where(of_test < len(train), of_test, -1),
            train.targets.numpy(),
            test.targets.numpy(),
        )

    def found(self) -> Found:
        """Their numbers."""
        is_copy_N = self.pool_N != np.arange(len(self.pool_N))
        differing = self.pool_N[self.targets_N != self.targets_N[self.pool_N]]
        return Found(
            pool=int(is_copy_N.sum()),
            test=int((self.test_M >= 0).sum()),
            conflicts=int(np.isin(self.pool_N, differing).sum()),
        )

    def best_accuracy(self) -> float:
        """What a classifier can have at most on the pool, where equal inputs have several labels."""
        num_classes = int(self.targets_N.max()) + 1
        kinds, counts = np.unique(self.pool_N * num_classes + self.targets_N, return_counts=True)
        most = np.zeros(len(self.pool_N), dtype=np.int64)
        np.maximum.at(most, kinds // num_classes, counts)
        return float(most.sum()) / len(self.pool_N)

    def warning(self) -> str | None:
        """One sentence on copies above half a percent, and on any of other labels; None without."""
        found, of_test = self.found(), self.test_M >= 0
        others = int((self.test_targets_M[of_test] != self.targets_N[self.test_M[of_test]]).sum())
        num_pool, num_test = len(self.pool_N), len(self.test_M)
        if found.pool <= MANY * num_pool and found.test <= MANY * num_test and not found.conflicts and not others:
            return None
        return (
            f"{_share(found.pool, num_pool)} examples of the pool are copies of others, and "
            f"{_share(found.test, num_test)} of the test set have a copy in the pool; {found.conflicts:,} of the pool "
            f"and {others:,} of the test set have one with another label: dataset.copies=test takes those with a copy "
            "in the pool out of the test set, dataset.copies=pool keeps the first of equal ones in the pool"
        )


def _share(number: int, total: int) -> str:
    return f"{number:,} of {total:,} ({100 * number / total:.2g} %)"


def without_copies(dataset: Dataset, copies: Copies, choice: Choice) -> Dataset:
    """What the choice leaves; DataError if that is no test set any more."""
    if choice == "pool":
        return replace(dataset, train=dataset.train.take(_where(copies.pool_N == np.arange(len(copies.pool_N)))))
    if choice == "test":
        left = _where(copies.test_M < 0)
        if not len(left):
            raise DataError("dataset.copies=test: every example of the test set has a copy in the pool; none is left")
        return replace(dataset, test=dataset.test.take(left))
    return dataset


def _where(is_chosen: NDArray[np.bool_]) -> Tensor:
    return torch.from_numpy(np.flatnonzero(is_chosen))

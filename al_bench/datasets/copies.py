"""Copies in a data set: how many there are, and what is done about them."""

import unicodedata
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from al_bench.core.copies import first_equal
from al_bench.core.data import Dataset, Texts
from al_bench.core.errors import DataError

MANY = 0.005  # of the pool or of the test set

Choice = Literal["keep", "pool", "test"]
"""`keep` leaves copies where they are; `pool` keeps the first of equal examples of the pool, in its order, with its
label; `test` takes the examples that have a copy in the pool out of the test set."""


@dataclass(frozen=True)
class Found:
    """How many copies were found in pool and test set.

    Args:
        pool: of the pool that are copies of one before them.
        test: of the test set that have a copy in the pool.
        conflicts: of the pool that have a copy in the pool with another label.
        by_letters: the same of texts by their letters and digits alone (see `by_letters`); None for numbers.
    """

    pool: int = 0
    test: int = 0
    conflicts: int = 0
    by_letters: "Found | None" = None

    def as_dict(self) -> dict[str, int]:
        """The counts as environment.json has them, those by letters under names of their own."""
        counts = {key: value for key, value in asdict(self).items() if key != "by_letters"}
        alike = {} if self.by_letters is None else self.by_letters.as_dict()
        return counts | {f"{key}_by_letters": value for key, value in alike.items()}


@dataclass(frozen=True)
class Copies:
    """For each example of the pool and of the test set the first in the pool with equal inputs; -1 without one."""

    pool_N: NDArray[np.int64]
    test_M: NDArray[np.int64]
    targets_N: NDArray[np.int64]
    test_targets_M: NDArray[np.int64]

    @classmethod
    def of(cls, dataset: Dataset[Any]) -> "Copies":
        """The copies of a data set, found by inputs alone."""
        train, test = dataset.train, dataset.test
        is_text = isinstance(train.inputs, tuple)
        first = first_equal(train.inputs + test.inputs if is_text else torch.cat([train.inputs, test.inputs]))
        of_test = first[len(train) :]
        return cls(
            first[: len(train)],
            np.where(of_test < len(train), of_test, -1),
            train.targets.numpy(),
            test.targets.numpy(),
        )

    def found(self) -> Found:
        """How many there are in the pool, in the test set, and with another label."""
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

    def told(self) -> str | None:
        """Half a sentence on copies above half a percent, and on any of other labels; None without."""
        found, of_test = self.found(), self.test_M >= 0
        others = int((self.test_targets_M[of_test] != self.targets_N[self.test_M[of_test]]).sum())
        num_pool, num_test = len(self.pool_N), len(self.test_M)
        if found.pool <= MANY * num_pool and found.test <= MANY * num_test and not found.conflicts and not others:
            return None
        return (
            f"{_share(found.pool, num_pool)} examples of the pool are copies of others, and "
            f"{_share(found.test, num_test)} of the test set have a copy in the pool; {found.conflicts:,} of the pool "
            f"and {others:,} of the test set have one with another label"
        )

    def warning(self) -> str | None:
        """What is told, and what can be done about it; None without."""
        told = self.told()
        return told and (
            f"{told}: dataset.copies=test takes those with a copy in the pool out of the test set, dataset.copies=pool "
            "keeps the first of equal ones in the pool"
        )


def by_letters(dataset: Dataset[Texts]) -> Dataset[Texts]:
    """The texts with their letters and digits alone, in lower case; one without any stays as it is."""
    train, test = (replace(each, inputs=tuple(map(_letters, each.inputs))) for each in (dataset.train, dataset.test))
    return replace(dataset, train=train, test=test)


def _letters(text: str) -> str:
    """Marks stay with the letters that they are written on: without them, words of many scripts are other words."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(each for each in folded if unicodedata.category(each)[0] in "LMN") or text


def _share(number: int, total: int) -> str:
    percent = 100 * number / total
    return f"{number:,} of {total:,} ({percent:.{2 if percent < 99.5 else 3}g} %)"


def without_copies(dataset: Dataset[Any], copies: Copies, choice: Choice) -> Dataset[Any]:
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

"""Labels of the pool that are wrong, in the way of an annotator who errs by class alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge, Le
from numpy.typing import NDArray
from pydantic import AfterValidator

from al_bench.core.data import Dataset
from al_bench.core.errors import DataError

ROUNDING = 1e-6  # that the sum of a row may be off 1

Share = Annotated[float, Ge(0), Le(1)]


def _stochastic(rows: list[list[float]]) -> list[list[float]]:
    for number, row in enumerate(rows):
        if len(row) != len(rows):
            raise ValueError(f"row {number} has {len(row)} of {len(rows)} columns; a row and a column for each class")
        if abs(sum(row) - 1) > ROUNDING:
            raise ValueError(f"row {number} sums to {sum(row):g}; the labels that a class is given sum to 1")
    return rows


@dataclass(frozen=True)
class LabelNoise:
    """Each example of the pool is given a label by its class alone, independently of all others, its copies included.

    An example that is given a wrong label at one rate is given one at any higher rate, too.

    Args:
        rate: share of labels that are wrong; each other class is then as likely.
        matrix: (C, C) in place of a rate: row k holds the probabilities of the labels that class k is given.
    """

    rate: Share | None = None
    matrix: Annotated[list[list[Share]], AfterValidator(_stochastic)] | None = None

    def __post_init__(self) -> None:
        if self.rate is not None and self.matrix is not None:
            raise ValueError("it has a rate and a matrix; leave one of them out")

    def __call__(self, dataset: Dataset, rng: np.random.Generator) -> Dataset:
        """The data set with the labels that are given in its pool."""
        given_N = given(dataset.train.targets.numpy(), self._matrix(dataset.num_classes), rng)
        return replace(dataset, train=replace(dataset.train, targets=torch.from_numpy(given_N)))

    def _matrix(self, num_classes: int) -> Sequence[Sequence[float]] | NDArray[np.float64]:
        if self.matrix is None:
            rate = self.rate or 0.0
            return np.where(np.eye(num_classes, dtype=bool), 1 - rate, rate / (num_classes - 1))
        if len(self.matrix) != num_classes:
            raise DataError(f"it has {len(self.matrix)} rows, and the data set {num_classes} classes")
        return self.matrix


def given(
    targets_N: NDArray[np.int64], matrix_CC: Sequence[Sequence[float]] | NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """A label (N,) for each target, drawn from its row."""
    uniform_N, given_N = rng.random(len(targets_N)), targets_N.copy()
    for target, row_C in enumerate(matrix_CC):
        is_of_class = targets_N == target
        shares_C = np.roll(row_C, -target).cumsum()  # the own class first, so that higher rates add to the wrong ones
        steps = np.searchsorted(shares_C / shares_C[-1], uniform_N[is_of_class], side="right")
        given_N[is_of_class] = (target + steps) % len(row_C)
    return given_N

"""Drawing a training pool and a test set, and giving classes their numbers."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from al_bench.errors import DataError
from al_bench.interfaces import Dataset, Examples

MAX_TRIES = 1000


def shuffled_split(
    num_examples: int, test_fraction: float, rng: np.random.Generator, max_pool_size: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Shuffle; the last `test_fraction` are the test set, the first, at most `max_pool_size`, the training pool."""
    order = rng.permutation(num_examples)
    num_train = num_examples - int(num_examples * test_fraction)
    return order[:num_train][:max_pool_size], order[num_train:]


def split_with_every_class(
    targets: NDArray[np.int64], draw: Callable[[], tuple[NDArray[np.int64], NDArray[np.int64]]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw a split again until every class is in the training pool, as Ash et al. (2020) do.

    Raises:
        DataError: if a thousand draws do not find one.
    """
    num_classes = len(np.unique(targets))
    for _ in range(MAX_TRIES):
        train, test = draw()
        if len(np.unique(targets[train])) == num_classes:
            return train, test
    raise DataError(
        f"no training pool with all {num_classes} classes in {MAX_TRIES} draws: the rarest class is too rare; drop it"
    )


def examples(inputs: NDArray[np.generic], targets: NDArray[np.int64]) -> Examples:
    """Examples on the CPU; uint8 inputs stay, others become float32."""
    dtype = np.uint8 if inputs.dtype == np.uint8 else np.float32
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, which the checks find
        contiguous = np.ascontiguousarray(inputs, dtype=dtype)
    return Examples(torch.from_numpy(contiguous), torch.from_numpy(targets.astype(np.int64)))


def drawn_dataset(
    inputs: NDArray[np.generic],
    targets: NDArray[np.int64],
    test_fraction: float,
    rng: np.random.Generator,
    max_pool_size: int | None = None,
) -> Dataset:
    """A data set that comes in one piece, split at random; targets are 0 .. C-1."""
    train, test = split_with_every_class(
        targets, lambda: shuffled_split(len(targets), test_fraction, rng, max_pool_size)
    )
    return Dataset(
        train=examples(inputs[train], targets[train]),
        test=examples(inputs[test], targets[test]),
        num_classes=int(targets.max()) + 1,
    )

"""Drawing a training pool and a test set, and giving classes their numbers."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from al_bench.core.data import Dataset, Examples
from al_bench.core.errors import DataError

MAX_TRIES = 1000


class TooRareError(DataError):
    """A class is too rare for a training pool with every class to be drawn."""


def drawn_split(
    targets: NDArray[np.int64], test_fraction: float, rng: np.random.Generator, max_pool_size: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of the training pool and of the test set, as Ash et al. (2020) draw them.

    The examples are shuffled; the last `test_fraction` are the test set, the first, at most `max_pool_size`, the pool.
    The pool is drawn again from what is not tested until every class is in it, and the test set too if no pool could
    have them all.

    Raises:
        TooRareError: if a thousand draws do not find one.
    """
    num_classes = len(np.unique(targets))
    num_not_tested = int((1 - test_fraction) * len(targets))
    order = rng.permutation(len(targets))
    for _ in range(MAX_TRIES):
        rest, test = order[:num_not_tested], order[num_not_tested:]
        if len(np.unique(targets[rest[:max_pool_size]])) == num_classes:
            return rest[:max_pool_size], test
        is_possible = len(np.unique(targets[rest])) == num_classes
        order = np.concatenate([rng.permutation(rest), test]) if is_possible else rng.permutation(len(targets))
    counts = np.bincount(targets)
    raise TooRareError(
        f"no training pool with all {num_classes} classes in {MAX_TRIES} draws: the rarest class is too rare, with "
        f"{counts[counts > 0].min()} of {len(targets):,} examples; drop such classes"
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
    *,
    modalities: Mapping[str, int] | None = None,
    scale: bool = False,
) -> Dataset:
    """A data set that comes in one piece, split at random, `standardised` to `scale` it; targets are 0 .. C-1."""
    train, test = drawn_split(targets, test_fraction, rng, max_pool_size)
    train_inputs, test_inputs = inputs[train], inputs[test]
    if scale:
        train_inputs, test_inputs = standardised(train_inputs, test_inputs)
    return Dataset(
        train=examples(train_inputs, targets[train]),
        test=examples(test_inputs, targets[test]),
        num_classes=int(targets.max()) + 1,
        modalities=modalities or {},
    )


def standardised(
    train: NDArray[np.generic], test: NDArray[np.generic]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Every column with mean 0 and variance 1 over the training pool; a constant one is 0 there.

    Before they become float32, in which the seconds of a day cannot be told apart where they count from 1970.
    """
    train_ND, test_ND = (torch.from_numpy(np.ascontiguousarray(as_floats(inputs))) for inputs in (train, test))
    std_D, mean_D = torch.std_mean(train_ND, dim=0, correction=0)
    std_D = torch.where(std_D > 0, std_D, 1.0)
    return ((train_ND - mean_D) / std_D).numpy(), ((test_ND - mean_D) / std_D).numpy()


def as_floats(inputs: NDArray[np.generic]) -> NDArray[np.floating]:
    """float32 if that holds all values of the type, else float64."""
    return inputs.astype(
        np.float32 if np.result_type(inputs.dtype, np.float32) == np.float32 else np.float64, copy=False
    )

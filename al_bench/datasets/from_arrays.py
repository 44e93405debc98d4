"""Data sets from arrays."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from al_bench.core.data import Dataset, Examples
from al_bench.datasets.split import drawn_split


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
    """A data set that comes in one piece, split at random into a pool and a test set.

    Args:
        inputs: (N, ...), of any type of numbers; the network gets float32, or bytes as they are.
        targets: (N,), classes 0 .. C-1; C is the largest of them and one.
        test_fraction: share of the N examples that is the test set.
        rng: draws which.
        max_pool_size: the pool is cut to so many examples, drawn too; None to leave it whole.
        modalities: name -> number of columns, side by side in `inputs` (N, D); None if there is one.
        scale: to have every column `standardised`.

    Raises:
        TooRareError: if no pool with all classes can be drawn (`drawn_split`).
    """
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

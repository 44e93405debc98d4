"""Digits: 1,797 images of 8x8 pixels in ten classes, shipped with scikit-learn (UCI, Alpaydin and Kaynak, 1998)."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from al_bench.core.data import Dataset
from al_bench.core.ranges import Fraction
from al_bench.datasets.from_arrays import examples


def digits(rng: np.random.Generator, test_fraction: Fraction = 0.2) -> Dataset:
    """Inputs (N, 64): grey values of 0 .. 16, less their mean over the pool, divided by 8.

    The test set is drawn from the seed with every class in proportion, as it is small.

    Args:
        rng: draws the split.
        test_fraction: share of the test set.
    """
    inputs, targets = load_digits(return_X_y=True)
    train, test = train_test_split(
        np.arange(len(targets)), test_size=test_fraction, stratify=targets, random_state=int(rng.integers(2**32))
    )
    centred = (inputs - inputs[train].mean(axis=0)) / 8
    return Dataset(examples(centred[train], targets[train]), examples(centred[test], targets[test]), num_classes=10)

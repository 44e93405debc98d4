"""Arrays: a user's own data in one `.npz` file."""

import numpy as np

from al_bench.datasets.npz import read_stored
from al_bench.datasets.split import drawn_dataset, examples
from al_bench.errors import DataError
from al_bench.interfaces import Dataset
from al_bench.ranges import Fraction

LAYOUT = (
    "`inputs` (N, ...) and `targets` (N,), with `test_inputs` and `test_targets` if the test set is not to be drawn"
)


def arrays(path: str, rng: np.random.Generator, test_fraction: Fraction = 0.2) -> Dataset:
    """The arrays `inputs` (N, ...) and `targets` (N,), and, if the test set is fixed, `test_inputs`, `test_targets`.

    Inputs are numbers; uint8 stays uint8 and is scaled to 0 .. 1 in training. Targets are integers or strings; the
    classes are their sorted distinct values.
    """
    stored = read_stored(path, LAYOUT)
    if list(stored.train.inputs) != ["inputs"]:
        raise DataError(
            f"dataset.path={path} has inputs of the names {sorted(stored.train.inputs)}; it needs {LAYOUT}; "
            "for more than one kind of inputs say dataset=modalities"
        )
    train, test = stored.train, stored.test
    if test is None:
        return drawn_dataset(train.inputs["inputs"], train.targets, test_fraction, rng)
    return Dataset(
        train=examples(train.inputs["inputs"], train.targets),
        test=examples(test.inputs["inputs"], test.targets),
        num_classes=stored.num_classes,
    )

"""Arrays: a user's own data in one `.npz` file."""

import numpy as np

from al_bench.core.data import Dataset
from al_bench.core.errors import DataError
from al_bench.core.ranges import Fraction
from al_bench.datasets.formats.npz import Name, read_stored
from al_bench.datasets.from_arrays import drawn_dataset, examples, standardised
from al_bench.datasets.scales import warn_of_lost_values, warn_of_scales

LAYOUT = (
    "`inputs` (N, ...) and `targets` (N,), with `test_inputs` and `test_targets` if the test set is not to be drawn"
)


def arrays(
    path: str,
    rng: np.random.Generator,
    test_fraction: Fraction = 0.2,
    scale: bool = False,
    name: Name | None = None,  # noqa: ARG001
) -> Dataset:
    """The arrays `inputs` (N, ...) and `targets` (N,), and, if the test set is fixed, `test_inputs`, `test_targets`.

    Inputs are numbers; uint8 stays uint8 and is scaled to 0 .. 1 in training, unless `scale`. Targets are integers,
    booleans or strings; the classes are their sorted distinct values.

    Args:
        path: of the file.
        rng: draws the split, unless the file has a test set.
        test_fraction: share of a test set that is drawn.
        scale: standardise every input over the training pool.
        name: what the run is called after, instead of the path (see `al_bench.records.identity`).
    """
    stored = read_stored(path, LAYOUT)
    if list(stored.train.inputs) != ["inputs"]:
        raise DataError(
            f"dataset.path={path} has inputs of the names {sorted(stored.train.inputs)}; it needs {LAYOUT}; "
            "for more than one kind of inputs say dataset=modalities"
        )
    train, test = stored.train, stored.test
    inputs = train.inputs["inputs"]
    if not scale:
        warn_of_lost_values(f"dataset.path={path}", inputs)
        warn_of_scales(f"dataset.path={path}", inputs)
    if test is None:
        return drawn_dataset(inputs, train.targets, test_fraction, rng, scale=scale)
    test_inputs = test.inputs["inputs"]
    if scale:
        inputs, test_inputs = standardised(inputs, test_inputs)
    return Dataset(
        train=examples(inputs, train.targets),
        test=examples(test_inputs, test.targets),
        num_classes=stored.num_classes,
    )

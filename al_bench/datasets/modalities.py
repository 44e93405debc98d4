"""Modalities: a user's own multi-modal data in one `.npz` file."""

from collections.abc import Mapping
from typing import Annotated

import numpy as np
from annotated_types import Len
from numpy.typing import NDArray
from pydantic import AfterValidator

from al_bench.core.data import Dataset
from al_bench.core.errors import DataError, nearest
from al_bench.core.ranges import Fraction
from al_bench.datasets.formats.npz import Name, input_names, read_stored
from al_bench.datasets.from_arrays import as_floats, drawn_dataset, examples, standardised
from al_bench.datasets.scales import warn_of_lost_values

LAYOUT = (
    "`targets` (N,) and for each modality an array (N, ...) under its name, with `test_targets` and `test_<name>` for "
    "each if the test set is not to be drawn (so no modality's name begins with test_)"
)


def distinct(names: list[str]) -> list[str]:
    """The names; ValueError if one stands there twice."""
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{', '.join(repeated)} is named more than once")
    return names


Names = Annotated[list[str], Len(1), AfterValidator(distinct)]


def modalities(
    path: str,
    rng: np.random.Generator,
    modalities: Names | None = None,
    scale: bool = True,
    test_fraction: Fraction = 0.2,
    name: Name | None = None,  # noqa: ARG001
) -> Dataset:
    """Inputs (N, D): of each example the modalities side by side, each of them flattened.

    Args:
        path: of the file: `targets` (N,), integers, booleans or strings, and for each modality an array (N, ...) of
            numbers.
        rng: draws the split, the same for any choice of modalities, unless the file has a test set.
        modalities: which, in the order of their columns; None for all, in the order of the file. No others are read.
        scale: standardise every column over the training pool.
        test_fraction: share of a test set that is drawn.
        name: what the run is called after, instead of the path (see `al_bench.records.identity`).

    Raises:
        DataError: if the file is not as it should be, or has no modality of such a name.
    """
    available = input_names(path, LAYOUT)
    for modality in modalities or ():
        if modality not in available:
            raise DataError(f"dataset.modalities: {path} has no modality {modality!r}; {nearest(modality, available)}")
    names = modalities or available
    stored = read_stored(path, LAYOUT, modalities)
    if not scale:
        for each in names:
            warn_of_lost_values(f"dataset.path={path}, {each}", stored.train.inputs[each])
    inputs, columns = side_by_side({each: stored.train.inputs[each] for each in names})
    if stored.test is None:
        return drawn_dataset(inputs, stored.train.targets, test_fraction, rng, modalities=columns, scale=scale)
    test_inputs, _ = side_by_side({each: stored.test.inputs[each] for each in names})
    if scale:
        inputs, test_inputs = standardised(inputs, test_inputs)
    return Dataset(
        train=examples(inputs, stored.train.targets),
        test=examples(test_inputs, stored.test.targets),
        num_classes=stored.num_classes,
        modalities=columns,
    )


def side_by_side(inputs: Mapping[str, NDArray[np.generic]]) -> tuple[NDArray[np.floating], dict[str, int]]:
    """Inputs (N, ...) by modality -> (N, D) and the number of columns of each; uint8 is scaled to 0 .. 1."""
    parts = {name: as_floats(array.reshape(len(array), -1)) for name, array in inputs.items()}
    for name, array in inputs.items():
        if array.dtype == np.uint8:
            parts[name] /= 255
    return np.concatenate(list(parts.values()), axis=1), {name: part.shape[1] for name, part in parts.items()}

"""A user's own `.npz` file: arrays of inputs, targets, and perhaps a test set."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import numpy as np
from annotated_types import Len
from numpy.typing import NDArray

from al_bench.core.errors import DataError
from al_bench.datasets.formats.own_files import expanded
from al_bench.files.npz import UNREADABLE, npz_names, read_npz

TEST = "test_"
TARGETS = ("targets", "test_targets")

Name = Annotated[str, Len(1)]
"""What a run on a file is called after, instead of the file's path; see `al_bench.records.identity`."""
Arrays = Mapping[str, NDArray[np.generic]]
Found = TypeVar("Found")


@dataclass(frozen=True)
class Part:
    """Inputs (N, ...), of one kind or more, by name, and targets (N,) in 0 .. C-1."""

    inputs: Arrays
    targets: NDArray[np.int64]


@dataclass(frozen=True)
class Stored:
    """What a file holds: the test set is None if it is to be drawn."""

    train: Part
    test: Part | None
    num_classes: int


def input_names(path: str, layout: str) -> list[str]:
    """The names of the inputs in the file at `path`; DataError unless it is an `.npz` file."""
    return _input_names(_read(path, layout, npz_names))


def read_stored(path: str, layout: str, chosen: Sequence[str] | None = None) -> Stored:
    """The file at `path`; DataError, which says that it needs `layout`, unless it is as it should be.

    Targets are integers, booleans or strings; the classes are their sorted distinct values. Of the inputs only those
    `chosen` are read; None for all.
    """
    available = _read(path, layout, npz_names)
    names = list(chosen or _input_names(available))
    keys = [*names, "targets"]
    has_test = any(key.startswith(TEST) for key in available)
    expected = {*keys, *(TEST + key for key in keys if has_test)}
    is_whole = expected <= set(available) if chosen else expected == set(available)
    if not names or not is_whole:
        raise DataError(f"dataset.path={path} has the arrays {sorted(available)}; it needs {layout}")
    stored: Arrays = _read(path, layout, partial(read_npz, names=expected))
    _check(path, stored)
    values = {key: np.unique(stored[key], return_inverse=True) for key in TARGETS if key in stored}
    # as Python's numbers: numpy compares uint64 and int64 as floats, in which large ones are equal
    distinct = sorted({value for some, _ in values.values() for value in some.tolist()})
    class_of = {value: position for position, value in enumerate(distinct)}
    targets = {
        key: np.array([class_of[value] for value in some.tolist()], dtype=np.int64)[inverse]
        for key, (some, inverse) in values.items()
    }
    train, test = (
        Part({name: stored[prefix + name] for name in names}, targets[prefix + "targets"])
        if prefix + "targets" in targets
        else None
        for prefix in ("", TEST)
    )
    assert train is not None
    if test is not None:
        _check_test(path, stored)
    return Stored(train, test, len(class_of))


def _input_names(names: Iterable[str]) -> list[str]:
    return [name for name in names if not name.startswith(TEST) and name != "targets"]


def _read(path: str, layout: str, read: Callable[[Path], Found]) -> Found:
    file = expanded(path)
    try:
        return read(file)
    except FileNotFoundError:
        raise DataError(f"dataset.path={path}: no such file (looked for {file.absolute()})") from None
    except UNREADABLE as error:
        raise DataError(
            f"dataset.path={path}: not a readable .npz file ({error}); write it with numpy.savez, with {layout}, and "
            "no Python objects (`.astype(str)` makes text of them)"
        ) from error


def _check(path: str, stored: Arrays) -> None:
    for key, array in stored.items():
        is_target = key in TARGETS
        right_kind = array.dtype.kind in ("iubUS" if is_target else "fiub")
        right_shape = array.ndim == 1 if is_target else array.ndim >= 2
        if not right_kind or not right_shape or array.size == 0:
            needed = (
                "integers, booleans or strings, shape (N,), one class of each example: neither regression nor several "
                "classes at once are supported"
                if is_target
                else "numbers, shape (N, ...), (N, 1) for one column"
            )
            raise DataError(f"dataset.path={path}: {key} is {array.dtype} of shape {array.shape}; it must be {needed}")
        if array.dtype.kind == "f":
            _check_finite(path, key, array)
    kinds = [stored[key].dtype for key in TARGETS if key in stored]
    if len({kind.kind if kind.kind in "US" else "integers" for kind in kinds}) > 1:
        raise DataError(
            f"dataset.path={path}: targets and test_targets are {' and '.join(map(str, kinds))}; they must both be "
            "integers or both be strings of one kind (`.astype(str)` makes them so)"
        )
    for key, array in stored.items():
        targets = TEST * key.startswith(TEST) + "targets"
        if len(array) != len(stored[targets]):
            raise DataError(
                f"dataset.path={path}: {key} has {len(array)} rows but {targets} has {len(stored[targets])}; row r of "
                "each must be of the same example"
            )


def _check_finite(path: str, key: str, array: NDArray[np.generic]) -> None:
    """In float32, as which they are trained on."""
    with np.errstate(over="ignore"):
        is_finite_N = np.isfinite(array.astype(np.float32)).reshape(len(array), -1).all(axis=1)
    rows = np.flatnonzero(~is_finite_N)
    if len(rows):
        raise DataError(
            f"dataset.path={path}: {key} has missing or infinite values in {len(rows)} of {len(array)} rows (the "
            f"first: row {rows[0]}); fill in or drop them"
        )


def _check_test(path: str, stored: Arrays) -> None:
    missing = sorted({*np.unique(stored["test_targets"]).tolist()} - {*np.unique(stored["targets"]).tolist()})
    if missing:
        listed = ", ".join(map(str, missing))
        raise DataError(f"dataset.path={path}: no example of class {listed} is in `targets`, the training pool")
    for key, array in stored.items():
        if key in TARGETS or key.startswith(TEST):
            continue
        if (array.dtype == np.uint8) != (stored[TEST + key].dtype == np.uint8):
            raise DataError(
                f"dataset.path={path}: {key} is {array.dtype}, {TEST}{key} {stored[TEST + key].dtype}; uint8 is scaled "
                "to 0 .. 1, so both must be uint8, or neither"
            )
        shape, test_shape = array.shape[1:], stored[TEST + key].shape[1:]
        if shape != test_shape:
            raise DataError(
                f"dataset.path={path}: an example of {key} has shape {shape}, one of {TEST}{key} {test_shape}; they "
                "must be the same"
            )

"""Arrays: a user's own data in one `.npz` file."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from al_bench.datasets.files import UNREADABLE, read_npz
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
    stored = _read(Path(path))
    classes = np.unique(np.concatenate([stored[key] for key in ("targets", "test_targets") if key in stored]))
    targets = np.searchsorted(classes, stored["targets"])
    if "test_inputs" not in stored:
        return drawn_dataset(stored["inputs"], targets, test_fraction, rng)
    missing = np.setdiff1d(stored["test_targets"], stored["targets"])
    if len(missing):
        listed = ", ".join(map(str, missing))
        raise DataError(f"dataset.path={path}: no example of class {listed} is in `targets`, the training pool")
    test_targets = np.searchsorted(classes, stored["test_targets"])
    return Dataset(
        train=examples(stored["inputs"], targets),
        test=examples(stored["test_inputs"], test_targets),
        num_classes=len(classes),
    )


def _read(path: Path) -> dict[str, NDArray[np.generic]]:
    try:
        stored = read_npz(path)
    except FileNotFoundError:
        raise DataError(f"dataset.path={path}: no such file (looked for {path.absolute()})") from None
    except UNREADABLE as error:
        raise DataError(
            f"dataset.path={path}: not a readable .npz file ({error}); write it with numpy.savez, with {LAYOUT}"
        ) from error
    _check(path, stored)
    return stored


def _check(path: Path, stored: dict[str, NDArray[np.generic]]) -> None:
    known = {"inputs", "targets", "test_inputs", "test_targets"}
    required = {"inputs", "targets"} if not known & stored.keys() - {"inputs", "targets"} else known
    if required - stored.keys() or stored.keys() - known:
        raise DataError(f"dataset.path={path} has the arrays {sorted(stored)}; it needs {LAYOUT}")
    for key, array in stored.items():
        is_target = key.endswith("targets")
        right_kind = array.dtype.kind in ("iuUS" if is_target else "fiub")
        right_shape = array.ndim == 1 if is_target else array.ndim >= 2
        if not right_kind or not right_shape or len(array) == 0:
            needed = "integers or strings, shape (N,)" if is_target else "numbers, shape (N, ...)"
            raise DataError(f"dataset.path={path}: {key} is {array.dtype} of shape {array.shape}; it must be {needed}")
    kinds = {"text" if stored[key].dtype.kind in "US" else "numbers" for key in stored if key.endswith("targets")}
    if len(kinds) > 1:
        raise DataError(f"dataset.path={path}: targets and test_targets must both be integers or both be strings")
    for prefix in ("", "test_"):
        lengths = [len(stored[key]) for key in (f"{prefix}inputs", f"{prefix}targets") if key in stored]
        if len(set(lengths)) > 1:
            raise DataError(f"dataset.path={path}: {lengths[0]} {prefix}inputs but {lengths[1]} {prefix}targets")

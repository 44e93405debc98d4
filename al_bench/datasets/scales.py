"""Inputs that training cannot use as they are: what is lost in float32, and scales that are far apart."""

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MAX_VALUES = 4_000_000  # looked at for what float32 cannot tell apart
MAX_ROWS = 10_000  # among fewer no two values of a random number fall together by chance, or next to none
MAX_LOST = 0.01  # of the distinct values of a column
MAX_RATIO = 100

log = logging.getLogger(__name__)


def warn_of_lost_values(place: str, inputs: NDArray[np.generic], names: Sequence[str] | None = None) -> None:
    """Warn of columns of inputs (N, ...) with values that are different, but not in float32, as which they are used.

    As of large numbers with small differences, like seconds since 1970.

    Args:
        place: where they are from, for the message.
        inputs: as they were given; of many rows the first are looked at.
        names: of the columns; None for numbers.
    """
    flat_ND = inputs.reshape(len(inputs), -1)
    if np.result_type(inputs.dtype, np.float32) == np.float32 or not flat_ND.size:
        return
    num_columns = flat_ND.shape[1]
    some_ND = flat_ND[: min(MAX_ROWS, max(1000, MAX_VALUES // num_columns))]
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, which the checks find
        before, after = _num_distinct(some_ND), _num_distinct(some_ND.astype(np.float32))
    lost = np.flatnonzero(before - after > MAX_LOST * before)
    if len(lost):
        worst = int(lost[np.argmin(after[lost] / before[lost])])
        more = f", and {len(lost) - 1} more columns have such values" if len(lost) > 1 else ""
        log.warning(
            "%s: the %d different values of column %s are %d in float32, as which models are trained%s; "
            "dataset.scale=true makes them small before that",
            *(place, before[worst], _named(worst, inputs.shape[1:], names), after[worst], more),
        )


def warn_of_scales(place: str, inputs: NDArray[np.generic]) -> None:
    """Warn if columns of inputs (N, D) differ in their largest values by more than a hundred times."""
    if inputs.ndim != 2 or inputs.dtype == np.uint8:
        return
    largest_D = np.maximum(np.abs(inputs.max(axis=0).astype(np.float64)), np.abs(inputs.min(axis=0).astype(np.float64)))
    (used,) = np.nonzero(largest_D)
    if not len(used):
        return
    low, high = used[np.argmin(largest_D[used])], used[np.argmax(largest_D[used])]
    if largest_D[high] > MAX_RATIO * largest_D[low]:
        log.warning(
            "%s: inputs differ in scale, from %.3g at most in column %d to %.3g in column %d, and those of the largest "
            "decide almost alone; dataset.scale=true gives all mean 0 and variance 1",
            *(place, largest_D[low], low, largest_D[high], high),
        )


def _num_distinct(values_ND: NDArray[np.generic]) -> NDArray[np.int64]:
    """Of each column (D,)."""
    ordered = np.sort(values_ND, axis=0)
    num_steps: NDArray[np.int64] = np.count_nonzero(ordered[1:] != ordered[:-1], axis=0)
    return num_steps + 1


def _named(column: int, shape: tuple[int, ...], names: Sequence[str] | None) -> str:
    if names is not None:
        return repr(names[column])
    return str(column) if len(shape) == 1 else str(tuple(map(int, np.unravel_index(column, shape))))

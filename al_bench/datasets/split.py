"""Drawing a training pool and a test set."""

import numpy as np
from numpy.typing import NDArray

from al_bench.core.errors import DataError
from al_bench.moved import old_names

MAX_TRIES = 1000
MANY_CLASSES = 20
__getattr__ = old_names(__name__)


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
    if num_classes > max(MANY_CLASSES, len(targets) / 2):
        raise TooRareError(
            f"{num_classes:,} different values in {len(targets):,} rows; to predict numbers would be regression, which "
            "al_bench does not do; drop what is too rare"
        )
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

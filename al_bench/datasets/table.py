"""Table: a user's own numbers and categories, in one file with a column of classes."""

from collections.abc import Sequence

import numpy as np

from al_bench.core.data import Dataset
from al_bench.core.errors import DataError
from al_bench.core.ranges import Fraction
from al_bench.datasets.formats.columns import classes_of, numbers_of
from al_bench.datasets.formats.npz import Name
from al_bench.datasets.formats.tables import Table, read_table
from al_bench.datasets.from_arrays import drawn_dataset, examples, standardised
from al_bench.datasets.scales import warn_of_lost_values, warn_of_scales
from al_bench.datasets.split import TooRareError


def table(
    path: str,
    target: str,
    rng: np.random.Generator,
    test_path: str | None = None,
    test_fraction: Fraction = 0.2,
    scale: bool = False,
    name: Name | None = None,  # noqa: ARG001
) -> Dataset:
    """Inputs (N, D): all columns but the target, in the order of the file; the classes are its distinct values, sorted.

    A column whose values are all numbers is one; of any other each text is a category, and its rank (by the alphabet)
    the number, as for the nominal columns of OpenML.

    Args:
        path: of the file, in UTF-8, comma-separated, tab-separated if it is a `.tsv`, or `.parquet`, with a first line
            of column names.
        target: the column to predict.
        rng: draws the split, unless there is a test_path.
        test_path: of a file with the test set, with the same columns.
        test_fraction: share of a test set that is drawn.
        scale: standardise every input over the training pool.
        name: what the run is called after, instead of the path (see `al_bench.records.identity`).

    Raises:
        DataError: if a file is not as it should be, has no column of such a name, or lacks a value.
    """
    tables = [read_table("dataset.path", path)]
    if test_path is not None:
        tables.append(read_table("dataset.test_path", test_path))
    targets = classes_of("dataset.target", tables, target)
    names = _inputs(tables, target)
    inputs = numbers_of(tables, names)
    if not scale:
        warn_of_lost_values(tables[0].place, inputs[0], names)
        warn_of_scales(tables[0].place, inputs[0])
    if test_path is not None:
        pool, tested = standardised(*inputs) if scale else inputs
        return Dataset(examples(pool, targets[0]), examples(tested, targets[1]), num_classes=int(targets[0].max()) + 1)
    try:
        return drawn_dataset(inputs[0], targets[0], test_fraction, rng, scale=scale)
    except TooRareError as error:
        raise DataError(f"dataset.target={target}: {error}, or choose another column as the target") from error


def _inputs(tables: Sequence[Table], target: str) -> list[str]:
    """The columns that are inputs; DataError unless there are some, all have a name, and all tables have them."""
    first = tables[0]
    names = [name for name in first.columns if name != target]
    if not names:
        raise DataError(f"{first.place}: there is no column beside {target!r}, the target")
    if "" in names:
        raise DataError(
            f"{first.place}: a column has no name, as the index that pandas writes; name it, or take it out"
        )
    for table in tables[1:]:
        differing = {*table.columns} ^ {*first.columns}
        if differing:
            raise DataError(
                f"{table.place}: its columns are not those of {first.place}: "
                f"{', '.join(map(repr, sorted(differing)))} is in one alone"
            )
    return names

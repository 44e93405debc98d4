"""Texts: a user's own, in one file with a column of texts and one of their classes."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from al_bench.core.data import Dataset, Examples, Texts
from al_bench.core.errors import DataError, nearest
from al_bench.core.ranges import Fraction
from al_bench.datasets.formats.columns import classes_of
from al_bench.datasets.formats.npz import Name
from al_bench.datasets.formats.tables import Table, read_table
from al_bench.datasets.split import TooRareError, drawn_split

USUAL = ("target", "label", "class", "category")


def texts(
    path: str,
    rng: np.random.Generator,
    text: str = "text",
    target: str | None = None,
    test_path: str | None = None,
    test_fraction: Fraction = 0.2,
    name: Name | None = None,  # noqa: ARG001
) -> Dataset[Texts]:
    """Texts (N,) as they are written; the classes are the distinct values of the target, sorted.

    Args:
        path: of the file, in UTF-8, comma-separated, tab-separated if it is a `.tsv`, or `.parquet`, with a first line
            of column names.
        rng: draws the split, unless there is a test_path.
        text: the column of texts.
        target: the column of classes; None for the one called target, label, class or category.
        test_path: of a file with the test set, with the same two columns.
        test_fraction: share of a test set that is drawn.
        name: what the run is called after, instead of the path (see `al_bench.records.identity`).

    Raises:
        DataError: if a file is not as it should be, or has no column of such a name.
    """
    tables = [read_table("dataset.path", path)]
    if test_path is not None:
        tables.append(read_table("dataset.test_path", test_path))
    inputs = [_texts(table, text) for table in tables]
    targets = classes_of("dataset.target", tables, target or _target(tables[0]))
    if test_path is None:
        try:
            train, test = drawn_split(targets[0], test_fraction, rng)
        except TooRareError as error:
            raise DataError(f"dataset.path={path}: {error}") from error
        inputs = [tuple(inputs[0][row] for row in rows) for rows in (train, test)]
        targets = [targets[0][rows] for rows in (train, test)]
    return text_dataset(inputs, targets)


def text_dataset(inputs: Sequence[Texts], targets: Sequence[NDArray[np.int64]]) -> Dataset[Texts]:
    """A data set of the pool's texts and the test set's, with their classes (N,), 0 .. C-1."""
    train, test = (Examples(texts, torch.from_numpy(each)) for texts, each in zip(inputs, targets, strict=True))
    return Dataset(train, test, num_classes=int(targets[0].max()) + 1)


def _texts(table: Table, name: str) -> Texts:
    cells = table.column("dataset.text", name)
    for line, cell in zip(table.lines, cells, strict=True):
        if not cell.strip():
            raise DataError(f"{table.place}: line {line} has no text in column {name!r}; fill it in, or drop the line")
    return tuple(cells)


def _target(table: Table) -> str:
    """The column of classes, by its usual names."""
    found = [name for name in table.columns if name.lower() in USUAL]
    if len(found) != 1:
        usual = f"no column called {', '.join(USUAL[:-1])} or {USUAL[-1]}"
        problem = f"the columns {' and '.join(map(repr, found))}" if found else usual
        listed = nearest("", table.columns)
        raise DataError(f"{table.place} has {problem}; say dataset.target=..., the column of classes ({listed})")
    return found[0]

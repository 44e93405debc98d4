"""What the columns of a user's own tables stand for: classes, and numbers."""

import logging
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from al_bench.core.errors import DataError
from al_bench.datasets.formats.arff_header import NUMBER, shown
from al_bench.datasets.formats.tables import Table

MISSING = {"", "?"}
NO_NUMBER = MISSING | {"na", "n/a", "nan", "null", "none"}  # of a column of numbers, in any case

log = logging.getLogger(__name__)


def ordered(texts: Collection[str]) -> list[str]:
    """As numbers if all of them are, else by the alphabet; equal numbers, as 1 and 1.0, in the order of their texts."""
    found = sorted(texts)
    return sorted(found, key=float) if all(map(NUMBER.fullmatch, found)) else found


def classes_of(key: str, tables: Sequence[Table], name: str) -> list[NDArray[np.int64]]:
    """The classes (N,) of each table, 0 .. C-1 in the order of their names; blanks around a name are no part of it.

    Where classes are numbers, NaN and its like are none, as in a column of numbers.

    Raises:
        DataError: if a cell is empty, all rows are of one class, or the first table, the pool, lacks a class.
    """
    labels = [[cell.strip() for cell in table.column(key, name)] for table in tables]
    named = {cell for cells in labels for cell in cells if cell.lower() not in NO_NUMBER}
    are_numbers = bool(named) and all(map(NUMBER.fullmatch, named))
    for table, cells in zip(tables, labels, strict=True):
        is_missing_N = [(cell.lower() in NO_NUMBER) if are_numbers else cell in MISSING for cell in cells]
        _check_all(table, [name], "value", "fill in", np.array(is_missing_N)[:, None])
    classes = ordered(set(labels[0]))
    if unknown := ordered(set().union(*labels[1:]) - set(classes)):
        raise DataError(
            f"{tables[-1].place}: no row of class {', '.join(map(shown, unknown))} is in {tables[0].place}, the pool"
        )
    if len(classes) < 2:
        raise DataError(
            f"{tables[0].place}: column {shown(name)} holds one class, {shown(classes[0])}; classification needs two"
        )
    class_of = {each: position for position, each in enumerate(classes)}
    return [np.array([class_of[cell] for cell in cells], dtype=np.int64) for cells in labels]


def numbers_of(tables: Sequence[Table], names: Sequence[str]) -> list[NDArray[np.float64]]:
    """The named columns (N, D) of each table: numbers as they are, of other columns the rank of each text among all.

    Raises:
        DataError: if a value is missing, or infinite.
    """
    inputs = [np.empty((len(table), len(names))) for table in tables]
    for column, name in enumerate(names):
        value_of = _values(tables, name)
        for table, inputs_ND in zip(tables, inputs, strict=True):
            inputs_ND[:, column] = [value_of[cell] for cell in table.columns[name]]
    for table, inputs_ND in zip(tables, inputs, strict=True):
        _check_all(table, names, "value", "fill in", np.isnan(inputs_ND))
        _check_all(table, names, "finite value", "mend", np.isinf(inputs_ND))
    return inputs


def _values(tables: Sequence[Table], name: str) -> dict[str, float]:
    """What each text of a column stands for; NaN where it is missing."""
    cells: set[str] = set().union(*(table.columns[name] for table in tables))
    texts = {cell: cell.strip() for cell in cells}
    numbers = {text for text in texts.values() if NUMBER.fullmatch(text)}
    others = {text for text in texts.values() if text.lower() not in NO_NUMBER} - numbers
    if not others:
        return {cell: float(text) if text in numbers else np.nan for cell, text in texts.items()}
    if len(numbers) > len(others):
        _warn_of_texts(tables, name, others)
    rank_of = {text: float(rank) for rank, text in enumerate(ordered(set(texts.values()) - MISSING))}
    return {cell: rank_of.get(text, np.nan) for cell, text in texts.items()}


def _warn_of_texts(tables: Sequence[Table], name: str, others: set[str]) -> None:
    """A slip in one cell makes categories of numbers."""
    for table in tables:
        for line, cell in zip(table.lines, table.columns[name], strict=True):
            if cell.strip() in others:
                log.warning(
                    "%s: column %s is taken for categories, as %s in line %d is no number, though most values are",
                    *(table.place, shown(name), shown(cell), line),
                )
                return


def _check_all(table: Table, names: Sequence[str], what: str, remedy: str, is_without_ND: NDArray[np.bool_]) -> None:
    """DataError, with all columns in which something is missing."""
    counts = {name: count for name, count in zip(names, is_without_ND.sum(axis=0).tolist(), strict=True) if count}
    if not counts:
        return
    rows = np.flatnonzero(is_without_ND.any(axis=1))
    named = [shown(name) + f" ({count})" * (len(counts) > 1) for name, count in counts.items()]
    columns = f"column {named[0]} has" if len(named) == 1 else f"columns {', '.join(named)} have"
    raise DataError(
        f"{table.place}: {columns} no {what} in {len(rows)} of {len(table)} rows (the first: line "
        f"{table.lines[rows[0]]}); {remedy} or drop them"
    )

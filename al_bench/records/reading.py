"""Runs as their folders tell of them: the one reader of rounds.csv, and the run directories below a folder."""

import csv
import os
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from al_bench.core.errors import RunDirectoryError
from al_bench.files.writing import whole_lines
from al_bench.records.columns import IDENTITY_COLUMNS, USUAL
from al_bench.records.layout import DONE, ENVIRONMENT, ERROR, LOCK, MEASURES, QUERIES, ROUNDS, identity_of_path
from al_bench.records.queries import check_queries, parsed_queries
from al_bench.records.rounds_file import Columns, parsed_rounds
from al_bench.records.starts.told import Start
from al_bench.records.state import RunFiles, error_of
from al_bench.records.tables import read_measures

MARKS = {LOCK, ROUNDS, ENVIRONMENT, ERROR, DONE}


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The committed rounds of a run directory, with the columns that have a value; none before the first.

    Raises:
        OSError: if rounds.csv cannot be read.
        ValueError: with the line, for what no run writes.
    """
    if len(lines := whole_lines(path / ROUNDS)) < 2:
        return []
    columns = parsed_rounds(lines)
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return [{name: value for name, value in row.items() if value not in ("", None) and value == value} for row in rows]


RunColumns = Mapping[str, Any]
"""The values of a run by column, as many for each: lists, or arrays of numbers; those of its identity are a list."""


@dataclass(frozen=True)
class RoundsFile:
    """What a rounds.csv holds: columns, unless the file cannot be used, and what is wrong with it, if anything.

    `lacking` are usual columns that it has not, as an older version of al_bench wrote it; `empty` are those without a
    number in any row.
    """

    path: Path
    columns: RunColumns | None
    problem: str = ""
    lacking: tuple[str, ...] = ()
    empty: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Told:
    """What the files of a run directory say: its rounds.csv, None without one, and as the functions of these names
    have it in `al_bench.records`: `state.is_finished`, `state.error_of`, `starts.told.starts_of`.
    """

    file: RoundsFile | None
    is_finished: bool
    error: str | None
    starts: tuple[Start, ...]


def told_of(path: Path, names: Set[str]) -> Told:
    """By the files of a run directory, of which these names are there."""
    files = RunFiles(path)
    file = _rounds_file(files) if ROUNDS in names else None
    return Told(file, files.is_finished, error_of(path), tuple(files.starts))


def run_directories(
    folder: Path, tell: Callable[[Path, Set[str]], Told] = told_of
) -> Iterator[tuple[Path, Set[str], Told]]:
    """Run directories in order of their paths: which of `MARKS` each holds, and what its files say.

    A folder is one if it holds a rounds.csv, or is named as one and holds another of the marks. Nothing below a run
    is looked at, nor in hidden folders.
    """
    seen: set[str] = set()
    waiting = [(str(folder), os.path.realpath(folder))]
    while waiting:
        parent, real = waiting.pop()
        if real in seen:  # two links to one place, or a link to a folder above
            continue
        seen.add(real)
        folders, names = _entries(parent, real)
        path = Path(parent)
        marks, is_named, is_run = MARKS & names, bool(identity_of_path(path)), False
        if ROUNDS in marks or (marks and is_named):
            told = tell(path, names)
            is_run = told.file is not None and told.file.columns is not None
            yield path, marks, told
        if not is_named and not is_run:
            waiting += reversed(folders)


def _entries(parent: str, real: str) -> tuple[list[tuple[str, str]], set[str]]:
    """The folders in one, by name, with where they really are, and the names of its files; none if nobody may look."""
    folders: list[tuple[str, str]] = []
    names = set()
    with suppress(OSError), os.scandir(parent) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if not _is_folder(entry):
                names.add(entry.name)
            elif not entry.name.startswith("."):
                place = os.path.realpath(entry.path) if entry.is_symlink() else f"{real.rstrip('/')}/{entry.name}"
                folders.append((entry.path, place))
    return folders, names


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Or a link to one, unless it goes in circles, or nobody may look."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _rounds_file(files: RunFiles) -> RoundsFile:
    path = files.path / ROUNDS
    try:
        columns, remark, lacking = _read(files)
    except (ValueError, OSError, csv.Error) as error:
        return RoundsFile(path, None, str(error))
    compact = {name: _compact(name, values) for name, values in columns.items()}
    empty = frozenset(name for name, values in compact.items() if has_no_number(values))
    return RoundsFile(path, compact, remark, lacking, empty)


def has_no_number(values: Any) -> bool:
    """Whether all values of a column are NaN."""
    return isinstance(values, np.ndarray) and values.dtype == np.float64 and bool(np.isnan(values).all())


def _compact(name: str, values: list[Any]) -> Any:
    """The values of a column in little memory."""
    if name in IDENTITY_COLUMNS or isinstance(values[0], str | bool):
        return [values[0]] * len(values) if len(set(values)) == 1 else values
    return np.array(values, dtype=np.float64 if isinstance(values[0], float) else np.int64)


def _read(files: RunFiles) -> tuple[Columns, str, tuple[str, ...]]:
    """The whole rows of a rounds.csv, a remark if there is one, and what it lacks; ValueError if they are no run's."""
    folder = files.path
    try:
        done = files.done
    except RunDirectoryError as error:
        raise ValueError(str(error)) from error
    run = dict(files.rounds)
    lacking = tuple(column for column in USUAL if column not in run)
    if (folder / QUERIES).exists():
        try:
            check_queries(parsed_queries(files.queries), run, None if done is None else done.pool_size)
        except ValueError as error:
            raise ValueError(f"queries.csv beside it: {error}") from error
    is_known = done is not None or (folder / ENVIRONMENT).exists()
    run["is_finished"] = [not is_known or files.is_finished] * len(run["round"])
    remarks = [] if files.rounds_bytes.endswith(b"\n") else ["its last, half-written row is left out"]
    try:
        run |= read_measures(folder, len(run["round"]))
    except (OSError, ValueError) as error:
        remarks.append(f"{MEASURES} beside it is left out: {error}")
    return run, "; ".join(remarks), lacking

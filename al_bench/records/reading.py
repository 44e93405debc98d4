"""Runs as their folders tell of them: the one reader of rounds.csv, and the run directories below a folder."""

import csv
import os
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from al_bench.core.errors import RunDirectoryError
from al_bench.files.writing import read_bytes, read_text, whole_lines
from al_bench.records.columns import USUAL
from al_bench.records.committed import Columns, parsed_rounds
from al_bench.records.layout import MEASURES, identity_of_path
from al_bench.records.queries import check_queries, parsed_queries
from al_bench.records.state import done_of, is_finished
from al_bench.records.tables import read_measures

MARKS = {".lock", "rounds.csv", "environment.json", "error.json", "done.json"}


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The committed rounds of a run directory, with the columns that have a value; none before the first.

    Raises:
        OSError: if rounds.csv cannot be read.
        ValueError: with the line, for what no run writes.
    """
    if len(lines := whole_lines(path / "rounds.csv")) < 2:
        return []
    columns = parsed_rounds(lines)
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return [{name: value for name, value in row.items() if value not in ("", None) and value == value} for row in rows]


@dataclass(frozen=True)
class RoundsFile:
    """What a rounds.csv holds: columns, unless the file cannot be used, and what is wrong with it, if anything.

    `lacking` are usual columns that it has not, as an older version of al_bench wrote it.
    """

    path: Path
    columns: Columns | None
    problem: str = ""
    lacking: tuple[str, ...] = ()


def run_directories(folder: Path) -> Iterator[tuple[Path, Set[str], RoundsFile | None]]:
    """Run directories in order of their paths: which of `MARKS` each holds, and its rounds.csv.

    A folder is one if it holds a rounds.csv, or is named as one and holds another of the marks. Nothing below a run
    is looked at, nor in hidden folders.
    """
    seen: set[str] = set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        path, names = Path(parent), MARKS.intersection(files)
        if (real := os.path.realpath(path)) in seen:  # two links to one place, or a link to a folder above
            folders.clear()
            continue
        seen.add(real)
        file = read_rounds(path / "rounds.csv") if "rounds.csv" in names else None
        is_named = bool(identity_of_path(path))
        if file is not None or (names and is_named):
            yield path, names, file
        if is_named or (file is not None and file.columns is not None):
            folders.clear()


def read_rounds(path: Path) -> RoundsFile:
    """A rounds.csv; what is wrong with it is told and not raised."""
    try:
        return RoundsFile(path, *_read(path))
    except (ValueError, OSError, csv.Error) as error:
        return RoundsFile(path, None, str(error))


def _read(path: Path) -> tuple[Columns, str, tuple[str, ...]]:
    """The whole rows of a rounds.csv, a remark if there is one, and what it lacks; ValueError if they are no run's."""
    folder = path.parent
    try:
        done = done_of(folder)
    except RunDirectoryError as error:
        raise ValueError(str(error)) from error
    text = read_text(path, "utf-8-sig")
    whole = text[: text.rfind("\n") + 1]
    run = parsed_rounds([f"{line}\n" for line in whole.split("\n")[:-1]])
    lacking = tuple(column for column in USUAL if column not in run)
    if (folder / "queries.csv").exists():
        try:
            queries = parsed_queries(read_bytes(folder / "queries.csv"))
            check_queries(queries, run, None if done is None else done.pool_size)
        except ValueError as error:
            raise ValueError(f"queries.csv beside it: {error}") from error
    is_known = done is not None or (folder / "environment.json").exists()
    run["is_finished"] = [not is_known or is_finished(folder)] * len(run["round"])
    remarks = ["its last, half-written row is left out"] if whole != text else []
    try:
        run |= read_measures(folder, len(run["round"]))
    except (OSError, ValueError) as error:
        remarks.append(f"{MEASURES} beside it is left out: {error}")
    return run, "; ".join(remarks), lacking

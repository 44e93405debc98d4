"""A folder of results as one tidy table: a row per run and round, read from the rounds.csv files alone."""

import csv
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from al_bench.core.errors import ResultsError, RunDirectoryError
from al_bench.files.writing import read_bytes, read_text
from al_bench.records.columns import REAL, WHOLE
from al_bench.records.queries import check_queries, parsed_queries
from al_bench.records.reading import Columns, parsed_rounds
from al_bench.records.state import done_of, is_finished

SETTING = ["dataset", "model", "batch_size", "variant"]
IDENTITY = [*SETTING, "strategy", "seed"]
USUAL = ("test_balanced_accuracy", "epoch_limit_hit", "fit_seconds", "query_seconds", "class_counts")
MARKS = {".lock", "rounds.csv", "environment.json", "error.json", "done.json"}
MAX_LISTED = 10


@dataclass(frozen=True)
class Results:
    """The rounds of all runs, and what could not be read, a line for each file.

    Beside the columns of rounds.csv, `is_finished` says of a run whether it has all labels that it was started for, as
    far as its folder tells.
    """

    rounds: pd.DataFrame
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class RoundsFile:
    """What a rounds.csv holds: columns, unless the file cannot be used, and what is wrong with it, if anything.

    `lacking` are usual columns that it has not, as an older version of al_bench wrote it.
    """

    path: Path
    columns: Columns | None
    problem: str = ""
    lacking: tuple[str, ...] = ()


def load_results(folder: Path) -> Results:
    """All rounds.csv files below a folder; files that are not ours or damaged are left out and named.

    Columns that some of the runs lack are empty there, or NaN.

    Raises:
        ResultsError: if there is nothing to read, or two runs have the same identity.
    """
    if not folder.is_dir():
        raise ResultsError(f"{folder}: there is no such folder")
    files = [file for _, _, file in run_directories(folder) if file is not None]
    return combined(files, folder)


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


def identity_of_path(path: Path) -> dict[str, object]:
    """From .../<dataset>/<model>/<strategy>/b<batch size>[/<variant>]/s<seed>; empty if it is not like that."""
    *parts, last = path.absolute().parts
    variant = "" if parts and re.fullmatch(r"b\d+", parts[-1]) else parts.pop() if parts else ""
    if len(parts) < 4 or not re.fullmatch(r"b\d+", parts[-1]) or not re.fullmatch(r"s\d+", last):
        return {}
    dataset, model, strategy, batch_size = parts[-4:]
    identity = {"dataset": dataset, "model": model, "batch_size": int(batch_size[1:]), "variant": variant}
    return identity | {"strategy": strategy, "seed": int(last[1:])}


def read_rounds(path: Path) -> RoundsFile:
    """A rounds.csv; what is wrong with it is told and not raised."""
    try:
        return RoundsFile(path, *_read(path))
    except (ValueError, OSError, csv.Error) as error:
        return RoundsFile(path, None, str(error))


def combined(files: Sequence[RoundsFile], folder: Path) -> Results:
    """One table of all files below a folder; raises as `load_results`."""
    sources: dict[tuple[object, ...], Path] = {}
    problems = tuple(
        f"{file.path}: {'left out: ' if file.columns is None else ''}{file.problem}" for file in files if file.problem
    )
    problems += tuple(_lacking(files))
    runs = {file.path: file.columns for file in files if file.columns is not None}
    if not runs:
        raise ResultsError(f"{folder}: there are no results in it{listed(problems)}")
    for path, run in runs.items():
        identity = tuple(run[column][0] for column in IDENTITY)
        if identity in sources:
            name = run_name(dict(zip(IDENTITY, identity, strict=True)))
            raise ResultsError(
                f"{sources[identity].parent} and {path.parent} are the same run ({name}); name a folder that holds one "
                "of them"
            )
        sources[identity] = path
    return Results(_concatenated(list(runs.values())), problems)


def _lacking(files: Sequence[RoundsFile]) -> Iterator[str]:
    """A line for each column that some of the runs lack."""
    counts = Counter(column for file in files for column in file.lacking)
    for column, count in counts.items():
        example = next(file.path for file in files if column in file.lacking)
        yield f"{count} of {len(files)} runs have no column {column}, such as {example}"


def run_name(identity: Mapping[str, object]) -> str:
    """For people: `digits · mlp · badge · b100 · seed 0`."""
    parts = (*(identity[key] for key in ("dataset", "model", "strategy")), f"b{identity['batch_size']}")
    return " · ".join(map(str, filter(None, (*parts, identity["variant"], f"seed {identity['seed']}"))))


def listed(lines: Iterable[str], most: int | None = MAX_LISTED) -> str:
    """Indented lines for the end of a message; the first of them if they are more than `most`."""
    lines = list(lines)
    more = [f"... and {len(lines) - most} more"] if most is not None and len(lines) > most else []
    return "".join(f"\n  {line}" for line in [*lines[:most], *more])


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
    return run, "its last, half-written row is left out" if whole != text else "", lacking


def _concatenated(runs: Sequence[Columns]) -> pd.DataFrame:
    """One table of all; a frame for each run would take most of the time."""
    names = dict.fromkeys(name for run in runs for name in run)
    columns: dict[str, list[Any]] = {}
    for name in names:
        empty = math.nan if name in REAL or name in WHOLE else ""
        columns[name] = [value for run in runs for value in run.get(name, [empty] * len(run["round"]))]
    return pd.DataFrame(columns)

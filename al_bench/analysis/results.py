"""A folder of results as one tidy table: a row per run and round, read from the rounds.csv files alone."""

import csv
import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from al_bench.errors import ResultsError
from al_bench.status import SCHEMA_VERSION

SETTING = ["dataset", "model", "batch_size", "variant"]
IDENTITY = [*SETTING, "strategy", "seed"]
WHOLE = ("batch_size", "seed", "round", "num_labelled", "num_epochs", "num_validation")
REAL = (
    "train_accuracy",
    "test_accuracy",
    "test_balanced_accuracy",
    "test_loss",
    "fit_seconds",
    "query_seconds",
    "unlabelled_entropy",
)
REQUIRED = (*IDENTITY, "round", "num_labelled", "test_accuracy")
MAX_LISTED = 10


Columns = dict[str, list[Any]]


@dataclass(frozen=True)
class Results:
    """The rounds of all runs, and what could not be read, a line for each file."""

    rounds: pd.DataFrame
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class RoundsFile:
    """What a rounds.csv holds: columns, unless the file cannot be used, and what is wrong with it, if anything."""

    path: Path
    columns: Columns | None
    problem: str = ""


def load_results(folder: Path) -> Results:
    """All rounds.csv files below a folder; files that are not ours or damaged are left out and named.

    Columns that some of the runs lack are empty there, or NaN.

    Raises:
        ResultsError: if there is nothing to read, or two runs have the same identity.
    """
    if not folder.is_dir():
        raise ResultsError(f"{folder}: there is no such folder")
    return combined([read_rounds(path) for path in sorted(folder.rglob("rounds.csv"))], folder)


def read_rounds(path: Path) -> RoundsFile:
    """A rounds.csv; what is wrong with it is told and not raised."""
    try:
        return RoundsFile(path, *_read(path))
    except (ValueError, OSError) as error:
        return RoundsFile(path, None, str(error))


def combined(files: Sequence[RoundsFile], folder: Path) -> Results:
    """One table of all files below a folder; raises as `load_results`."""
    sources: dict[tuple[object, ...], Path] = {}
    problems = tuple(
        f"{file.path}: {'left out: ' if file.columns is None else ''}{file.problem}" for file in files if file.problem
    )
    runs = {file.path: file.columns for file in files if file.columns is not None}
    if not runs:
        raise ResultsError(f"{folder}: there are no results in it{listed(problems)}")
    for path, run in runs.items():
        identity = tuple(run[column][0] for column in IDENTITY)
        if identity in sources:
            raise ResultsError(
                f"{sources[identity].parent} and {path.parent} are the same run ({' · '.join(map(str, identity))}); "
                "name a folder that holds one of them"
            )
        sources[identity] = path
    return Results(_concatenated(list(runs.values())), problems)


def listed(lines: Iterable[str]) -> str:
    """Indented lines for the end of a message; the first of them if they are many."""
    lines = list(lines)
    more = [f"... and {len(lines) - MAX_LISTED} more"] if len(lines) > MAX_LISTED else []
    return "".join(f"\n  {line}" for line in [*lines[:MAX_LISTED], *more])


def _read(path: Path) -> tuple[Columns, str]:
    """The whole rows of a rounds.csv, and a remark if there is one; ValueError if they are no run's."""
    _check_version(path.parent / "done.json")
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    header, *rows = list(csv.reader(whole.splitlines())) or [[]]
    if not header:
        raise ValueError("it is empty")
    missing = [column for column in REQUIRED if column not in header]
    if missing:
        raise ValueError(f"it has no column {missing[0]}")
    if not rows:
        raise ValueError("it has no rounds")
    short = [number for number, row in enumerate(rows) if len(row) != len(header)]
    if short:
        raise ValueError(f"round {short[0]} has {len(rows[short[0]])} values, not {len(header)}")
    run = {name: _converted(name, values) for name, values in zip(header, zip(*rows, strict=True), strict=True)}
    _check_run(run)
    return run, "its last, half-written row is left out" if whole != text else ""


def _check_version(done: Path) -> None:
    try:
        version = json.loads(done.read_text())["schema_version"] if done.exists() else SCHEMA_VERSION
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(f"{done.name} beside it cannot be read ({error})") from error
    if version != SCHEMA_VERSION:
        raise ValueError(f"it is of schema version {version}, and this al_bench reads {SCHEMA_VERSION}")


def _converted(name: str, values: Sequence[str]) -> list[Any]:
    convert = int if name in WHOLE else _real if name in REAL else str
    try:
        return list(map(convert, values))
    except ValueError:
        for number, value in enumerate(values):
            try:
                convert(value)
            except ValueError:
                raise ValueError(f"round {number}: {name}={value!r} is no number") from None
        raise


def _real(value: str) -> float:
    return float(value) if value else math.nan


def _check_run(run: Columns) -> None:
    for column in IDENTITY:
        if len(set(run[column])) != 1:
            raise ValueError(f"its rows differ in {column}, so they are not of one run")
    if run["round"] != list(range(len(run["round"]))):
        raise ValueError("its rounds are not 0, 1, 2, ...")
    if any(after <= before for before, after in pairwise(run["num_labelled"])):
        raise ValueError("its numbers of labels do not grow")
    if not all(0 <= accuracy <= 1 for accuracy in run["test_accuracy"]):
        raise ValueError("its test_accuracy is not between 0 and 1")
    if not re.fullmatch(r"[\d ]*", "".join(run.get("class_counts", []))):
        raise ValueError("its class_counts are not numbers")


def _concatenated(runs: Sequence[Columns]) -> pd.DataFrame:
    """One table of all; a frame for each run would take most of the time."""
    names = dict.fromkeys(name for run in runs for name in run)
    columns: dict[str, list[Any]] = {}
    for name in names:
        empty = math.nan if name in REAL or name in WHOLE else ""
        columns[name] = [value for run in runs for value in run.get(name, [empty] * len(run["round"]))]
    return pd.DataFrame(columns)

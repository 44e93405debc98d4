"""A folder of results as one tidy table: a row per run and round, read from the rounds.csv files alone."""

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True)
class Results:
    """The rounds of all runs, and what could not be read, a line for each file."""

    rounds: pd.DataFrame
    problems: tuple[str, ...] = ()


def load_results(folder: Path) -> Results:
    """All rounds.csv files below a folder; files that are not ours or damaged are left out and named.

    Raises:
        ResultsError: if there is nothing to read, or two runs have the same identity.
    """
    if not folder.is_dir():
        raise ResultsError(f"{folder}: there is no such folder")
    tables: list[pd.DataFrame] = []
    problems: list[str] = []
    sources: dict[tuple[object, ...], Path] = {}
    for path in sorted(folder.rglob("rounds.csv")):
        try:
            table, remark = _read(path)
        except (ValueError, OSError) as error:
            problems.append(f"{path}: left out: {error}")
            continue
        if remark:
            problems.append(f"{path}: {remark}")
        identity = tuple(table.loc[0, IDENTITY])
        if identity in sources:
            raise ResultsError(
                f"{sources[identity].parent} and {path.parent} are the same run ({' · '.join(map(str, identity))}); "
                "name a folder that holds one of them"
            )
        sources[identity] = path
        tables.append(table)
    if not tables:
        raise ResultsError(f"{folder}: there are no results in it{listed(problems)}")
    return Results(pd.concat(tables, ignore_index=True), tuple(problems))


def listed(lines: Iterable[str]) -> str:
    """Indented lines for the end of a message; the first of them if they are many."""
    lines = list(lines)
    more = [f"... and {len(lines) - MAX_LISTED} more"] if len(lines) > MAX_LISTED else []
    return "".join(f"\n  {line}" for line in [*lines[:MAX_LISTED], *more])


def _read(path: Path) -> tuple[pd.DataFrame, str]:
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
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    table = pd.DataFrame({name: _converted(name, values) for name, values in columns.items()})
    _check_run(table)
    return table, "its last, half-written row is left out" if whole != text else ""


def _check_version(done: Path) -> None:
    try:
        version = json.loads(done.read_text())["schema_version"] if done.exists() else SCHEMA_VERSION
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(f"{done.name} beside it cannot be read ({error})") from error
    if version != SCHEMA_VERSION:
        raise ValueError(f"it is of schema version {version}, and this al_bench reads {SCHEMA_VERSION}")


def _converted(name: str, values: tuple[str, ...]) -> list[object]:
    kind = int if name in WHOLE else float if name in REAL else str
    converted: list[object] = []
    for number, value in enumerate(values):
        try:
            converted.append(float("nan") if value == "" and kind is float else kind(value))
        except ValueError:
            raise ValueError(f"round {number}: {name}={value!r} is no number") from None
    return converted


def _check_run(table: pd.DataFrame) -> None:
    for column in IDENTITY:
        if len(set(table[column])) != 1:
            raise ValueError(f"its rows differ in {column}, so they are not of one run")
    if table["round"].tolist() != list(range(len(table))):
        raise ValueError("its rounds are not 0, 1, 2, ...")
    if not table["num_labelled"].is_monotonic_increasing or not table["num_labelled"].is_unique:
        raise ValueError("its numbers of labels do not grow")
    if not table["test_accuracy"].between(0, 1).all():
        raise ValueError("its test_accuracy is not between 0 and 1")

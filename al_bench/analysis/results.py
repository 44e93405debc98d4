"""A folder of results as one tidy table: a row per run and round, read from the rounds.csv files alone."""

import csv
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from al_bench.columns import REAL, REQUIRED, WHOLE
from al_bench.errors import ResultsError
from al_bench.files import read_json as json_of
from al_bench.files import read_text
from al_bench.status import SCHEMA_VERSION

SETTING = ["dataset", "model", "batch_size", "variant"]
IDENTITY = [*SETTING, "strategy", "seed"]
USUAL = ("test_balanced_accuracy", "epoch_limit_hit", "fit_seconds", "query_seconds", "class_counts")
MARKS = {".lock", "rounds.csv", "environment.json", "error.json", "done.json"}
MAX_LISTED = 10


Columns = dict[str, list[Any]]


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


def is_finished(path: Path) -> bool | None:
    """Whether a run directory has all the labels that its last start asked for; None if nothing beside its rounds
    tells.
    """
    done, starts = (read_json(path / name) for name in ("done.json", "environment.json"))
    if done is None and starts is None:
        return None
    last = starts[-1] if isinstance(starts, list) and starts and isinstance(starts[-1], dict) else {}
    if not isinstance(done, dict):
        return False
    asked = last["budget"] if isinstance(last.get("budget"), int) else done.get("pool_size")
    num_labelled = done.get("num_labelled")
    return isinstance(num_labelled, int) and num_labelled >= (asked if isinstance(asked, int) else 0)


def read_json(path: Path) -> Any:
    """What it holds; None without it, ValueError (not raised) if it cannot be read."""
    try:
        return json_of(path)
    except FileNotFoundError:
        return None
    except (ValueError, OSError) as error:
        return ValueError(str(error))


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
    _check_version(path.parent / "done.json")
    text = read_text(path, "utf-8-sig")
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
    run["is_finished"] = [is_finished(path.parent) is not False] * len(rows)
    remark = "its last, half-written row is left out" if whole != text else ""
    return run, remark, tuple(column for column in USUAL if column not in header)


def _check_version(path: Path) -> None:
    done = read_json(path)
    if done is None:
        return
    if not isinstance(done, dict):
        raise ValueError(f"{path.name} beside it cannot be read ({done})")
    if done.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(
            f"it is of schema version {done.get('schema_version')}, and this al_bench reads {SCHEMA_VERSION}"
        )
    if not isinstance(done.get("num_labelled"), int):
        raise ValueError(f"{path.name} beside it does not say how many labels the run has")


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
    if run["batch_size"][0] < 1:
        raise ValueError(f"its batch_size is {run['batch_size'][0]}")
    for column in ("test_accuracy", "test_balanced_accuracy"):
        if not all(0 <= value <= 1 or (math.isnan(value) and column not in REQUIRED) for value in run.get(column, [])):
            raise ValueError(f"its {column} is not between 0 and 1")
    counts = [text.split(" ") for text in run.get("class_counts", []) if text]
    if len(set(map(len, counts))) > 1 or not all(_are_counts(texts) for texts in counts):
        raise ValueError("its class_counts are not a number of examples for each class")


def _are_counts(texts: Sequence[str]) -> bool:
    return all(text.isdecimal() for text in texts) and any(text.strip("0") for text in texts)


def _concatenated(runs: Sequence[Columns]) -> pd.DataFrame:
    """One table of all; a frame for each run would take most of the time."""
    names = dict.fromkeys(name for run in runs for name in run)
    columns: dict[str, list[Any]] = {}
    for name in names:
        empty = math.nan if name in REAL or name in WHOLE else ""
        columns[name] = [value for run in runs for value in run.get(name, [empty] * len(run["round"]))]
    return pd.DataFrame(columns)

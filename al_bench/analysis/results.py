"""A folder of results as one tidy table: a row per run and round, read from the rounds.csv files alone."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from al_bench.analysis.statistics.measures import ACCURACY, MEASURES, Measure, named
from al_bench.core.errors import ResultsError
from al_bench.records.columns import BY_NAME, NUMBERS, SETTING_COLUMNS
from al_bench.records.index.kept import indexed_runs
from al_bench.records.index.shelf import OF_A_RUN, Gathered, names_of, value_of
from al_bench.records.layout import run_title, setting_title
from al_bench.records.reading import RoundsFile, RunColumns
from al_bench.records.starts.told import starts_of

SETTING = [*SETTING_COLUMNS]
IDENTITY = [*SETTING, "strategy", "seed"]
SPENT = ["num_steps", "fit_cpu_seconds", "query_cpu_seconds", "fit_seconds", "query_seconds"]
MAX_LISTED = 10
PAPER_ORDER = ("badge", "albl", "coreset", "confidence", "margin", "entropy", "random")


@dataclass(frozen=True)
class Results:
    """The rounds of all runs, strategies in the paper's order and others by name, and what could not be read.

    Beside the columns of rounds.csv, `is_finished` says of a run whether it has all labels that it was started for, as
    far as its folder tells, and `is_oracle` whether its strategy sees what is hidden from others (environment.json).
    """

    rounds: pd.DataFrame
    problems: tuple[str, ...] = ()


def load_results(folder: Path) -> Results:
    """All rounds.csv files below a folder; files that are not ours or damaged are left out and named.

    Columns that some of the runs lack are empty there, or NaN.

    Raises:
        ResultsError: if there is nothing to read, or two runs have the same identity.
    """
    if not folder.is_dir():
        raise ResultsError(f"{folder}: there is no such folder")
    files = [told.file for _, _, told in indexed_runs(folder) if told.file is not None]
    return combined(files, folder)


def combined(files: Sequence[RoundsFile], folder: Path | str, shown: Iterable[Measure] = MEASURES) -> Results:
    """One table of all files below a folder, or folders; raises as `load_results`.

    Runs without a column of `shown` are counted.
    """
    sources: dict[tuple[object, ...], Path] = {}
    problems = tuple(
        f"{file.path}: {'left out: ' if file.columns is None else ''}{file.problem}" for file in files if file.problem
    )
    problems += tuple(_lacking(files, [each.column for each in shown]))
    runs = {file.path: file.columns for file in files if file.columns is not None}
    if not runs:
        raise ResultsError(f"{folder}: there are no results in it{listed(problems)}")
    for path, run in runs.items():
        identity = tuple(value_of(run, column) for column in IDENTITY)
        if identity in sources:
            name = run_title(dict(zip(IDENTITY, identity, strict=True)))
            raise ResultsError(
                f"{sources[identity].parent} and {path.parent} are the same run ({name}); name a folder that holds one "
                "of them"
            )
        sources[identity] = path
    ordered = sorted(runs.values(), key=lambda run: in_paper(str(value_of(run, "strategy"))))
    oracles = _oracles(runs)
    is_oracle = [value_of(run, "strategy") in oracles for run in ordered]
    settings = [tuple(value_of(run, column) for column in SETTING) for run in ordered]
    compared = {setting for setting, is_reference in zip(settings, is_oracle, strict=True) if not is_reference}
    if not compared:
        raise ResultsError(f"{folder}: there are runs of oracles alone in it, and nothing that they could be a line to")
    lengths = [len(run["round"]) for run in ordered]
    rounds = _concatenated(ordered, lengths).assign(is_oracle=np.repeat(is_oracle, lengths))
    if alone := [setting for setting in dict.fromkeys(settings) if setting not in compared]:
        is_compared = np.repeat([setting in compared for setting in settings], lengths)
        rounds = rounds[is_compared].reset_index(drop=True)
    problems += tuple(
        f"{setting_title(dict(zip(SETTING, values, strict=True)))}: left out: oracles alone" for values in alone
    )
    return Results(rounds, problems)


def in_paper(strategy: str) -> tuple[int, str]:
    """To sort by: in the paper's order; others after them by name."""
    return PAPER_ORDER.index(strategy) if strategy in PAPER_ORDER else len(PAPER_ORDER), strategy


def _oracles(runs: Mapping[Path, RunColumns]) -> set[str]:
    """The strategies that are oracles, by the first run of each that says how it was started."""
    told: dict[str, bool] = {}
    for path, run in runs.items():
        strategy = str(value_of(run, "strategy"))
        if strategy not in told and (starts := starts_of(path.parent)):
            told[strategy] = starts[-1].get("is_oracle") is True
    return {strategy for strategy, is_oracle in told.items() if is_oracle}


def measured(
    files: Sequence[RoundsFile], folder: Path | str, measure: str, margin: float | None = None
) -> tuple[Measure, Results]:
    """The measure of a name, and the results below a folder with remarks on what lacks it.

    A margin that is given is that of the measure, unless it is a share, of which all have one.

    Raises:
        ResultsError: as `load_results` and `al_bench.analysis.statistics.measures.named`.
    """
    there = {name for file in files for name in (file.columns or ()) if name not in file.empty}
    by = named(measure, there, own_measures(files)) if there else ACCURACY
    if margin is not None and not by.is_share:
        by = replace(by, margin=margin)
    return by, combined(files, folder, dict.fromkeys((by, *MEASURES)))


def own_measures(files: Iterable[RoundsFile]) -> list[str]:
    """The columns of the measures.csv files, in order."""
    names = {name: file for file in files for name in (file.columns or ()) if name not in BY_NAME}
    return [name for name, file in names.items() if file.columns and isinstance(file.columns[name][0], float)]


def _lacking(files: Sequence[RoundsFile], shown: Sequence[str]) -> Iterator[str]:
    """A line for each column that some of the runs lack, or have no value in: usual ones, and those of measures."""

    @cache
    def told(names: tuple[str, ...], lacking: tuple[str, ...], empty: frozenset[str]) -> list[str]:
        absent = [column for column in shown if column not in names and column not in lacking]
        columns = [f"column {column}" for column in (*lacking, *absent)]
        return columns + [f"value of {column}" for column in shown if column in empty]

    lines = [told((*(file.columns or shown),), file.lacking, file.empty) for file in files]
    for what, count in Counter(what for of_file in lines for what in of_file).items():
        example = next(file.path for file, of_file in zip(files, lines, strict=True) if what in of_file)
        yield f"{count} of {len(files)} runs have no {what}, such as {example}"


def listed(lines: Iterable[str], most: int | None = MAX_LISTED) -> str:
    """Indented lines for the end of a message; the first of them if they are more than `most`."""
    lines = list(lines)
    more = [f"... and {len(lines) - most} more"] if most is not None and len(lines) > most else []
    return "".join(f"\n  {line}" for line in [*lines[:most], *more])


def _concatenated(runs: Sequence[RunColumns], lengths: list[int]) -> pd.DataFrame:
    """One table of all; a frame for each run would take most of the time."""
    columns: dict[str, Any] = {}
    gathered = Gathered.of(runs)
    for name in names_of(runs):
        if name in OF_A_RUN:
            columns[name] = pd.Series([value_of(run, name) for run in runs]).repeat(lengths).reset_index(drop=True)
            continue
        if gathered is not None and (values := gathered.values(name)) is not None:
            columns[name] = values
            continue
        is_real = name in NUMBERS or any(isinstance(run[name][0], float) for run in runs if name in run)  # a user's own
        empty = math.nan if is_real else ""
        parts = [run[name] if name in run else [empty] * length for run, length in zip(runs, lengths, strict=True)]
        columns[name] = np.concatenate(parts) if is_real else [value for part in parts for value in part]
    return pd.DataFrame(columns)

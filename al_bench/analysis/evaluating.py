"""Measures of a user's own, computed from saved predictions into measures.csv of each run."""

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from al_bench.analysis.statistics.measures import SHORT
from al_bench.core.errors import ResultsError, described, nearest
from al_bench.files.locks import alone_in
from al_bench.records.reading import RoundsFile, run_directories
from al_bench.records.saved import PREDICTIONS, read_predictions, saved_rounds
from al_bench.records.tables import is_own_name, read_measures, write_measures

Function = Callable[[NDArray[np.float32], NDArray[np.int64]], float]
"""Of logits (N, C) and targets (N,) of the test set: a finite number."""


@dataclass(frozen=True)
class OwnMeasure:
    """A function by its name, which is the column of measures.csv that it fills."""

    name: str
    function: Function
    typed: str

    def __call__(self, logits_NC: NDArray[np.float32], targets_N: NDArray[np.int64]) -> float:
        """Its value; ResultsError if it raises, or returns no finite number."""
        try:
            value: Any = self.function(logits_NC, targets_N)
        except (Exception, SystemExit) as error:  # whatever a function of the user's raises
            raise ResultsError(f"it raises {described(error)}") from error
        try:
            number = math.nan if isinstance(value, str | bytes | bool | np.bool_) else float(value)
        except Exception:  # whatever a foreign type makes of it
            number = math.nan
        if not math.isfinite(number):
            raise ResultsError(f"it returns {value!r:.60}, which is no finite number")
        return number


@dataclass(frozen=True)
class Evaluated:
    """How many runs and rounds have a value now, and of which runs some or all rounds have none, a line each."""

    num_runs: int
    num_rounds: int
    lacking: tuple[str, ...]


def own_measure(typed: str) -> OwnMeasure:
    """`module:function`, imported from the current folder or from what is installed.

    Raises:
        ResultsError: if it cannot be imported, or its name is one that runs have a column of.
    """
    module_name, _, name = typed.partition(":")
    if not all(part.isidentifier() for part in module_name.split(".")) or not name.isidentifier():
        raise ResultsError(
            f"measure={typed}: must be module:function, such as my_measures:top_5 of the file my_measures.py"
        )
    if not is_own_name(name) or name in SHORT:
        raise ResultsError(f"measure={typed}: {name} is a name of al_bench's own; call the function otherwise")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        module = import_module(module_name)
    except (Exception, SystemExit) as error:  # whatever a module of the user's raises
        raise ResultsError(f"measure={typed}: {module_name} cannot be imported: {described(error)}") from error
    functions = [each for each, value in vars(module).items() if callable(value) and not each.startswith("_")]
    if not callable(function := getattr(module, name, None)):
        raise ResultsError(f"measure={typed}: {module_name} has no function {name}; {nearest(name, functions)}")
    return OwnMeasure(name, function, typed)


def evaluate(
    folder: Path,
    measure: OwnMeasure,
    shown: Callable[[Sequence[RoundsFile]], Iterable[RoundsFile]] = iter,
) -> Evaluated:
    """Compute a measure of all rounds of which predictions are saved, run by run; other columns stay as they are.

    Args:
        folder: with run directories.
        measure: of `own_measure`.
        shown: goes through the runs, and may show how far it is.

    Raises:
        ResultsError: if there are no predictions, or the function gives no finite number; runs before have theirs.
    """
    if not folder.is_dir():
        raise ResultsError(f"{folder}: there is no such folder")
    files = [told.file for _, _, told in run_directories(folder) if told.file is not None]
    num_runs, num_rounds, lacking = 0, 0, []
    for file in shown(files):
        path = file.path.parent
        if file.columns is None:
            lacking.append(f"{path}: left out: {file.problem}")
            continue
        found, problems = _values(path, len(file.columns["round"]), measure)
        lacking += problems
        if found:
            _put(path, len(file.columns["round"]), measure.name, found)
            num_runs, num_rounds = num_runs + 1, num_rounds + len(found)
    if not num_runs:
        raise ResultsError(
            f"{folder}: none of its {len(files)} runs has predictions; a run saves them if it is started with "
            "save=predictions" + "".join(f"\n  {line}" for line in lacking[:1])
        )
    return Evaluated(num_runs, num_rounds, tuple(lacking))


def _values(path: Path, num_rounds: int, measure: OwnMeasure) -> tuple[dict[int, float], list[str]]:
    """The values by round, and a line for each file of others that is damaged, or for all that are missing."""
    found, problems = {}, [f"{path}: {problem}" for problem in _without(path, num_rounds)]
    for round in range(num_rounds):
        try:
            predictions = read_predictions(path, round)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            problems.append(str(error))  # which names the file
            continue
        try:
            found[round] = measure(predictions.logits_NC, predictions.targets_N)
        except ResultsError as error:
            raise ResultsError(f"measure={measure.typed}: of round {round} of {path} {error}") from error
    return found, problems


def _without(path: Path, num_rounds: int) -> Iterator[str]:
    """A line if some of the rounds have no predictions, or all."""
    try:
        there = saved_rounds(path, PREDICTIONS) & set(range(num_rounds))
    except OSError as error:
        yield str(error.strerror)
        return
    if len(there) < num_rounds:
        yield f"{num_rounds - len(there)} of {num_rounds} rounds have no predictions" if there else "has no predictions"


def _put(path: Path, num_rounds: int, name: str, found: dict[int, float]) -> None:
    with alone_in(path):
        try:
            known = read_measures(path, num_rounds)
        except (OSError, ValueError) as error:
            raise ResultsError(f"{path / 'measures.csv'}: {error}; delete it, or put back what was there") from error
        write_measures(path, known | {name: [found.get(round, math.nan) for round in range(num_rounds)]})

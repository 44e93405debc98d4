"""How the runs of a folder stand: finished, running, failed, interrupted, broken or missing."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import product
from pathlib import Path

import pandas as pd

from al_bench.analysis.results import IDENTITY, SETTING
from al_bench.analysis.settings import with_seeds
from al_bench.core.errors import ResultsError
from al_bench.files.locks import is_locked
from al_bench.records.index.kept import indexed_runs
from al_bench.records.index.lasting import kept_to_the_end
from al_bench.records.index.shelf import value_of
from al_bench.records.layout import DONE, LOCK, identity_of_path, run_title, setting_title
from al_bench.records.reading import RoundsFile, Told
from al_bench.records.starts.told import Start


class State(StrEnum):
    """How a run stands; `interrupted` is one that was killed, and goes on when its command is repeated."""

    FINISHED = "finished"
    RUNNING = "running"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    BROKEN = "broken"
    MISSING = "missing"


@dataclass(frozen=True)
class Run:
    """A run directory, or one that is missing.

    Attributes:
        identity: by the columns of `IDENTITY`; empty for a folder that cannot be told.
        state: as it is now.
        message: why it failed, or what is broken.
        path: of its directory; None if it is missing.
        num_labelled: labels after its last round.
        starts: an entry per start, with versions, device and command.
        file: its rounds.
    """

    identity: Mapping[str, object]
    state: State
    message: str = ""
    path: Path | None = None
    num_labelled: int = 0
    starts: tuple[Start, ...] = ()
    file: RoundsFile | None = field(default=None, repr=False)

    @property
    def setting(self) -> str:
        """For people: `digits · mlp · b100`; the path of a folder that cannot be told."""
        return setting_title(self.identity) if self.identity else str(self.path)

    @property
    def name(self) -> str:
        """For people: `digits · mlp · badge · b100 · seed 0`."""
        return run_title(self.identity) if self.identity else str(self.path)


@kept_to_the_end()
def runs_in(*folders: Path) -> list[Run]:
    """All runs below folders, and those missing of the product of the settings, strategies and seeds seen.

    A directory that lies below two of the folders is one run.

    Raises:
        ResultsError: if there is no such folder, or no run in it.
    """
    directories: dict[Path, tuple[Path, Set[str], Told]] = {}
    for folder in folders:
        if not folder.is_dir():
            raise ResultsError(f"{folder}: there is no such folder")
        found = indexed_runs(folder)
        if not found:
            raise ResultsError(f"{folder}: there are no runs in it")
        for each in found:
            directories.setdefault(each[0].resolve() if len(folders) > 1 else each[0], each)
    runs = _without_duplicates([_run(*each) for each in directories.values()])
    return sorted([*runs, *_missing(runs)], key=lambda run: (bool(run.identity), *run.identity.values()))


def left_out(runs: Sequence[Run]) -> dict[tuple[object, ...], str]:
    """Why runs that are there have no rounds, or none that can be used, by their identity."""
    return {
        tuple(run.identity[key] for key in IDENTITY): f"{run.state.value}, and left out: {run.message}"
        for run in runs
        if run.identity and run.state is not State.MISSING and (run.file is None or run.file.columns is None)
    }


def misplaced(runs: Sequence[Run]) -> list[str]:
    """A line for each run in a folder that is named as another."""
    lines = []
    for run in runs:
        named = identity_of_path(run.path) if run.path is not None else {}
        if named and run.identity and named != {key: run.identity[key] for key in named}:
            lines.append(f"{run.path}: holds the run {run.name}, and is counted as that, not by the name of its folder")
    return lines


def mixed_data(runs: Sequence[Run]) -> list[str]:
    """A line for each setting in which the runs of a seed are not of the same data, by what their last starts say."""
    digests: dict[tuple[str, object], dict[str, list[str]]] = {}
    for run in runs:
        if run.identity and (told := [data for start in run.starts if (data := start.get("data"))]):
            of_seed = digests.setdefault((run.setting, run.identity["seed"]), {})
            of_seed.setdefault(told[-1], []).append(str(run.identity["strategy"]))
    return with_seeds(
        (setting, seed, f"of different data: {'; '.join(', '.join(names) for names in of_seed.values())}")
        for (setting, seed), of_seed in digests.items()
        if len(of_seed) > 1
    )


def runs_table(runs: list[Run]) -> pd.DataFrame:
    """A row per run: its identity, state, num_labelled, message, and the path."""
    rows = [
        {**dict.fromkeys(IDENTITY, ""), **run.identity, "state": run.state.value, "num_labelled": run.num_labelled}
        | {"message": run.message, "path": "" if run.path is None else str(run.path)}
        for run in runs
    ]
    return pd.DataFrame(rows)


def described(runs: Sequence[Run]) -> list[str]:
    """A line per setting, strategy and message, with its seeds: `digits · mlp · badge · b100 · seeds 0, 2`."""
    named = [run.name.rpartition(" · seed ") if run.identity else (run.name, "", "") for run in runs]
    return with_seeds((name, seed, run.message) for (name, _, seed), run in zip(named, runs, strict=True))


def _run(path: Path, names: Set[str], told: Told) -> Run:
    file = told.file
    columns = file.columns if file is not None else None
    identity = {key: value_of(columns, key) for key in IDENTITY} if columns else identity_of_path(path)
    num_labelled = int(columns["num_labelled"][-1]) if columns else 0
    state = State.INTERRUPTED
    message = f"{num_labelled:,} labels so far"
    if LOCK in names and is_locked(path / LOCK):
        state = State.RUNNING
    elif problem := _problem(identity, file, is_done=DONE in names):
        state, message = State.BROKEN, problem
    elif told.error:
        state, message = State.FAILED, told.error
    elif told.is_finished:
        state, message = State.FINISHED, ""
    message = " ".join(message.encode(errors="backslashreplace").decode().split())
    return Run(identity, state, message, path, num_labelled, told.starts, file)


def _without_duplicates(runs: Sequence[Run]) -> list[Run]:
    """The second and later directories of a run are broken: nobody knows which of them counts."""
    known: dict[tuple[object, ...], Path | None] = {}
    told = []
    for run in runs:
        key = tuple(run.identity.values())
        if key and key in known:
            run = replace(run, state=State.BROKEN, message=f"{run.path} is the same run as {known[key]}")
        known.setdefault(key, run.path)
        told.append(run)
    return told


def _problem(identity: Mapping[str, object], file: RoundsFile | None, *, is_done: bool) -> str:
    if not identity:
        return f"its path is not that of a run, and rounds.csv cannot be used: {file.problem if file else ''}"
    if file is not None and file.columns is None:
        return f"rounds.csv: {file.problem}"
    return "it is marked as finished and has no rounds.csv" if is_done and file is None else ""


def _missing(runs: list[Run]) -> list[Run]:
    known = [run.identity for run in runs if run.identity]
    settings, strategies, seeds = (
        sorted({tuple(identity[key] for key in keys) for identity in known}, key=str)
        for keys in (SETTING, ["strategy"], ["seed"])
    )
    there = {tuple(identity[key] for key in IDENTITY) for identity in known}
    wanted = ((*setting, *strategy, *seed) for setting, strategy, seed in product(settings, strategies, seeds))
    return [Run(dict(zip(IDENTITY, values, strict=True)), State.MISSING) for values in wanted if values not in there]

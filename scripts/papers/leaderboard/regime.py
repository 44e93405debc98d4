"""A regime of the leaderboard: the data sets of which all runs are finished, under the names of the protocol."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pandas as pd

from al_bench.analysis.results import combined
from al_bench.analysis.runs import Run, State, runs_in
from al_bench.core.errors import ResultsError
from al_bench.records.archive.moving import restore
from al_bench.records.starts.told import Start
from papers.leaderboard.protocol import Protocol, strategies_of

NAMED = ["model", "variant"]  # the learner and the schedule, which the name of a data set and the regime say


@dataclass(frozen=True)
class Regime:
    """What is known of it.

    Attributes:
        name: of it.
        strategies: without oracles.
        datasets: names of those that are whole.
        rounds: theirs, as `al_bench.analysis.results.load_results` gives them; `dataset` is a name of the protocol,
            `model` and `variant` are empty, so that all learners are of one table.
        lacking: how many runs other data sets of the protocol lack.
        starts: of the runs.
    """

    name: str
    strategies: tuple[str, ...]
    datasets: tuple[str, ...]
    rounds: pd.DataFrame
    lacking: dict[str, int]
    starts: tuple[Start, ...]

    @property
    def hours(self) -> float:
        """CPU hours of training and querying."""
        return float(self.rounds[["fit_cpu_seconds", "query_cpu_seconds"]].sum().sum() / 3600)


def regime_of(name: str, archives: Path, protocol: Protocol, scratch: Path) -> Regime:
    """Read it from its archives, which are restored to `scratch`.

    ResultsError: if no data set is whole.
    """
    restore(archives, scratch, with_unfinished=False)
    strategies, names = strategies_of(name), protocol.names(name)
    due = {*product(strategies, range(protocol.seeds))}
    runs: dict[str, list[Run]] = {known: [] for known in names.values()}
    for run in runs_in(scratch):
        known = names.get(str(run.identity["dataset"]).partition(",")[0]) if run.identity else None
        if known and run.state is State.FINISHED and _which(run) in due:
            runs[known].append(run)
    lacking = {known: len(due - set(map(_which, of_it))) for known, of_it in runs.items()}
    whole = [run for known, of_it in runs.items() if not lacking[known] for run in of_it]
    if not whole:
        raise ResultsError(f"{archives}: no data set of the protocol has all its runs; those lacking: {lacking}")
    rounds = combined([run.file for run in whole if run.file is not None], scratch).rounds
    named = rounds["dataset"].str.partition(",")[0].map(names)
    return Regime(
        name=name,
        strategies=tuple(each for each in strategies if each not in protocol.oracles),
        datasets=tuple(known for known, num in lacking.items() if not num),
        rounds=rounds.assign(dataset=named, **dict.fromkeys(NAMED, "")),
        lacking={known: num for known, num in lacking.items() if num},
        starts=tuple(start for run in whole for start in run.starts),
    )


def _which(run: Run) -> tuple[str, int]:
    return str(run.identity["strategy"]), int(str(run.identity["seed"]))

"""What is shown of results: of which folders, which strategies, in which order, and called what."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations
from pathlib import Path

import pandas as pd

from al_bench.analysis.families import families
from al_bench.analysis.results import listed, measured
from al_bench.analysis.runs import Run, misplaced, mixed_data, runs_in
from al_bench.analysis.settings import BASELINE
from al_bench.analysis.spent.training_steps import with_steps
from al_bench.analysis.statistics.measures import ACCURACY, Measure
from al_bench.analysis.strategies import arranged, by_mean_gain
from al_bench.core.errors import ResultsError


@dataclass(frozen=True)
class Shown:
    """Names are as results have them.

    Args:
        strategies: to show; all without any. Nothing else enters a comparison.
        order: those that stand first.
        labels: what strategies are called instead: a mapping, or `badge=BADGE,margin=Margin`.
    """

    strategies: Sequence[str] = ()
    order: Sequence[str] = ()
    labels: Mapping[str, str] | str = field(default_factory=dict)


ALL = Shown()


@dataclass(frozen=True)
class Read:
    """What folders of results hold, as it is shown: `choices` are by new names what strategies are called in them."""

    runs: list[Run]
    problems: tuple[str, ...]
    rounds: pd.DataFrame
    families: dict[str, str]
    choices: dict[str, str]
    against: str
    measure: Measure


def read(
    folders: Sequence[Path],
    shown: Shown = ALL,
    against: str = BASELINE,
    measure: str = ACCURACY.column,
    margin: float | None = None,
) -> Read:
    """Runs and rounds of folders, whose strategies stand in their order by a measure (see `by_mean_gain`).

    Raises:
        ResultsError: if there are no results, a run is in two folders, or none of a strategy that is named, and for
            labels that do not tell strategies apart; as `measured`.
    """
    runs = runs_in(*folders)
    files = [run.file for run in runs if run.file is not None]
    by, results = measured(files, " and ".join(map(str, folders)), measure, margin)
    problems = (*results.problems, *misplaced(runs), *mixed_data(runs), *_twice(folders))
    rounds, known = results.rounds, families(results.rounds, runs)
    names = rounds["strategy"].unique().tolist()
    if shown.strategies:
        names = named(shown.strategies, names, "strategies")
        runs = [run for run in runs if not run.identity or run.identity["strategy"] in names]
        rounds = rounds[rounds["strategy"].isin(names)].reset_index(drop=True)
    labels = labels_of(shown.labels, names)
    order = by_mean_gain(rounds, known, against, named(shown.order, names, "order"), measure=by)
    rounds = arranged(rounds, order)
    rounds = rounds.assign(choice=rounds["strategy"], strategy=rounds["strategy"].map(lambda name: labels[name]))
    runs = [_renamed(run, labels) for run in runs]
    choices = {label: name for name, label in labels.items()}
    return Read(runs, problems, with_steps(rounds, runs), known, choices, labels.get(against, against), by)


def named(words: Sequence[str], names: Sequence[str], option: str) -> list[str]:
    """The names that words say, which may be parts of them between commas; ResultsError for one that is none."""
    found: list[str] = []
    start = 0
    while start < len(words):
        ends = range(len(words), start, -1)
        end = next((end for end in ends if ",".join(words[start:end]) in names), None)
        if end is None:
            raise _unknown(option, words[start], names)
        found.append(",".join(words[start:end]))
        start = end
    return list(dict.fromkeys(found))


def labels_of(labels: Mapping[str, str] | str, names: Sequence[str]) -> dict[str, str]:
    """What each of the strategies of these names is called.

    Raises:
        ResultsError: for a label of none of them, an empty one, and one that two have.
    """
    given = labels if isinstance(labels, Mapping) else _parsed(labels, names)
    for name, label in given.items():
        if name not in names:
            raise _unknown("labels", name, names)
        if not label.strip():
            raise ResultsError(f"labels={name}: it has no label; say {name}=...")
    found = {name: given.get(name, name) for name in names}
    taken: dict[str, str] = {}
    for name, label in found.items():
        if (other := taken.setdefault(label, name)) != name:
            raise ResultsError(f"labels: {other} and {name} would both be called {label}")
    return found


def _parsed(text: str, names: Sequence[str]) -> dict[str, str]:
    """Of `badge=BADGE,margin=Margin`, where names may hold commas, and labels those before no `name=`."""
    if not text:
        return {}
    any_name = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    starts = [*re.finditer(rf"(?:^|,)({any_name})=", text)]
    for name, count in Counter(start[1] for start in starts).items():
        if count > 1:
            raise ResultsError(f"labels={name}: it has {count} labels; say one")
    places = [*(start.start() for start in starts), len(text)]
    found = {start[1]: text[start.end() : end] for start, end in zip(starts, places[1:], strict=True)}
    for part in (text[: places[0]], *(label.partition(",")[2] for label in found.values() if "=" in label)):
        if part and part in names:
            raise ResultsError(f"labels={part}: it has no label; say {part}=...")
        if part:
            raise _unknown("labels", part.partition("=")[0], names)
    return found


def _renamed(run: Run, labels: Mapping[str, str]) -> Run:
    if not run.identity:
        return run
    strategy = str(run.identity["strategy"])
    return replace(run, identity={**run.identity, "strategy": labels.get(strategy, strategy)})


def _unknown(option: str, name: str, names: Sequence[str]) -> ResultsError:
    return ResultsError(f"{option}={name}: there is no run of that strategy; those there are:{listed(names)}")


def _twice(folders: Sequence[Path]) -> Iterator[str]:
    """A line for each folder that is, or lies in, another one that is named."""
    places = list(dict.fromkeys(folder.resolve() for folder in folders))
    if len(places) < len(folders):
        yield "a folder is named twice; its runs are counted once"
    for inner, outer in permutations(places, 2):
        if outer in inner.parents:
            yield f"{inner} lies in {outer}, which is named, too; its runs are counted once"

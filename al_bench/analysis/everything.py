"""Everything that the analysis says of a folder, computed once: what the report and its figures are made of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, Unpack

import pandas as pd

from al_bench.analysis.budgets import Compared, Definition, compared_settings
from al_bench.analysis.pictures.style import Look, looks
from al_bench.analysis.regimes import by_regime, one_table, regime_name
from al_bench.analysis.results import SETTING
from al_bench.analysis.runs import Run, left_out, runs_table
from al_bench.analysis.settings import BASELINE, Curves, setting_curves
from al_bench.analysis.shown import ALL, Shown, read
from al_bench.analysis.spent.bought import bought, class_balance
from al_bench.analysis.spent.costs import costs
from al_bench.analysis.spent.training_steps import busy_runs
from al_bench.analysis.statistics.areas import areas, mean_areas, with_larger_better
from al_bench.analysis.statistics.cdf import grouped_distributions, normalised_errors
from al_bench.analysis.statistics.curves import Interval, all_curves, checked_interval
from al_bench.analysis.statistics.gains import gains
from al_bench.analysis.statistics.intervals import MARGIN
from al_bench.analysis.statistics.measures import ACCURACY, Measure
from al_bench.analysis.statistics.overall import GROUP, beats, overall
from al_bench.analysis.statistics.paired import pairwise_differences
from al_bench.analysis.statistics.penalty import PenaltyMatrix, penalty_matrices
from al_bench.analysis.statistics.profiles import Profiles, profiles
from al_bench.analysis.statistics.ranks import Ranks, ranked
from al_bench.analysis.statistics.savings import labels_saved
from al_bench.analysis.strategies import arranged
from al_bench.core.errors import ResultsError


@dataclass(frozen=True)
class Comparison:
    """What is said at the compared numbers of labels, of complete results."""

    settings: tuple[Compared, ...]
    matrices: tuple[PenaltyMatrix, ...]
    errors: pd.DataFrame
    distributions: tuple[tuple[dict[str, object], pd.DataFrame], ...]
    differences: pd.DataFrame


@dataclass(frozen=True)
class Everything:
    """Tables and tests of a folder of results.

    `strategies` are in the order that they have in all of it; `choices` are what each was called before it was renamed.
    `ranks` and `profiles` are by the names of regimes; they
    and `comparison` are messages where they are refused: runs are missing, or there are too few.
    """

    folders: tuple[Path, ...]
    definition: Definition
    is_holm: bool
    interval: Interval
    against: str
    margin: float | None
    measure: Measure
    runs: tuple[Run, ...]
    problems: tuple[str, ...]
    strategies: tuple[str, ...]
    choices: Mapping[str, str]
    rounds: pd.DataFrame
    settings: tuple[Curves, ...]
    curves: Mapping[Measure, pd.DataFrame]
    areas: pd.DataFrame
    mean_areas: pd.DataFrame
    families: Mapping[str, str]
    gains: pd.DataFrame
    overall: pd.DataFrame
    beats: pd.DataFrame
    saved: pd.DataFrame
    costs: pd.DataFrame
    busy: pd.DataFrame
    bought: pd.DataFrame
    balance: pd.DataFrame
    comparison: Comparison | str
    ranks: Mapping[str, Ranks | str]
    profiles: Mapping[str, Profiles | str]

    @property
    def name(self) -> str:
        """The names of the folders that were read, with commas between."""
        return ", ".join(folder.resolve().name for folder in self.folders)

    @property
    def looks(self) -> dict[str, Look]:
        """Colour, line and marker of each strategy, the same in every figure."""
        called = self.choices
        found = looks(called.values(), [called[name] for name in self.oracles], called.get(self.against, self.against))
        return {name: found[called[name]] for name in self.strategies}

    @property
    def oracles(self) -> tuple[str, ...]:
        """The strategies that see what is hidden from others."""
        return tuple(self.rounds["strategy"][self.rounds["is_oracle"]].unique().tolist())

    @property
    def bands(self) -> str:
        """What the bands of the curves are."""
        return "mean ± standard error" if self.interval == "stderr" else "mean, 95 % interval by Student's t"

    def tables(self) -> Mapping[str, pd.DataFrame]:
        """All numbers, by the name of a file."""
        tables = {
            "runs": runs_table(list(self.runs)),
            **{f"{measure.prefix}curves": table for measure, table in self.curves.items()},
            "costs": self.costs,
            "bought": self.bought,
            "class_balance": self.balance,
            **{f"{self.measure.prefix}{name}": table for name, table in self._by_measure().items()},
        }
        if isinstance(self.comparison, Comparison):
            tables |= {penalty.file_name: penalty.as_marked_table() for penalty in self.comparison.matrices}
        return tables

    def _by_measure(self) -> Mapping[str, pd.DataFrame]:
        """Those that are others by another measure."""
        tables = {
            "areas": self.areas,
            "mean_areas": self.mean_areas,
            "gains": self.gains,
            "overall": self.overall,
            "beats": self.beats,
            "labels_saved": self.saved,
        }
        if isinstance(self.comparison, Comparison):
            tables |= {"normalised_errors": self.comparison.errors, "differences": self.comparison.differences}
        ranks = {regime: each for regime, each in self.ranks.items() if isinstance(each, Ranks)}
        shown = {regime: each for regime, each in self.profiles.items() if isinstance(each, Profiles)}
        tables |= one_table("mean_ranks", {regime: each.as_table() for regime, each in ranks.items()})
        tables |= one_table("nemenyi", {regime: each.as_p_values() for regime, each in ranks.items()})
        return tables | one_table("profiles", {regime: each.as_table() for regime, each in shown.items()})


class Options(TypedDict, total=False):
    """What `everything` takes, explained where it is taken: most by functions of `al_bench.analysis.statistics`."""

    is_holm: bool  # penalty.penalty_matrices
    is_partial: bool  # penalty.penalty_matrices
    interval: Interval  # curves.learning_curves
    against: str  # gains.gains
    margin: float | None  # gains.gains; of another measure than a share, in its unit
    measure: str  # measures.named
    shown: Shown  # of which strategies, in which order, called what


DEFAULTS: Options = {
    "is_holm": False,
    "is_partial": False,
    "interval": "stderr",
    "against": BASELINE,
    "margin": None,
    "measure": ACCURACY.column,
    "shown": ALL,
}


def everything(
    folders: Path | Sequence[Path], definition: Definition = "paper", **options: Unpack[Options]
) -> Everything:
    """All that can be said of a folder of results, or of several together.

    ResultsError: as `shown.read`; if there is no run of the baseline, and for an unknown interval or measure.
    """
    asked = DEFAULTS | options
    interval, of_shares = checked_interval(asked["interval"]), MARGIN if asked["margin"] is None else asked["margin"]
    folders = (folders,) if isinstance(folders, Path) else (*folders,)
    found = read(folders, asked["shown"], asked["against"], asked["measure"], asked["margin"])
    rounds, known, against, by = found.rounds, found.families, found.against, found.measure
    curves, settings = all_curves(rounds, interval, by), tuple(setting_curves(rounds))
    gained = gains(rounds, curves, definition, against=against, margin=of_shares)
    over_all = overall(gained, known, margin=of_shares, measures=curves, settings=[each.setting for each in settings])
    strategies = tuple(rounds["strategy"].unique().tolist())
    return Everything(
        folders=folders,
        definition=definition,
        is_holm=asked["is_holm"],
        interval=interval,
        against=against,
        margin=of_shares if by.is_share else by.margin,
        measure=by,
        runs=tuple(found.runs),
        problems=found.problems,
        strategies=strategies,
        choices={name: found.choices[name] for name in strategies},
        rounds=rounds,
        settings=settings,
        curves=curves,
        families=known,
        gains=gained,
        overall=arranged(over_all, strategies, GROUP),
        comparison=_comparison(rounds, definition, by, found.runs, asked),
        **_by_areas(rounds, known, by),
        **_spent(rounds),
    )


def _by_areas(rounds: pd.DataFrame, known: Mapping[str, str], measure: Measure) -> dict[str, Any]:
    """By the attributes of `Everything`: what is said of whole curves."""
    strategies, of_runs = rounds["strategy"].unique().tolist(), areas(rounds, measure)
    means = mean_areas(of_runs)
    of_runs_merits, merits = (arranged(with_larger_better(each, measure), strategies) for each in (of_runs, means))
    regimes = {regime_name(each): rows for each, rows in by_regime(merits)}
    return {
        "areas": of_runs,
        "mean_areas": means,
        "ranks": {name: _or_refusal(partial(ranked, rows, known)) for name, rows in regimes.items()},
        "profiles": {name: _or_refusal(partial(profiles, rows, known, measure)) for name, rows in regimes.items()},
        "beats": beats(of_runs_merits, known),
        "saved": labels_saved(rounds, measure),
    }


def _spent(rounds: pd.DataFrame) -> dict[str, Any]:
    """By the attributes of `Everything`: what does not depend on the measure."""
    strategies = rounds["strategy"].unique().tolist()
    tables = {"costs": costs(rounds), "bought": bought(rounds), "balance": class_balance(rounds)}
    return {"busy": busy_runs(rounds)} | {name: arranged(of, strategies, SETTING) for name, of in tables.items()}


def _comparison(
    rounds: pd.DataFrame, definition: Definition, measure: Measure, runs: Sequence[Run], asked: Options
) -> Comparison | str:
    options: Any = {"measure": measure, "is_partial": asked["is_partial"]}
    try:
        settings = compared_settings(rounds, definition, left_out=left_out(runs), **options)
        errors = normalised_errors(rounds, definition, **options)
        return Comparison(
            settings=tuple(settings),
            matrices=tuple(penalty_matrices(rounds, definition, is_holm=asked["is_holm"], **options)),
            errors=errors,
            distributions=tuple(grouped_distributions(arranged(errors, rounds["strategy"].unique().tolist()))),
            differences=pairwise_differences(rounds, definition, **options),
        )
    except ResultsError as error:
        return str(error)


def _or_refusal(found: Callable[[], Any]) -> Any:
    """What is found, or the message why not."""
    try:
        return found()
    except ResultsError as error:
        return str(error)

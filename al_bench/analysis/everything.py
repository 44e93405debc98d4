"""Everything that the analysis says of a folder, computed once: what the report and its figures are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from al_bench.analysis.statistics.areas import areas, mean_areas
from al_bench.analysis.statistics.cdf import grouped_distributions, normalised_errors
from al_bench.analysis.statistics.curves import Interval, all_curves, checked_interval
from al_bench.analysis.statistics.gains import gains
from al_bench.analysis.statistics.intervals import MARGIN
from al_bench.analysis.statistics.measures import Measure
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

    `strategies` are in the order that they have in all of it; `choices` are what each was called before it was given a
    label. `ranks` and `profiles` are by the names of regimes; they
    and `comparison` are messages where they are refused: runs are missing, or there are too few.
    """

    folders: tuple[Path, ...]
    definition: Definition
    is_holm: bool
    interval: Interval
    against: str
    margin: float
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
        """Of the folders."""
        return ", ".join(folder.resolve().name for folder in self.folders)

    @property
    def looks(self) -> dict[str, Look]:
        """The same look for the same strategy in every figure."""
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
            "areas": self.areas,
            "mean_areas": self.mean_areas,
            "gains": self.gains,
            "overall": self.overall,
            "beats": self.beats,
            "labels_saved": self.saved,
            "costs": self.costs,
            "bought": self.bought,
            "class_balance": self.balance,
        }
        if isinstance(self.comparison, Comparison):
            tables |= {penalty.file_name: penalty.as_marked_table() for penalty in self.comparison.matrices}
            tables |= {"normalised_errors": self.comparison.errors, "differences": self.comparison.differences}
        ranks = {regime: each for regime, each in self.ranks.items() if isinstance(each, Ranks)}
        shown = {regime: each for regime, each in self.profiles.items() if isinstance(each, Profiles)}
        tables |= one_table("mean_ranks", {regime: each.as_table() for regime, each in ranks.items()})
        tables |= one_table("nemenyi", {regime: each.as_p_values() for regime, each in ranks.items()})
        return tables | one_table("profiles", {regime: each.as_table() for regime, each in shown.items()})


def everything(
    folders: Path | Sequence[Path],
    definition: Definition = "paper",
    *,
    is_holm: bool = False,
    is_partial: bool = False,
    interval: Interval = "stderr",
    against: str = BASELINE,
    margin: float = MARGIN,
    shown: Shown = ALL,
) -> Everything:
    """All that can be said of a folder of results, or of several together.

    Options as of `statistics.penalty.penalty_matrices`, `statistics.curves.learning_curves`, `statistics.gains.gains`.

    Raises:
        ResultsError: as `shown.read`; if there is no run of the baseline, and for an unknown interval.
    """
    interval = checked_interval(interval)
    found = read(folders := (folders,) if isinstance(folders, Path) else (*folders,), shown, against)
    rounds, known, against = found.rounds, found.families, found.against
    curves, settings = all_curves(rounds, interval), tuple(setting_curves(rounds))
    gained = gains(rounds, curves, definition, against=against, margin=margin)
    of_data_sets = overall(gained, known, margin=margin, measures=curves, settings=[each.setting for each in settings])
    strategies = rounds["strategy"].unique().tolist()
    return Everything(
        folders=folders,
        definition=definition,
        is_holm=is_holm,
        interval=interval,
        against=against,
        margin=margin,
        runs=tuple(found.runs),
        problems=found.problems,
        strategies=tuple(strategies),
        choices={name: found.choices[name] for name in strategies},
        rounds=rounds,
        settings=settings,
        curves=curves,
        families=known,
        gains=gained,
        overall=arranged(of_data_sets, strategies, GROUP),
        comparison=_comparison(rounds, definition, left_out(found.runs), is_holm=is_holm, is_partial=is_partial),
        **_tables(rounds, known, strategies),
    )


def _tables(rounds: pd.DataFrame, known: Mapping[str, str], strategies: Sequence[str]) -> dict[str, Any]:
    """By the attributes of `Everything` that take no options."""
    area_of_runs = areas(rounds)
    means = mean_areas(area_of_runs)
    regimes = {regime_name(each): rows for each, rows in by_regime(arranged(means, strategies))}
    spent = {"costs": costs(rounds), "bought": bought(rounds), "balance": class_balance(rounds)}
    return {
        "areas": area_of_runs,
        "mean_areas": means,
        "ranks": {name: _ranks(rows, known) for name, rows in regimes.items()},
        "profiles": {name: _profiles(rows, known) for name, rows in regimes.items()},
        "beats": beats(arranged(area_of_runs, strategies), known),
        "saved": labels_saved(rounds),
        "busy": busy_runs(rounds),
        **{name: arranged(table, strategies, SETTING) for name, table in spent.items()},
    }


def _comparison(
    rounds: pd.DataFrame, definition: Definition, left_out: Mapping[tuple[object, ...], str], **options: bool
) -> Comparison | str:
    is_partial = options["is_partial"]
    try:
        settings = compared_settings(rounds, definition, is_partial=is_partial, left_out=left_out)
        errors = normalised_errors(rounds, definition, is_partial=is_partial)
        return Comparison(
            settings=tuple(settings),
            matrices=tuple(penalty_matrices(rounds, definition, **options)),
            errors=errors,
            distributions=tuple(grouped_distributions(arranged(errors, rounds["strategy"].unique().tolist()))),
            differences=pairwise_differences(rounds, definition, is_partial=is_partial),
        )
    except ResultsError as error:
        return str(error)


def _ranks(mean_areas: pd.DataFrame, known: Mapping[str, str]) -> Ranks | str:
    try:
        return ranked(mean_areas, known)
    except ResultsError as error:
        return str(error)


def _profiles(mean_areas: pd.DataFrame, known: Mapping[str, str]) -> Profiles | str:
    try:
        return profiles(mean_areas, known)
    except ResultsError as error:
        return str(error)

"""What is compared: the errors of all strategies and seeds in one setting (data set, model, batch size, variant)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from al_bench.analysis.names import isolated
from al_bench.analysis.regimes import conditions_of, natural, trained_as
from al_bench.analysis.results import SETTING
from al_bench.analysis.statistics.measures import ACCURACY, Measure
from al_bench.records.layout import seeds_title, setting_title

Floats = NDArray[np.float64]
BASELINE = "random"
PARTIAL = "not finished"  # beside a number that may change when all runs are
GROUPINGS: tuple[tuple[str, ...], ...] = (
    (),
    ("batch_size",),
    ("model",),
    ("dataset",),
    ("batch_size", "model"),
    ("batch_size", "dataset"),
    ("model", "dataset"),
)


@dataclass(frozen=True)
class Curves:
    """Errors (K, S, L) of K strategies and S seeds of one setting at L numbers of labels; NaN where there is none.

    An error is 1 - a measure of which higher values are better, such as accuracy, and one of which lower ones are.
    """

    setting: Mapping[str, object]
    strategies: tuple[str, ...]
    seeds: tuple[int, ...]
    labels: tuple[int, ...]
    error_KSL: Floats
    unfinished: frozenset[tuple[str, int]] = frozenset()  # strategy and seed
    baseline: str = BASELINE  # what Random is called
    measure: Measure = ACCURACY

    @property
    def name(self) -> str:
        """For people: `mnist · mlp · b100`."""
        return setting_title(self.setting)

    @cached_property
    def partial(self) -> frozenset[str]:
        """The strategies whose numbers may change: a seed of the setting is lacking, or a run not finished."""
        lacking = {name for name in self.strategies if 0 < self.num_seeds(name) < len(self.seeds)}
        return frozenset(lacking | {strategy for strategy, _ in self.unfinished})

    @cached_property
    def strategies_there(self) -> frozenset[str]:
        """The strategies that have any value in this setting."""
        return frozenset(strategy for strategy, _ in self.ends)

    @cached_property
    def ends(self) -> Mapping[tuple[str, int], tuple[int, int]]:
        """The first and the last number of labels of every run that has any value, by strategy and seed."""
        is_there_KSL = ~np.isnan(self.error_KSL)
        first_KS, last_KS = is_there_KSL.argmax(axis=2), is_there_KSL[:, :, ::-1].argmax(axis=2)
        return {
            (self.strategies[row], self.seeds[column]): (
                self.labels[first_KS[row, column]],
                self.labels[-1 - last_KS[row, column]],
            )
            for row, column in np.argwhere(is_there_KSL.any(axis=2)).tolist()
        }

    @cached_property
    def is_baseline_partial(self) -> bool:
        """Whether Random's final accuracy may change: a run of it is missing, not finished, or ends before others."""
        furthest = max((last for _, last in self.ends.values()), default=0)
        is_short = any(last < furthest for (strategy, _), (_, last) in self.ends.items() if strategy == self.baseline)
        return self.baseline in self.partial or is_short

    def num_seeds(self, strategy: str) -> int:
        """How many seeds of the strategy have any value."""
        return int(np.isfinite(self.error_KSL[self.strategies.index(strategy)]).any(axis=1).sum())

    def at(self, num_labelled: int) -> Floats:
        """Errors (K, S) at this number of labels; NaN where there is none."""
        if num_labelled not in self.labels:
            return np.full(self.error_KSL.shape[:2], np.nan)
        return self.error_KSL[:, :, self.labels.index(num_labelled)]

    def values(self, error: Floats) -> Floats:
        """Values of the measure from errors of any shape; errors from values by the same rule."""
        return 1 - error if self.measure.better == "higher" else error

    def mean_value(self, strategy: str) -> pd.Series:
        """The measure's mean over seeds, by the numbers of labels that all of them have; empty without any."""
        error_SL = self.error_KSL[self.strategies.index(strategy)]
        error_SL = error_SL[~np.isnan(error_SL).all(axis=1)]
        is_common_L = ~np.isnan(error_SL).any(axis=0) & bool(len(error_SL))
        mean_error_L = error_SL[:, is_common_L].sum(axis=0) / max(len(error_SL), 1)
        return pd.Series(self.values(mean_error_L), np.array(self.labels)[is_common_L])

    def alike(self) -> Iterator[tuple[NDArray[np.int64], Floats, Floats]]:
        """The runs that have any value, those together that have them at the same numbers of labels, as most have.

        Returns:
            Places of strategy and seed (N, 2), numbers of labels (L,), values (N, L).
        """
        is_there_KSL = ~np.isnan(self.error_KSL)
        run_N2 = np.argwhere(is_there_KSL.any(axis=2))
        masks_PL, pattern_N = np.unique(is_there_KSL[tuple(run_N2.T)], axis=0, return_inverse=True)
        for number, is_there_L in enumerate(masks_PL):
            runs_N2 = run_N2[pattern_N == number]
            error_NL = self.error_KSL[tuple(runs_N2.T)][:, is_there_L]
            yield runs_N2, np.array(self.labels, dtype=float)[is_there_L], self.values(error_NL)


def with_seeds(problems: Iterable[tuple[str, object, str]]) -> list[str]:
    """A line for each name and message, with its seeds: `digits · mlp · b100 · badge · seeds 0-3, 5: no such run`."""
    seeds: dict[tuple[str, str], list[int]] = {}
    for name, seed, message in problems:
        seeds.setdefault((name, message), []).extend([] if seed == "" else [int(str(seed))])
    return [
        name
        + (f" · seed{'s' * (len(known) > 1)} {seeds_title(known)}" if known else "")
        + (f": {message}" if message else "")
        for (name, message), known in seeds.items()
    ]


def compared_rounds(rounds: pd.DataFrame) -> pd.DataFrame:
    """Without oracles: they are lines of reference, and in no comparison."""
    return rounds[~rounds["is_oracle"]] if "is_oracle" in rounds else rounds


def setting_curves(rounds: pd.DataFrame, measure: Measure = ACCURACY, *, with_oracles: bool = False) -> list[Curves]:
    """The errors of every setting by a measure, all with the same strategies, in the order of the rows."""
    rounds = rounds if with_oracles else compared_rounds(rounds)
    baseline = _name_of_random(rounds)
    strategy_N, strategies = pd.factorize(rounds["strategy"])
    seed_N, labels_N, error_N = (rounds[name].to_numpy() for name in ("seed", "num_labelled", measure.column))
    error_N = 1 - error_N if measure.better == "higher" else error_N
    is_open_N = ~rounds["is_finished"].to_numpy(bool) if "is_finished" in rounds else np.zeros(len(rounds), bool)
    curves = []
    for values, rows in sorted(rounds.groupby(SETTING).indices.items()):
        seeds, column = np.unique(seed_N[rows], return_inverse=True)
        labels, place = np.unique(labels_N[rows], return_inverse=True)
        error_KSL = np.full((len(strategies), len(seeds), len(labels)), np.nan)
        error_KSL[strategy_N[rows], column, place] = error_N[rows]
        is_open = is_open_N[rows]
        open_ones = zip(strategies[strategy_N[rows][is_open]], seeds[column[is_open]].tolist(), strict=True)
        setting = dict(zip(SETTING, cast(tuple[object, ...], values), strict=True))
        shape = tuple(strategies), tuple(seeds.tolist()), tuple(labels.tolist())
        curves.append(Curves(setting, *shape, error_KSL, frozenset(open_ones), baseline, measure))
    return curves


def _name_of_random(rounds: pd.DataFrame) -> str:
    """`choice` is what a strategy was called before it was renamed (`al_bench.analysis.shown`)."""
    names = rounds["strategy"][rounds["choice"] == BASELINE].unique().tolist() if "choice" in rounds else []
    return str(names[0]) if names else BASELINE


def setting_names(table: pd.DataFrame) -> list[str]:
    """For each row of a table the `setting_title` of its setting."""
    return [setting_title(dict(zip(SETTING, values, strict=True))) for values in table[SETTING].itertuples(index=False)]


def marked_names(table: pd.DataFrame, column: str = "is_partial") -> list[str]:
    """`setting_names`; those of which a number may change when all runs are finished, by a column, say so."""
    names = setting_names(table)
    partial = {name for name, is_partial in zip(names, table[column], strict=True) if is_partial}
    return [f"{name} ({PARTIAL})" if name in partial else name for name in names]


def not_whole(curves: Curves) -> str:
    """Which strategies of a setting are not finished, or have fewer seeds than it; empty if there are none."""
    parts = []
    open_ones = {strategy for strategy, _ in curves.unfinished}
    if names := [name for name in curves.strategies if name in open_ones]:
        parts.append(f"not finished: {', '.join(map(isolated, names))}")
    lacking = [name for name in curves.strategies if name in curves.partial]
    if few := [name for name in lacking if curves.num_seeds(name) < len(curves.seeds)]:
        told = (f"{isolated(name)} {curves.num_seeds(name)} of {len(curves.seeds)}" for name in few)
        parts.append(f"fewer seeds: {', '.join(told)}")
    return "; ".join(parts)


def rows_of(table: pd.DataFrame, setting: Mapping[str, object]) -> pd.DataFrame:
    """The rows of a setting."""
    for column in SETTING:
        table = table[table[column] == setting[column]]
    return table


def grouped(settings: Sequence[Mapping[str, object]]) -> Iterator[tuple[dict[str, object], list[int]]]:
    """All settings, then those of each batch size, model, data set, and any two of them, by their positions.

    Settings of different conditions (`al_bench.analysis.regimes.conditions_of`), or with models that are trained in
    different ways (`trained_as`), are in no group together.
    """
    conditions = []
    for setting in settings:
        conditions_there = conditions_in(setting), trained_as(str(setting["model"]))
        conditions.append(",".join(filter(None, conditions_there)))
    apart = ("variant",) if len(set(conditions)) > 1 else ()
    described = [{**setting, "variant": each} for setting, each in zip(settings, conditions, strict=True)]
    for columns in ((*apart, *others) for others in GROUPINGS):
        groups: dict[tuple[object, ...], list[int]] = {}
        for position, setting in enumerate(described):
            groups.setdefault(tuple(setting[column] for column in columns), []).append(position)
        for values, members in sorted(groups.items(), key=lambda item: tuple(map(_sort_key, item[0]))):
            yield dict(zip(columns, values, strict=True)), members


def conditions_in(setting: Mapping[str, object]) -> str:
    """What `conditions_of` says of a setting, given by its columns."""
    return conditions_of(str(setting["dataset"]), str(setting["variant"]), int(str(setting["batch_size"])))


def is_of_all(group: Mapping[str, object]) -> bool:
    """Whether a group of `grouped` is of all settings, or of all of the same conditions and training."""
    return group.keys() <= {"variant"}


def group_name(group: Mapping[str, object]) -> str:
    """For people: `batch size 100, model mlp`."""
    return ", ".join(_named(key, value) for key, value in group.items()) or "all settings"


def _named(key: str, value: object) -> str:
    return f"{key.replace('_', ' ')} {value}" if value != "" else f"no {key}"


def _sort_key(value: object) -> tuple[bool, object]:
    return isinstance(value, str), natural(value) if isinstance(value, str) else value

"""Pairwise penalty matrices: in how many settings one strategy is significantly better than another.

Ash et al. (2020), section 4: at a few label counts of a setting (data set, model, batch size), a paired two-sided
t-test over the seeds decides whether strategy i beats j; each win adds 1 / (number of counts) to entry (i, j). So a
setting adds 1 at most, rows beat columns, and a column's mean is the penalty of its strategy: lower is better.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from al_bench.analysis.budgets import Compared, Definition, Missing, compared_settings
from al_bench.analysis.names import file_name
from al_bench.analysis.settings import Floats, compared_rounds, grouped
from al_bench.analysis.statistics.measures import ACCURACY, Measure
from al_bench.analysis.statistics.paired import LEVEL, paired_tests
from al_bench.records.layout import setting_title

NOISE = "strategies with noisy runs lose less"


@dataclass(frozen=True)
class Tally:
    """How often a strategy beat another: at one budget of one setting, one of a pair at most.

    `num_tests` pairs were compared, summed over budgets and settings: that many wins are possible. `num_budgets`: at
    which any pair was compared, summed over settings.
    """

    num_wins: int = 0
    num_tests: int = 0
    num_budgets: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        """Of both together."""
        return Tally(
            self.num_wins + other.num_wins, self.num_tests + other.num_tests, self.num_budgets + other.num_budgets
        )

    def sentence(self, *, is_holm: bool) -> str:
        """The wins, beside how many there would be if all strategies were equal.

        Each test finds a difference that is none in 5 % of all cases; adjusted by Holm's method, a budget has any such
        in 5 % at most, and how many is not known.
        """
        wins = f"{self.num_wins:,} wins of {self.num_tests:,} possible"
        if is_holm:
            most = LEVEL * self.num_budgets
            return (
                f"{wins}; if all strategies were equal, at most {most:.1f} of {self.num_budgets:,} budgets would be "
                "expected to have any (5 %, by Holm's method)"
            )
        expected = f"{LEVEL * self.num_tests:,.1f} expected if all strategies were equal (5 %, uncorrected)"
        return f"{wins}; {expected}"


@dataclass(frozen=True)
class SettingWins:
    """Who beats whom in one setting.

    Entry (i, j) of `share_KK` is the share of its budgets at which i beats j, of those at which both
    have two seeds or more in common: all, unless runs are missing. NaN if there is none.

    Attributes:
        num_seeds: those that were taken, of `num_known` that the setting has.
    """

    setting: Mapping[str, object]
    budgets: tuple[int, ...]
    share_KK: Floats
    missing: tuple[Missing, ...] = ()
    tally: Tally = Tally()
    num_seeds: int = 0
    num_known: int = 0

    @property
    def name(self) -> str:
        """For people: `mnist · mlp · b100`."""
        return setting_title(self.setting)


@dataclass(frozen=True)
class PenaltyMatrix:
    """A matrix (K, K) with strategies as index and columns, and the settings that it sums over.

    Attributes:
        matrix: NaN for a pair that could not be compared in any setting, which `missing` explains.
        group: which settings: values of the columns it is grouped by.
        settings: those with budgets; `without_budgets` add nothing, as Random is soon as good as with all labels.
        missing: the runs that are missing or too short, as `Compared`; pairs are compared on the seeds that both have.
        definition: of the budgets, with what p-values are adjusted by, if `is_holm`.
        wins: what is summed, a setting with budgets each, on the same number of seeds; none if that is not known.
    """

    matrix: pd.DataFrame
    group: Mapping[str, object]
    settings: tuple[str, ...]
    without_budgets: tuple[str, ...]
    missing: tuple[Missing, ...] = ()
    definition: str = "paper"
    is_holm: bool = False
    wins: tuple[SettingWins, ...] = ()
    measure: Measure = ACCURACY

    @property
    def penalties(self) -> pd.Series:
        """The mean of each column, the diagonal's 0 included: lower is better. NaN if an entry is."""
        return self.matrix.mean(axis=0, skipna=False)

    @property
    def file_name(self) -> str:
        """Without its ending: `penalty_overall`, `loss_penalty_batch_size_100_model_mlp`."""
        return file_name(f"{self.measure.prefix}penalty", self.group)

    @property
    def tally(self) -> Tally:
        """The comparisons of all its settings, counted together."""
        return sum((each.tally for each in self.wins), Tally())

    @property
    def cut(self) -> tuple[SettingWins, ...]:
        """The settings that have more seeds than were taken."""
        return tuple(each for each in self.wins if each.num_seeds < each.num_known)

    @property
    def notes(self) -> tuple[str, ...]:
        """What to read below the matrix; nothing if its wins are not known, or there is no test."""
        if not self.tally.num_tests:
            return ()
        cut = ", ".join(f"{each.name} from {each.num_known} to {each.num_seeds}" for each in self.cut)
        seeds = (f"cut to as many seeds as the setting with the fewest has: {cut}",) if cut else ()
        return self.tally.sentence(is_holm=self.is_holm), NOISE, *seeds

    def as_table(self) -> pd.DataFrame:
        """The matrix with a last row `mean`, and the strategies in the first column."""
        table = pd.concat([self.matrix, self.penalties.to_frame("mean").T])
        names = table.index.tolist()
        table.insert(0, "strategy", names, allow_duplicates=True)
        return table.reset_index(drop=True)

    def as_marked_table(self) -> pd.DataFrame:
        """The table, with a last column `is_partial` if runs are missing."""
        table = self.as_table()
        if self.missing:
            table.insert(len(table.columns), "is_partial", True, allow_duplicates=True)
        return table


def penalty_matrices(
    rounds: pd.DataFrame,
    definition: Definition = "paper",
    *,
    measure: Measure = ACCURACY,
    is_holm: bool = False,
    is_partial: bool = False,
) -> list[PenaltyMatrix]:
    """The matrix of all settings first, then by batch size, model, data set, and any two of them.

    More seeds make more wins, so each takes as many seeds of all its settings as the one with the fewest has (those
    without budgets do not count): the first that all strategies have. The budgets stay those of all seeds.

    Args:
        rounds: as `al_bench.analysis.results.load_results` gives them.
        definition: of the budgets compared, which are those of accuracy.
        measure: by which one strategy is better than another.
        is_holm: adjust p-values by Holm's method for all pairs at one budget of one setting.
        is_partial: leave out what is missing instead of refusing.

    Raises:
        ResultsError: if Random is missing, a setting has fewer than two seeds, or runs are missing or too short.
    """
    settings = compared_settings(rounds, definition, measure=measure, is_partial=is_partial)
    strategies = compared_rounds(rounds)["strategy"].unique().tolist()
    names = [setting.curves.name for setting in settings]
    wins_of = cache(lambda position, num_seeds: _wins(settings[position], num_seeds, is_holm=is_holm))
    matrices = []
    for group, members in grouped([setting.curves.setting for setting in settings]):
        compared = [position for position in members if settings[position].budgets]
        fewest = min((len(settings[position].curves.seeds) for position in compared), default=0)
        matrices.append(
            PenaltyMatrix(
                matrix=_summed([wins_of(position, fewest).share_KK for position in compared], strategies),
                group=group,
                settings=tuple(names[position] for position in compared),
                without_budgets=tuple(names[position] for position in members if position not in compared),
                missing=tuple(run for position in members for run in settings[position].missing),
                definition=f"{definition}{', Holm' if is_holm else ''}",
                is_holm=is_holm,
                wins=tuple(wins_of(position, fewest) for position in compared),
                measure=measure,
            )
        )
    return matrices


def _wins(setting: Compared, num_seeds: int, *, is_holm: bool) -> SettingWins:
    curves = setting.curves
    taken_S = _first_seeds(setting, num_seeds)
    num_wins_KK, num_tested_KK = np.zeros((2, len(curves.strategies), len(curves.strategies)))
    tally = Tally()
    for budget in setting.budgets:
        tests = paired_tests(curves.at(budget)[:, taken_S])
        p_KK = tests.holm_KK if is_holm else tests.p_KK
        is_win_KK, is_tested_KK = (p_KK < LEVEL) & (tests.mean_KK < 0), np.triu(tests.num_KK >= 2, k=1)
        num_wins_KK += is_win_KK
        num_tested_KK += is_tested_KK + is_tested_KK.T
        if budget > curves.labels[0]:  # where all have the same network, nobody can win
            tally += Tally(int(is_win_KK.sum()), int(is_tested_KK.sum()), int(is_tested_KK.any()))
    np.fill_diagonal(num_tested_KK, len(setting.budgets))
    share_KK: Floats = np.divide(
        num_wins_KK, num_tested_KK, out=np.full_like(num_wins_KK, np.nan), where=num_tested_KK > 0
    )
    return SettingWins(
        curves.setting, setting.budgets, share_KK, setting.missing, tally, len(taken_S), len(curves.seeds)
    )


def _first_seeds(setting: Compared, num_seeds: int) -> NDArray[np.int64]:
    """The positions of so many seeds: those that all strategies have at all budgets, the lowest first.

    Only where there are too few of them, as runs are missing, do others follow: first those that fewest lack.
    """
    num_lacking_S = np.zeros(len(setting.curves.seeds))
    for budget in setting.budgets:
        num_lacking_S += np.isnan(setting.curves.at(budget)).sum(axis=0)
    return num_lacking_S.argsort(kind="stable")[:num_seeds]


def _summed(shares: Sequence[Floats], strategies: Sequence[str]) -> pd.DataFrame:
    summed_KK = np.zeros((len(strategies), len(strategies)))
    if shares:
        summed_KK = np.where(np.isnan(shares).all(axis=0), np.nan, np.nansum(shares, axis=0))
    return pd.DataFrame(summed_KK, index=list(strategies), columns=list(strategies))

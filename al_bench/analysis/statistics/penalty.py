"""Pairwise penalty matrices: in how many settings one strategy is significantly better than another.

Ash et al. (2020), section 4: at a few label counts of a setting (data set, model, batch size), a paired two-sided
t-test over the seeds decides whether strategy i beats j; each win adds 1 / (number of counts) to entry (i, j). So a
setting adds 1 at most, rows beat columns, and a column's mean is the penalty of its strategy: lower is better.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from al_bench.analysis.budgets import Compared, Definition, Missing, compared_settings
from al_bench.analysis.names import file_name
from al_bench.analysis.settings import Floats, grouped, ordered
from al_bench.analysis.statistics.paired import LEVEL, paired_tests
from al_bench.records.layout import setting_title


@dataclass(frozen=True)
class PenaltyMatrix:
    """A matrix (K, K) with strategies as index and columns, and the settings that it sums over.

    Attributes:
        matrix: NaN for a pair that could not be compared in any setting, which `missing` explains.
        group: which settings: values of the columns it is grouped by.
        settings: those with budgets.
        without_budgets: those that add nothing, as a rule because Random is soon as good as with all labels.
        missing: the runs that are missing or too short, as `Compared`; pairs are compared on the seeds that both have.
        definition: of the budgets, with what p-values are adjusted by.
    """

    matrix: pd.DataFrame
    group: Mapping[str, object]
    settings: tuple[str, ...]
    without_budgets: tuple[str, ...]
    missing: tuple[Missing, ...] = ()
    definition: str = "paper"

    @property
    def penalties(self) -> pd.Series:
        """The mean of each column, the diagonal's 0 included: lower is better. NaN if an entry is."""
        return self.matrix.mean(axis=0, skipna=False)

    @property
    def file_name(self) -> str:
        """Without its ending: `penalty_overall`, `penalty_batch_size_100_model_mlp`."""
        return file_name("penalty", self.group)

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


@dataclass(frozen=True)
class SettingWins:
    """Of one setting: entry (i, j) of `share_KK` is the share of its budgets at which i beats j.

    Of those at which both have two seeds or more in common: all, unless runs are missing. NaN if there is none.
    """

    setting: Mapping[str, object]
    budgets: tuple[int, ...]
    share_KK: Floats
    missing: tuple[Missing, ...] = ()

    @property
    def name(self) -> str:
        """For people: `mnist · mlp · b100`."""
        return setting_title(self.setting)


def penalty_matrices(
    rounds: pd.DataFrame, definition: Definition = "paper", *, is_holm: bool = False, is_partial: bool = False
) -> list[PenaltyMatrix]:
    """The matrix of all settings first, then by batch size, model, data set, and any two of them.

    Args:
        rounds: as `al_bench.analysis.results.load_results` gives them.
        definition: of the budgets compared, see `paper_budgets` and `reference_budgets`.
        is_holm: adjust p-values by Holm's method for all pairs at one budget of one setting.
        is_partial: leave out what is missing instead of refusing.

    Raises:
        ResultsError: if Random is missing, a setting has fewer than two seeds, or runs are missing or too short.
    """
    wins = setting_wins(rounds, definition, is_holm=is_holm, is_partial=is_partial)
    strategies = ordered(rounds["strategy"].unique().tolist())
    described = f"{definition}{', Holm' if is_holm else ''}"
    return [
        _summed([wins[position] for position in members], strategies, group, described)
        for group, members in grouped([each.setting for each in wins])
    ]


def setting_wins(
    rounds: pd.DataFrame, definition: Definition = "paper", *, is_holm: bool = False, is_partial: bool = False
) -> list[SettingWins]:
    """The wins of every setting; see `penalty_matrices`."""
    return [
        SettingWins(setting.curves.setting, setting.budgets, _wins(setting, is_holm=is_holm), setting.missing)
        for setting in compared_settings(rounds, definition, is_partial=is_partial)
    ]


def _wins(setting: Compared, *, is_holm: bool) -> Floats:
    num_strategies = len(setting.curves.strategies)
    num_wins_KK, num_tested_KK = np.zeros((2, num_strategies, num_strategies))
    for budget in setting.budgets:
        tests = paired_tests(setting.curves.at(budget))
        p_KK = tests.holm_KK if is_holm else tests.p_KK
        num_wins_KK += (p_KK < LEVEL) & (tests.mean_KK < 0)
        num_tested_KK += tests.num_KK >= 2
    np.fill_diagonal(num_tested_KK, len(setting.budgets))
    share_KK: Floats = np.divide(
        num_wins_KK, num_tested_KK, out=np.full_like(num_wins_KK, np.nan), where=num_tested_KK > 0
    )
    return share_KK


def _summed(
    members: Sequence[SettingWins], strategies: Sequence[str], group: dict[str, object], definition: str
) -> PenaltyMatrix:
    shares_SKK = np.array([member.share_KK for member in members if member.budgets])
    summed_KK = np.zeros((len(strategies), len(strategies)))
    if len(shares_SKK):
        summed_KK = np.where(np.isnan(shares_SKK).all(axis=0), np.nan, np.nansum(shares_SKK, axis=0))
    return PenaltyMatrix(
        matrix=pd.DataFrame(summed_KK, index=list(strategies), columns=list(strategies)),
        group=group,
        settings=tuple(member.name for member in members if member.budgets),
        without_budgets=tuple(member.name for member in members if not member.budgets),
        missing=tuple(run for member in members for run in member.missing),
        definition=definition,
    )

"""Mean ranks of strategies over data sets, with Friedman's test and Nemenyi's critical difference.

Demsar, "Statistical Comparisons of Classifiers over Multiple Data Sets" (2006). The settings of one data set are
averaged first: as blocks of their own, they would find a difference where there is none in 34 % of all cases and more.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from al_bench.analysis.families import MIN_DATASETS, by_dataset
from al_bench.analysis.results import listed
from al_bench.analysis.statistics.intervals import SIGNIFICANT, Sample, holm
from al_bench.analysis.statistics.paired import LEVEL
from al_bench.core.errors import ResultsError


@dataclass(frozen=True)
class Ranks:
    """Ranks of K strategies over D data sets by the mean area under the budget curve: 1 is the best, ties share.

    Attributes:
        mean_ranks: by strategy, the best first.
        places: by strategy, in the same order; who cannot be told from the first shares its place.
        datasets: those ranked.
        settings: that were averaged within them.
        left_out: settings that are not, see `al_bench.analysis.families.ByDataset`.
        statistic: Friedman's; large if ranks are not the same for all. NaN if no data set tells any two apart.
        p_value: of that statistic, by chi-squared.
        p_values: of pairs (K, K), by Nemenyi's test.
        critical_difference: two mean ranks differ significantly (5 %) if by more than this.
    """

    mean_ranks: pd.Series
    places: pd.Series
    datasets: tuple[str, ...]
    settings: tuple[str, ...]
    left_out: tuple[str, ...]
    statistic: float
    p_value: float
    p_values: pd.DataFrame
    critical_difference: float

    def as_table(self) -> pd.DataFrame:
        """The columns strategy, mean_rank, place."""
        table = pd.DataFrame({"mean_rank": self.mean_ranks, "place": self.places})
        return table.rename_axis("strategy").reset_index()

    def as_p_values(self) -> pd.DataFrame:
        """Nemenyi's, with the strategies in the first column."""
        table = self.p_values.reset_index(drop=True)
        table.insert(0, "strategy", self.p_values.index, allow_duplicates=True)
        return table


def ranked(mean_areas: pd.DataFrame, known: Mapping[str, str]) -> Ranks:
    """The ranks by the column `area` of `al_bench.analysis.statistics.areas.mean_areas`.

    Args:
        mean_areas: of the settings.
        known: the family of each data set, see `al_bench.analysis.families.families`.

    Raises:
        ResultsError: with fewer than three strategies, or fewer than three data sets with a setting that has them all.
    """
    import scikit_posthocs  # takes a second, with statsmodels

    found = by_dataset(mean_areas, known)
    whole = found.areas
    num_datasets, num_strategies = whole.shape
    if num_strategies < 3 or num_datasets < MIN_DATASETS:
        raise ResultsError(
            "ranks need three strategies or more, and three data sets or more with a setting that has all of them, "
            "finished, with the same number of seeds: the settings of one data set are not independent; here are "
            f"{num_strategies} strategies and {num_datasets} such data set{'s' * (num_datasets != 1)}"
            f"{listed(found.left_out)}"
        )
    is_tied = bool(whole.eq(whole.iloc[:, 0], axis=0).all(axis=None))  # in every data set, where the test divides by 0
    statistic, p_value = (0.0, 1.0) if is_tied else stats.friedmanchisquare(*whole.to_numpy().T)
    quantile = stats.studentized_range.ppf(1 - LEVEL, num_strategies, math.inf) / math.sqrt(2)
    p_values = scikit_posthocs.posthoc_nemenyi_friedman(whole.to_numpy())
    mean_ranks = whole.rank(axis=1, ascending=False).mean().sort_values(kind="stable")
    return Ranks(
        mean_ranks=mean_ranks,
        places=places(whole, mean_ranks, float(p_value)),
        datasets=tuple(whole.index),
        settings=found.settings,
        left_out=found.left_out,
        statistic=float(statistic),
        p_value=float(p_value),
        p_values=pd.DataFrame(p_values.to_numpy(), index=whole.columns, columns=whole.columns),
        critical_difference=float(quantile * math.sqrt(num_strategies * (num_strategies + 1) / (6 * num_datasets))),
    )


def places(by_dataset: pd.DataFrame, mean_ranks: pd.Series, p_value: float) -> pd.Series:
    """Places of strategies, in the order of their mean ranks, of areas by data set (rows) and strategy (columns).

    All share the first place unless Friedman's `p_value` is below 5 %: the first was chosen among them. Then those do
    whose paired 95 % interval to the first covers 0, or whose p is not below 5 % by Holm's method, and those that rank
    before one of them; the others have the place of their mean rank.
    """
    areas = by_dataset[mean_ranks.index.tolist()].to_numpy()
    sample = Sample.of((areas[:, [0]] - areas[:, 1:]).T)
    low_K, _ = sample.interval()
    is_told_K = (low_K > 0) & (holm(sample.p_N) < SIGNIFICANT) & (p_value < SIGNIFICANT)
    is_behind_K = np.logical_and.accumulate(np.append(False, is_told_K)[::-1])[::-1]
    return mean_ranks.rank(method="min").astype(int).where(is_behind_K, 1)

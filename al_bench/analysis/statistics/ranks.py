"""Mean ranks of strategies over settings, with Friedman's test and Nemenyi's critical difference.

Demsar, "Statistical Comparisons of Classifiers over Multiple Data Sets" (2006).
"""

import math
from dataclasses import dataclass

import pandas as pd
from scipy import stats

from al_bench.analysis.results import SETTING, listed
from al_bench.analysis.settings import ordered
from al_bench.analysis.statistics.paired import LEVEL
from al_bench.core.errors import ResultsError
from al_bench.records.layout import setting_title


@dataclass(frozen=True)
class Ranks:
    """Ranks of K strategies over N settings by the mean area under the budget curve: 1 is the best, ties share.

    Attributes:
        mean_ranks: by strategy, the best first.
        settings: those ranked.
        left_out: settings in which a strategy has no area, or one over fewer seeds than the others, or areas may change
            as runs are not finished.
        statistic: Friedman's; large if ranks are not the same for all. NaN if no setting tells any two apart.
        p_value: of that statistic, by chi-squared.
        p_values: of pairs (K, K), by Nemenyi's test.
        critical_difference: two mean ranks differ significantly (5 %) if by more than this.
    """

    mean_ranks: pd.Series
    settings: tuple[str, ...]
    left_out: tuple[str, ...]
    statistic: float
    p_value: float
    p_values: pd.DataFrame
    critical_difference: float


def ranked(mean_areas: pd.DataFrame) -> Ranks:
    """The ranks by the column `area` of `al_bench.analysis.statistics.areas.mean_areas`.

    Settings count as independent; those that share a data set are not, so that the p-values are somewhat too small.

    Raises:
        ResultsError: with fewer than three strategies, or fewer than two settings that have all of them.
    """
    import scikit_posthocs  # takes a second, with statsmodels

    table = mean_areas.pivot(index=SETTING, columns="strategy", values="area")
    table = table[ordered(table.columns.tolist())]
    num_seeds = mean_areas.pivot_table(index=SETTING, columns="strategy", values="num_seeds").loc[table.index]
    names = [setting_title(dict(zip(SETTING, values, strict=True))) for values in table.index]
    is_whole = table.notna().all(axis=1) & num_seeds.eq(num_seeds.max(axis=1), axis=0).all(axis=1)
    if "is_partial" in mean_areas:
        is_whole &= ~mean_areas.groupby(SETTING)["is_partial"].any().loc[table.index]
    whole = table[is_whole]
    left_out = tuple(name for name, is_in in zip(names, is_whole, strict=True) if not is_in)
    num_settings, num_strategies = whole.shape
    if num_strategies < 3 or num_settings < 2:
        raise ResultsError(
            "ranks need three strategies or more, and two settings or more that have all of them, finished, with the "
            f"same number of seeds; here are {num_strategies} strategies and {num_settings} such settings"
            f"{listed(left_out)}"
        )
    is_tied = bool(whole.eq(whole.iloc[:, 0], axis=0).all(axis=None))  # in every setting, where the test divides by 0
    statistic, p_value = (0.0, 1.0) if is_tied else stats.friedmanchisquare(*whole.to_numpy().T)
    quantile = stats.studentized_range.ppf(1 - LEVEL, num_strategies, math.inf) / math.sqrt(2)
    p_values = scikit_posthocs.posthoc_nemenyi_friedman(whole.to_numpy())
    return Ranks(
        mean_ranks=whole.rank(axis=1, ascending=False).mean().sort_values(kind="stable"),
        settings=tuple(name for name, is_in in zip(names, is_whole, strict=True) if is_in),
        left_out=left_out,
        statistic=float(statistic),
        p_value=float(p_value),
        p_values=pd.DataFrame(p_values.to_numpy(), index=whole.columns, columns=whole.columns),
        critical_difference=float(quantile * math.sqrt(num_strategies * (num_strategies + 1) / (6 * num_settings))),
    )

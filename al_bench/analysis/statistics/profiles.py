"""Performance profiles: on what share of the data sets a strategy is within so many points of the best one.

Dolan and More, "Benchmarking Optimization Software with Performance Profiles" (2002), with the difference to the best
area under the budget curve in place of the ratio to the least time. A picture: nothing is tested.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from al_bench.analysis.results import SETTING, listed
from al_bench.analysis.settings import ordered
from al_bench.core.errors import ResultsError
from al_bench.records.layout import setting_title

POINTS = 100  # percentage points
MIN_DATASETS = 3
MOST_POINTS = 10.0  # that are drawn
WITHIN = "points of accuracy below the best strategy of a data set"
SHARE = "share of data sets"
PROFILE_CAPTION = (
    "on what share of the data sets a strategy's mean area under the budget curve is at most so many points below that "
    "of the best strategy there: the higher and further left, the better. A picture, nothing is to be inferred from "
    "it: it does not say how sure a difference is, and other strategies beside them change the curves"
)


@dataclass(frozen=True)
class Profiles:
    """Of K strategies on D data sets.

    Attributes:
        gaps: points of accuracy (D, K) by which a strategy is below the best of the data set; data sets as index.
        left_out: settings in which a strategy has no area, or one over fewer seeds than the others, or areas may change
            as runs are not finished.
    """

    gaps: pd.DataFrame
    left_out: tuple[str, ...] = ()

    @property
    def caption(self) -> str:
        """What is to be read below the figure."""
        return f"{len(self.gaps)} data sets; {PROFILE_CAPTION}"

    def as_table(self) -> pd.DataFrame:
        """Step functions: columns strategy, points (ascending), share (of the data sets at most so far from the best).

        A share holds from its points up to the next.
        """
        rows = []
        for strategy in self.gaps.columns:
            gap_D = self.gaps[strategy].to_numpy()
            rows += [[strategy, points, (gap_D <= points).mean()] for points in np.unique([0.0, *gap_D])]
        return pd.DataFrame(rows, columns=["strategy", "points", "share"])

    def steps(self) -> tuple[float, dict[str, tuple[list[float], list[float]]]]:
        """What is drawn: up to how many points, and each strategy's steps (x, y) from 0 to there."""
        most = min(MOST_POINTS, 1.05 * float(self.gaps.to_numpy().max())) or 1.0
        table = self.as_table()
        steps = {}
        for strategy in self.gaps.columns:
            drawn = table[(table["strategy"] == strategy) & (table["points"] <= most)]
            shares = drawn["share"].tolist()
            steps[str(strategy)] = ([*drawn["points"].tolist(), most], [*shares, shares[-1]])
        return most, steps


def profiles(mean_areas: pd.DataFrame, families: Mapping[str, str] = MappingProxyType({})) -> Profiles:
    """By the column `area` of `al_bench.analysis.statistics.areas.mean_areas`, averaged over a data set's settings.

    Args:
        mean_areas: as that function gives them.
        families: which data set a label of the column `dataset` belongs to; see `family_of` for those that are not in
            it.

    Raises:
        ResultsError: with fewer than two strategies, or fewer than three data sets with a setting that has all of them.
    """
    table = mean_areas.pivot(index=SETTING, columns="strategy", values="area")
    table = table[ordered(table.columns.tolist())]
    is_whole = _is_whole(mean_areas, table)
    names = [setting_title(dict(zip(SETTING, values, strict=True))) for values in table.index]
    left_out = tuple(name for name, is_in in zip(names, is_whole, strict=True) if not is_in)
    whole = table[is_whole]
    labels = whole.index.get_level_values("dataset")
    area_DK = whole.groupby([families.get(label, family_of(label)) for label in labels]).mean()
    num_datasets, num_strategies = area_DK.shape
    if num_datasets < MIN_DATASETS or num_strategies < 2:
        raise ResultsError(
            f"profiles need two strategies or more, and {MIN_DATASETS} data sets or more with a setting that has all "
            f"of them, finished, with the same number of seeds; here are {num_strategies} strategies and "
            f"{num_datasets} such data sets{listed(left_out)}"
        )
    return Profiles((POINTS * area_DK.rsub(area_DK.max(axis=1), axis=0)).round(9), left_out)


def family_of(label: str) -> str:
    """The data set that a label of the column `dataset` begins with: `mnist` of `mnist,pool=1000`."""
    return label.partition(",")[0]


def _is_whole(mean_areas: pd.DataFrame, table: pd.DataFrame) -> pd.Series:
    """Whether all strategies have an area in a setting, over the same number of seeds, that cannot change any more."""
    num_seeds = mean_areas.pivot(index=SETTING, columns="strategy", values="num_seeds")
    is_partial = mean_areas.groupby(SETTING)["is_partial"].any()
    is_equal = num_seeds.eq(num_seeds.max(axis=1), axis=0).all(axis=1)
    return table.notna().all(axis=1) & is_equal & ~is_partial.loc[table.index]

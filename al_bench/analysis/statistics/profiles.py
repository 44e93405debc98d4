"""Performance profiles: on what share of the data sets a strategy is within so many points of the best one.

Dolan and More, "Benchmarking Optimization Software with Performance Profiles" (2002), with the difference to the best
area under the budget curve in place of the ratio to the least time. A picture: nothing is tested.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from al_bench.analysis.families import MIN_DATASETS, by_dataset
from al_bench.analysis.results import listed
from al_bench.analysis.statistics.measures import ACCURACY, Measure
from al_bench.core.errors import ResultsError

MOST_POINTS = 10.0  # that are drawn
SHARE = "share of data sets"
PROFILE_CAPTION = (
    "on what share of the data sets a strategy's mean area under the budget curve is at most so many {points} {below} "
    "that of the best strategy there: the higher and further left, the better. A picture, nothing is to be inferred "
    "from it: it does not say how sure a difference is, and other strategies beside them change the curves"
)


@dataclass(frozen=True)
class Profiles:
    """How far each of K strategies is from the best, on D data sets.

    Attributes:
        gaps: points (D, K) by which a strategy is worse than the best of the data set; data sets as index. Points are
            the measure's `gain_unit`.
        left_out: settings that are not counted, see `al_bench.analysis.families.ByDataset`.
    """

    gaps: pd.DataFrame
    left_out: tuple[str, ...] = ()
    measure: Measure = ACCURACY

    @property
    def caption(self) -> str:
        """What is to be read below the figure."""
        return f"{len(self.gaps)} data sets; {PROFILE_CAPTION.format(points=self.points, below=self._below)}"

    @property
    def within(self) -> str:
        """What a figure has on its axis."""
        of_measure = "accuracy" if self.measure == ACCURACY else self.measure.label
        return f"{self.points} of {of_measure} {self._below} the best strategy of a data set"

    @property
    def points(self) -> str:
        """The unit of the gaps as a caption has it."""
        return "points" if self.measure.is_share else self.measure.unit or "units"

    @property
    def _below(self) -> str:
        return "below" if self.measure.better == "higher" else "above"

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


def profiles(mean_areas: pd.DataFrame, known: Mapping[str, str], measure: Measure = ACCURACY) -> Profiles:
    """By the column `area` of `al_bench.analysis.statistics.areas.mean_areas`, averaged over a data set's settings.

    Args:
        mean_areas: as that function gives them; larger areas are better.
        known: the family of each data set, see `al_bench.analysis.families.families`.
        measure: of the areas.

    Raises:
        ResultsError: with fewer than two strategies, or fewer than three data sets with a setting that has all of them.
    """
    found = by_dataset(mean_areas, known)
    num_datasets, num_strategies = found.areas.shape
    if num_datasets < MIN_DATASETS or num_strategies < 2:
        raise ResultsError(
            f"profiles need two strategies or more, and {MIN_DATASETS} data sets or more with a setting that has all "
            f"of them, finished, with the same number of seeds; here are {num_strategies} strategies and "
            f"{num_datasets} such data set{'s' * (num_datasets != 1)}{listed(found.left_out)}"
        )
    gaps = measure.factor * found.areas.rsub(found.areas.max(axis=1), axis=0)
    return Profiles(gaps.round(9), found.left_out, measure)

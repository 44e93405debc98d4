"""Areas under the budget curve: the mean accuracy of a run over all numbers of labels that a setting has in common."""

import numpy as np
import pandas as pd

from al_bench.analysis.results import SETTING
from al_bench.analysis.settings import Curves, Floats, setting_curves
from al_bench.analysis.statistics.intervals import Sample
from al_bench.analysis.statistics.measures import ACCURACY, Measure

AREA_COLUMNS = [*SETTING, "strategy", "seed", "from_labels", "to_labels", "area", "is_partial"]
MEAN_COLUMNS = [*SETTING, "strategy", "num_seeds", "area", "area_low", "area_high", "is_partial"]


def area_caption(measure: Measure = ACCURACY) -> str:
    """What to read beside a table of mean areas."""
    return (
        f"{measure.label}, averaged over the numbers of labels that all strategies have; mean over the seeds, with its "
        "95 % interval by Student's t"
    )


def with_larger_better(areas: pd.DataFrame, measure: Measure) -> pd.DataFrame:
    """The areas, of runs or means, with the other sign if lower values of the measure are better."""
    return areas.assign(area=measure.sign * areas["area"])


def common_range(curves: Curves) -> tuple[int, int]:
    """The numbers of labels that some seed of every strategy spans, but for strategies with a single round."""
    spanning = _spans(curves).values()
    return int(max(first for first, _ in spanning)), int(min(last for _, last in spanning))


def is_range_partial(curves: Curves) -> bool:
    """Whether the common range may change, as no run of a strategy that bounds it is finished."""
    finished = {strategy for strategy, seed in curves.ends if (strategy, seed) not in curves.unfinished}
    _, last = common_range(curves)
    return any(end == last and strategy not in finished for strategy, (_, end) in _spans(curves).items())


def _spans(curves: Curves) -> dict[str, tuple[float, float]]:
    spans: dict[str, tuple[float, float]] = {}
    for (strategy, _), (low, high) in curves.ends.items():
        first, last = spans.get(strategy, (np.inf, -np.inf))
        spans[strategy] = min(first, low), max(last, high)
    return {strategy: span for strategy, span in spans.items() if span[0] < span[1]} or spans


def areas(rounds: pd.DataFrame, measure: Measure = ACCURACY) -> pd.DataFrame:
    """The area of every run: a measure, linear between rounds, averaged over the common numbers of labels of a setting.

    Returns:
        The columns of a setting, strategy, seed, from_labels, to_labels, area (0 .. 1 for a share; NaN for a run that
        does not span the common range), is_partial (whether the area may change when all runs are finished).
    """
    rows = []
    for curves in setting_curves(rounds, measure):
        if not curves.strategies_there:  # no run of the setting has the measure
            continue
        first, last = common_range(curves)
        is_open = is_range_partial(curves)
        for strategy, seed, labels_L, value_L in curves.runs():
            is_spanning = labels_L[0] <= first < last <= labels_L[-1]
            area = mean_between(first, last, labels_L, value_L) if is_spanning else np.nan
            is_partial = is_open or (np.isnan(area) and (strategy, seed) in curves.unfinished)
            rows.append([*curves.setting.values(), strategy, seed, first, last, area, is_partial])
    return pd.DataFrame(rows, columns=AREA_COLUMNS)


def mean_areas(areas: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds, with 95 % intervals by Student's t.

    Args:
        areas: as `areas` gives them.

    Returns:
        The columns of a setting, strategy, num_seeds, area, area_low, area_high (NaN where there are too few seeds),
        and is_partial (whether it lacks a seed that the setting has, or may change when all runs are finished).
    """
    rows = []
    for setting, of_setting in areas.groupby(SETTING, sort=True):
        by_seed = of_setting.pivot(index="seed", columns="strategy", values="area")[of_setting["strategy"].unique()]
        is_open = of_setting.groupby("strategy")["is_partial"].any()
        sample = Sample.of(by_seed.to_numpy(dtype=float).T)
        columns = (by_seed.columns, sample.num_N, sample.mean_N, *sample.interval())
        for strategy, num_seeds, area, low, high in zip(*columns, strict=True):
            is_partial = bool(is_open[strategy]) or num_seeds < len(by_seed)
            rows.append([*setting, strategy, num_seeds, area, low, high, is_partial])
    return pd.DataFrame(rows, columns=MEAN_COLUMNS)


def mean_between(first: float, last: float, labels_L: Floats, accuracy_L: Floats) -> float:
    """The mean of a curve, linear between its points, from one number of labels to another."""
    is_inside_L = (labels_L > first) & (labels_L < last)
    x_P = np.concatenate([[first], labels_L[is_inside_L], [last]])
    return float(np.trapezoid(np.interp(x_P, labels_L, accuracy_L), x_P) / (last - first))

"""Areas under the budget curve: the mean accuracy of a run over all numbers of labels that a setting has in common."""

from collections.abc import Sequence

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
        area_KS = means_between([(first, last)], curves)[:, :, 0].tolist()
        for strategy, seed in curves.ends:
            area = area_KS[curves.strategies.index(strategy)][curves.seeds.index(seed)]
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


def means_between(spans: Sequence[tuple[float, float]], curves: Curves) -> Floats:
    """The mean (K, S, P) of each run's curve, linear between its points, over P ranges of numbers of labels.

    NaN for a run that does not span the whole of them, and for all where that is a single number.
    """
    lowest, highest = min(first for first, _ in spans), max(last for _, last in spans)
    mean_KSP = np.full((*curves.error_KSL.shape[:2], len(spans)), np.nan)
    for run_N2, labels_L, value_NL in curves.alike():
        if labels_L[0] <= lowest < highest <= labels_L[-1]:
            mean_PN = [_means_between(first, last, labels_L, value_NL) for first, last in spans]
            mean_KSP[tuple(run_N2.T)] = np.transpose(mean_PN)
    return mean_KSP


def _means_between(first: float, last: float, labels_L: Floats, value_NL: Floats) -> Floats:
    is_inside_L = (labels_L > first) & (labels_L < last)
    x_Q = np.concatenate([[first], labels_L[is_inside_L], [last]])
    start_N, end_N = (_values_at(labels, labels_L, value_NL) for labels in (first, last))
    value_NQ = np.ascontiguousarray(np.column_stack([start_N, value_NL[:, is_inside_L], end_N]))  # sums as of one run
    mean_N: Floats = np.trapezoid(value_NQ, x_Q, axis=1) / (last - first)
    return mean_N


def _values_at(labels: float, labels_L: Floats, value_NL: Floats) -> Floats:
    """As `numpy.interp` has them of each row."""
    place = int(np.searchsorted(labels_L, labels, side="right")) - 1
    if labels_L[place] == labels:
        return value_NL[:, place]
    slope_N = (value_NL[:, place + 1] - value_NL[:, place]) / (labels_L[place + 1] - labels_L[place])
    value_N: Floats = slope_N * (labels - labels_L[place]) + value_NL[:, place]
    return value_N

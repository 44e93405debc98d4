"""Learning curves: means over the seeds of a strategy in a setting, with intervals."""

from typing import Literal, cast, get_args

import numpy as np
import pandas as pd

from al_bench.analysis.budgets import enough_labels
from al_bench.analysis.settings import Curves, Floats, setting_curves
from al_bench.analysis.statistics.areas import common_range
from al_bench.analysis.statistics.intervals import Sample
from al_bench.analysis.statistics.measures import ACCURACY, MEASURES, Measure
from al_bench.core.errors import ResultsError

Interval = Literal["stderr", "t"]
REFUSED = {
    "bootstrap": ": a BCa interval of five seeds holds the mean in 84 % of all cases, and not in 95 %; t does",
    "standard_error": ": it is called stderr",
}


def checked_interval(name: str) -> Interval:
    """`stderr` or `t`; ResultsError for another, with the reason where it was one once."""
    if name not in get_args(Interval):
        raise ResultsError(f"interval={name}{REFUSED.get(name, '')}; stderr or t")
    return cast(Interval, name)


def all_curves(
    rounds: pd.DataFrame, interval: Interval = "stderr", first: Measure = ACCURACY
) -> dict[Measure, pd.DataFrame]:
    """The `learning_curves` of every measure that some of the runs have, of one of them first."""
    shown = [first, *(each for each in MEASURES if each.column != first.column)]
    there = [each for each in shown if each.column in rounds and rounds[each.column].notna().any()]
    return {measure: learning_curves(rounds, measure, interval) for measure in there}


def learning_curves(rounds: pd.DataFrame, measure: Measure = ACCURACY, interval: Interval = "stderr") -> pd.DataFrame:
    """The mean curve of every strategy in every setting, as in Ash et al. (2020), Figures 3, 6, 10 and 12.

    Args:
        rounds: as `al_bench.analysis.results.load_results` gives them.
        measure: whose column is averaged.
        interval: the mean plus and minus its standard error, or its 95 % interval by Student's t.

    Returns:
        The columns of a setting, strategy, num_labelled, mean, low, high (NaN for a single seed), num_seeds,
        is_common (whether all seeds of the strategy have a value there: a mean over fewer is of other runs, so figures
        leave it out), and is_partial (whether a seed that the setting has is not among them).

    Raises:
        ResultsError: for an unknown interval.
    """
    interval = checked_interval(interval)
    settings = setting_curves(rounds, measure, with_oracles=True)
    return pd.concat([_of_setting(curves, interval) for curves in settings], ignore_index=True)


def _of_setting(curves: Curves, interval: Interval) -> pd.DataFrame:
    value_KLS = curves.values(curves.error_KSL).swapaxes(1, 2)
    is_there_KLS = np.isfinite(value_KLS)
    num_KL, num_runs_K = is_there_KLS.sum(axis=2), is_there_KLS.any(axis=1).sum(axis=1)
    mean_KL, low_KL, high_KL = np.full((3, *num_KL.shape), np.nan)
    for num_seeds in sorted(set(num_KL[num_KL > 0].tolist())):  # as a rule all have the same
        rows = num_KL == num_seeds
        values_NS = value_KLS[rows][is_there_KLS[rows]].reshape(-1, num_seeds)
        mean_KL[rows], low_KL[rows], high_KL[rows] = _means(values_NS, interval)
    strategies, labels = np.nonzero(num_KL)
    columns = {
        **curves.setting,
        "strategy": [curves.strategies[number] for number in strategies.tolist()],
        "num_labelled": [curves.labels[number] for number in labels.tolist()],
        "mean": mean_KL[strategies, labels],
        "low": low_KL[strategies, labels],
        "high": high_KL[strategies, labels],
        "num_seeds": num_KL[strategies, labels],
        "is_common": (num_KL == num_runs_K[:, None])[strategies, labels],
        "is_partial": (num_KL < len(curves.seeds))[strategies, labels],
    }
    return pd.DataFrame(columns)


def _means(values_NS: Floats, interval: Interval) -> tuple[Floats, Floats, Floats]:
    sample = Sample.of(values_NS)
    if interval == "t":
        return sample.mean_N, *sample.interval()
    error_N = sample.sd_N / np.sqrt(sample.num_N)
    return sample.mean_N, sample.mean_N - error_N, sample.mean_N + error_N


def compared_part(curves: Curves) -> tuple[int, int]:
    """The numbers of labels between which a setting's strategies are compared: from the first, to where Random has
    99 % of its final accuracy. Without Random, all that strategies have in common.
    """
    is_there = curves.baseline in curves.strategies
    if not is_there or (accuracy := curves.mean_value(curves.baseline)).empty:
        return common_range(curves)
    return int(accuracy.index[0]), enough_labels(accuracy)

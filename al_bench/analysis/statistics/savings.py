"""Labels saved: how many fewer labels than Random a strategy needs to be as accurate."""

import numpy as np
import pandas as pd

from al_bench.analysis.budgets import ENOUGH, TIE, budgets_of, enough_labels
from al_bench.analysis.results import SETTING
from al_bench.analysis.settings import Curves, setting_curves
from al_bench.analysis.statistics.measures import ACCURACY, Measure

COLUMNS = [
    *SETTING,
    "target",
    "random_labels",
    "accuracy",
    "strategy",
    "num_seeds",
    "labels",
    "to_labels",
    "saved",
    "saved_share",
    "is_partial",
]


def saved_caption(measure: Measure = ACCURACY) -> str:
    """What to read beside a table of labels saved."""
    what = (
        "to be as accurate as Random at 99 % of its final accuracy"
        if measure == ACCURACY
        else f"to have the {measure.label} that Random has where it first has 99 % of its final accuracy"
    )
    return f"how many fewer labels than Random a strategy needs {what}; by the curves of the mean over the seeds"


def labels_saved(rounds: pd.DataFrame, measure: Measure = ACCURACY) -> pd.DataFrame:
    """At the values that Random has at the compared numbers of labels, and at 99 % of its final accuracy.

    Of another measure, the latter is its value at the first round where Random has that accuracy. Values are means over
    the seeds, linear between rounds. Settings without Random, and strategies without runs,
    are left out.

    Returns:
        The columns of a setting, target (`budget`, or `99 %`), random_labels and accuracy (Random's; `value` of another
        measure), strategy, num_seeds, labels (the fewest with which it is as good; NaN if it is not with any up to
        to_labels), saved (random_labels - labels), saved_share (of random_labels), is_partial (whether it may change,
        as runs of Random, which sets the target, or of the strategy are missing or not finished).
    """
    rows: list[list[object]] = []
    of_measure = setting_curves(rounds, measure)
    of_accuracy = of_measure if measure == ACCURACY else setting_curves(rounds)
    for curves, accuracy in zip(of_measure, of_accuracy, strict=True):
        means = {strategy: curves.mean_value(strategy) for strategy in curves.strategies}
        for target, random_labels, value in _targets(curves, accuracy):
            for strategy, curve in means.items():
                if curve.empty:
                    continue
                labels = labels_needed(measure.sign * curve, measure.sign * value)
                saved, num_seeds = random_labels - labels, curves.num_seeds(strategy)
                row = [target, random_labels, value, strategy, num_seeds, labels, int(curve.index[-1])]
                is_partial = curves.is_baseline_partial or strategy in curves.partial
                rows.append([*curves.setting.values(), *row, saved, saved / random_labels, is_partial])
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table if measure == ACCURACY else table.rename(columns={"accuracy": "value"})


def _targets(curves: Curves, accuracy: Curves) -> list[tuple[str, float, float]]:
    """Random's: which it is, its number of labels, and its value there; none without Random."""
    random = curves.mean_value(curves.baseline) if curves.baseline in curves.strategies else pd.Series(dtype=float)
    if random.empty:
        return []
    budgets = budgets_of(accuracy, "paper") if len(curves.seeds) > 1 else []
    targets = [("budget", float(n), float(np.interp(n, random.index, random))) for n in budgets]
    if curves.measure == ACCURACY:
        enough = ENOUGH * float(random.iloc[-1])
        return [*targets, ("99 %", labels_needed(random, enough), enough)]
    num_labels = float(enough_labels(accuracy.mean_value(accuracy.baseline)))
    return [*targets, ("99 %", num_labels, float(np.interp(num_labels, random.index, random)))]


def labels_needed(curve: pd.Series, accuracy: float) -> float:
    """The fewest labels (the index) at which a curve, linear between its points, is so high; NaN if it never is."""
    is_enough = (curve >= accuracy - TIE).to_numpy()
    if not is_enough.any():
        return np.nan
    position = int(is_enough.argmax())
    labels, values = curve.index.to_numpy(), curve.to_numpy()
    if position == 0:
        return float(labels[0])
    before = position - 1
    share = min((accuracy - values[before]) / (values[position] - values[before]), 1.0)
    return float(labels[before] + share * (labels[position] - labels[before]))

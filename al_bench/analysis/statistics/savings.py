"""Labels saved: how many fewer labels than Random a strategy needs to be as accurate."""

import numpy as np
import pandas as pd

from al_bench.analysis.budgets import ENOUGH, TIE, budgets_of
from al_bench.analysis.results import SETTING
from al_bench.analysis.settings import setting_curves

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
SAVED_CAPTION = (
    "how many fewer labels than Random a strategy needs to be as accurate as Random at 99 % of its final accuracy; by "
    "the curves of the mean over the seeds"
)


def labels_saved(rounds: pd.DataFrame) -> pd.DataFrame:
    """At the accuracies that Random has at the compared numbers of labels, and at 99 % of its final one.

    Accuracies are means over the seeds, linear between rounds. Settings without Random, and strategies without runs,
    are left out.

    Returns:
        The columns of a setting, target (`budget`, or `99 %`), random_labels and accuracy (Random's), strategy,
        num_seeds, labels (the fewest with which it is as accurate; NaN if it is not with any up to to_labels), saved
        (random_labels - labels), saved_share (of random_labels), is_partial (whether it may change, as runs of Random,
        which sets the target, or of the strategy are missing or not finished).
    """
    rows: list[list[object]] = []
    for curves in setting_curves(rounds):
        has_random = curves.baseline in curves.strategies
        random = curves.mean_accuracy(curves.baseline) if has_random else pd.Series(dtype=float)
        if random.empty:
            continue
        budgets = budgets_of(curves, "paper") if len(curves.seeds) > 1 else []
        enough = ENOUGH * float(random.iloc[-1])
        targets = [("budget", float(n), float(np.interp(n, random.index, random))) for n in budgets]
        for target, random_labels, accuracy in [*targets, ("99 %", labels_needed(random, enough), enough)]:
            for strategy, error_SL in zip(curves.strategies, curves.error_KSL, strict=True):
                curve = curves.mean_accuracy(strategy)
                if curve.empty:
                    continue
                labels = labels_needed(curve, accuracy)
                saved, num_seeds = random_labels - labels, int((~np.isnan(error_SL).all(axis=1)).sum())
                row = [target, random_labels, accuracy, strategy, num_seeds, labels, int(curve.index[-1])]
                is_partial = curves.is_baseline_partial or strategy in curves.partial
                rows.append([*curves.setting.values(), *row, saved, saved / random_labels, is_partial])
    return pd.DataFrame(rows, columns=COLUMNS)


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

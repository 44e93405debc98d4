"""Labels saved: how many fewer labels than Random a strategy needs to be as accurate."""

import numpy as np
import pandas as pd

from al_bench.analysis.budgets import budgets_of, enough_labels
from al_bench.analysis.results import SETTING
from al_bench.analysis.settings import BASELINE, setting_curves

COLUMNS = [*SETTING, "random_labels", "accuracy", "strategy", "labels", "saved", "saved_share"]


def labels_saved(rounds: pd.DataFrame) -> pd.DataFrame:
    """At the accuracies that Random reaches at the compared numbers of labels, and at 99 % of its final one.

    Accuracies are means over the seeds, linear between rounds. Settings without Random are left out.

    Returns:
        The columns of a setting, random_labels and accuracy (Random's), strategy, labels (the fewest with which it is
        as accurate; NaN if it never is), saved (random_labels - labels), saved_share (of random_labels).
    """
    rows: list[list[object]] = []
    for curves in setting_curves(rounds):
        random = curves.mean_accuracy(BASELINE) if BASELINE in curves.strategies else pd.Series(dtype=float)
        if random.empty:
            continue
        targets = {enough_labels(random)}
        if len(curves.seeds) > 1:
            targets |= set(budgets_of(curves, "paper"))
        for random_labels in sorted(targets):
            accuracy = float(np.interp(random_labels, random.index, random))
            for strategy in curves.strategies:
                labels = labels_needed(curves.mean_accuracy(strategy), accuracy)
                saved = random_labels - labels
                rows.append(
                    [*curves.setting.values(), random_labels, accuracy, strategy, labels, saved, saved / random_labels]
                )
    return pd.DataFrame(rows, columns=COLUMNS)


def labels_needed(curve: pd.Series, accuracy: float) -> float:
    """The fewest labels (the index) at which a curve, linear between its points, is so high; NaN if it never is."""
    is_enough = (curve >= accuracy).to_numpy()
    if not is_enough.any():
        return np.nan
    position = int(is_enough.argmax())
    labels, values = curve.index.to_numpy(), curve.to_numpy()
    if position == 0:
        return float(labels[0])
    before = position - 1
    share = (accuracy - values[before]) / (values[position] - values[before])
    return float(labels[before] + share * (labels[position] - labels[before]))

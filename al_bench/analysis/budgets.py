"""At which numbers of labels strategies are compared in a setting: Ash et al. (2020), section 4, by Random's curve."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from al_bench.analysis.results import listed
from al_bench.analysis.settings import BASELINE, Curves, setting_curves
from al_bench.errors import ResultsError

Definition = Literal["paper", "reference"]


@dataclass(frozen=True)
class Compared:
    """A setting, and the numbers of labels at which its strategies are compared; there may be none."""

    curves: Curves
    budgets: tuple[int, ...]


def compared_settings(
    rounds: pd.DataFrame, definition: Definition = "paper", *, is_partial: bool = False
) -> list[Compared]:
    """All settings.

    Args:
        rounds: as `al_bench.analysis.results.load_results` gives them.
        definition: of the budgets, see `paper_budgets` and `reference_budgets`.
        is_partial: leave out what is missing instead of refusing; settings without Random, or with one seed only, then
            have no budgets.

    Raises:
        ResultsError: if Random is missing, a setting has fewer than two seeds, or runs are missing or too short.
    """
    all_curves = setting_curves(rounds)
    budgets: list[tuple[int, ...]] = []
    refusals = []
    for curves in all_curves:
        try:
            budgets.append(tuple(budgets_of(curves, definition)))
        except ResultsError as error:
            budgets.append(())
            refusals.append(error)
    if refusals and (not is_partial or len(refusals) == len(all_curves)):
        raise refusals[0]
    found = [Compared(*each) for each in zip(all_curves, budgets, strict=True)]
    missing = [line for setting in found for line in _missing(setting)]
    if missing and not is_partial:
        raise ResultsError(
            f"{len(missing)} runs are missing or too short, so strategies would be compared on different ones; finish "
            f"them, or leave out what is missing with --partial:{listed(missing)}"
        )
    return found


def budgets_of(curves: Curves, definition: Definition) -> list[int]:
    """The numbers of labels compared in a setting, by the mean accuracy of Random over its seeds."""
    if len(curves.seeds) < 2:
        raise ResultsError(f"{curves.name}: there is one seed only, {curves.seeds[0]}; a paired test takes two or more")
    if BASELINE not in curves.strategies:
        raise ResultsError(f"there is no run of strategy {BASELINE}, which says how many labels are compared")
    accuracy = curves.mean_accuracy(BASELINE)
    if accuracy.empty:
        raise ResultsError(
            f"{curves.name}: there is no run of strategy {BASELINE}, or its seeds have no number of labels in common"
        )
    batch_size = int(str(curves.setting["batch_size"]))
    return paper_budgets(accuracy, batch_size) if definition == "paper" else reference_budgets(accuracy, batch_size)


def paper_budgets(accuracy: pd.Series, batch_size: int) -> list[int]:
    """M + 2^(m-1) B for m = 1 .. floor(log2((n0 - M) / B)).

    n0 is the first number of labels at which Random's mean accuracy (index: labels) reaches 99 % of its final one, M
    the first number of all. There is none if n0 - M < 2 B.
    """
    first = int(accuracy.index[0])
    num_batches = (enough_labels(accuracy) - first) // batch_size  # log2 rounded down is that of the whole batches
    return [first + 2 ** (m - 1) * batch_size for m in range(1, num_batches.bit_length())]


def enough_labels(accuracy: pd.Series) -> int:
    """n0: the first number of labels (the index) at which an accuracy is at least 99 % of the final one."""
    return int(accuracy.index[accuracy >= 0.99 * accuracy.iloc[-1]][0])


def reference_budgets(accuracy: pd.Series, batch_size: int) -> list[int]:
    """As in the authors' code: M, then M + B, M + 2 B, M + 4 B, ..., ending before the first that is past Random's last
    point, or at which Random's accuracy is above 99 % of its final one.
    """
    first, last = int(accuracy.index[0]), int(accuracy.index[-1])
    budgets, step = [first], batch_size
    while first + step <= last:
        known = accuracy[accuracy.index >= first + step]
        if known.iloc[0] / accuracy.iloc[-1] > 0.99:
            break
        budgets.append(first + step)
        step *= 2
    return budgets


def _missing(setting: Compared) -> list[str]:
    """A line for each run of the product of strategies and seeds that is not there, or lacks a budget."""
    curves, lines = setting.curves, []
    for row, strategy in enumerate(curves.strategies):
        for column, seed in enumerate(curves.seeds):
            name = f"{curves.name} · {strategy} · seed {seed}"
            lacking = [budget for budget in setting.budgets if np.isnan(curves.at(budget)[row, column])]
            if np.isnan(curves.error_KSL[row, column]).all():
                lines.append(f"{name}: there is no such run")
            elif lacking:
                lines.append(f"{name}: has no round with {lacking[0]} labels")
    return lines

"""At which numbers of labels strategies are compared in a setting: Ash et al. (2020), section 4, by Random's curve."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import Literal

import numpy as np
import pandas as pd

from al_bench.analysis.results import listed
from al_bench.analysis.settings import Curves, setting_curves, with_seeds
from al_bench.analysis.statistics.measures import ACCURACY, Measure
from al_bench.core.errors import ResultsError

Missing = tuple[str, object, str]
Definition = Literal["paper", "reference"]
ENOUGH = 0.99  # of Random's final accuracy
TIE = 1e-12  # means of accuracies are exact up to rounding


@dataclass(frozen=True)
class Compared:
    """A setting, and the numbers of labels at which its strategies are compared; there may be none.

    `missing` are the runs that are missing or too short for that: name without the seed, seed, and why.
    """

    curves: Curves
    budgets: tuple[int, ...]
    missing: tuple[Missing, ...] = ()


def compared_settings(
    rounds: pd.DataFrame,
    definition: Definition = "paper",
    *,
    measure: Measure = ACCURACY,
    is_partial: bool = False,
    left_out: Mapping[tuple[object, ...], str] = MappingProxyType({}),
) -> list[Compared]:
    """Each setting of the rounds, with the numbers of labels at which its strategies are compared.

    Args:
        rounds: as `al_bench.analysis.results.load_results` gives them.
        definition: of the budgets, see `paper_budgets` and `reference_budgets`.
        measure: whose errors the curves are; the budgets are those of accuracy, whatever it is.
        is_partial: leave out what is missing instead of refusing; settings without Random, or with one seed only, then
            have no budgets.
        left_out: why runs that are there have no rounds here, by `al_bench.analysis.results.IDENTITY`.

    Raises:
        ResultsError: if Random is missing, a setting has fewer than two seeds, or runs are missing or too short.
    """
    found = []
    num_refused = 0
    of_measure = setting_curves(rounds, measure)
    of_accuracy = of_measure if measure == ACCURACY else setting_curves(rounds)
    for curves, accuracy in zip(of_measure, of_accuracy, strict=True):
        try:
            budgets = tuple(budgets_of(accuracy, definition))
            found.append(Compared(curves, budgets, tuple(_missing(curves, accuracy, budgets, left_out))))
        except ResultsError as error:
            found.append(Compared(curves, (), ((str(error), "", ""),)))
            num_refused += 1
    missing = [line for setting in found for line in setting.missing]
    if missing and (not is_partial or num_refused == len(found)):
        if len(missing) == num_refused == 1:
            raise ResultsError(missing[0][0])
        raise ResultsError(
            "runs are missing or too short, so strategies would be compared on different ones; finish them, or leave "
            f"out what is missing with --partial:{listed(with_seeds(missing), most=None)}"
        )
    return found


def budgets_of(curves: Curves, definition: Definition) -> list[int]:
    """The numbers of labels compared in a setting, by the mean accuracy of Random over its seeds."""
    if len(curves.seeds) < 2:
        raise ResultsError(f"{curves.name}: there is one seed only, {curves.seeds[0]}; a paired test takes two or more")
    if curves.baseline not in curves.strategies:
        raise ResultsError(f"there is no run of strategy {curves.baseline}, which says how many labels are compared")
    accuracy = curves.mean_value(curves.baseline)
    if accuracy.empty:
        raise ResultsError(
            f"{curves.name}: there is no run of strategy {curves.baseline}, or its seeds have no number of labels in "
            "common"
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
    return int(accuracy.index[accuracy >= ENOUGH * accuracy.iloc[-1] - TIE][0])


def reference_budgets(accuracy: pd.Series, batch_size: int) -> list[int]:
    """As in the authors' code: M, then M + B, M + 2 B, M + 4 B, ..., ending before the first that is past Random's last
    point, or at which Random's accuracy is above 99 % of its final one.
    """
    first, last = int(accuracy.index[0]), int(accuracy.index[-1])
    budgets, step = [first], batch_size
    while first + step <= last:
        known = accuracy[accuracy.index >= first + step]
        if known.iloc[0] > ENOUGH * accuracy.iloc[-1] + TIE:
            break
        budgets.append(first + step)
        step *= 2
    return budgets


def _missing(
    curves: Curves, accuracy: Curves, budgets: Sequence[int], left_out: Mapping[tuple[object, ...], str]
) -> Iterator[Missing]:
    """Each run of the product of strategies and seeds that is not there, ends too early, or lacks a value at a budget.

    Random has to be finished, and to go as far as any other: where it ends says at how many labels all are compared.
    """
    ends = {run: last for run, (_, last) in accuracy.ends.items()}
    last = max(ends.values())
    for (row, strategy), (column, seed) in product(enumerate(curves.strategies), enumerate(curves.seeds)):
        name = f"{curves.name} · {strategy}"
        lacking = [budget for budget in budgets if np.isnan(curves.at(budget)[row, column])]
        if (strategy, seed) not in ends:
            key = (*curves.setting.values(), strategy, seed)
            yield name, seed, left_out.get(key, "there is no such run")
        elif strategy == curves.baseline and ends[strategy, seed] < last:
            yield name, seed, f"ends at {ends[strategy, seed]:,} labels, another run of the setting at {last:,}"
        elif strategy == curves.baseline and (strategy, seed) in curves.unfinished:
            yield name, seed, "is not finished, and says at how many labels strategies are compared"
        elif lacking:
            has_round = np.isfinite(accuracy.at(lacking[0])[row, column])
            what = f"value of {curves.measure.column}" if has_round else "round"
            yield name, seed, f"has no {what} with {lacking[0]} labels"

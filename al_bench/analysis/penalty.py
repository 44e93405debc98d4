"""Pairwise penalty matrices: in how many settings one strategy is significantly better than another.

Ash et al. (2020), section 4: at a few label counts of a setting (data set, model, batch size), a paired two-sided
t-test over the seeds decides whether strategy i beats j; each win adds 1 / (number of counts) to entry (i, j). So a
setting adds 1 at most, rows beat columns, and a column's mean is the penalty of its strategy: lower is better.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from al_bench.analysis.results import SETTING, listed
from al_bench.errors import ResultsError

Floats = NDArray[np.float64]
Definition = Literal["paper", "reference"]
BASELINE = "random"
LEVEL = 0.05
PAPER_ORDER = ("badge", "albl", "coreset", "confidence", "margin", "entropy", "random")
GROUPINGS: tuple[tuple[str, ...], ...] = (
    (),
    ("batch_size",),
    ("model",),
    ("dataset",),
    ("batch_size", "model"),
    ("batch_size", "dataset"),
    ("model", "dataset"),
)


@dataclass(frozen=True)
class PenaltyMatrix:
    """A matrix (K, K) with strategies as index and columns, and the settings that it sums over.

    `group` says which settings: values of the columns it is grouped by. `without_budgets` are the settings that add
    nothing, as Random is soon as good as with all labels.
    """

    matrix: pd.DataFrame
    group: Mapping[str, object]
    settings: tuple[str, ...]
    without_budgets: tuple[str, ...]

    @property
    def penalties(self) -> pd.Series:
        """The mean of each column, the diagonal's 0 included: lower is better."""
        return self.matrix.mean(axis=0)

    def as_table(self) -> pd.DataFrame:
        """The matrix with a last row `mean`, and the strategies in the first column."""
        table = pd.concat([self.matrix, self.penalties.to_frame("mean").T])
        return table.rename_axis("strategy").reset_index()


@dataclass(frozen=True)
class Curves:
    """Errors (K, S, L) of K strategies and S seeds of one setting at L numbers of labels; NaN where there is none."""

    setting: Mapping[str, object]
    strategies: tuple[str, ...]
    seeds: tuple[int, ...]
    labels: tuple[int, ...]
    error_KSL: Floats

    @property
    def name(self) -> str:
        """For people: `mnist · mlp · b100`."""
        return setting_name(self.setting)

    def at(self, num_labelled: int) -> Floats:
        """Errors (K, S) at this number of labels; NaN where there is none."""
        if num_labelled not in self.labels:
            return np.full(self.error_KSL.shape[:2], np.nan)
        return self.error_KSL[:, :, self.labels.index(num_labelled)]


@dataclass(frozen=True)
class SettingWins:
    """Of one setting: entry (i, j) of `share_KK` is the share of its budgets at which i beats j."""

    setting: Mapping[str, object]
    budgets: tuple[int, ...]
    share_KK: Floats

    @property
    def name(self) -> str:
        """For people: `mnist · mlp · b100`."""
        return setting_name(self.setting)


def penalty_matrices(
    rounds: pd.DataFrame, definition: Definition = "paper", *, is_holm: bool = False, is_partial: bool = False
) -> list[PenaltyMatrix]:
    """The matrix of all settings first, then by batch size, model, data set, and any two of them.

    Args:
        rounds: as `al_bench.analysis.results.load_results` gives them.
        definition: of the budgets compared, see `paper_budgets` and `reference_budgets`.
        is_holm: adjust p-values by Holm's method for all pairs at one budget of one setting.
        is_partial: leave out what is missing instead of refusing.

    Raises:
        ResultsError: if Random is missing, a setting has fewer than two seeds, or runs are missing or too short.
    """
    wins = setting_wins(rounds, definition, is_holm=is_holm, is_partial=is_partial)
    strategies = ordered(rounds["strategy"].unique().tolist())
    matrices = []
    for columns in GROUPINGS:
        groups: dict[tuple[object, ...], list[SettingWins]] = {}
        for each in wins:
            groups.setdefault(tuple(each.setting[column] for column in columns), []).append(each)
        for values, members in sorted(groups.items(), key=lambda item: tuple(map(_sort_key, item[0]))):
            matrices.append(_summed(members, strategies, dict(zip(columns, values, strict=True))))
    return matrices


def setting_wins(
    rounds: pd.DataFrame, definition: Definition = "paper", *, is_holm: bool = False, is_partial: bool = False
) -> list[SettingWins]:
    """The wins of every setting; see `penalty_matrices`."""
    found = [(curves, budgets_of(curves, definition)) for curves in setting_curves(rounds)]
    missing = [line for curves, budgets in found for line in _missing(curves, budgets)]
    if missing and not is_partial:
        raise ResultsError(
            f"{len(missing)} runs are missing or too short, so strategies would be compared on different ones; finish "
            f"them, or leave out what is missing with --partial:{listed(missing)}"
        )
    return [
        SettingWins(curves.setting, tuple(budgets), _wins(curves, budgets, is_holm=is_holm))
        for curves, budgets in found
    ]


def setting_curves(rounds: pd.DataFrame) -> list[Curves]:
    """The errors of every setting, all with the same strategies."""
    strategies = ordered(rounds["strategy"].unique().tolist())
    curves = []
    for values, of_setting in rounds.groupby(SETTING, sort=True):
        seeds, labels = (sorted(of_setting[column].unique().tolist()) for column in ("seed", "num_labelled"))
        error_KSL = np.full((len(strategies), len(seeds), len(labels)), np.nan)
        positions = [
            of_setting[column].map({value: position for position, value in enumerate(known)}).to_numpy()
            for column, known in (("strategy", strategies), ("seed", seeds), ("num_labelled", labels))
        ]
        error_KSL[positions[0], positions[1], positions[2]] = 1 - of_setting["test_accuracy"].to_numpy()
        setting = dict(zip(SETTING, values, strict=True))
        curves.append(Curves(setting, tuple(strategies), tuple(seeds), tuple(labels), error_KSL))
    return curves


def budgets_of(curves: Curves, definition: Definition) -> list[int]:
    """The numbers of labels compared in a setting, by the mean accuracy of Random over its seeds."""
    if len(curves.seeds) < 2:
        raise ResultsError(f"{curves.name}: there is one seed only, {curves.seeds[0]}; a paired test takes two or more")
    if BASELINE not in curves.strategies:
        raise ResultsError(f"there is no run of strategy {BASELINE}, which says how many labels are compared")
    error_SL = curves.error_KSL[curves.strategies.index(BASELINE)]
    error_SL = error_SL[~np.isnan(error_SL).all(axis=1)]
    is_common_L = ~np.isnan(error_SL).any(axis=0)
    if not len(error_SL) or not is_common_L.any():
        raise ResultsError(
            f"{curves.name}: there is no run of strategy {BASELINE}, or its seeds have no number of labels in common"
        )
    accuracy = pd.Series(1 - error_SL[:, is_common_L].mean(axis=0), index=np.array(curves.labels)[is_common_L])
    batch_size = int(str(curves.setting["batch_size"]))
    return paper_budgets(accuracy, batch_size) if definition == "paper" else reference_budgets(accuracy, batch_size)


def paper_budgets(accuracy: pd.Series, batch_size: int) -> list[int]:
    """M + 2^(m-1) B for m = 1 .. floor(log2((n0 - M) / B)).

    n0 is the first number of labels at which Random's mean accuracy (index: labels) reaches 99 % of its final one, M
    the first number of all. There is none if n0 - M < 2 B.
    """
    first = int(accuracy.index[0])
    enough = int(accuracy.index[accuracy >= 0.99 * accuracy.iloc[-1]][0])
    num_batches = (enough - first) // batch_size  # log2 rounded down is that of the whole batches
    return [first + 2 ** (m - 1) * batch_size for m in range(1, num_batches.bit_length())]


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


def difference(differences_S: Floats) -> tuple[float, float]:
    """Mean and two-sided p-value of paired differences of errors over S seeds.

    Without variance, p is 0 for differences other than 0 (always the same sign: a win), and 1 if all are 0.
    """
    mean, deviation = float(differences_S.mean()), float(differences_S.std(ddof=1))
    if np.ptp(differences_S) == 0:
        return mean, 1.0 if mean == 0 else 0.0
    t = math.sqrt(len(differences_S)) * mean / deviation
    return mean, float(2 * stats.t.sf(abs(t), len(differences_S) - 1))


def ordered(strategies: Sequence[str]) -> list[str]:
    """In the paper's order; others after them by name."""
    known = {name: position for position, name in enumerate(PAPER_ORDER)}
    return sorted(strategies, key=lambda name: (known.get(name, len(known)), name))


def setting_name(setting: Mapping[str, object]) -> str:
    """For people: `mnist · mlp · b100`."""
    parts = (setting["dataset"], setting["model"], f"b{setting['batch_size']}", setting["variant"])
    return " · ".join(str(part) for part in parts if part != "")


def _missing(curves: Curves, budgets: Sequence[int]) -> list[str]:
    """A line for each run of the product of strategies and seeds that is not there, or lacks a budget."""
    lines = []
    for row, strategy in enumerate(curves.strategies):
        for column, seed in enumerate(curves.seeds):
            name = f"{curves.name} · {strategy} · seed {seed}"
            lacking = [budget for budget in budgets if np.isnan(curves.at(budget)[row, column])]
            if np.isnan(curves.error_KSL[row, column]).all():
                lines.append(f"{name}: there is no such run")
            elif lacking:
                lines.append(f"{name}: has no round with {lacking[0]} labels")
    return lines


def _wins(curves: Curves, budgets: Sequence[int], *, is_holm: bool) -> Floats:
    num_strategies = len(curves.strategies)
    share_KK = np.zeros((num_strategies, num_strategies))
    for budget in budgets:
        error_KS = curves.at(budget)
        tested = []
        for first, second in combinations(range(num_strategies), 2):
            differences = error_KS[first] - error_KS[second]
            differences = differences[~np.isnan(differences)]
            if len(differences) > 1:
                tested.append((first, second, *difference(differences)))
        p_values = [p for *_, p in tested]
        for (first, second, mean, _), p in zip(tested, _holm(p_values) if is_holm else p_values, strict=True):
            if p < LEVEL:
                winner, loser = (first, second) if mean < 0 else (second, first)
                share_KK[winner, loser] += 1 / len(budgets)
    return share_KK


def _holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values: Holm, "A Simple Sequentially Rejective Multiple Test Procedure" (1979)."""
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(np.array(p_values)[order] * factors), 1.0)
    return [float(p) for p in adjusted]


def _summed(members: Sequence[SettingWins], strategies: Sequence[str], group: dict[str, object]) -> PenaltyMatrix:
    summed_KK = np.sum([member.share_KK for member in members], axis=0)
    return PenaltyMatrix(
        matrix=pd.DataFrame(summed_KK, index=list(strategies), columns=list(strategies)),
        group=group,
        settings=tuple(member.name for member in members if member.budgets),
        without_budgets=tuple(member.name for member in members if not member.budgets),
    )


def _sort_key(value: object) -> tuple[bool, object]:
    return isinstance(value, str), value

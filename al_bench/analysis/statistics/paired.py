"""Paired two-sided t-tests over the seeds of one setting, at one number of labels, of all pairs of strategies.

Shapes: K strategies, S seeds.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from al_bench.analysis.budgets import Definition, compared_settings
from al_bench.analysis.results import SETTING
from al_bench.analysis.settings import Floats
from al_bench.analysis.statistics.intervals import holm
from al_bench.analysis.statistics.measures import ACCURACY, Measure

LEVEL = 0.05
PAIRWISE_COLUMNS = (
    *SETTING,
    "num_labelled",
    "first",
    "second",
    "num_seeds",
    "difference",
    "smallest_significant",
    "p",
    "p_holm",
    "is_partial",
)


@dataclass(frozen=True)
class PairedTests:
    """Entry (i, j) is of the errors of strategy i minus those of strategy j.

    Attributes:
        num_KK: seeds that both have.
        mean_KK: mean difference; negative if i is better.
        p_KK: two-sided p-value of Student's t-test. Without variance it is 0 for a difference other than 0, always of
            the same sign, and 1 if all are 0. NaN for fewer than two seeds.
        smallest_KK: the smallest mean difference that is significant at 5 % with so many seeds and this spread, which
            is half the width of the 95 % confidence interval too.
    """

    num_KK: NDArray[np.int64]
    mean_KK: Floats
    p_KK: Floats
    smallest_KK: Floats

    @property
    def holm_KK(self) -> Floats:
        """p-values adjusted for all pairs, see `al_bench.analysis.statistics.intervals.holm`."""
        rows, columns = np.triu_indices_from(self.p_KK, k=1)
        adjusted = holm(self.p_KK[rows, columns])
        holm_KK = np.ones_like(self.p_KK)
        holm_KK[rows, columns] = holm_KK[columns, rows] = adjusted
        return holm_KK


def paired_tests(error_KS: Floats) -> PairedTests:
    """The tests of all pairs, each over the seeds that both have (others are NaN)."""
    differences_KKS = error_KS[:, None] - error_KS[None]
    num_KK = np.isfinite(differences_KKS).sum(axis=2)
    with np.errstate(all="ignore"):
        mean_KK = np.nansum(differences_KKS, axis=2) / num_KK
        squares_KK = np.nansum((differences_KKS - mean_KK[:, :, None]) ** 2, axis=2)
        error_of_mean_KK = np.sqrt(squares_KK / (num_KK - 1) / num_KK)
        p_KK = 2 * stats.t.sf(np.abs(mean_KK) / error_of_mean_KK, num_KK - 1)
        smallest_KK = stats.t.isf(LEVEL / 2, num_KK - 1) * error_of_mean_KK
    is_tested_KK = num_KK >= 2
    is_constant_KK = is_tested_KK & (_range(differences_KKS) == 0)
    p_KK[is_constant_KK] = np.where(mean_KK[is_constant_KK] == 0, 1.0, 0.0)
    smallest_KK[is_constant_KK] = 0.0
    p_KK[~is_tested_KK] = smallest_KK[~is_tested_KK] = np.nan
    return PairedTests(num_KK, mean_KK, p_KK, smallest_KK)


def _range(values_KKS: Floats) -> Floats:
    is_there = np.isfinite(values_KKS)
    largest_KK: Floats = values_KKS.max(axis=2, where=is_there, initial=-np.inf)
    smallest_KK: Floats = values_KKS.min(axis=2, where=is_there, initial=np.inf)
    return largest_KK - smallest_KK


def pairwise_differences(
    rounds: pd.DataFrame, definition: Definition = "paper", *, measure: Measure = ACCURACY, is_partial: bool = False
) -> pd.DataFrame:
    """All pairs of strategies at every compared number of labels.

    Returns:
        The columns of a setting, num_labelled, first, second, num_seeds, difference (mean accuracy of `first` minus
        that of `second`; the other way round where lower values are better), smallest_significant (a difference that so
        many seeds could have shown, and half the width of the 95 % interval), p, p_holm, adjusted for all pairs there,
        and is_partial (whether runs of the setting are missing or too short).

    Raises:
        ResultsError: as `al_bench.analysis.statistics.penalty.penalty_matrices`.
    """
    rows = []
    for setting in compared_settings(rounds, definition, measure=measure, is_partial=is_partial):
        curves = setting.curves
        first, second = np.triu_indices(len(curves.strategies), k=1)
        for budget in setting.budgets:
            tests = paired_tests(curves.at(budget))
            rows.append(
                pd.DataFrame(
                    {
                        **curves.setting,
                        "num_labelled": budget,
                        "first": np.array(curves.strategies)[first],
                        "second": np.array(curves.strategies)[second],
                        "num_seeds": tests.num_KK[first, second],
                        "difference": -tests.mean_KK[first, second],
                        "smallest_significant": tests.smallest_KK[first, second],
                        "p": tests.p_KK[first, second],
                        "p_holm": tests.holm_KK[first, second],
                        "is_partial": bool(setting.missing),
                    }
                )
            )
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=PAIRWISE_COLUMNS)

"""Student's t of a few values, one for each seed or data set: intervals, p-values, and what they come to."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from al_bench.analysis.settings import Floats

CONFIDENCE = 0.95
SAME_CONFIDENCE = 0.9  # of two one-sided tests at 5 %
POWER = 0.8
MARGIN = 0.5  # percentage points
SIGNIFICANT = 1 - CONFIDENCE


@dataclass(frozen=True)
class Sample:
    """N rows of values, of which each mean is tested against 0 by Student's t; NaN where a row has too few.

    Attributes:
        num_N: values of the row.
        mean_N: of them.
        sd_N: with one degree of freedom less.
    """

    num_N: NDArray[np.int64]
    mean_N: Floats
    sd_N: Floats

    @classmethod
    def of(cls, values_NS: Floats) -> "Sample":
        """The sample of rows of values (N, S), in which NaN is no value."""
        is_there_NS = np.isfinite(values_NS)
        num_N = is_there_NS.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean_N = np.where(is_there_NS, values_NS, 0).sum(axis=1) / num_N
            squares_N = np.where(is_there_NS, (values_NS - mean_N[:, None]) ** 2, 0).sum(axis=1)
            sd_N = np.sqrt(squares_N / np.where(num_N > 1, num_N - 1, np.nan))
        highest_N = values_NS.max(axis=1, where=is_there_NS, initial=-np.inf)
        is_constant_N = (num_N > 1) & (values_NS.min(axis=1, where=is_there_NS, initial=np.inf) == highest_N)
        return cls(num_N, np.where(is_constant_N, highest_N, mean_N), np.where(is_constant_N, 0.0, sd_N))

    def interval(self, level: float = CONFIDENCE) -> tuple[Floats, Floats]:
        """Low and high (N,): the mean's confidence interval."""
        half_N = self._quantile_N(level) * self.sd_N / np.sqrt(self.num_N)
        return self.mean_N - half_N, self.mean_N + half_N

    def prediction(self, level: float = CONFIDENCE) -> tuple[Floats, Floats]:
        """Low and high (N,): the prediction interval of one value more."""
        half_N = self._quantile_N(level) * self.sd_N * np.sqrt(1 + 1 / np.maximum(self.num_N, 1))
        return self.mean_N - half_N, self.mean_N + half_N

    @property
    def p_N(self) -> Floats:
        """Two-sided. Without variance 0 for a mean other than 0, and 1 for 0."""
        with np.errstate(invalid="ignore", divide="ignore"):
            t_N = np.abs(self.mean_N) / self.sd_N * np.sqrt(self.num_N)
        p_N: Floats = 2 * stats.t.sf(np.where((self.mean_N == 0) & (self.sd_N == 0), 0, t_N), self._degrees_N)
        return p_N

    @property
    def detectable_N(self) -> Floats:
        """The mean that a test at 5 % finds with a power of 80 %, by the noncentral t, if this is the spread."""
        factor_N = np.array([detectable_factor(num) for num in self.num_N.tolist()])
        return factor_N * self.sd_N / np.sqrt(np.maximum(self.num_N, 1))

    @property
    def _degrees_N(self) -> Floats:
        return np.where(self.num_N > 1, self.num_N - 1.0, np.nan)

    def _quantile_N(self, level: float) -> Floats:
        quantile_N: Floats = stats.t.isf((1 - level) / 2, self._degrees_N)
        return quantile_N


@cache
def detectable_factor(num: int) -> float:
    """`detectable_N` in units of sd / sqrt(num): 3.76 with five values, 3.15 with ten; NaN with fewer than two."""
    if num < 2:
        return np.nan
    critical = stats.t.isf((1 - CONFIDENCE) / 2, num - 1)
    return float(optimize.brentq(lambda shift: stats.nct.sf(critical, num - 1, shift) - POWER, 1, 2 * critical + 4))


def holm(p_N: Floats) -> Floats:
    """p-values adjusted for all of them: Holm, "A Simple Sequentially Rejective Multiple Test Procedure" (1979).

    NaN are no tests, and stay.
    """
    order = p_N.argsort(kind="stable")  # NaN come last
    num_tests = np.isfinite(p_N).sum()
    adjusted_N = np.empty_like(p_N)
    adjusted_N[order] = np.minimum(np.maximum.accumulate(p_N[order] * (num_tests - np.arange(len(p_N)))), 1)
    adjusted_N[np.isnan(p_N)] = np.nan
    return adjusted_N


class Verdict(StrEnum):
    """What an interval says, in this order: a gain that is off 0 is above or below, though it may be within the margin.

    Same is what two one-sided tests at 5 % show: Schuirmann, "A Comparison of the Two One-Sided Tests Procedure and the
    Power Approach for Assessing the Equivalence of Average Bioavailability" (1987). It is open otherwise.
    """

    ABOVE = "above"
    ABOVE_WITHIN = "above, by less than the margin"
    BELOW = "below"
    BELOW_WITHIN = "below, by less than the margin"
    SAME = "same"
    OPEN = "open"

    @property
    def kind(self) -> "Verdict":
        """One of four: above, below, same, open."""
        return Verdict(self.value.partition(",")[0])


def verdicts(sample: Sample, margin: float | None, p_N: Floats | None = None) -> list[Verdict]:
    """What is said of each of N gains.

    Args:
        sample: of the gains.
        margin: within which they are the same, in their unit; None: nothing is said to be the same.
        p_N: adjusted for several comparisons; above and below are then said only if it is below 5 %.
    """
    low_N, high_N = sample.interval()
    low_same_N, high_same_N = sample.interval(SAME_CONFIDENCE)
    limit = -np.inf if margin is None else margin
    is_told_N = np.ones(len(low_N), dtype=bool) if p_N is None else p_N < SIGNIFICANT
    choices = [
        (is_told_N & (low_N > 0) & (high_N < limit), Verdict.ABOVE_WITHIN),
        (is_told_N & (low_N > 0), Verdict.ABOVE),
        (is_told_N & (high_N < 0) & (low_N > -limit), Verdict.BELOW_WITHIN),
        (is_told_N & (high_N < 0), Verdict.BELOW),
        ((low_same_N > -limit) & (high_same_N < limit), Verdict.SAME),
    ]
    found = np.select([each for each, _ in choices], range(len(choices)), len(choices))
    kinds = [*(kind for _, kind in choices), Verdict.OPEN]
    return [kinds[number] for number in found.tolist()]

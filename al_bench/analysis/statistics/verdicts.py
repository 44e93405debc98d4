"""What an interval of a gain says: above, below, the same within a margin that was fixed beforehand, or open.

Same is what two one-sided tests at 5 % show: Schuirmann, "A Comparison of the Two One-Sided Tests Procedure and the
Power Approach for Assessing the Equivalence of Average Bioavailability" (1987).
"""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from al_bench.analysis.statistics.intervals import LEVEL, SAME_LEVEL, Sample

MARGIN = 0.5  # percentage points
SIGNIFICANT = 1 - LEVEL


class Verdict(StrEnum):
    """In this order: a gain that is off 0 is above or below, though it may lie within the margin."""

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


def verdicts(sample: Sample, margin: float | None, p_N: NDArray[np.float64] | None = None) -> list[Verdict]:
    """Of gains (N,).

    Args:
        sample: of the gains.
        margin: within which they are the same, in their unit; None: nothing is said to be the same.
        p_N: adjusted for several comparisons; above and below are then said only if it is below 5 %.
    """
    low_N, high_N = sample.interval()
    low_same_N, high_same_N = sample.interval(SAME_LEVEL)
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

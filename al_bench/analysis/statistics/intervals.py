"""Confidence intervals of means over seeds."""

import warnings

import numpy as np
from scipy import stats

from al_bench.analysis.settings import Floats

NUM_RESAMPLES = 9_999
LEVEL = 0.95
MIN_SEEDS = 4


def bca_interval(values_NS: Floats) -> tuple[Floats, Floats]:
    """95 % bootstrap intervals, bias-corrected and accelerated, of the means of N rows over S seeds: low and high (N,).

    Efron, "Better Bootstrap Confidence Intervals" (1987), by scipy. Always the same resamples, so the same values have
    the same interval. Rows that are all equal have an interval of width 0. With few seeds such intervals are too
    narrow: of five normal values, a 95 % interval holds the true mean in 85 % of all cases; of fewer than four there is
    none (NaN), as those of three would in 71 %, of two in 50 %.
    """
    if values_NS.shape[1] < MIN_SEEDS:
        return np.full(len(values_NS), np.nan), np.full(len(values_NS), np.nan)
    low_N, high_N = values_NS.mean(axis=1), values_NS.mean(axis=1)
    is_varied_N = np.ptp(values_NS, axis=1) > 0
    if is_varied_N.any():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", stats.DegenerateDataWarning)
            interval = stats.bootstrap(
                (values_NS[is_varied_N],),
                np.mean,
                axis=1,
                method="BCa",
                n_resamples=NUM_RESAMPLES,
                confidence_level=LEVEL,
                rng=np.random.default_rng(0),
            ).confidence_interval
        low_N[is_varied_N], high_N[is_varied_N] = interval.low, interval.high
    return low_N, high_N

"""The expected calibration error: of the columns `test_ece` and `validation_ece`, and of UHerding's temperature."""

import numpy as np
from numpy.typing import NDArray


def calibration_error(confidence_N: NDArray[np.float64], is_right_N: NDArray[np.bool_], num_bins: int) -> float:
    """|accuracy - mean confidence| of bins of the largest probability, by how many are in each (Guo et al., 2017).

    A bin of B goes from k/B, which is not in it, to (k+1)/B, which is.
    """
    bin_N = np.searchsorted(np.linspace(0, 1, num_bins + 1), confidence_N, side="left") - 1
    gap_B = np.bincount(bin_N, weights=is_right_N - confidence_N, minlength=num_bins)
    return float(np.abs(gap_B).sum() / len(is_right_N))

"""How long rounds took, and an estimate of what is left."""

import time
from collections.abc import Callable

SECONDS_BETWEEN_LINES = 60.0  # of a log, while something takes long
FEW_LAPS = 3  # from which on the first, which has all that is done once, does not count


class Clock:
    """Seconds of the last round, and an estimate of those of the rounds to come.

    What a round takes grows with its labels, from not at all (training ends after fewer epochs) to in proportion. How
    much is the slope of the rounds so far, and it is believed no further than they go: after k rounds, to k + 1 times
    the labels of the last. So two short rounds say nothing wild of a hundred long ones.
    """

    def __init__(self, budget: int, batch_size: int, now: Callable[[], float] = time.perf_counter) -> None:
        self.budget = budget
        self.batch_size = batch_size
        self.seconds = 0.0
        self.seconds_left = 0.0
        self._now = now
        self._laps: list[tuple[int, float]] = []
        self._since = now()

    def lap(self, num_labelled: int) -> None:
        """The round with this many labels ends now."""
        now = self._now()
        self.seconds, self._since = now - self._since, now
        self._laps.append((num_labelled, self.seconds))
        if num_labelled >= self.budget:
            self.seconds_left = 0.0
            return
        to_come = [*range(num_labelled + self.batch_size, self.budget, self.batch_size), self.budget]
        most = num_labelled * (len(self._laps) + 1)
        slope, mean_labels, mean_seconds = self._line()
        self.seconds_left = sum(mean_seconds + slope * (min(labels, most) - mean_labels) for labels in to_come)

    def _line(self) -> tuple[float, float, float]:
        """Slope (from 0 to proportional), and the labels and seconds of the point that the line goes through."""
        laps = self._laps[1:] if len(self._laps) >= FEW_LAPS else self._laps
        mean_labels = sum(labels for labels, _ in laps) / len(laps)
        mean_seconds = sum(seconds for _, seconds in laps) / len(laps)
        spread = sum((labels - mean_labels) ** 2 for labels, _ in laps)
        common = sum((labels - mean_labels) * (seconds - mean_seconds) for labels, seconds in laps)
        slope = common / spread if spread else mean_seconds / mean_labels
        return min(max(slope, 0.0), mean_seconds / mean_labels), mean_labels, mean_seconds


def duration(seconds: float) -> str:
    """`4 s`, `3 min`, `2.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"

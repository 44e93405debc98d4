"""How far a sweep is, told by its run directories, whatever launches its jobs."""

import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from al_bench.console import duration
from al_bench.files import is_newer

SECONDS_BETWEEN_LOOKS = 2.0
SECONDS_BETWEEN_LINES = 10.0

log = logging.getLogger("al_bench.sweep")


class Progress:
    """While it is entered, a line whenever runs have ended: how many are done and failed, and the time left.

    Args:
        paths: run directories of the jobs to come; what lies in them from before does not count.
        num_skipped: runs that were finished before.
        num_runs: in all.
    """

    def __init__(self, paths: Sequence[Path], num_skipped: int, num_runs: int) -> None:
        self.paths = paths
        self.num_skipped = num_skipped
        self.num_runs = num_runs
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Progress":
        self._start, self._clock = time.time(), time.perf_counter()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join()

    def line(self) -> str:
        """`12 of 60 runs done, 1 failed, about 34 min left`."""
        done, failed = (
            sum(is_newer(path / name, self._start) for path in self.paths) for name in ("done.json", "error.json")
        )
        num_left = len(self.paths) - done - failed
        seconds_left = (time.perf_counter() - self._clock) / max(done + failed, 1) * num_left
        return f"{self.num_skipped + done} of {self.num_runs} runs done" + "".join(
            [f", {failed} failed" * bool(failed), f", about {duration(seconds_left)} left" * bool(done and num_left)]
        )

    def _watch(self) -> None:
        told, last = self.line(), -SECONDS_BETWEEN_LINES
        while not self._is_over.wait(SECONDS_BETWEEN_LOOKS):
            now, line = time.perf_counter(), self.line()
            if line.partition(", about")[0] != told.partition(", about")[0] and now - last >= SECONDS_BETWEEN_LINES:
                log.info("sweep: %s", line)
                told, last = line, now

"""How far a sweep is, told by its run directories, whatever launches its jobs."""

import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from al_bench.core.clock import duration
from al_bench.files.locks import is_locked
from al_bench.files.writing import is_newer
from al_bench.records.layout import DONE, ENVIRONMENT, ERROR, LOCK

SECONDS_BETWEEN_LOOKS = 2.0
SECONDS_BETWEEN_LINES = 10.0

log = logging.getLogger("al_bench.sweep")


class Progress:
    """While it is entered, a line when runs have begun or ended: how many are done, running, failed, and the time left.

    Args:
        paths: run directories of the jobs to come; what lies in them from before does not count.
        num_skipped: runs that were finished before.
        num_runs: in all.
    """

    def __init__(self, paths: Sequence[Path], num_skipped: int, num_runs: int) -> None:
        self._left = list(paths)
        self._ended = {DONE: 0, ERROR: 0}
        self.num_skipped = num_skipped
        self.num_runs = num_runs
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Progress":
        self._start, self._clock = time.time(), time.perf_counter()
        self._has_begun = False
        self._told = self.line()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join()

    def line(self) -> str:
        """`12 of 60 runs done, 2 running, 1 failed, about 34 min left`."""
        now, left, num_running = time.perf_counter(), [], 0
        for path in self._left:
            if ended := next((name for name in self._ended if is_newer(path / name, self._start)), None):
                self._ended[ended] += 1
            else:
                left.append(path)
                has_begun = is_newer(path / ENVIRONMENT, self._start)
                self._has_begun |= has_begun
                num_running += has_begun and is_locked(path / LOCK)
        self._left = left
        done, failed = self._ended.values()
        self._has_begun |= done + failed > 0
        if not self._has_begun:
            self._clock = now  # until then a launcher starts processes, or a queue is long
        seconds_left = (now - self._clock) / max(done + failed, 1) * len(left)
        return f"{self.num_skipped + done} of {self.num_runs} runs done" + "".join(
            [
                f", {num_running} running" * bool(num_running),
                f", {failed} failed" * bool(failed),
                f", about {duration(seconds_left)} left" * bool(done and left),
            ]
        )

    def _watch(self) -> None:
        told, last, wait = self._told, -SECONDS_BETWEEN_LINES, SECONDS_BETWEEN_LOOKS
        while not self._is_over.wait(wait):
            now, line = time.perf_counter(), self.line()
            wait = max(SECONDS_BETWEEN_LOOKS, 10 * (time.perf_counter() - now))  # a thousand runs on a slow disk
            if line.partition(", about")[0] != told.partition(", about")[0] and now - last >= SECONDS_BETWEEN_LINES:
                log.info("sweep: %s", line)
                told, last = line, now

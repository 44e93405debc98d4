"""A line a minute while something takes long: what it is, since when, and how long it may take."""

import logging
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

from al_bench.core.clock import SECONDS_BETWEEN_LINES, duration

LOOKS_BETWEEN_LINES = 12

log = logging.getLogger(__name__)


class Heartbeat:
    """Says what a run is doing where that takes long; it remembers how long each kind of thing took the last time.

    Args:
        title: of the run, before each line.
    """

    def __init__(self, title: str = "") -> None:
        self._title = f"{title}: " * bool(title)
        self._took: dict[str, float] = {}
        self._what: tuple[str, str] | None = None
        self._since = self._told = 0.0
        self._is_over: threading.Event | None = None

    @contextmanager
    def during(self, kind: str, what: str) -> Iterator[None]:
        """While it is entered, a thread logs; `kind`: of which the last one tells how long this one may take."""
        if self._is_over is None:  # one thread a run: to start and end one takes its time on a busy machine
            self._is_over = threading.Event()
            weakref.finalize(self, self._is_over.set)
            threading.Thread(target=_watch, args=(weakref.ref(self), self._is_over), daemon=True).start()
        self._since = self._told = time.perf_counter()
        self._what = kind, what
        try:
            yield
        finally:
            self._what = None
        self._took[kind] = time.perf_counter() - self._since

    def look(self) -> None:
        """Say what goes on, if that was said last a minute ago."""
        going_on, now = self._what, time.perf_counter()
        if going_on is None or now - self._told < SECONDS_BETWEEN_LINES:
            return
        self._told = now
        kind, what = going_on
        took = self._took.get(kind)
        outlook = "how long it takes is not known" if took is None else f"the last time it took {duration(took)}"
        log.info("%s%s, for %s now; %s", self._title, what, duration(now - self._since), outlook)


def _watch(heartbeat: "weakref.ref[Heartbeat]", is_over: threading.Event) -> None:
    while not is_over.wait(SECONDS_BETWEEN_LINES / LOOKS_BETWEEN_LINES):
        if (watched := heartbeat()) is not None:
            watched.look()
        del watched

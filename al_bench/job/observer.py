"""Observers of a run: they are told what is committed, and are never the source of truth."""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from al_bench.core.errors import message_of
from al_bench.core.rounds import RoundRecord
from al_bench.records.identity import Identity

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What a run is about to do.

    Attributes:
        identity, config: what the run is, and all keys of it, plain.
        path: of its directory.
        pool_size, test_size: numbers of examples.
        input_shape: of one example, as the network gets it.
        num_initial, num_validation, budget: numbers of labels; `budget` counts the others.
        device: `cpu`, `cuda:0`, ...
        num_threads: of PyTorch.
        num_parameters: of the network.
        num_done: labels that were committed before.
    """

    identity: Identity
    path: Path
    config: Mapping[str, Any]
    pool_size: int
    test_size: int
    input_shape: tuple[int, ...]
    num_classes: int
    num_initial: int
    num_validation: int
    budget: int
    device: str
    num_threads: int
    num_parameters: int
    num_done: int


class Observer(Protocol):
    """What a run tells those who watch it, such as a display or a tracker."""

    def start(self, plan: Plan) -> None:
        """A run starts or goes on."""

    def round(self, record: RoundRecord) -> None:
        """Called after a round is committed, with its record."""

    def finish(self, exit_code: int) -> None:
        """The rounds ended, well (0) or not."""


class Safe:
    """Any observer, whose first failure ends its observing of this run with one warning, and costs nothing else."""

    def __init__(self, observer: Observer) -> None:
        self._observer: Observer | None = observer

    def start(self, plan: Plan) -> None:
        """See `Observer`."""
        self._try(lambda observer: observer.start(plan))

    def round(self, record: RoundRecord) -> None:
        """See `Observer`."""
        self._try(lambda observer: observer.round(record))

    def finish(self, exit_code: int) -> None:
        """See `Observer`."""
        self._try(lambda observer: observer.finish(exit_code))

    def _try(self, call: Callable[[Observer], None]) -> None:
        if self._observer is None:
            return
        try:
            call(self._observer)
        except Exception as error:  # whatever an observer raises
            log.warning(
                "%s failed and is off for the rest of this run: %s", type(self._observer).__name__, message_of(error)
            )
            failed, self._observer = self._observer, None
            with suppress(Exception):
                failed.finish(1)  # or the next run in this process would be told to this one

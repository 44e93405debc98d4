"""Trackers: observers of a run, never the source of truth. Their failures cost no result."""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from al_bench.core.errors import message_of
from al_bench.records.identity import Identity

if TYPE_CHECKING:  # it imports torch, and a tracker is checked before a run is skipped
    from al_bench.core.interfaces import RoundRecord

log = logging.getLogger(__name__)


class Tracker(Protocol):
    """What the runner tells an observer."""

    def start(self, identity: Identity, config: Mapping[str, Any], path: Path) -> None:
        """A run starts or goes on."""

    def log(self, record: "RoundRecord") -> None:
        """A round is committed."""

    def finish(self, exit_code: int) -> None:
        """The run ended, well (0) or not."""


class NullTracker:
    """Observes nothing and imports nothing."""

    def start(self, identity: Identity, config: Mapping[str, Any], path: Path) -> None:
        """See `Tracker`."""

    def log(self, record: "RoundRecord") -> None:
        """See `Tracker`."""

    def finish(self, exit_code: int) -> None:
        """See `Tracker`."""


class WandbTracker:
    """Learning curves to Weights & Biases, one wandb run per run; offline its files lie in `<output_dir>/wandb`.

    Args:
        project: where the runs go.
        mode: `offline` writes files that `wandb sync` uploads later; `online` needs a key. Where wandb does not answer
            once, all later runs of the process are offline.
    """

    _is_out_of_reach: ClassVar[bool] = False

    def __init__(self, project: str, mode: Literal["online", "offline"] = "offline") -> None:
        self.project = project
        self.mode = mode
        self._run: Any = None

    def start(self, identity: Identity, config: Mapping[str, Any], path: Path) -> None:
        """See `Tracker`; rounds that were committed before are logged first."""
        from al_bench.tracking import wandb_runs

        self._identity = identity
        mode: Literal["online", "offline"] = "offline" if WandbTracker._is_out_of_reach else self.mode
        try:
            self._run = wandb_runs.begun(identity, config, path, Path(config["output_dir"]), self.project, mode)
        except Exception as error:
            if mode == "offline":
                raise
            WandbTracker._is_out_of_reach = True
            log.warning("wandb is out of reach, so runs are tracked offline from now on: %s", message_of(error))
            self.start(identity, config, path)

    def log(self, record: "RoundRecord") -> None:
        """See `Tracker`."""
        from al_bench.records import tables
        from al_bench.tracking import wandb_runs

        wandb_runs.log_round(self._run, tables.round_row(self._identity, record))

    def finish(self, exit_code: int) -> None:
        """See `Tracker`."""
        if self._run is not None:
            self._run.finish(exit_code=exit_code)


class SafeTracker:
    """Any tracker, whose first failure ends the tracking of this run with one warning, and nothing else."""

    def __init__(self, tracker: Tracker) -> None:
        self.tracker: Tracker = tracker

    def start(self, identity: Identity, config: Mapping[str, Any], path: Path) -> None:
        """See `Tracker`."""
        self._try(lambda: self.tracker.start(identity, config, path))

    def log(self, record: "RoundRecord") -> None:
        """See `Tracker`."""
        self._try(lambda: self.tracker.log(record))

    def finish(self, exit_code: int) -> None:
        """See `Tracker`."""
        self._try(lambda: self.tracker.finish(exit_code))

    def _try(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:  # whatever a tracker raises
            log.warning(
                "%s failed and is off for the rest of this run: %s", type(self.tracker).__name__, message_of(error)
            )
            failed, self.tracker = self.tracker, NullTracker()
            with suppress(Exception):
                failed.finish(1)  # or the next run in this process would be logged into this one

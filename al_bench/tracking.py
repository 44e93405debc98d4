"""Trackers: observers of a run, never the source of truth. Their failures cost no result."""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from al_bench.identity import Identity

if TYPE_CHECKING:  # it imports torch, and a tracker is checked before a run is skipped
    from al_bench.interfaces import RoundRecord

log = logging.getLogger(__name__)


class Tracker(Protocol):
    """What the runner tells an observer."""

    def start(self, identity: Identity, config: Mapping[str, Any], path: Path) -> None:
        """A run starts or goes on."""

    def log(self, record: "RoundRecord") -> None:
        """A round is committed."""

    def finish(self) -> None:
        """The run ended, well or not."""


class NullTracker:
    """Observes nothing and imports nothing."""

    def start(self, identity: Identity, config: Mapping[str, Any], path: Path) -> None:
        """See `Tracker`."""

    def log(self, record: "RoundRecord") -> None:
        """See `Tracker`."""

    def finish(self) -> None:
        """See `Tracker`."""


class WandbTracker:
    """Learning curves to Weights & Biases, one wandb run per start of a run; its files lie in `<output_dir>/wandb`.

    Args:
        project: where the runs go.
        mode: `offline` writes files that `wandb sync` uploads later; `online` needs a key.
    """

    def __init__(self, project: str, mode: Literal["online", "offline"] = "offline") -> None:
        self.project = project
        self.mode = mode
        self._run: Any = None

    def start(self, identity: Identity, config: Mapping[str, Any], path: Path) -> None:
        """See `Tracker`."""
        import wandb

        self._run = wandb.init(
            project=self.project,
            mode=self.mode,
            dir=str(config["output_dir"]),
            name=identity.title,
            group=f"{identity.dataset} · {identity.model} · b{identity.batch_size}",
            job_type=identity.strategy,
            config=dict(config) | {"run_directory": str(path)},
            settings=wandb.Settings(silent=True),
        )

    def log(self, record: "RoundRecord") -> None:
        """See `Tracker`."""
        values = {
            "num_labelled": record.num_labelled,
            "train_accuracy": record.train_accuracy,
            "test_accuracy": record.test.accuracy,
            "test_balanced_accuracy": record.test.balanced_accuracy,
            "test_loss": record.test.loss,
            "num_epochs": record.num_epochs,
            "fit_seconds": record.fit_seconds,
            "query_seconds": record.query_seconds,
        }
        if record.validation is not None:
            values["validation_accuracy"] = record.validation.accuracy
            values["validation_loss"] = record.validation.loss
        if record.unlabelled is not None:
            values["unlabelled_entropy"] = record.unlabelled.mean_entropy
        self._run.log(values, step=record.round)

    def finish(self) -> None:
        """See `Tracker`."""
        if self._run is not None:
            self._run.finish()


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

    def finish(self) -> None:
        """See `Tracker`."""
        self._try(self.tracker.finish)

    def _try(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:  # whatever a tracker raises
            log.warning("%s failed and is off for the rest of this run: %s", type(self.tracker).__name__, error)
            failed, self.tracker = self.tracker, NullTracker()
            with suppress(Exception):
                failed.finish()  # or the next run in this process would be logged into this one

"""Trackers: observers of runs that others look at elsewhere."""

import logging
from pathlib import Path
from typing import Any, ClassVar, Literal

from al_bench.core.errors import message_of
from al_bench.core.rounds import RoundRecord
from al_bench.job.observer import Plan

log = logging.getLogger(__name__)


class NullTracker:
    """Observes nothing and imports nothing."""

    def start(self, plan: Plan) -> None:
        """See `Observer`."""

    def round(self, record: RoundRecord) -> None:
        """See `Observer`."""

    def finish(self, exit_code: int) -> None:
        """See `Observer`."""


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

    def start(self, plan: Plan) -> None:
        """See `Observer`; rounds that were committed before are logged first."""
        from al_bench.tracking import wandb_runs

        self._identity = plan.identity
        mode: Literal["online", "offline"] = "offline" if WandbTracker._is_out_of_reach else self.mode
        try:
            self._run = wandb_runs.begun(
                plan.identity, plan.config, plan.path, Path(plan.config["output_dir"]), self.project, mode
            )
        except Exception as error:
            if mode == "offline":
                raise
            WandbTracker._is_out_of_reach = True
            log.warning("wandb is out of reach, so runs are tracked offline from now on: %s", message_of(error))
            self.start(plan)

    def round(self, record: RoundRecord) -> None:
        """See `Observer`."""
        from al_bench.records import tables
        from al_bench.tracking import wandb_runs

        wandb_runs.log_round(self._run, tables.round_row(self._identity, record))

    def finish(self, exit_code: int) -> None:
        """See `Observer`."""
        if self._run is not None:
            self._run.finish(exit_code=exit_code)

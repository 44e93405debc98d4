"""Hydra's own sweeper, with an end: an empty sweep is an error, and a finished one says how its runs ended."""

import logging
from collections.abc import Sequence

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn

from al_bench.console import log_to_stdout
from al_bench.errors import ConfigError
from al_bench.outcome import Outcome, Status

log = logging.getLogger("al_bench.sweep")


class Sweeper(BasicSweeper):
    """The cartesian product of what the command line sweeps over."""

    @staticmethod
    def split_arguments(overrides: list[Override], max_batch_size: int | None) -> list[list[list[str]]]:
        """As BasicSweeper does; ConfigError if a key has nothing to sweep over."""
        if max_batch_size is not None and max_batch_size < 1:
            raise ConfigError(f"hydra.sweeper.max_batch_size={max_batch_size}: must be above 0, or null")
        for override in overrides:
            if override.is_discrete_sweep() and not list(override.sweep_string_iterator()):
                raise ConfigError(
                    f"{override.input_line}: nothing matches, so there is nothing to run; `al-bench --help` lists "
                    "the options"
                )
        batches: list[list[list[str]]] = BasicSweeper.split_arguments(overrides, max_batch_size)
        return batches

    def sweep(self, arguments: list[str]) -> list[Sequence[JobReturn]]:
        """Run all jobs, then say how many finished, were skipped and failed, and why; exit with 1 if one failed."""
        log_to_stdout(is_sweep=True)
        batches: list[Sequence[JobReturn]] = super().sweep(arguments)
        outcomes: list[Outcome] = [job.return_value for batch in batches for job in batch]
        counts = {status: sum(outcome.status is status for outcome in outcomes) for status in Status}
        log.info(
            "%d runs: %s",
            len(outcomes),
            ", ".join(f"{count} {status.value}" for status, count in counts.items()),
        )
        for outcome in outcomes:
            if outcome.status is Status.FAILED:
                log.error("failed: %s: %s", outcome.run, outcome.message)
        if counts[Status.FAILED]:
            raise SystemExit(1)
        return batches

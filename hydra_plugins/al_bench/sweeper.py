"""Hydra's own sweeper, which launches only what is not finished yet, shows how far it is, and sums up at the end."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import product
from multiprocessing import TimeoutError as WorkerTimeoutError
from pathlib import Path

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from al_bench.config.arguments import check_sweeps, swept_values
from al_bench.config.compositions import Compositions
from al_bench.config.overrides import plain_key, said_once
from al_bench.config.planning import warn_of_code
from al_bench.config.remembered.merging import merged_once
from al_bench.config.schema import at_home
from al_bench.core.errors import ConfigError, UserError
from al_bench.files.locks import alone_in
from al_bench.files.writing import replace_text
from al_bench.sweeps import jobs as sweeps
from al_bench.sweeps import lost
from al_bench.sweeps import order as job_order
from al_bench.sweeps.jobs import Job
from al_bench.sweeps.outcome import Outcome, Status
from al_bench.sweeps.progress import Progress
from al_bench.sweeps.workers import interrupted_alone

MAX_TOLD = 3  # runs that fail for the same reason

log = logging.getLogger("al_bench.sweep")


class Sweeper(BasicSweeper):
    """The cartesian product of what the command line sweeps over."""

    _num_launched = 0

    def sweep(self, arguments: list[str]) -> list[Outcome]:
        """Run all jobs that are not finished; say how many finished, were skipped and failed, and why.

        Exits with 1 if one failed. Whatever cannot be composed is an error before the first job.
        """
        from al_bench.cli.display import log_to_stdout, with_bar  # rich, which --help need not wait

        log_to_stdout(is_sweep=True)
        assert self.config is not None
        assert self.hydra_context is not None
        if self.max_batch_size is not None and self.max_batch_size < 1:
            raise ConfigError(f"hydra.sweeper.max_batch_size={self.max_batch_size}: must be above 0, or null")
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        self._check_params_are_not_their_own_choice(arguments)
        combinations = _combined(parser.parse_overrides(said_once([*self._parse_config(), *arguments])))
        composed = self._jobs(job_order.in_order(combinations))
        with merged_once(self.hydra_context.config_loader):
            jobs = sweeps.distinct(with_bar(composed, "checks what each run is", len(combinations)))
        if len(jobs) < len(combinations):
            log.info("%d combinations are %d different runs", len(combinations), len(jobs))
        if self.config.hydra.launcher.get("n_jobs") == 0:
            raise ConfigError("hydra.launcher.n_jobs=0: must be above 0, or -1 for one per core")
        if self.config.dry_run:
            return self._shown(jobs)
        sweep_dir = Path(self.config.hydra.sweep.dir)
        sweep_dir.mkdir(parents=True, exist_ok=True)
        with alone_in(sweep_dir):  # other sweeps have it too
            replace_text(sweep_dir / "multirun.yaml", OmegaConf.to_yaml(self.config))
        skipped = [Outcome(job.name, Status.SKIPPED) for job in jobs if job.is_finished]
        refused = [Outcome(job.name, Status.FAILED, job.error) for job in jobs if job.error]
        to_do = [job for job in jobs if not job.is_finished and not job.error]
        log.info(
            "%d runs: %d finished before, %d to do%s",
            *(len(jobs), len(skipped), len(to_do)),
            f", {len(refused)} refused" * bool(refused),
        )
        _tell("refused", refused)
        warn_of_code([job.run for job in jobs if job.run is not None and job.is_finished])
        with Progress([job.run.path for job in to_do if job.run is not None], len(skipped), len(jobs)):
            return _summed_up([*skipped, *refused, *sweeps.done(to_do, self._launched)])

    def _jobs(self, all_overrides: Sequence[list[str]]) -> Iterator[Job]:
        """Whether a run is finished is told by its directory alone."""
        assert self.config is not None
        assert self.hydra_context is not None
        check = partial(self._check_nothing_comes_late, all_overrides=all_overrides)
        compositions = Compositions(self.hydra_context.config_loader, self.config, check)
        for overrides in all_overrides:
            composition, seed = compositions.of(overrides)
            try:
                run = composition.planned(seed)
                yield Job(overrides, run.identity.title, run, run.is_finished())
            except UserError as error:
                yield Job(overrides, " ".join(overrides), error=str(error))

    def _check_nothing_comes_late(
        self, composed: DictConfig, overrides: Sequence[str], all_overrides: Sequence[list[str]]
    ) -> None:
        """ConfigError if what is swept over brings a sweep or a launcher of its own, which nobody would look at."""
        assert self.config is not None
        assert self.hydra_context is not None
        if not _own_parts(composed, self.config):
            return
        chosen, known = (each.hydra.runtime.choices for each in (composed, self.config))
        for override in overrides:  # each alone, until it is found
            key = plain_key(override)
            if chosen.get(key) == known.get(key) and not key.startswith("hydra"):
                continue
            alone = self.hydra_context.config_loader.load_sweep_config(self.config, [override])
            if parts := _own_parts(alone, self.config):
                options = dict.fromkeys(each for job in all_overrides for each in job if plain_key(each) == key)
                commands = ", ".join(f"al-bench {option} ..." for option in options)
                raise ConfigError(
                    f"{override}: it brings {parts} of its own, which comes too late where {key} is swept over; "
                    f"give each a command of its own: {commands}"
                )

    def _check_params_are_not_their_own_choice(self, arguments: Sequence[str]) -> None:
        """ConfigError for a file that is chosen, and that sweeps over the choice of which it is an option."""
        assert self.config is not None
        assert self.hydra_context is not None
        for argument in arguments:
            key = plain_key(argument)
            if key not in self.params or key not in self.config.hydra.runtime.choices:
                continue
            hydra_overrides = OmegaConf.to_container(self.config.hydra.overrides.hydra)
            assert isinstance(hydra_overrides, list)
            others = [*hydra_overrides, *(each for each in arguments if plain_key(each) != key)]
            without = self.hydra_context.config_loader.load_configuration(
                self.config.hydra.job.config_name, others, RunMode.MULTIRUN
            )
            if key not in (without.hydra.sweeper.get("params") or {}):
                raise ConfigError(
                    f"{argument}: its hydra.sweeper.params say {key}={self.params[key]}, which comes too late where "
                    f"{key} is chosen by then; give each a command of its own: al-bench {key}=..."
                )

    def _shown(self, jobs: Sequence[Job]) -> list[Outcome]:
        """What would be run; exits with 1 if a run could not be."""
        from al_bench.cli.display import console  # has a lock, and Slurm's tasks pickle this class with its globals
        from al_bench.sweeps import dry_run  # pandas

        assert self.config is not None
        folder = Path(at_home("output_dir", self.config.output_dir), self.config.name)
        to_do, finished = (
            [job.run for job in jobs if job.run is not None and job.is_finished is is_finished]
            for is_finished in (False, True)
        )
        dry_run.show(to_do, finished, folder, console)
        for job in jobs:
            if job.error:
                log.error("would fail: %s: %s", job.name, job.error)
        if order := job_order.described_order([job.overrides for job in jobs]):
            console.print(order, soft_wrap=True)
        if any(job.error for job in jobs):
            raise SystemExit(1)
        return []

    def _launched(self, jobs: Sequence[Job]) -> list[JobReturn]:
        """In batches of `max_batch_size`."""
        assert self.config is not None
        assert self.launcher is not None
        size = self.max_batch_size or len(jobs)
        returned: list[JobReturn] = []
        for start in range(0, len(jobs), size):
            batch = [job.overrides for job in jobs[start : start + size]]
            has_workers = "joblib" in self.config.hydra.launcher._target_
            try:
                with interrupted_alone() if has_workers else nullcontext():
                    returned += self.launcher.launch(batch, initial_job_idx=self._num_launched)
            except WorkerTimeoutError as error:
                raise lost.in_time(error, self.config.hydra.launcher) from error
            self._num_launched += len(batch)
        return returned


def _combined(overrides: Sequence[Override]) -> list[list[str]]:
    """The overrides of each job: the cartesian product, in the order given, of which the last key varies fastest.

    Raises:
        ConfigError: if a key has nothing to sweep over, or is swept over as only a search can.
    """
    check_sweeps(overrides)
    values = []
    for override in overrides:
        key = override.get_key_element()
        if not override.is_sweep_override():
            values.append([f"{key}={override.get_value_element_as_str()}"])
        elif not override.is_discrete_sweep():
            raise ConfigError(f"{override.input_line}: only a search (hydra/sweeper=optuna) takes intervals")
        else:
            values.append([f"{key}={option}" for option in swept_values(override)])
    return [list(job) for job in product(*values)]


def _own_parts(job: DictConfig, sweep: DictConfig) -> str:
    """The parts of Hydra's configuration that one job has otherwise than the sweep, which goes by its own."""
    own, common = (
        {part: OmegaConf.to_container(each.hydra[part], resolve=False) for part in ("sweeper", "launcher")}
        for each in (job, sweep)
    )
    return " and ".join(f"a hydra.{part}" for part in own if own[part] != common[part])


def _tell(what: str, outcomes: Sequence[Outcome]) -> None:
    """A line for each, but for the last of many that have the same reason."""
    runs: dict[str, list[str]] = {}
    for outcome in outcomes:
        runs.setdefault(outcome.message, []).append(outcome.run)
    for message, those in runs.items():
        for run in those[:MAX_TOLD]:
            log.error("%s: %s: %s", what, run, message)
        if len(those) > MAX_TOLD:
            log.error("%s: %d more runs, for the same reason", what, len(those) - MAX_TOLD)


def _summed_up(outcomes: list[Outcome]) -> list[Outcome]:
    counts = {
        status: sum(outcome.status is status for outcome in outcomes) for status in Status if status is not Status.BUSY
    }
    log.info(
        "%d runs: %s",
        len(outcomes),
        ", ".join(f"{count} {status.value}" for status, count in counts.items()),
    )
    _tell("failed", [outcome for outcome in outcomes if outcome.status is Status.FAILED])
    if counts[Status.FAILED]:
        raise SystemExit(1)
    return outcomes

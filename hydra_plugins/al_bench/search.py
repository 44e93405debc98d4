"""Hydra's search for hyperparameters by Optuna, changed in what hours of it need: it outlives what is killed."""

import logging
import math
import os
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING, Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.plugins.config_source import ConfigLoadError
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.utils import get_method, instantiate
from omegaconf import DictConfig, OmegaConf

from al_bench.config.explain import explained
from al_bench.config.overrides import said_once
from al_bench.config.planning import Planned, planned
from al_bench.core.errors import ConfigError, TrainingError, UserError, described
from al_bench.sweeps import jobs as sweeps
from al_bench.sweeps.jobs import Job
from al_bench.sweeps.outcome import WITHOUT_VALIDATION, Outcome, validation_accuracy
from hydra_plugins.al_bench.space import Asked, asked, checked_direction, grid, point
from hydra_plugins.al_bench.sweeper import Sweeper

if TYPE_CHECKING:  # Optuna takes a second, and may not be installed
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import Trial

    from al_bench.sweeps.search import Samplers, Study

log = logging.getLogger("al_bench.sweep")
os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")  # that Optuna 2 needs a version of it that is old


class InOptunasPlace(SearchPathPlugin):
    """Gives Hydra's `hydra/sweeper=optuna`, whose schema stays, our sweeper and values that suit it.

    A file of that name could not, as the schema has a list of defaults; and plugins are found in any order, of which
    this hook is the end.
    """

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:  # noqa: ARG002
        """See `SearchPathPlugin`."""
        store = ConfigStore.instance()
        with suppress(ConfigLoadError):  # it is not installed
            conf = store.load("hydra/sweeper/optuna.yaml").node
            conf._target_ = f"{Search.__module__}.{Search.__name__}"
            conf.direction, conf.n_jobs, conf.max_failure_rate = "maximize", 1, 1.0
            store.store(group="hydra/sweeper", name="optuna", node=conf, provider="al_bench")


class Search(Sweeper):
    """Trials, each of them a run or one for each of some seeds, whose mean accuracy is the trial's value."""

    def __init__(self, sampler: Any = None, params: Any = None, **_: Any) -> None:  # others are read where they count
        super().__init__(max_batch_size=None, params=params)
        self.sampler = sampler
        self._n_trials = 0
        self._samplers: Samplers = self._sampler

    def sweep(self, arguments: list[str]) -> list[Outcome]:
        """Do the trials that are missing, a line for each; say which is best.

        What can be told to be wrong is an error before anything is written.
        """
        from al_bench.cli.display import log_to_stdout  # rich, which --help need not wait

        log_to_stdout(is_sweep=True)
        assert self.config is not None
        assert self.hydra_context is not None
        settings = self.config.hydra.sweeper
        direction = checked_direction(self.config)
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        wanted = asked(parser.parse_overrides(said_once([*self._parse_config(), *arguments])))
        run, *_ = [self._checked(wanted.overrides(each)[0]) for each in wanted.points()]
        self._n_trials, self._samplers = settings.n_trials, self._sampler
        if isinstance(self.sampler, partial):  # which is how Hydra configures a grid
            self._n_trials, self._samplers = _all_points(wanted.space, settings.n_trials)
        from al_bench.sweeps import search, studies

        custom = settings.custom_search_space
        searched = search.Search(
            wanted.space,
            direction,
            wanted.seeds or [run.config.seed],
            run.config.plain,
            run.default,
            partial(get_method(custom), self.config) if custom else None,
            custom or "",
        )
        folder = run.config.folder
        with studies.opened(searched, folder, settings.storage, settings.study_name or folder.name) as study:
            self._search(study, wanted, run.config.budget)
        return []

    def _checked(self, overrides: list[str]) -> Planned:
        """A run of the search; an error if it cannot be composed, or has no validation examples."""
        assert self.config is not None
        assert self.hydra_context is not None
        composed = self.hydra_context.config_loader.load_sweep_config(self.config, overrides)
        own = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
        run = planned(own, composed.hydra)
        if not run.config.num_validation:
            raise ConfigError(WITHOUT_VALIDATION)
        return run

    def _search(self, study: "Study", wanted: Asked, budget: int | None) -> None:
        assert self.config is not None
        settings = self.config.hydra.sweeper
        num_done = len(study.finished())
        log.info("search in %s: %d trials, %d of them done before", study.name, self._n_trials, num_done)
        while trials := study.next_trials(self._n_trials, settings.n_jobs, self._samplers):
            values = self._values(trials, wanted, budget)
            for trial, value in zip(trials, values, strict=True):
                study.tell(trial, value)
                log.info("%s", study.line(trial, value, self._n_trials))
            num_failed = sum(isinstance(value, str) for value in values)
            if num_failed > settings.max_failure_rate * len(trials):
                raise TrainingError(
                    f"{num_failed} of {len(trials)} trials at once have failed, as told above, more than hydra.sweeper."
                    f"max_failure_rate={settings.max_failure_rate} of them; the same command goes on with the next"
                )
        study.sum_up()

    def _values(self, trials: "Sequence[Trial]", wanted: Asked, budget: int | None) -> list[float | str]:
        """Of each trial, once its runs have ended: the mean accuracy, or why there is none."""
        runs = [self._runs(wanted.overrides(trial.params)) for trial in trials]
        jobs = {job.name: job for each in runs if not isinstance(each, str) for job in each}  # trials may be alike
        to_do = [job for job in jobs.values() if job.run is not None and not job.is_finished]
        messages = {job.name: end.message for job, end in zip(to_do, sweeps.done(to_do, self._launched), strict=True)}
        return [each if isinstance(each, str) else _value(each, messages, budget) for each in runs]

    def _runs(self, overrides: list[list[str]]) -> list[Job] | str:
        try:
            return list(self._jobs(overrides))
        except Exception as error:  # of Hydra: a combination that cannot be composed
            return explained(error, []) or described(error)

    def _sampler(self, number: int, place: int) -> "BaseSampler | None":
        """See `Study.next_trials`; with a seed, one that draws the same whichever command asks it."""
        assert self.config is not None
        node = self.config.hydra.sweeper.sampler
        made: BaseSampler | None = self.sampler
        if isinstance(node, DictConfig) and node.get("seed") is not None:
            from numpy.random import SeedSequence  # all plugins are loaded, and --help need not wait for numpy

            (seed,) = SeedSequence([node.seed, number, place]).generate_state(1)
            made = instantiate(node, seed=int(seed))
        return made


def _value(jobs: Sequence[Job], messages: Mapping[str, str], budget: int | None) -> float | str:
    """The mean accuracy of a trial's runs, or why there is none."""
    accuracies = []
    for job in jobs:
        try:
            if job.run is None or not job.was_finished():
                told = job.error or messages.get(job.name) or "it has left no result"
                return f"{job.name}: {told}" if len(jobs) > 1 else told
            accuracies.append(validation_accuracy(job.run.path, budget))
        except UserError as error:
            return str(error)
    return fmean(accuracies)


def _all_points(space: "Mapping[str, BaseDistribution]", n_trials: int) -> "tuple[int, Samplers]":
    """How many trials a grid has, at most `n_trials`, and what draws them."""
    from optuna.samplers import PartialFixedSampler, RandomSampler

    values = grid(space)
    warnings.filterwarnings("ignore", "PartialFixedSampler is experimental")
    num_points = math.prod(map(len, values.values()))
    return min(n_trials, num_points), lambda number, _: PartialFixedSampler(point(values, number), RandomSampler())

"""A search for hyperparameters: what makes it this search, its trials, and which of them is best."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import yaml
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, Trial, TrialState

from al_bench.config.tuned import FILE, KEY, as_text
from al_bench.core.errors import TrainingError
from al_bench.files.writing import replace_text
from al_bench.records.identity import canonical, differing_keys
from al_bench.records.run_config import IRRELEVANT

RESULTS = "optimization_results.yaml"
SPACE, SEEDS, MESSAGE = "search space", "seeds", "message"  # what is stored with a study and with a failed trial
MAX_TOLD = 1000  # letters of a trial's error: columns of a database have an end

log = logging.getLogger("al_bench.sweep")

Samplers = Callable[[int, int], BaseSampler | None]


@dataclass(frozen=True)
class Search:
    """What is searched for. Trials can be compared only where all of this is the same.

    Attributes:
        space: what Optuna draws from, by the key of the hyperparameter.
        direction: `maximize` or `minimize`.
        seeds: of the runs of a trial, whose mean is its value.
        config: of a run, resolved, at some point of the space.
        default: what its choices alone give.
        extend: draws further hyperparameters of a trial, or nothing.
        extended_by: the name of that function.
    """

    space: Mapping[str, BaseDistribution]
    direction: str
    seeds: Sequence[int]
    config: Mapping[str, Any]
    default: Mapping[str, Any]
    extend: Callable[[Trial], None] | None = None
    extended_by: str = ""

    def attributes(self) -> dict[str, Any]:
        """What a study keeps of it, as JSON gives it back."""
        space = {key: repr(distribution) for key, distribution in self.space.items()}
        if self.extended_by:
            space["hydra.sweeper.custom_search_space"] = self.extended_by
        own = {key: value for key, value in self.config.items() if key not in {*IRRELEVANT, "seed"} - {"budget"}}
        kept: dict[str, Any] = json.loads(json.dumps({**own, SPACE: space, SEEDS: self.seeds}, default=str))
        return kept

    def differences(self, study: optuna.Study) -> list[str]:
        """Lines `key: theirs there, ours asked for`, of all that makes a stored study another search's."""
        direction = study.direction.name.lower()
        lines = _differences(
            {"hydra.sweeper.direction": self.direction},
            {"hydra.sweeper.direction": self.direction if direction == "not_set" else direction},
        )
        if not study.trials:
            return lines
        ours, theirs = self.attributes(), dict(study.user_attrs)
        drawn = {key: repr(each) for trial in study.trials for key, each in trial.distributions.items()}
        space = ours.pop(SPACE)
        lines += _differences(space, theirs.pop(SPACE, drawn))
        lines += _differences(
            *({key: each.pop(key) for key in (SEEDS, "budget") if key in each} for each in (ours, theirs))
        )
        differences = differing_keys(ours, theirs, self.default)
        return lines + [line for line in differences if not _is_in(space, line.partition(":")[0])]


def _differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    told = [
        {key: canonical(each[key]) if key in each else "absent" for key in {**ours, **theirs}}
        for each in (theirs, ours)
    ]
    return [
        f"{key}: {there} there, {told[1][key]} asked for" for key, there in told[0].items() if there != told[1][key]
    ]


def _is_in(space: Mapping[str, Any], key: str) -> bool:
    """Whether a value of the configuration is one that is searched, or below one."""
    return any(f"{key}.".startswith(f"{searched.lstrip('+')}.") for searched in space)


class Study:
    """The open study of a search; see `opened`."""

    def __init__(self, study: optuna.Study, search: Search, folder: Path, name: str) -> None:
        self._study = study
        self.search = search
        self.folder = folder
        self.name = name

    def next_trials(self, n_trials: int, n_jobs: int, samplers: Samplers) -> list[Trial]:
        """The trials to do now, at most `n_jobs`; none if there are `n_trials`.

        Those that an earlier command has begun come first, as they were drawn. `n_jobs` at once are drawn from the
        same knowledge, and a kill changes nothing of that: they are those from one multiple of `n_jobs` to the next.

        Args:
            n_trials: of the study.
            n_jobs: at once.
            samplers: what draws the hyperparameter at some place, from 1, of the trial of some number; at place 0
                those that are drawn together.
        """
        known = [trial for trial in self._study.trials if trial.state is not TrialState.WAITING]
        running = [trial for trial in known if trial.state is TrialState.RUNNING]
        first = running[0].number if running else len(known)
        end = (first // n_jobs + 1) * n_jobs
        begun = [self._drawn(trial.number, trial._trial_id, samplers) for trial in running if trial.number < end]
        return begun + [self._drawn(number, None, samplers) for number in range(len(known), min(end, n_trials))]

    def _drawn(self, number: int, known_id: int | None, samplers: Samplers) -> Trial:
        """What is drawn already stays; each draw has a sampler of its own, so that a kill in between changes none."""
        self._study.sampler = samplers(number, 0) or self._study.sampler
        trial = self._study.ask() if known_id is None else Trial(self._study, known_id)
        for place, (key, distribution) in enumerate(self.search.space.items(), 1):
            self._study.sampler = samplers(number, place) or self._study.sampler
            trial._suggest(key, distribution)
        if self.search.extend is not None:
            self.search.extend(trial)
        return trial

    def tell(self, trial: Trial, value: float | str) -> None:
        """How a trial has ended: its value, or why there is none."""
        if isinstance(value, str):
            trial.set_user_attr(MESSAGE, value[:MAX_TOLD])
            self._study.tell(trial, state=TrialState.FAIL)
        else:
            self._study.tell(trial, value)

    def finished(self) -> list[FrozenTrial]:
        """The trials that have ended, well or not."""
        return [trial for trial in self._study.trials if trial.state.is_finished()]

    def best(self) -> FrozenTrial | None:
        """The first of the best."""
        sign = 1 if self.search.direction == "maximize" else -1
        completed = [trial for trial in self._study.trials if trial.state is TrialState.COMPLETE]
        return max(completed, key=lambda trial: sign * trial.value, default=None)  # type: ignore[operator]

    def _point(self, trial: Trial | FrozenTrial) -> dict[str, Any]:
        """The hyperparameters in the order of the space; a database has none."""
        drawn = dict(trial.params)
        return {key: drawn.pop(key) for key in self.search.space if key in drawn} | drawn

    def line(self, trial: Trial, value: float | str, n_trials: int) -> str:
        """`trial 3 (4 of 30): 0.9350, best so far 0.9400 (trial 1), model.width=256`."""
        best = self.best()
        return ", ".join(
            [
                f"trial {trial.number} ({len(self.finished())} of {n_trials}): "
                + (f"{value:.4f}" if isinstance(value, float) else "failed"),
                f"best so far {best.value:.4f} (trial {best.number})"
                if best is not None
                else "none has ended well yet",
                " ".join(
                    f"{key}={each:.4g}" if isinstance(each, float) else f"{key}={each}"
                    for key, each in self._point(trial).items()
                )
                + f": {value}" * isinstance(value, str),
            ]
        )

    def sum_up(self) -> None:
        """Say how many trials ended well, why others did not, and which is best; and write that as a file.

        Raises:
            TrainingError: if none has ended well.
        """
        trials, best = self.finished(), self.best()
        failed = [trial for trial in trials if trial.state is not TrialState.COMPLETE]
        log.info("%d trials: %d finished, %d failed", len(trials), len(trials) - len(failed), len(failed))
        for trial in failed:
            log.error("failed: trial %d: %s", trial.number, trial.user_attrs.get(MESSAGE, "it was ended elsewhere"))
        if best is None:
            raise TrainingError(
                "no run of the search has ended well; the reasons are above. Once they are mended, "
                f"hydra.sweeper.n_trials=... above {len(trials)} goes on; without {self.name}, the search starts anew"
            )
        results = {
            "name": "optuna",
            "best_params": self._point(best),
            "best_value": best.value,
            "best_trial": best.number,
        }
        path = self.folder / RESULTS
        replace_text(path, yaml.safe_dump(results, sort_keys=False))
        tuned = self.folder / FILE
        remark = (
            f"{self.name}: {best.value:.4f} in trial {best.number} of {len(trials)}, the best; al-bench {KEY}{tuned}"
        )
        replace_text(tuned, as_text(self._point(best), remark))
        point = " ".join(f"{key}={each}" for key, each in self._point(best).items())
        log.info("best: %.4f, trial %d: %s", best.value, best.number, point)
        log.info("results in %s, trials in %s; %s%s takes them in", path, self.name, KEY, tuned)

"""The jobs of a sweep, from launch to outcome, whatever happens to the processes that do them."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from al_bench.config.planning import Planned
from al_bench.core.errors import LaunchError
from al_bench.files.locks import is_locked
from al_bench.files.writing import is_newer
from al_bench.records.layout import ENVIRONMENT, ERROR, LOCK, LOG
from al_bench.records.state import error_of
from al_bench.sweeps.lost import told
from al_bench.sweeps.outcome import Outcome, Status

if TYPE_CHECKING:
    from hydra.core.utils import JobReturn

SECONDS_BETWEEN_LOOKS = 2.0

log = logging.getLogger("al_bench.sweep")


@dataclass(frozen=True)
class Job:
    """A run of the sweep. Without `run` it cannot be told which one, for the reason that `error` gives."""

    overrides: list[str]
    name: str
    run: Planned | None = None
    is_finished: bool = False
    error: str = ""

    def has_begun(self, since: float) -> bool:
        """Whether a process has opened the run directory after a time (seconds of the epoch)."""
        return self.run is not None and is_newer(self.run.path / ENVIRONMENT, since)

    def is_busy(self) -> bool:
        """Whether a process is doing it now."""
        return self.run is not None and is_locked(self.run.path / LOCK)

    def was_finished(self) -> bool:
        """Whether it is finished by now, though it was not at first."""
        return self.run is not None and self.run.is_finished()

    def ended(self, since: float) -> Outcome | None:
        """How it ended after a time, as its run directory tells."""
        if self.run is None:
            return None
        if self.was_finished():
            return Outcome(self.name, Status.FINISHED, path=self.run.path)
        file = self.run.path / ERROR
        if not is_newer(file, since):
            return None
        return Outcome(self.name, Status.FAILED, error_of(self.run.path) or "")

    def lost(self, reason: str, since: float) -> Outcome:
        """The outcome where the process that did it is gone, for a reason; with the run's log, if that has begun."""
        file = None if self.run is None else self.run.path / LOG
        where = f"; the run's log: {file}" if file is not None and is_newer(file, since) else ""
        return Outcome(self.name, Status.FAILED, f"{reason}{where}")


def distinct(jobs: Iterable[Job]) -> list[Job]:
    """The jobs, of which each run is done once: `seed=0,0` is one."""
    known: dict[object, Job] = {}
    for number, job in enumerate(jobs):
        run = job.run
        known.setdefault(number if run is None else sha256(f"{run.path}\0{run.config.plain}".encode()).digest(), job)
    return list(known.values())


Launch = Callable[[Sequence[Job]], Sequence["JobReturn"]]


def done(jobs: Sequence[Job], launch: Launch) -> list[Outcome]:
    """The jobs' outcomes; what another process is doing is waited for, and then done if that left it undone."""
    outcomes = launched(jobs, launch)
    while busy := [number for number, outcome in enumerate(outcomes) if outcome.status is Status.BUSY]:
        log.info("waiting for %d runs that other processes are doing, such as %s", len(busy), jobs[busy[0]].name)
        while not (free := [number for number in busy if not jobs[number].is_busy()]):
            time.sleep(SECONDS_BETWEEN_LOOKS)
        left = [number for number in free if not jobs[number].was_finished()]
        for number in free:
            outcomes[number] = Outcome(jobs[number].name, Status.SKIPPED)
        for number, outcome in zip(left, launched([jobs[number] for number in left], launch), strict=True):
            outcomes[number] = outcome
    return outcomes


def launched(jobs: Sequence[Job], launch: Launch) -> list[Outcome]:
    """The jobs' outcomes, though a process that is killed may take others' along.

    Then what had not begun is launched again, and after that what had begun, each job alone: so the run that kills
    its process is found, and fails alone. A worker that was killed before any run had begun, while it imported, costs
    one more launch of all.

    Raises:
        LaunchError: if the launcher failed before any run had begun.
    """
    outcomes: dict[int, Outcome] = {}
    groups = [list(range(len(jobs)))]
    is_first, is_repeated = True, False
    while groups:
        group = groups.pop(0)
        began = time.time()
        try:
            returned = launch([jobs[number] for number in group]) if group else []
            outcomes |= {
                number: _outcome(jobs[number], each, began) for number, each in zip(group, returned, strict=True)
            }
            continue
        except LaunchError:
            raise
        except Exception as error:  # whatever a launcher raises
            reason = told(error)
            begun = {number for number in group if jobs[number].has_begun(began)}
            if is_first and not begun and isinstance(error, BrokenProcessPool) and not is_repeated:
                log.warning("a worker was killed before a run had begun; once more")
                is_repeated = True
                groups.insert(0, group)
                continue
            if is_first and not begun:
                raise LaunchError(f"the launcher failed before a run had begun: {reason}") from error
        is_first = False
        outcomes |= {number: outcome for number in group if (outcome := jobs[number].ended(began)) is not None}
        left = [number for number in group if number not in outcomes]
        if len(group) == 1 or not begun:
            outcomes |= {number: jobs[number].lost(reason, began) for number in left}
        else:
            log.warning("processes have ended and are started again: %s", reason)
            groups.insert(0, [number for number in left if number not in begun])
            groups += [[number] for number in left if number in begun]
    return [outcomes[number] for number in range(len(jobs))]


def _outcome(job: Job, returned: "JobReturn", began: float) -> Outcome:
    """What a job returned; a launcher may bring an error instead, of a job that never started or was killed."""
    outcome: Any = returned._return_value
    if returned.status.name == "FAILED":  # though it may have ended before it could say so
        return job.ended(began) or job.lost(told(outcome), began)
    if not isinstance(outcome, Outcome):
        return Outcome(job.name, Status.FAILED, f"the job returned {outcome!r}")
    return outcome

"""What becomes of jobs whose processes are killed, with a launcher that is made for it."""

import json
import time
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from hydra.core.utils import JobReturn, JobStatus

from al_bench.core.errors import LaunchError
from al_bench.sweeps import jobs as sweeps
from al_bench.sweeps.jobs import Job
from al_bench.sweeps.outcome import Outcome, Status


@dataclass
class Launcher:
    """Does jobs in order, two at a time; the overrides say what becomes of a job. A killed one takes both along."""

    folder: Path
    calls: list[list[str]] = field(default_factory=list)

    def jobs(self, *kinds: str) -> list[Job]:
        made = []
        for number, kind in enumerate(kinds):
            path = self.folder / str(number)
            path.mkdir()
            run = SimpleNamespace(path=path, is_finished=(path / "done.json").exists)
            made.append(Job([kind, str(number)], f"{kind}{number}", run))
        return made

    def __call__(self, jobs: Sequence[Job]) -> list[JobReturn]:
        self.calls.append([job.name for job in jobs])
        returned = []
        for pair in (jobs[start : start + 2] for start in range(0, len(jobs), 2)):
            for job in pair:
                (job.run.path / "environment.json").write_text("[]")
            if any(job.overrides[0] == "kills" for job in pair):
                raise MemoryError("a worker is gone")
            returned += [self._end(job) for job in pair]
        return returned

    def _end(self, job: Job) -> JobReturn:
        if job.overrides[0] == "fails":
            (job.run.path / "error.json").write_text(json.dumps({"type": "ValueError", "message": "no luck"}))
            outcome = Outcome(job.name, Status.FAILED, "ValueError: no luck")
        else:
            (job.run.path / "done.json").write_text("{}")
            outcome = Outcome(job.name, Status.FINISHED)
        return JobReturn(_return_value=outcome, status=JobStatus.COMPLETED)


def told(outcomes: list[Outcome]) -> list[tuple[str, str]]:
    return [(outcome.status.name, outcome.message) for outcome in outcomes]


FINISHED, FAILED, KILLED = (
    ("FINISHED", ""),
    ("FAILED", "ValueError: no luck"),
    ("FAILED", "MemoryError: a worker is gone"),
)


def test_without_a_kill_one_launch_does_it_all(tmp_path):
    launcher = Launcher(tmp_path)
    assert told(sweeps.done(launcher.jobs("ends", "fails", "ends"), launcher)) == [FINISHED, FAILED, FINISHED]
    assert len(launcher.calls) == 1
    assert sweeps.done([], launcher) == []
    assert len(launcher.calls) == 1


def test_what_a_kill_took_along_is_done_and_the_one_that_kills_is_found(tmp_path):
    launcher = Launcher(tmp_path)
    jobs = launcher.jobs("ends", "fails", "ends", "kills", "ends", "fails", "ends")
    outcomes = sweeps.done(jobs, launcher)
    assert told(outcomes) == [FINISHED, FAILED, FINISHED, KILLED, FINISHED, FAILED, FINISHED]
    assert [outcome.run for outcome in outcomes] == [job.name for job in jobs]
    assert launcher.calls == [[job.name for job in jobs], ["ends4", "fails5", "ends6"], ["ends2"], ["kills3"]]


@pytest.mark.moderate
def test_every_job_may_kill(tmp_path):
    launcher = Launcher(tmp_path)
    assert told(sweeps.done(launcher.jobs(*["kills"] * 300), launcher)) == [KILLED] * 300


def test_a_launcher_that_begins_nothing_is_an_error_of_the_sweep(tmp_path):
    def launch(jobs: Sequence[Job]) -> list[JobReturn]:
        raise OSError("no such\ncluster")

    with pytest.raises(LaunchError, match="failed before a run had begun: OSError: no such cluster"):
        sweeps.done(Launcher(tmp_path).jobs("ends", "ends"), launch)


def test_a_worker_that_is_killed_before_any_run_has_begun_costs_one_more_launch(tmp_path):
    launcher = Launcher(tmp_path)
    launches = []

    def launch(jobs: Sequence[Job]) -> list[JobReturn]:
        launches.append(len(jobs))
        if len(launches) <= num_killed:
            raise BrokenProcessPool("while it imported")
        return launcher(jobs)

    num_killed, jobs = 1, launcher.jobs("ends", "fails", "kills")
    assert told(sweeps.done(jobs, launch)) == [FINISHED, FAILED, KILLED]
    num_killed = len(launches) + 2
    with pytest.raises(LaunchError, match="failed before a run had begun: BrokenProcessPool: while it imported"):
        sweeps.done([Job([], "never begun")], launch)


def test_what_other_processes_do_is_waited_for_and_done_if_they_leave_it(tmp_path, monkeypatch):
    monkeypatch.setattr(sweeps, "SECONDS_BETWEEN_LOOKS", 0)
    launcher = Launcher(tmp_path)
    jobs, looks = launcher.jobs("ends", "ends", "ends"), []

    def is_busy(job: Job) -> bool:
        looks.append(job.name)
        if len(looks) == 6 and job.name == "ends2":  # the other process has done it
            (job.run.path / "done.json").write_text("{}")
        return len(looks) < 5

    monkeypatch.setattr(Job, "is_busy", is_busy)

    def launch(jobs: Sequence[Job]) -> list[JobReturn]:
        if launcher.calls:
            return launcher(jobs)
        busy = [JobReturn(_return_value=Outcome(job.name, Status.BUSY), status=JobStatus.COMPLETED) for job in jobs[1:]]
        return [*launcher(jobs[:1]), *busy]

    assert told(sweeps.done(jobs, launch)) == [FINISHED, FINISHED, ("SKIPPED", "")]
    assert launcher.calls == [["ends0"], ["ends1"]], "what is finished by now is not launched"
    assert looks == ["ends1", "ends2"] * 3


def test_a_job_that_was_lost_at_its_very_end_is_told_by_its_directory(tmp_path):
    launcher = Launcher(tmp_path)
    jobs = launcher.jobs("ends", "fails", "ends")

    def launch(jobs: Sequence[Job]) -> list[JobReturn]:
        launcher(jobs[:2])
        return [JobReturn(_return_value=OSError("no answer"), status=JobStatus.FAILED) for _ in jobs]

    assert told(sweeps.done(jobs, launch)) == [FINISHED, FAILED, ("FAILED", "OSError: no answer")]


def test_a_launcher_that_begins_nothing_any_more_fails_what_is_left(tmp_path):
    launcher = Launcher(tmp_path)

    def launch(jobs: Sequence[Job]) -> list[JobReturn]:
        if launcher.calls:
            raise OSError("the cluster is gone")
        return launcher(jobs)

    gone = ("FAILED", "OSError: the cluster is gone")
    jobs = launcher.jobs("ends", "ends", "kills", "ends", "ends", "ends")
    assert told(sweeps.done(jobs, launch)) == [FINISHED] * 2 + [gone] * 4


def test_a_run_of_an_earlier_sweep_has_not_begun_in_this_one(tmp_path):
    (job,) = Launcher(tmp_path).jobs("ends")
    (job.run.path / "environment.json").write_text("[]")
    (job.run.path / "error.json").write_text(json.dumps({"type": "ValueError", "message": "no luck"}))
    later = time.time() + 20
    assert job.has_begun(later - 30)
    assert job.ended(later - 30) == Outcome("ends0", Status.FAILED, "ValueError: no luck")
    assert not job.has_begun(later)
    assert job.ended(later) is None

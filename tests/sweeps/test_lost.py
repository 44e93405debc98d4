"""What is said of processes that a launcher lost."""

import multiprocessing

import pytest
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus

from al_bench.sweeps import jobs as sweeps
from al_bench.sweeps.lost import LostError, in_ray, told
from al_bench.sweeps.outcome import Status
from tests.sweeps.test_job_order import QUICK
from tests.sweeps.test_jobs import Launcher


class TerminatedWorkerError(Exception):
    """As joblib's."""


class FailedJobError(Exception):
    """As submitit's."""


KILLED = (
    "A worker process managed by the executor was unexpectedly terminated. This could be caused by a segmentation "
    "fault while calling the function or by an excessive memory usage causing the Operating System to kill it.\n\n"
    f"The exit codes of the workers are {{{', '.join(f'SIGKILL(-9), EXIT({code})' for code in range(20))}}}\n"
    "Detailed tracebacks of the workers should have been printed to stderr in the executor process if faulthandler was "
    "not disabled."
)
SLURM = """Job (task=0) failed during processing with trace:
----------------------
Traceback (most recent call last):
  File "/env/lib/python3.11/site-packages/submitit/core/submission.py", line 55, in process_job
    result = delayed.result()
             ^^^^^^^^^^^^^^^^
  File "/home/me/parts.py", line 7, in job
    raise KeyError("first")
KeyError: 'first'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/home/me/parts.py", line 9, in job
    import nothing
ModuleNotFoundError: No module named 'nothing'
which is needed
----------------------
You can check full logs with 'job.stderr(0)' and 'job.stdout(0)'or at paths:
  - /shared/outputs/.submitit/7_0/7_0_0_log.err
  - /shared/outputs/.submitit/7_0/7_0_0_log.out"""
RAY = (
    "\x1b[36mray::run()\x1b[39m (pid=71, ip=10.0.0.1)\n"
    '  File "/home/me/parts.py", line 9, in job\n    import nothing\n'
    "ModuleNotFoundError: No module named 'nothing'"
)


def test_exit_codes_of_workers_are_shown_whole_with_the_key():
    shown = told(TerminatedWorkerError(KILLED))
    assert shown.startswith("TerminatedWorkerError: a worker process of hydra/launcher=joblib ended with {SIGKILL(-9)")
    assert "EXIT(19)}" in shown
    assert "fewer hydra.launcher.n_jobs" in shown
    assert "\n" not in shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            SLURM,
            "FailedJobError: ModuleNotFoundError: No module named 'nothing' which is needed; "
            "its log: /shared/outputs/.submitit/7_0/7_0_0_log.err",
        ),
        (RAY, "FailedJobError: ModuleNotFoundError: No module named 'nothing'"),
        (SLURM.replace("ModuleNotFoundError: No module named 'nothing'", "KeyboardInterrupt"), "KeyboardInterrupt"),
    ],
)
def test_of_a_trace_its_end_is_shown_and_where_the_log_is(text, expected):
    assert expected in told(FailedJobError(text))
    assert "Traceback" not in told(FailedJobError(text))
    assert "first" not in told(FailedJobError(text))


def test_other_errors_are_shortened_but_not_their_log():
    log = "/shared/outputs/.submitit/7_0/7_0_0_log.err"
    shown = told(FailedJobError(f"it has not produced any output {'x ' * 200}\n  - {log}\n  - /other"))
    assert "x ..." in shown
    assert shown.endswith(f"; its log: {log}")
    assert told(ConnectionError("nobody\nthere")) == "ConnectionError: nobody there"
    assert told(LostError("x" * 500)) == "x" * 500


def test_of_ray_the_key_and_the_logs_are_said():
    class OutOfMemoryError(Exception):
        pass

    gone = told(in_ray(RuntimeError("The task's local raylet died. Check raylet.out."), "/tmp/ray/session/logs"))
    assert gone == (
        "hydra/launcher=ray: RuntimeError: The task's local raylet died. Check raylet.out.; "
        "the logs of Ray's processes: /tmp/ray/session/logs"
    )
    full = told(in_ray(OutOfMemoryError("Task was killed. " * 30), "/logs"))
    assert "need less: hydra.launcher.ray.init.num_cpus; the logs of Ray's processes: /logs" in full
    assert len(full) < 400


def test_a_time_out_names_the_key(cli, monkeypatch):
    def late(*arguments: object, **options: object) -> None:
        raise multiprocessing.TimeoutError

    instantiate = Plugins.instantiate_launcher

    def failing(self: Plugins, **arguments: object) -> object:
        launcher = instantiate(self, **arguments)
        launcher.launch = late
        return launcher

    monkeypatch.setattr(Plugins, "instantiate_launcher", failing)
    result = cli("-m", "seed=0,1", "hydra/launcher=joblib", "hydra.launcher.timeout=7", *QUICK)
    assert result.code == 1
    assert "hydra.launcher.timeout=7: a run took longer than these seconds, so joblib ended its worker" in result.err


def test_a_run_that_was_lost_names_its_log_if_it_has_begun(tmp_path):
    launcher = Launcher(tmp_path)
    jobs = launcher.jobs("ends", "ends")
    (jobs[0].run.path / "run.log").write_text("it began\n")

    def launch(jobs: object) -> list[JobReturn]:
        return [JobReturn(_return_value=OSError("no answer"), status=JobStatus.FAILED) for _ in jobs]

    first, second = sweeps.done(jobs, launch)
    assert first.message == f"OSError: no answer; the run's log: {jobs[0].run.path / 'run.log'}"
    assert (second.status, second.message) == (Status.FAILED, "OSError: no answer")

"""A sweep of which anything is killed ends as if nothing had happened, when the command is repeated."""

import signal
import time
from contextlib import suppress
from itertools import product
from pathlib import Path

import pytest

from tests.support.forks import Process
from tests.support.sweeping import (
    DIE,
    FAIL,
    LAST,
    assert_ends_undisturbed,
    assert_same_sweep,
    command,
    in_the_middle,
    killed,
    prepared,
    processes_in,
    run_sweep,
)

JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
LAUNCHERS = {"basic": (), "joblib": JOBLIB, "joblib, tracked": (*JOBLIB, "tracker=wandb")}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = prepared(tmp_path_factory.mktemp("undisturbed"))
    assert "4 runs: 4 finished" in run_sweep(folder).stdout
    return folder


def worker(parent: int) -> int:
    """A process of joblib that does a run: it holds the lock of a run directory."""
    for _ in range(1000):
        for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            with suppress(OSError):  # it has closed the file that was looked at
                if any(path.readlink().name == ".lock" for path in Path(f"/proc/{child}/fd").iterdir()):
                    return int(child)
        time.sleep(0.01)
    raise AssertionError("no worker does a run")


@pytest.mark.parametrize(
    ("launcher", "name"),
    [
        pytest.param("basic", "SIGKILL", marks=pytest.mark.one_of_its_kind),
        *(
            pytest.param(launcher, name, marks=pytest.mark.slow)
            for launcher, name in [
                *(("basic", "SIGINT"), ("basic", "SIGTERM")),
                *product(["joblib"], ["SIGINT", "SIGTERM", "SIGKILL"]),
                ("joblib, tracked", "SIGKILL"),
            ]
        ),
    ],
)
def test_the_command_is_killed(launcher, name, undisturbed, tmp_path):
    prepared(tmp_path, LAST)
    code, out = killed(
        tmp_path, signal.Signals[name], *LAUNCHERS[launcher], is_time=in_the_middle, is_group=name == "SIGINT"
    )
    assert code != 0
    if name == "SIGINT":
        assert code == 130
        assert "interrupted; the same command goes on where it stopped" in out
        assert "Traceback" not in out
    deadline = time.monotonic() + 20
    while processes_in(tmp_path):
        assert time.monotonic() < deadline, "a process outlives the sweep"
        time.sleep(0.1)
    assert_ends_undisturbed(tmp_path, undisturbed, *LAUNCHERS[launcher])


@pytest.mark.slow
def test_the_command_is_repeated_before_its_workers_have_ended(undisturbed, tmp_path):
    prepared(tmp_path, LAST)
    killed(tmp_path, signal.SIGKILL, *JOBLIB, is_time=in_the_middle)
    assert_ends_undisturbed(tmp_path, undisturbed, *JOBLIB)


@pytest.mark.slow
def test_a_worker_is_killed(undisturbed, tmp_path):
    """The sweep itself starts again what that has ended."""
    prepared(tmp_path, LAST)
    code, out = killed(tmp_path, signal.SIGKILL, *JOBLIB, is_time=in_the_middle, victim=worker)
    assert code == 0, out
    assert "processes have ended and are started again" in out
    assert "4 runs: 4 finished, 0 skipped (finished before), 0 failed" in out
    assert_same_sweep(tmp_path, undisturbed)


@pytest.mark.slow
def test_a_run_that_kills_its_worker_fails_alone(undisturbed, tmp_path):
    result = run_sweep(prepared(tmp_path, DIE), *JOBLIB)
    assert result.returncode == 1
    assert "4 runs: 2 finished, 0 skipped (finished before), 2 failed" in result.stdout
    for seed in (0, 1):
        assert f"middle · b20 · num_initial=20 · seed {seed}: TerminatedWorkerError" in result.stdout
    assert_ends_undisturbed(tmp_path, undisturbed, *JOBLIB)


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_a_failing_job_in_the_middle(launcher, undisturbed, tmp_path):
    result = run_sweep(prepared(tmp_path, FAIL), *LAUNCHERS[launcher])
    assert result.returncode == 1
    assert "4 runs: 2 finished, 0 skipped (finished before), 2 failed" in result.stdout
    assert result.stdout.count("failed: arrays,name=small") == 2
    assert "middle · b20 · num_initial=20 · seed 1: RuntimeError: no luck" in result.stdout
    assert_ends_undisturbed(tmp_path, undisturbed, *LAUNCHERS[launcher])


@pytest.mark.slow
def test_two_commands_share_a_sweep(undisturbed, tmp_path):
    """What one of them is doing, the other waits for; no run fails, or is done twice."""
    prepared(tmp_path, LAST)
    files = [tmp_path / "first.txt", tmp_path / "second.txt"]
    commands = [Process(command(), cwd=tmp_path, out=file) for file in files]
    codes = [each.wait(120) for each in commands]
    told = [file.read_text() for file in files]
    assert codes == [0, 0], told
    assert any("that other processes are doing" in each for each in told)
    assert_same_sweep(tmp_path, undisturbed)

"""The same sweep under Hydra's own launcher, Ray and Slurm, each a real one, and what is left when parts are killed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.sweeping import (
    DIE,
    FAIL,
    LAST,
    assert_ends_undisturbed,
    assert_same_sweep,
    behave,
    command,
    in_the_middle,
    killed,
    prepared,
    run_sweep,
)

pytestmark = pytest.mark.cluster
RAY = ("hydra/launcher=ray", "hydra.launcher.ray.init.num_cpus=2")
SLURM = ("hydra/launcher=submitit_slurm", "hydra.launcher.timeout_min=5")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = prepared(tmp_path_factory.mktemp("undisturbed"))
    assert "4 runs: 4 finished" in run_sweep(folder).stdout
    return folder


@pytest.fixture
def ray() -> tuple[str, ...]:
    pytest.importorskip("ray", reason="NO RAY: pip install 'al-bench[ray]'")
    pytest.importorskip("hydra_plugins.hydra_ray_launcher", reason="NO RAY: pip install 'al-bench[ray]'")
    return RAY


@pytest.fixture
def slurm_launcher(slurm: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    pytest.importorskip("submitit", reason="NO SUBMITIT: pip install 'al-bench[slurm]'")
    monkeypatch.setenv("SLURM_CONF", str(slurm))
    return SLURM


@pytest.fixture(params=["ray", "slurm_launcher"])
def launcher(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return request.getfixturevalue(request.param)


def told(*arguments: str) -> str:
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout


def test_the_same_results_and_a_failing_run_fails_alone(launcher, undisturbed, tmp_path):
    result = run_sweep(prepared(tmp_path, FAIL), *launcher)
    assert result.returncode == 1
    assert "4 runs: 2 finished, 0 skipped (finished before), 2 failed" in result.stdout
    assert "middle · b20 · num_initial=20 · seed 1: RuntimeError: no luck" in result.stdout
    assert_ends_undisturbed(tmp_path, undisturbed, *launcher)
    again = run_sweep(tmp_path, *launcher)
    assert "4 runs: 0 finished, 4 skipped" in again.stdout


def test_a_run_that_kills_its_process_fails_alone(launcher, undisturbed, tmp_path):
    result = run_sweep(prepared(tmp_path, DIE), *launcher)
    assert result.returncode == 1
    assert "4 runs: 2 finished, 0 skipped (finished before), 2 failed" in result.stdout, result.stdout
    assert_ends_undisturbed(tmp_path, undisturbed, *launcher)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_the_command_is_killed(launcher, name, undisturbed, tmp_path):
    """Ray's workers end with it; Slurm goes on, and the command waits for that when it is repeated."""
    prepared(tmp_path, LAST)
    code, out = killed(tmp_path, signal.Signals[name], *launcher, is_time=in_the_middle, is_group=name == "SIGINT")
    assert code != 0
    if name == "SIGINT":
        assert "interrupted; the same command goes on where it stopped" in out
        assert ("scancel" in out) == (launcher == SLURM)
        assert "Traceback" not in out
    assert_ends_undisturbed(tmp_path, undisturbed, *launcher)


class TestRay:
    def test_ray_is_killed(self, ray, undisturbed, tmp_path):
        """Runs that have begun may finish without it, and be the last ones; others cannot begin."""
        prepared(tmp_path, LAST)
        code, out = killed(tmp_path, signal.SIGKILL, *ray, is_time=in_the_middle, victim=_raylet)
        assert code == 0 or re.search(
            r"failed: .*: hydra/launcher=ray: .*; the logs of Ray's processes: /.*/logs", out
        ), out
        assert (code == 0) == ("4 runs: 4 finished, 0 skipped (finished before), 0 failed" in out), out
        assert_ends_undisturbed(tmp_path, undisturbed, *ray)

    def test_a_cluster_that_runs_with_half_a_gpu_for_each_run(self, ray, undisturbed, tmp_path):
        """Started in another folder, with two pretended GPUs; runs see the one that they share."""
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0"}
        ray_command = str(Path(sys.executable).parent / "ray")
        start = [
            ray_command,
            "start",
            "--head",
            "--num-cpus=2",
            "--num-gpus=2",
            "--port=0",
            "--include-dashboard=false",
        ]
        started = subprocess.run(start, cwd=elsewhere, env=environment, capture_output=True, text=True, check=False)
        assert started.returncode == 0, started.stdout + started.stderr
        try:
            note = "Path(f'gpu_{os.getpid()}_{time.time()}').write_text(os.environ.get('CUDA_VISIBLE_DEVICES', ''))"
            prepared(tmp_path / "here", note)
            address = ("hydra/launcher=ray", "hydra.launcher.ray.init.address=auto")
            result = run_sweep(tmp_path / "here", *address, "hydra.launcher.ray.remote.num_gpus=0.5")
            assert result.returncode == 0, result.stdout + result.stderr
            assert "GPUs are not used" not in result.stdout
            assert_same_sweep(tmp_path / "here", undisturbed)
            assert {path.read_text() for path in (tmp_path / "here").glob("gpu_*")} <= {"0", "1"}
            assert "GPUs are not used" in run_sweep(tmp_path / "here", *address, "seed=7").stdout
        finally:
            subprocess.run([ray_command, "stop", "--force"], env=environment, capture_output=True, check=False)


def _raylet(command: int) -> int:
    """The process of Ray that started the workers of this command."""
    for line in told("ps", "-eo", "pid,ppid,comm").splitlines()[1:]:
        pid, parent, name = line.split(None, 2)
        if int(parent) == command and name.strip() == "raylet":
            return int(pid)
    raise AssertionError("no raylet")


class TestSlurm:
    def test_at_most_so_many_runs_at_a_time(self, slurm_launcher, undisturbed, tmp_path):
        prepared(tmp_path, LAST)
        seen = 0

        def is_over(folder: Path) -> bool:
            nonlocal seen
            seen = max(seen, len(told("squeue", "--noheader", "--states=running").splitlines()))
            return len(list(folder.rglob("done.json"))) == 2

        killed(tmp_path, signal.SIGINT, *slurm_launcher, "hydra.launcher.array_parallelism=1", is_time=is_over)
        assert seen == 1
        assert_ends_undisturbed(tmp_path, undisturbed, *slurm_launcher)

    def test_a_cancelled_task_fails_alone(self, slurm_launcher, undisturbed, tmp_path):
        prepared(tmp_path, "time.sleep(4)")  # longer than what Slurm gives a task to end
        process = subprocess.Popen(
            [sys.executable, *command(*slurm_launcher)], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        while not in_the_middle(tmp_path):
            time.sleep(0.05)
        subprocess.run(["scancel", _running_task(tmp_path)], check=True)
        out, _ = process.communicate(timeout=240)
        assert process.returncode == 1
        assert "4 runs: 3 finished, 0 skipped (finished before), 1 failed" in out
        assert re.search(r"failed: .*middle.*before it had a result \(CANCELLED\); its log: /.*_log\.err", out)
        assert_ends_undisturbed(tmp_path, undisturbed, *slurm_launcher)

    def test_a_preempted_task_is_queued_again_and_goes_on(self, slurm_launcher, undisturbed, tmp_path):
        """USR2 is what Slurm sends before it stops a task."""
        prepared(tmp_path, "time.sleep(3)")
        process = subprocess.Popen(
            [sys.executable, *command(*slurm_launcher)], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        while not in_the_middle(tmp_path):
            time.sleep(0.05)
        task = _running_task(tmp_path)
        before = {path: len(path.read_text().splitlines()) for path in tmp_path.rglob("middle/*/*/*/rounds.csv")}
        subprocess.run(["scancel", "--signal=USR2", task], check=True)
        out, _ = process.communicate(timeout=300)
        assert process.returncode == 0, out
        assert_same_sweep(tmp_path, undisturbed)
        starts = {path: len(json.loads((path.parent / "environment.json").read_text())) for path in before}
        assert 2 in starts.values(), (starts, before)

    def test_a_task_that_takes_too_long_is_queued_again_and_goes_on(self, slurm_launcher, undisturbed, tmp_path):
        prepared(tmp_path, "time.sleep(60)")
        limit = ("hydra.launcher.timeout_min=2", "hydra.launcher.signal_delay_s=20")  # or up to a minute earlier
        arguments = (*slurm_launcher, *limit, "strategy=middle", "seed=0")
        process = subprocess.Popen(
            [sys.executable, *command(*arguments)], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        while process.poll() is None and "BeginTime" not in told("squeue", "--noheader", "--format=%r"):
            time.sleep(0.5)
        behave(tmp_path, "")
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0, out
        (path,) = tmp_path.rglob("middle/*/*/*/rounds.csv")
        starts = json.loads((path.parent / "environment.json").read_text())
        assert len(starts) >= 2
        (expected,) = undisturbed.rglob("middle/*/*/s0/rounds.csv")
        assert (path.parent / "queries.csv").read_bytes() == (expected.parent / "queries.csv").read_bytes()

    def test_of_a_task_that_cannot_start_the_reason_is_said(self, slurm_launcher, tmp_path):
        """The node has two cores."""
        prepared(tmp_path)
        wanted = (*slurm_launcher, "hydra.launcher.cpus_per_task=8", "strategy=random", "seed=0")
        says_so = "1 tasks of Slurm array"
        _, out = killed(
            tmp_path, signal.SIGINT, *wanted, is_time=lambda folder: says_so in (folder / "out.txt").read_text()
        )
        (array,) = re.findall(r"`scancel (\d+)` gives them up", out)
        subprocess.run(["scancel", array], check=True)
        assert "have not started for a minute: PENDING (" in out

    def test_of_a_task_that_fails_the_cause_and_the_log_are_said(self, slurm_launcher, tmp_path):
        prepared(tmp_path)
        (tmp_path / "sitecustomize.py").write_text(
            "import os, sys\nif 'SLURM_JOB_ID' in os.environ:\n    sys.modules['al_bench.run'] = None\n"
        )
        result = subprocess.run(
            [sys.executable, *command(*slurm_launcher, "strategy=random", "seed=0")],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 1
        (line,) = [line for line in result.stdout.splitlines() if " failed: " in line]
        assert re.search(r"\w+Error: .*al_bench\.run.*; its log: /.*_log\.err$", line), result.stdout

    def test_a_gpu_for_each_run(self, slurm_launcher, tmp_path):
        prepared(tmp_path, "Path(f'gpu_{os.getpid()}').write_text(os.environ['CUDA_VISIBLE_DEVICES'])")
        result = run_sweep(tmp_path, *slurm_launcher, "hydra.launcher.gres=gpu:1", "strategy=middle")
        assert result.returncode == 0, result.stdout + result.stderr
        assert {path.read_text() for path in tmp_path.glob("gpu_*")} == {"0", "1"}

    def test_more_runs_than_slurm_takes_as_one_array(self, slurm_launcher, undisturbed, tmp_path):
        """Slurm was told to take three."""
        result = run_sweep(prepared(tmp_path), *slurm_launcher)
        assert result.returncode == 0, result.stdout + result.stderr
        assert result.stdout.count("Slurm array") == 2
        assert_same_sweep(tmp_path, undisturbed)


def _running_task(folder: Path) -> str:
    """That of a run of `middle` which has rounds and is not finished."""
    for path in folder.rglob("middle/*/*/*/rounds.csv"):
        if not (path.parent / "done.json").exists():
            start = json.loads((path.parent / "environment.json").read_text())[-1]
            return start["slurm_task"]
    raise AssertionError("no run is going on")

"""What the processes of a sweep owe each other."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from al_bench.sweeps import workers


def test_a_job_elsewhere_has_the_folder_and_the_variables_of_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("AL_BENCH_DATA", "/data")
    monkeypatch.setenv("WANDB_API_KEY", "secret")
    monkeypatch.setenv("HOME_OF_SOMETHING", "else")
    variables = workers.variables_of_the_command()
    assert {"AL_BENCH_DATA": "/data", "WANDB_API_KEY": "secret"}.items() <= variables.items()
    assert "HOME_OF_SOMETHING" not in variables
    monkeypatch.delenv("AL_BENCH_DATA")
    (tmp_path / "there").mkdir()

    def job(config: int) -> tuple[int, str, str, bool]:
        return config, str(Path.cwd()), os.environ["AL_BENCH_DATA"], str(Path.cwd()) in sys.path

    there = str(tmp_path / "there")
    assert workers.run_in(there, variables, job, 7) == (7, there, "/data", True)


def blocked_in_a_process() -> str:
    command = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    return subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True).stdout


def interrupted() -> None:
    with workers.interrupted_alone():
        assert blocked_in_a_process() == "True\n"
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)


@pytest.mark.command
def test_an_interrupt_is_the_commands_alone():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
    assert blocked_in_a_process() == "False\n"

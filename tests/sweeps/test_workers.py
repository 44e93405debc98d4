"""What the processes of a sweep owe each other."""

import multiprocessing
import os
import sys
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from al_bench.core.errors import ConfigError
from al_bench.job import gpus
from al_bench.sweeps import workers

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.sweeps.test_workers"])


def claim(folder: str, names: tuple[str, ...], connection: Connection) -> None:
    os.environ["TMPDIR"] = folder
    gpus.own_gpu(names)
    connection.send(gpus.own_gpu(names))  # the same as before
    connection.recv()


def claimed(folder: Path, *names: str) -> tuple[int, BaseProcess, Connection]:
    """The GPU of a process that lives as long as the connection."""
    ours, theirs = PROCESSES.Pipe()
    process = PROCESSES.Process(target=claim, args=(str(folder), names, theirs), daemon=True)
    process.start()
    return ours.recv(), process, ours


@pytest.mark.slow
def test_processes_have_a_gpu_each_and_share_them_evenly(tmp_path):
    known = [claimed(tmp_path, "a", "b") for _ in range(3)]
    assert [gpu for gpu, *_ in known] == [0, 1, 0]
    known[1][1].kill()  # however a process ends, its GPU is free
    known[1][1].join()
    known += [claimed(tmp_path, "a", "b") for _ in range(2)]
    assert [gpu for gpu, *_ in known[3:]] == [1, 1]
    known += [claimed(tmp_path, *names) for names in ("bc", "ca", "cba")]  # other processes may see others of the GPUs
    assert [gpu for gpu, *_ in known[5:]] == [1, 0, 0]
    for _, process, _ in known:
        process.kill()


@pytest.mark.parametrize(
    ("num_gpus", "is_child", "device"), [(0, True, "cpu"), (1, True, "cuda"), (4, False, "cuda"), (4, True, "cuda:3")]
)
def test_the_device_of_a_worker(monkeypatch, num_gpus, is_child, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: num_gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: num_gpus)
    monkeypatch.setattr(gpus, "is_child", lambda: is_child)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda gpu: SimpleNamespace(uuid=f"GPU-{gpu}"))
    monkeypatch.setattr(gpus, "own_gpu", lambda names: names.index("GPU-3"))
    assert gpus.device_of("auto") == device


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


def test_a_folder_of_another_user_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(gpus.tempfile, "gettempdir", lambda: str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"al_bench_gpus_{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="is not yours"):
        gpus.own_gpu(("a", "b"))

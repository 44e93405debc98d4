"""Processes that share a machine have a GPU each."""

import multiprocessing
import os
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from al_bench.core.errors import ConfigError
from al_bench.job import gpus

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.job.test_gpus"])


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


def test_a_folder_of_another_user_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(gpus.tempfile, "gettempdir", lambda: str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"al_bench_gpus_{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="is not yours"):
        gpus.own_gpu(("a", "b"))

"""What our launchers make of what Slurm and Ray say; tests/cluster has the real ones."""

import logging
import os
import sys
from dataclasses import dataclass, field
from itertools import chain, repeat
from pathlib import Path
from types import SimpleNamespace

import pytest
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import MissingConfigException
from omegaconf import OmegaConf

from al_bench import explain
from al_bench.errors import LaunchError
from hydra_plugins import al_bench_launchers as launchers


def squeue(folder: Path, script: str) -> None:
    (folder / "squeue").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "squeue").chmod(0o755)


@pytest.mark.parametrize(
    ("script", "queued"),
    [
        ("echo 7_0; echo 7_2", {"7_0", "7_2"}),
        ("true", set()),
        ("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1", set()),  # forgotten: all have ended
        ("echo 'Unable to contact slurm controller' >&2; exit 1", {"7_0", "7_1", "7_2"}),
        ('test -z "$SQUEUE_STATES" && echo 7_1', {"7_1"}),  # variables of the user's do not matter
    ],
)
def test_what_is_queued(tmp_path, monkeypatch, script, queued):
    squeue(tmp_path, script)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("SQUEUE_STATES", "running")
    jobs = [SimpleNamespace(job_id=f"7_{number}") for number in range(3)]
    assert launchers._queued("7", of=jobs) == queued


@dataclass
class Task:
    """As submitit knows one; its result is there when `has_result`."""

    job_id: str
    folder: Path
    has_result: bool = True
    paths: SimpleNamespace = field(init=False)

    def __post_init__(self) -> None:
        (self.folder / self.job_id).mkdir()
        path = self.folder / self.job_id / "result.pkl"
        self.paths = SimpleNamespace(folder=path.parent, result_pickle=path)
        if self.has_result:
            path.touch()

    def result(self) -> JobReturn:
        return JobReturn(_return_value=self.job_id, status=JobStatus.COMPLETED)


def test_a_task_is_lost_if_it_is_twice_in_no_queue(tmp_path, monkeypatch):
    monkeypatch.setattr(launchers, "SECONDS_BETWEEN_LOOKS", 0)
    monkeypatch.setattr(launchers, "SECONDS_BETWEEN_QUEUES", 0)
    tasks = [Task("7_0", tmp_path), Task("7_1", tmp_path, has_result=False), Task("7_2", tmp_path, has_result=False)]
    looks: list[set[str]] = []

    def queued(array: str, of: object) -> set[str]:
        looks.append(next(answers))
        if len(looks) == 1:  # its result was late
            tasks[2].paths.result_pickle.touch()
        return looks[-1]

    answers = chain([{"7_1"}, {"7_1"}, set(), {"7_1"}], repeat(set()))
    monkeypatch.setattr(launchers, "_queued", queued)
    returned = launchers._waited_for(tasks, "7")
    assert [each.status for each in returned] == [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.COMPLETED]
    assert "Slurm ended task 7_1 before it had a result" in str(returned[1]._return_value)
    assert len(looks) == 6


@pytest.mark.parametrize(
    ("plugin", "extra"),
    [
        ("hydra_joblib_launcher.joblib_launcher.JoblibLauncher", "joblib"),
        ("al_bench_launchers.RayLauncher", "ray"),
        ("al_bench_launchers.SlurmLauncher", "slurm"),
    ],
)
def test_what_to_install_for_a_launcher(plugin, extra):
    error = RuntimeError(f"Unknown plugin class : 'hydra_plugins.{plugin}'")
    assert f"pip install 'al-bench[{extra}]'" in explain.explained(error, [])


@pytest.mark.parametrize(
    ("missing", "is_to_install"), [("hydra/sweeper/optuna", True), ("hydra/launcher/slurm", False)]
)
def test_what_to_install_for_an_option_that_is_not_there(missing, is_to_install):
    error = MissingConfigException("", missing, options=["basic", "submitit_slurm"])
    told = explain.explained(error, [])
    assert "there is no such option" in told
    assert ("pip install 'al-bench[optuna]'" in told) == ("pip install" in told) == is_to_install


def test_an_address_where_nobody_answers():
    with pytest.raises(LaunchError, match="init.address=127.0.0.1:9: nobody answers there"):
        launchers._check_address("127.0.0.1:9")
    for address in (None, "auto", "local"):
        launchers._check_address(address)


@pytest.mark.parametrize(
    ("gpus", "wanted", "address", "told"),
    [
        ([2, 0], 0, None, "the cluster's GPUs are not used"),
        ([2, 0], 0.5, None, ""),
        ([0], 0, None, ""),
        ([], 1, "auto", "no node of the cluster has 1 GPUs yet"),
    ],
)
def test_gpus_that_are_there_and_wanted(monkeypatch, caplog, gpus, wanted, address, told):
    nodes = [{"Resources": {"GPU": number}} for number in gpus]
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(nodes=lambda: nodes))
    monkeypatch.setattr(logging.getLogger("al_bench"), "propagate", True)
    ray_cfg = OmegaConf.create({"init": {"address": address}, "remote": {"num_gpus": wanted}})
    launchers._check_gpus(ray_cfg)
    assert (told in caplog.text) if told else (not caplog.text)
    with pytest.raises(LaunchError, match=r"num_gpus=4: this machine has \d"):
        launchers._check_gpus(OmegaConf.create({"init": {"address": None}, "remote": {"num_gpus": 4}}))

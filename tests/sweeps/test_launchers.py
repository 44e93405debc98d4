"""What our launchers make of what Slurm and Ray say; tests/system/cluster has the real ones."""

import importlib
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
from joblib.externals import cloudpickle
from omegaconf import OmegaConf

from al_bench.config import explain
from al_bench.core.errors import LaunchError
from al_bench.sweeps import lost, slurm_queue
from hydra_plugins.al_bench import ray as of_ray
from hydra_plugins.al_bench import slurm

PLUGINS = Path(slurm.__file__).parent


@pytest.mark.parametrize("name", sorted(path.stem for path in PLUGINS.glob("[a-z]*.py")))
def test_a_task_that_is_queued_again_can_pickle_our_plugins_by_value(name):
    """In a task of Slurm, Hydra's plugins were read twice, so that no module is known to have the classes it lists."""
    module = importlib.import_module(f"hydra_plugins.al_bench.{name}")
    cloudpickle.register_pickle_by_value(module)
    try:
        for value in vars(module).values():
            if getattr(value, "__module__", None) == module.__name__:
                assert cloudpickle.dumps(value)
    finally:
        cloudpickle.unregister_pickle_by_value(module)


def squeue(folder: Path, script: str) -> None:
    (folder / "squeue").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "squeue").chmod(0o755)


@pytest.mark.parametrize(
    ("script", "queued"),
    [
        (
            "echo '7_0|RUNNING|None'; echo '7_2|PENDING|(a | b)'",
            {"7_0": ("RUNNING", "None"), "7_2": ("PENDING", "(a | b)")},
        ),
        ("true", {}),
        ("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1", {}),  # forgotten: all have ended
        ("echo 'Unable to contact slurm controller' >&2; exit 1", dict.fromkeys(("7_0", "7_1", "7_2"), ("", ""))),
        (
            'test -z "$SQUEUE_STATES" && echo "7_1|RUNNING|None"',
            {"7_1": ("RUNNING", "None")},
        ),  # the user's
    ],
)
def test_what_is_queued(tmp_path, monkeypatch, script, queued):
    squeue(tmp_path, script)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("SQUEUE_STATES", "running")
    jobs = [SimpleNamespace(job_id=f"7_{number}") for number in range(3)]
    assert slurm_queue.queued_tasks("7", of=jobs) == queued


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
        self.paths = SimpleNamespace(folder=path.parent, result_pickle=path, stderr=path.with_name("log.err"))
        if self.has_result:
            path.touch()

    def result(self) -> JobReturn:
        return JobReturn(_return_value=self.job_id, status=JobStatus.COMPLETED)


def test_a_task_is_lost_if_it_is_twice_in_no_queue(tmp_path, monkeypatch):
    monkeypatch.setattr(slurm, "SECONDS_BETWEEN_LOOKS", 0)
    monkeypatch.setattr(slurm, "SECONDS_BETWEEN_QUEUES", 0)
    tasks = [Task("7_0", tmp_path), Task("7_1", tmp_path, has_result=False), Task("7_2", tmp_path, has_result=False)]
    looks: list[dict[str, tuple[str, str]]] = []

    def queued(array: str, of: object) -> dict[str, tuple[str, str]]:
        looks.append(dict.fromkeys(next(answers), ("RUNNING", "None")))
        if len(looks) == 1:  # its result was late
            tasks[2].paths.result_pickle.touch()
        return looks[-1]

    tasks[1].paths.stderr.touch()
    answers = chain([{"7_1"}, {"7_1"}, set(), {"7_1"}], repeat(set()))
    monkeypatch.setattr(slurm, "queued_tasks", queued)
    monkeypatch.setattr(slurm_queue, "how_it_ended", lambda task: " (CANCELLED)")
    returned = slurm._waited_for(tasks, "7")
    assert [each.status for each in returned] == [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.COMPLETED]
    expected = f"Slurm ended task 7_1 before it had a result (CANCELLED); its log: {tmp_path / '7_1' / 'log.err'}"
    assert lost.told(returned[1]._return_value) == expected
    assert len(looks) == 6


def test_a_task_that_never_began_is_said_to_have_not_and_no_log_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(slurm, "SECONDS_BETWEEN_LOOKS", 0)
    monkeypatch.setattr(slurm, "SECONDS_BETWEEN_QUEUES", 0)
    monkeypatch.setattr(slurm, "queued_tasks", lambda array, of: {})
    monkeypatch.setattr(slurm_queue, "how_it_ended", lambda task: " (CANCELLED)")
    (returned,) = slurm._waited_for([Task("7_0", tmp_path, has_result=False)], "7")
    assert lost.told(returned._return_value) == "task 7_0 never started (CANCELLED)"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (
            "echo JobId=8 ArrayTaskId=1 JobState=OUT_OF_MEMORY Reason=OutOfMemory",
            " (OUT_OF_MEMORY; hydra.launcher.mem_gb=",
        ),
        ("echo JobId=8 JobState=TIMEOUT Reason=TimeLimit", " (TIMEOUT; hydra.launcher.timeout_min="),
        ("echo JobId=8 JobState=CANCELLED Reason=None", " (CANCELLED)"),
        ("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1", ""),
    ],
)
def test_how_a_task_ended_is_said_with_the_key_that_asks_for_more(tmp_path, monkeypatch, script, expected):
    (tmp_path / "scontrol").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "scontrol").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    told = slurm_queue.how_it_ended("7_1")
    assert told.startswith(expected)
    assert bool(told) == bool(expected)


RUNS, HELD, QUEUED = ("RUNNING", "None"), ("PENDING", "JobHeldUser"), ("PENDING", "JobArrayTaskLimit")


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        ([{"7_0": ("PENDING", "Resources"), "7_1": ("PENDING", "Resources")}] * 9, ["2 tasks", "PENDING (Resources)"]),
        ([{"7_0": ("PENDING", "Resources")}] * 5, []),
        ([{"7_0": RUNS, "7_1": QUEUED}] * 99, []),
        ([{"7_0": RUNS, "7_1": HELD, "7_2": QUEUED}] * 99, ["1 tasks", "PENDING (JobHeldUser)"]),
        ([*[{"7_0": HELD}] * 5, {"7_0": RUNS}, *[{"7_0": HELD}] * 5], []),
        ([{"7_0": ("", "")}] * 99, []),
    ],
)
def test_of_tasks_that_do_not_start_for_a_minute_state_and_reason_are_said(monkeypatch, caplog, looks, told):
    monkeypatch.setattr(logging.getLogger("al_bench"), "propagate", True)
    waiting = slurm_queue.Waiting("7")
    for number, queued in enumerate(looks):
        waiting.look(queued, now=10.0 * number)
    assert len(caplog.records) == bool(told)
    assert all(part in caplog.text for part in told)
    assert ("scancel 7" in caplog.text) == bool(told)


@pytest.mark.parametrize(
    ("plugin", "extra"),
    [
        ("hydra_joblib_launcher.joblib_launcher.JoblibLauncher", "joblib"),
        ("al_bench.ray.RayLauncher", "ray"),
        ("al_bench.slurm.SlurmLauncher", "slurm"),
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
        of_ray._check_address("127.0.0.1:9")
    for address in (None, "auto", "local"):
        of_ray._check_address(address)


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
    of_ray._check_gpus(ray_cfg)
    assert (told in caplog.text) if told else (not caplog.text)
    with pytest.raises(LaunchError, match=r"num_gpus=4: this machine has \d"):
        of_ray._check_gpus(OmegaConf.create({"init": {"address": None}, "remote": {"num_gpus": 4}}))

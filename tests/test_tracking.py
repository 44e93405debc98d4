"""wandb watches; it is never needed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from al_bench.config import CONF
from al_bench.parts import called, checked_part
from al_bench.tracking import NullTracker, SafeTracker
from tests.conftest import assert_same_results, run_command

QUICK = ("model.width=8", "model.max_epochs=3", "num_initial=20", "batch_size.size=20", "budget=60")


@pytest.mark.parametrize("option", sorted(path.stem for path in (CONF / "tracker").glob("*.yaml")))
def test_every_tracker_is_built_from_its_yaml(option):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        node = OmegaConf.to_container(compose("config", [f"tracker={option}"]).tracker)
    tracker = called("tracker", checked_part("tracker", node))
    for method in ("start", "log", "finish"):
        assert callable(getattr(tracker, method))


def test_an_offline_run_holds_every_round_once_and_changes_no_result(tmp_path):
    for tracker in ("none", "wandb"):
        result = run_command(*QUICK, f"tracker={tracker}", f"name={tracker}", f"output_dir={tracker}", cwd=tmp_path)
        assert result.code == 0, result.err
    plain, tracked = ((path.parent) for path in sorted(tmp_path.rglob("rounds.csv")))
    assert_same_results(plain, tracked)
    assert not list((tmp_path / "none").rglob("*wandb*"))
    (run,) = tmp_path.rglob("offline-run-*")
    read = subprocess.run(
        [Path(sys.executable).parent / "wandb", "leet", "inspect", "--json", str(run)],
        capture_output=True,
        text=True,
        check=True,
    )
    records = [json.loads(line) for line in read.stdout.splitlines()]
    history = [record["history"]["item"] for record in records if record["type"] == "history"]
    assert [item["num_labelled"] for item in history] == [20, 40, 60]
    assert [item["_step"] for item in history] == [0, 1, 2]


def test_a_tracker_that_fails_is_finished_and_left_alone(caplog):
    calls = []

    class Failing(NullTracker):
        def log(self, record):
            calls.append("log")
            raise RuntimeError("connection lost")

        def finish(self):
            calls.append("finish")

    tracker = SafeTracker(Failing())
    tracker.log(None)
    tracker.log(None)
    tracker.finish()
    assert calls == ["log", "finish"]
    assert caplog.text.count("Failing failed and is off for the rest of this run: connection lost") == 1


def test_a_failure_of_wandb_is_one_warning_and_costs_nothing(cli, tmp_path, monkeypatch):
    def refused(**_: object) -> None:
        raise RuntimeError("no key")

    monkeypatch.setattr("wandb.init", refused)
    result = cli(*QUICK, "tracker=wandb")
    assert result.code == 0
    assert result.out.count("WandbTracker failed and is off for the rest of this run: no key") == 1
    assert len(list(tmp_path.rglob("done.json"))) == 1

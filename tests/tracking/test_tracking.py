"""wandb watches; it is never needed."""

import fcntl
import json
import os
import runpy
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import wandb
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from wandb.errors import AuthenticationError, CommError

from al_bench.analysis import run_costs
from al_bench.analysis.pictures.style import looks
from al_bench.analysis.results import load_results
from al_bench.analysis.settings import setting_curves
from al_bench.config.parts import called, checked_part
from al_bench.config.schema import CONF
from al_bench.job.observer import Safe as SafeTracker
from al_bench.records.identity import Identity
from al_bench.tracking import wandb_runs
from al_bench.tracking.tracker import NullTracker, WandbTracker
from tests.conftest import assert_same_results, run_command
from tests.support.forks import python
from tests.support.made_results import noisy, write_run, write_sweep

IDENTITY = Identity("digits", "mlp", "badge", 10, "", 0)
QUICK = ("model.width=8", "model.max_epochs=3", "num_initial=20", "batch_size.size=20", "budget=60")


@pytest.mark.parametrize("option", sorted(path.stem for path in (CONF / "tracker").glob("*.yaml")))
def test_every_tracker_is_built_from_its_yaml(option):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        node = OmegaConf.to_container(compose("config", [f"tracker={option}"]).tracker)
    tracker = called("tracker", checked_part("tracker", node))
    for method in ("start", "round", "finish"):
        assert callable(getattr(tracker, method))


def records(folder: Path) -> list[dict[str, Any]]:
    """What an offline run holds, as wandb's own reader prints it."""
    command = [Path(sys.executable).parent / "wandb", "leet", "inspect", "--json", str(folder)]
    read = subprocess.run(command, capture_output=True, text=True, check=False)
    assert read.returncode == 0, (read.returncode, read.stderr, read.stdout)
    return [json.loads(line) for line in read.stdout.splitlines()]


@dataclass(frozen=True)
class Tracked:
    """What is in an offline run."""

    run: dict[str, Any]
    history: list[dict[str, Any]]
    exit_code: int | None

    @classmethod
    def read(cls, folder: Path) -> "Tracked":
        found = records(folder)
        (run, *_), history, exits = (
            [record[kind] for record in found if record["type"] == kind] for kind in ("run", "history", "exit")
        )
        return cls(run, [record["item"] for record in history], exits[0].get("exit_code", 0) if exits else None)

    @property
    def rounds(self) -> list[tuple[int, int]]:
        return [(item["_step"], item["num_labelled"]) for item in self.history]


def tracked(folder: Path) -> list[Tracked]:
    return [Tracked.read(path) for path in sorted(folder.rglob("offline-run-*"))]


def test_wandb_is_the_default_and_offline(tmp_path):
    (node,) = [yaml.safe_load((CONF / "tracker" / "wandb.yaml").read_text())]
    assert node["mode"] == "offline"
    with initialize_config_dir(str(CONF), version_base="1.3"):
        assert compose("config").tracker["_target_"] == node["_target_"]


@pytest.mark.slow
def test_an_offline_run_holds_every_round_once_and_changes_no_result(tmp_path):
    for tracker in ("none", "wandb"):
        result = run_command(*QUICK, f"tracker={tracker}", f"name={tracker}", f"output_dir={tracker}", cwd=tmp_path)
        assert result.code == 0, result.err
    plain, followed = ((path.parent) for path in sorted(tmp_path.rglob("rounds.csv")))
    assert_same_results(plain, followed)
    assert not list((tmp_path / "none").rglob("*wandb*"))
    (found,) = tracked(tmp_path)
    assert found.rounds == [(0, 20), (1, 40), (2, 60)]
    assert found.exit_code == 0
    rows = pd.read_csv(followed / "rounds.csv")
    for item, row in zip(found.history, rows.to_dict("records"), strict=True):
        for name in ("test_accuracy", "test_balanced_accuracy", "test_loss", "fit_seconds", "num_epochs"):
            assert item[name] == pytest.approx(row[name])
        assert item["queried_classes.values"] == list(map(int, row["class_counts"].split()))
    assert found.run["run_id"] == (followed / "wandb_id").read_text().strip()
    assert found.run["run_group"] == "digits · mlp,max_epochs 3,width 8 · b20 · num_initial 20"
    assert found.run["job_type"] == "badge"
    assert found.run["tags"] == ["digits", "mlp,max_epochs=3,width=8", "b20", "num_initial=20", "badge"]
    assert found.run["config"]["update"]["model"]["width"] == 8


@pytest.mark.slow
def test_no_tracker_imports_no_wandb(tmp_path):
    code = (
        "import sys; sys.argv = ['al-bench', *sys.argv[1:]]\n"
        "from al_bench.run import main\n"
        "main(); print('wandb' in sys.modules)"
    )
    command = [sys.executable, "-c", code, *QUICK, "tracker=none"]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert finished.stdout.splitlines()[-1] == "False"


@pytest.mark.slow
def test_eight_runs_in_one_process_do_not_mix(tmp_path):
    sweep = ("-m", "strategy=random,margin", "seed=range(4)", "tracker=wandb", *QUICK)
    assert run_command(*sweep, cwd=tmp_path).code == 0
    found = tracked(tmp_path)
    assert len(found) == 8
    assert len({each.run["run_id"] for each in found}) == 8
    assert all(each.rounds == [(0, 20), (1, 40), (2, 60)] for each in found)
    titles = {each.run["display_name"] for each in found}
    assert len(titles) == 8
    assert {each.run["job_type"] for each in found} == {"random", "margin"}


@pytest.mark.slow
def test_joblib_workers_do_not_mix_either(tmp_path):
    launcher = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    sweep = ("-m", "strategy=random,margin", "seed=range(2)", "tracker=wandb", *launcher, *QUICK)
    result = run_command(*sweep, cwd=tmp_path)
    assert result.code == 0, result.err
    found = tracked(tmp_path)
    assert sorted((each.run["job_type"], each.run["config"]["update"]["seed"]) for each in found) == [
        ("margin", 0),
        ("margin", 1),
        ("random", 0),
        ("random", 1),
    ]
    assert all(each.rounds == [(0, 20), (1, 40), (2, 60)] for each in found)


DYING = """
from al_bench.strategies.random import Random
import os
class Dying(Random):
    def query(self, context, batch_size, rng):
        if len(context.labelled_targets) == 40:
            if os.path.exists("kill"):
                os.kill(os.getpid(), 9)
            if os.path.exists("raise"):
                raise ZeroDivisionError("no luck")
        return super().query(context, batch_size, rng)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("how", "exit_code"), [("kill", None), ("raise", 1)])
def test_a_run_that_died_and_goes_on_shows_every_round_once(tmp_path, how, exit_code):
    (tmp_path / "dying.py").write_text(DYING)
    (tmp_path / how).touch()
    command = ("strategy._target_=dying.Dying", "~strategy.first", "tracker=wandb", *QUICK)
    assert run_command(*command, cwd=tmp_path).code != 0
    (path,) = tmp_path.rglob("wandb_id")
    run_id = path.read_text().strip()
    if exit_code is not None:  # of a process that was killed, wandb may not have written a thing
        (died,) = tracked(tmp_path)
        assert (died.exit_code, died.rounds) == (exit_code, [(0, 20), (1, 40)])
    (tmp_path / how).unlink()
    assert run_command(*command, cwd=tmp_path).code == 0
    (whole,) = tracked(tmp_path)
    assert whole.run["run_id"] == run_id
    assert whole.rounds == [(0, 20), (1, 40), (2, 60)]
    assert whole.exit_code == 0


UPLOAD = Path(__file__).parents[2] / "scripts" / "upload_wandb.py"


def upload(folder: Path) -> subprocess.CompletedProcess[str]:
    return python(UPLOAD, folder, "--mode", "offline", "--project", "mine")


@pytest.mark.slow
def test_results_are_uploaded_later_as_if_they_had_been_tracked(tmp_path):
    for tracker in ("none", "wandb"):
        sweep = ("-m", "strategy=random", "seed=0,1", f"tracker={tracker}", f"output_dir={tracker}", *QUICK)
        assert run_command(*sweep, cwd=tmp_path).code == 0
    live = tracked(tmp_path / "wandb")
    folder = tmp_path / "none" / "default"
    finished = upload(folder)
    assert finished.returncode == 0, finished.stderr
    assert "2 of 2 runs in project mine, offline" in finished.stdout
    later = tracked(folder)
    for ours, theirs in zip(
        *(sorted(each, key=lambda each: each.run["display_name"]) for each in (later, live)), strict=True
    ):
        assert ours.rounds == theirs.rounds
        assert ours.exit_code == 0
        for key in ("display_name", "run_group", "job_type", "tags"):
            assert ours.run[key] == theirs.run[key]
    assert upload(folder).returncode == 0
    again = tracked(folder)
    assert sorted(each.run["run_id"] for each in again) == sorted(each.run["run_id"] for each in later)
    assert [each.rounds for each in again] == [each.rounds for each in later]


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (CommError("Failed to get resume status: context deadline exceeded\nwhile retrying: dial tcp: refused"), 1),
        (CommError("Run initialization has timed out after 30.0 sec"), 1),
        (AuthenticationError("the API key was rejected"), 1),
        (TimeoutError("no answer"), 1),
        (CommError("run k3x9 was deleted; cannot reuse"), 3),
        (ValueError("something else"), 3),
    ],
)
def test_uploading_gives_up_where_wandb_does_not_answer(tmp_path, monkeypatch, capsys, error, tries):
    for seed in range(3):
        write_run(tmp_path, Identity("digits", "mlp", "badge", 10, "", seed), {10: 0.5, 20: 0.6})
    tried = []

    def unreachable(**options: object) -> None:
        tried.append(options["id"])
        raise error

    monkeypatch.setattr("wandb.init", unreachable)
    monkeypatch.setattr(sys, "argv", ["upload_wandb.py", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(UPLOAD), run_name="__main__")
    assert len(tried) == tries
    told = str(ended.value.code)
    assert ended.value.code == 1 or "the other 2 runs are not tried; 0 of 3 are there" in told
    assert "\nwhile" not in told
    assert ("the same command again goes on" in told) == (tries == 1)


@pytest.mark.slow
def test_an_unfinished_run_is_uploaded_as_one(tmp_path):
    write_run(tmp_path, Identity("digits", "mlp", "badge", 10, "", 0), {10: 0.5, 20: 0.6})
    next(tmp_path.rglob("done.json")).unlink()
    assert upload(tmp_path).returncode == 0
    (found,) = tracked(tmp_path)
    assert (found.rounds, found.exit_code) == ([(0, 10), (1, 20)], 1)


def test_nothing_to_upload_is_said(tmp_path):
    finished = upload(tmp_path)
    assert finished.returncode == 1
    assert finished.stderr == f"upload_wandb: {tmp_path}: there are no runs in it\n"


def test_a_tracker_that_fails_is_finished_and_left_alone(caplog):
    calls = []

    class Failing(NullTracker):
        def round(self, record):
            calls.append("round")
            raise RuntimeError("connection lost")

        def finish(self, exit_code):
            calls.append(f"finish {exit_code}")

    tracker = SafeTracker(Failing())
    tracker.round(None)
    tracker.round(None)
    tracker.finish(0)
    assert calls == ["round", "finish 1"]
    assert caplog.text.count("Failing failed and is off for the rest of this run: connection lost") == 1


@pytest.mark.slow
def test_a_failure_of_wandb_is_one_warning_and_costs_nothing(cli, tmp_path, monkeypatch):
    def refused(**_: object) -> None:
        raise RuntimeError("no key")

    monkeypatch.setattr("wandb.init", refused)
    result = cli(*QUICK, "tracker=wandb")
    assert result.code == 0
    assert result.out.count("WandbTracker failed and is off for the rest of this run: no key") == 1
    assert len(list(tmp_path.rglob("done.json"))) == 1


@pytest.mark.slow
def test_without_an_answer_of_wandb_later_runs_are_offline(cli, tmp_path, monkeypatch):
    init, modes = wandb.init, []

    def unreachable(**options: object) -> object:
        modes.append(options["mode"])
        if options["mode"] == "online":
            raise TimeoutError("no answer")
        return init(**options)

    monkeypatch.setattr("wandb.init", unreachable)
    monkeypatch.setattr(WandbTracker, "_is_out_of_reach", False)
    result = cli("-m", "seed=0,1,2", *QUICK, "tracker.mode=online", "tracker=wandb")
    wandb.teardown()  # and its files are whole
    assert result.code == 0
    assert result.out.count("wandb is out of reach, so runs are tracked offline from now on: no answer") == 1
    assert modes == ["online", "offline", "offline", "offline"]
    assert [each.rounds for each in tracked(tmp_path)] == [[(0, 20), (1, 40), (2, 60)]] * 3


@dataclass
class Online:
    """A run of wandb's server that has some rounds already."""

    id: str
    step: int
    logged: list[int] = field(default_factory=list)
    metrics: dict[str, object] = field(default_factory=dict)

    def define_metric(self, name: str, **options: object) -> None:
        self.metrics[name] = options

    def log(self, values: dict[str, object], step: int) -> None:
        self.logged.append(step)


def test_online_a_resumed_run_is_sent_only_what_is_new(tmp_path, monkeypatch):
    identity = Identity("digits", "mlp", "badge", 10, "", 0)
    path = tmp_path / identity.path
    write_run(tmp_path, identity, {10: 0.5, 20: 0.6, 30: 0.7})
    (path / "wandb_id").write_text("k3x9q2ab\n")  # as an agent of wandb drew it
    known: list[dict[str, Any]] = []
    run = Online("k3x9q2ab", step=2)
    monkeypatch.setattr("wandb.init", lambda **options: known.append(options) or run)
    assert wandb_runs.begun(identity, {"seed": 0}, path, tmp_path, "mine", "online") is run
    assert run.logged == [2]
    assert run.metrics == {"num_labelled": {}, "*": {"step_metric": "num_labelled"}}
    (options,) = known
    assert (options["id"], options["resume"], options["mode"]) == ("k3x9q2ab", "allow", "online")
    assert options["config"] == {"seed": 0, "run_directory": str(path), "identity": identity.as_dict()}
    assert options["settings"].init_timeout < 60


@pytest.mark.slow
def test_runs_that_are_going_on_are_not_uploaded(tmp_path):
    identities = [Identity("digits", "mlp", "badge", 10, "", seed) for seed in (0, 1)]
    for identity in identities:
        write_run(tmp_path, identity, {10: 0.5, 20: 0.6})
    with (tmp_path / identities[0].path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        finished = upload(tmp_path)
    assert finished.returncode == 0
    assert "1 runs are going on and are left out" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert "1 of 1 runs in project mine" in finished.stdout
    assert [each.run["config"]["update"]["identity"]["seed"] for each in tracked(tmp_path)] == [1]


ROOT = Path(__file__).parents[2]


def made(folder: Path) -> None:
    for strategy, accuracy in (("random", 0.6), ("badge", 0.7)):
        for seed in range(4):
            identity = Identity("digits", "mlp", strategy, 10, "num_initial=10", seed)
            write_run(folder, identity, {10: 0.5 + seed / 100, 20: accuracy + seed / 50, 30: 0.8 + seed / 50})


@pytest.mark.slow
def test_a_report_is_a_run_with_images_and_tables(tmp_path):
    made(tmp_path / "mine")
    command = [sys.executable, str(ROOT / "scripts" / "report.py"), str(tmp_path / "mine"), "--wandb"]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "in project al_bench, offline" in finished.stdout
    (found,) = tracked(tmp_path)
    assert (found.run["job_type"], found.run["run_group"], found.exit_code) == ("report", "mine", 0)
    (item,) = found.history
    types = {key.removesuffix("._type"): value for key, value in item.items() if key.endswith("._type")}
    assert types["figures/penalty_overall"] == "image-file"
    assert types["tables/penalty_overall"] == "table-file"
    (table,) = tmp_path.rglob("*tables/penalty_overall_*.table.json")
    told = json.loads(table.read_text())
    assert "badge" in told["columns"]
    assert len(list(tmp_path.rglob("*figures/curves_*.png"))) == 1
    found = records(next(tmp_path.rglob("offline-run-*")))
    contents = [record["artifact"]["manifest"]["contents"] for record in found if record["type"] == "artifact"]
    assert ["report.html"] in [[each["path"] for each in content] for content in contents]


@pytest.mark.moderate
def test_of_many_strategies_a_dashboard_has_a_view_for_each_family_with_all_of_its_runs(tmp_path):
    pytest.importorskip("wandb_workspaces.workspaces")  # whose import warns
    from al_bench.tracking.wandb_dashboard import dashboard

    names = ["random", "margin", "joint,entropy_weight=0.3", *(f"own{number}" for number in range(11))]
    write_sweep(tmp_path, noisy, [("mnist", "mlp", 100, 3)], names, num_seeds=12)
    settings = setting_curves(load_results(tmp_path).rounds)
    looks_of = looks(names)
    *views, _ = (view._to_model().model_dump(mode="json") for view in dashboard(settings, looks_of, "mine", "me", "p"))
    start = "mnist · mlp · b100"
    families = ("uncertainty", "both", "other")
    assert [view["display_name"] for view in views] == [f"{start} · {family}" for family in families]
    members = [["margin", "random"], ["joint,entropy_weight=0.3", "random"], [*names[3:], "random"]]
    for view, strategies in zip(views, members, strict=True):
        section = view["spec"]["section"]
        (group, job_type) = section["run_sets"][0]["filters"]["filters"]
        assert (group["key"]["name"], group["value"]) == ("group", start)
        assert (job_type["key"]["name"], job_type["op"]) == ("jobType", "IN")
        assert sorted(job_type["value"]) == sorted(strategies)
        colours = section["custom_run_colors"]
        assert len(colours) == len(strategies)
        assert {*colours.values()} == {looks_of[name].colour for name in strategies}
        panels = [panel["config"] for each in section["panel_bank_config"]["sections"] for panel in each["panels"]]
        assert all(panel["limit"] >= 12 * len(strategies) for panel in panels)


@pytest.mark.slow
def test_the_dashboard_is_of_what_is_tracked(tmp_path):
    """A view for each setting, whose filter is the group of its runs, and whose panels show what they log."""
    pytest.importorskip("wandb_workspaces.workspaces")  # whose import warns
    from al_bench.tracking.wandb_dashboard import COST, CURVES, dashboard

    assert run_command(*QUICK, "tracker=wandb", cwd=tmp_path).code == 0
    (run,) = tracked(tmp_path)
    folder = tmp_path / "outputs" / "default"
    settings = setting_curves(load_results(folder).rounds)
    made_views = dashboard(settings, looks(settings[0].strategies), "mine", "me", "p")
    views = [json.loads(view._to_model().model_dump_json()) for view in made_views]
    assert [view["display_name"] for view in views] == [run.run["run_group"], "reports of mine"]
    (of_setting, of_reports) = (view["spec"]["section"] for view in views)
    filters = [each["filters"]["filters"] for each in of_setting["run_sets"]]
    assert [(each["key"]["name"], each["value"]) for each in filters[0]] == [("group", run.run["run_group"])]
    assert [each["name"] for each in of_setting["run_sets"][0]["grouping"]] == ["jobType"]
    assert of_setting["settings"]["x_axis"] == "num_labelled"
    panels = [panel["config"] for section in of_setting["panel_bank_config"]["sections"] for panel in section["panels"]]
    assert len(panels) == len(CURVES) + len(COST)
    for panel in panels:
        assert panel["x_axis"] in run.history[0]
        assert set(panel["metrics"]) <= run.history[0].keys()
        assert (panel["group_agg"], panel["group_area"]) == ("mean", "stderr")
    made(tmp_path / "mine")
    command = [sys.executable, str(ROOT / "scripts" / "report.py"), str(tmp_path / "mine"), "--wandb"]
    subprocess.run(command, capture_output=True, check=True)
    logged = {path.name.rsplit("_", 2)[0] for path in (tmp_path / "mine").rglob("*media/images/figures/*.png")}
    keys = [
        key.removeprefix("figures/")
        for section in of_reports["panel_bank_config"]["sections"]
        for panel in section["panels"]
        for key in panel["config"]["media_keys"]
    ]
    assert {"penalty_overall", "errors_overall", "gains"} <= set(keys) & logged


def handed_over(folder: Path, values: dict[str, Any]) -> list[str]:
    """What al-bench gets from the command that wandb's agent makes of our yaml, for a run with these values."""
    from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

    sweep = yaml.safe_load((ROOT / "docs" / "wandb" / "sweep.yaml").read_text())
    arguments = create_sweep_command_args({"args": {name: {"value": value} for name, value in values.items()}})
    (folder / "arguments.json").write_text(arguments["args_json"][0])
    (folder / "al-bench").write_text('#!/bin/sh\nfor argument; do echo "$argument"; done\n')
    (folder / "al-bench").chmod(0o755)
    command = [
        str(folder / "arguments.json") if each == "${args_json_file}" else str(each)
        for each in create_sweep_command(sweep["command"])
    ]
    environment = os.environ | {"PATH": f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.slow
def test_the_sweep_of_an_agent_of_wandb(tmp_path):
    """In the environment that it sets, but offline. For a resumed run it is given the whole configuration."""
    sweep = yaml.safe_load((ROOT / "docs" / "wandb" / "sweep.yaml").read_text())
    chosen = {name: values["values"][0] for name, values in sweep["parameters"].items()}
    given = handed_over(tmp_path, chosen)
    assert given == ["tracker.mode=online", *(f"{name}={value}" for name, value in chosen.items())]
    parameters = {name: {"value": value} for name, value in chosen.items()}
    (tmp_path / "sweep.yaml").write_text(yaml.dump({"wandb_version": 1} | parameters))
    environment = {
        "WANDB_SWEEP_ID": "s1",
        "WANDB_RUN_ID": "drawn1",
        "WANDB_SWEEP_PARAM_PATH": str(tmp_path / "sweep.yaml"),
        "WANDB_DIR": str(tmp_path),
    }
    result = run_command(*given, *QUICK, "tracker.mode=offline", cwd=tmp_path, env=environment)
    assert result.code == 0, result.err
    (found,) = tracked(tmp_path)
    assert found.run["run_id"] == "drawn1"
    assert found.run["job_type"] == "random"
    assert next(tmp_path.rglob("wandb_id")).read_text().strip() == "drawn1"
    assert {"model", "identity", "run_directory"} < found.run["config"]["update"].keys()
    assert handed_over(tmp_path, found.run["config"]["update"]) == given


@pytest.mark.parametrize(
    "command",
    [("upload_wandb.py",), ("report.py", "--wandb", "online"), ("wandb_dashboard.py", "--entity", "me")],
    ids=lambda command: command[0],
)
def test_without_a_key_wandb_is_one_message(tmp_path, command):
    made(tmp_path / "mine")
    script, *options = command
    environment = {**os.environ, "HOME": str(tmp_path), "WANDB_API_KEY": ""}
    finished = python(ROOT / "scripts" / script, tmp_path / "mine", *options, environment=environment)
    assert finished.returncode == 1
    assert finished.stderr.count("No API key") == 1
    assert "Traceback" not in finished.stderr


@pytest.fixture
def wandb_that_logs_nothing(monkeypatch) -> list[str]:
    """The ids of the runs that are begun."""
    begun: list[str] = []

    class Run:
        step = 10**6
        id = ""

        def define_metric(self, *_: object, **__: object) -> None: ...

    def init(**options: object) -> Run:
        begun.append(str(options["id"]))
        run = Run()
        run.id = begun[-1]
        return run

    monkeypatch.setattr(wandb, "init", init)
    return begun


@pytest.mark.parametrize("planted", ["b", "*", "?2c3d4e", "[a-f0-9]*", "", "../wandb", "c3d4e5", "-a1b2c3d4", "é"])
def test_the_files_of_other_runs_stay_whatever_a_run_directory_says_its_id_is(
    tmp_path, wandb_that_logs_nothing, planted
):
    path = write_run(tmp_path, IDENTITY, {10: 0.5})
    (path / "wandb_id").write_text(planted)
    others = [f"offline-run-20261126_030000-{run_id}" for run_id in ("a1b2c3d4", "b-b", "xb", "a1b2c3d4e5", "é")]
    own = f"offline-run-20261126_030000-{planted}"
    for name in others:
        (tmp_path / "wandb" / name).mkdir(parents=True)
    if planted == "b":
        (tmp_path / "wandb" / own).mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "wandb" / f"offline-run-20261126_030001-{planted.replace('/', '')}").symlink_to(tmp_path / "elsewhere")
    wandb_runs.begun(IDENTITY, {}, path, tmp_path, "mine", "offline")
    left = {each.name for each in (tmp_path / "wandb").iterdir() if not each.is_symlink()}
    assert left == set(others)
    assert (tmp_path / "elsewhere").is_dir()
    (run_id,) = wandb_that_logs_nothing
    assert (run_id == planted) == (planted in ("b", "c3d4e5", "-a1b2c3d4"))
    assert (path / "wandb_id").read_text().strip() == run_id


def test_the_disk_space_of_a_run_is_not_that_of_all_others(tmp_path):
    path = write_run(tmp_path / "mine", IDENTITY, {10: 0.5})
    for run_id in ("a1b2c3d4", "e5f6a7b8"):
        (tmp_path / "wandb" / f"offline-run-20261126_030000-{run_id}").mkdir(parents=True)
        (tmp_path / "wandb" / f"offline-run-20261126_030000-{run_id}" / "run.wandb").write_bytes(b"0" * 1000)
    before = run_costs._num_bytes(tmp_path / "mine", path)
    (path / "wandb_id").write_text("*")
    assert run_costs._num_bytes(tmp_path / "mine", path) == before + 1
    (path / "wandb_id").write_text("a1b2c3d4")
    assert run_costs._num_bytes(tmp_path / "mine", path) == before + 1008


def test_without_its_packages_the_dashboard_says_which_to_install(tmp_path):
    (tmp_path / "wandb_workspaces.py").write_text("raise ImportError('there is none')\n")
    finished = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "wandb_dashboard.py"), str(tmp_path), "--entity", "me"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1
    assert "Traceback" not in finished.stderr
    assert "pip install 'al-bench[dashboard]'" in finished.stderr

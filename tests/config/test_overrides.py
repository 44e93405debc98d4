"""A key that is said more than once."""

from pathlib import Path

import pytest
import yaml

from al_bench.config.overrides import said_once
from al_bench.config.planning import Planned
from al_bench.core.errors import ConfigError
from al_bench.sweeps.jobs import Job, distinct
from tests.support.configs import run_config
from tests.sweeps.test_job_order import QUICK


def seeds_of(folder: Path) -> list[str]:
    return sorted(path.parent.name for path in folder.rglob("config.yaml"))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("seed=0 ++seed=1,2", "++seed=1,2"),
        ("++seed=1 seed=0", "++seed=0"),
        ("seed=0,1 x=1 seed=2,3", "seed=2,3 x=1"),
        ("strategy=random strategy=badge", "strategy=badge"),
        ("strategy=random,badge -m strategy=margin", "strategy=margin -m"),
        ("+x=1 ++x=2 x=3", "++x=3"),
        ("strategy@strategy.query=badge strategy=joint", "strategy@strategy.query=badge strategy=joint"),
        ("model={width:8} model={max_epochs:2}", "model={width:8} model={max_epochs:2}"),
        ("model=resnet model={width:8}", "model=resnet model={width:8}"),
        ("model={width:8},{width:4} model={max_epochs:2}", "model={width:8},{width:4} model={max_epochs:2}"),
        ("x=[1,2] x=[3]", "x=[3]"),
        ("model.width=8 model={width:4} model.width=2", "model={width:4} model.width=2"),
        ("model.width=8 ~model +model.width=2", "~model +model.width=2"),
        ("~model.a ~model.a", "~model.a ~model.a"),
        ("--config-dir conf seed=( seed=(", "--config-dir conf seed=( seed=("),
    ],
)
def test_the_later_counts_and_mappings_are_merged(said, meant):
    assert said_once(said.split()) == meant.split()


@pytest.mark.parametrize("typed", ["++strategy=random", "+strategy=random,badge", "++hydra/launcher=joblib"])
def test_a_choice_takes_no_plus(typed):
    with pytest.raises(ConfigError, match=rf"say {typed.lstrip('+')}$"):
        said_once([typed])
    assert said_once(["++model={width: 4}", "+strategy@strategy.other=random"])  # these Hydra takes


@pytest.mark.parametrize("key", ["additional_parameters={mail-type: END}", "additional_parameters.reservation=x"])
def test_options_of_sbatch_are_taken_as_they_are(key):
    """As docs/launchers/slurm.md says them; Hydra would take them only with a plus."""
    typed = ["-m", "hydra/launcher=submitit_slurm", f"hydra.launcher.{key}"]
    said = said_once(typed)
    assert said == [*typed[:2], f"++hydra.launcher.{key}"]
    assert said_once(said) == said
    assert said_once([typed[2], "hydra/launcher=joblib"]) == [typed[2], "hydra/launcher=joblib"]
    assert said_once([typed[2]]) == [typed[2]]
    assert said_once(["experiment=mine", typed[2]])[1] == f"++hydra.launcher.{key}"
    ray = ["hydra/launcher=ray", "hydra.launcher.ray.remote.memory=9", "hydra.launcher.ray.remote={resources: {a: 1}}"]
    assert said_once(ray) == [ray[0], *(f"++{each}" for each in ray[1:])]


def test_options_of_sbatch_reach_the_launcher(cli, monkeypatch):
    pytest.importorskip("submitit", reason="NO SUBMITIT: pip install 'al-bench[slurm]'")
    options = "hydra.launcher.additional_parameters={mail-type: END, reservation: x}"
    shown = cli("--cfg", "hydra", "-p", "hydra.launcher", "hydra/launcher=submitit_slurm", options).out
    assert yaml.safe_load(shown)["additional_parameters"] == {"requeue": True, "mail-type": "END", "reservation": "x"}


def test_a_choice_with_a_plus_is_refused_by_the_command(cli):
    for mode in ([], ["-m"]):
        result = cli(*mode, "++strategy=random", *QUICK)
        assert (result.code, result.err) == (
            1,
            "al-bench: ++strategy=random: a choice takes no '+'; say strategy=random\n",
        )


@pytest.mark.slow
def test_plan_labels_and_folders_show_the_later(cli, tmp_path):
    sweep = ("-m", "strategy=random", "seed=0", "++seed=1,2", *QUICK)
    assert " 1, 2 " in cli(*sweep, "dry_run=true").out
    assert "2 runs: 2 finished" in cli(*sweep).out
    assert seeds_of(tmp_path) == ["s1", "s2"]
    assert "2 runs: 0 finished, 2 skipped" in cli(*sweep).out


@pytest.mark.slow
def test_a_forced_key_narrows_an_experiment(cli, tmp_path):
    sweep = ("experiment=strategies", "++strategy.first=largest", "strategy=badge", "++seed=7", *QUICK)
    dry = cli(*sweep, "dry_run=true")
    assert "1 runs, 0 of them finished" in dry.out
    assert "badge,first=largest" in dry.out
    assert "1 runs: 1 finished" in cli(*sweep).out
    assert seeds_of(tmp_path) == ["s7"]


@pytest.mark.slow
def test_mappings_are_merged_in_single_runs_and_in_sweeps(cli, tmp_path):
    said = ("model={max_epochs: 9}", "model=mlp", "model={width: 4}", "model={max_epochs: 2}")
    for name, mode in (("single", ()), ("sweep", ("-m",))):
        assert cli(*mode, *said, *QUICK[2:], "strategy=random", f"name={name}").code == 0
    single, sweep = (
        yaml.safe_load(next((tmp_path / "outputs" / name).rglob("config.yaml")).read_text())["model"]
        for name in ("single", "sweep")
    )
    assert single == sweep
    assert (single["width"], single["max_epochs"]) == (4, 2)


@pytest.mark.slow
def test_a_run_that_several_combinations_mean_is_one(cli):
    told = cli("-m", "model.width=8,4", "model={width: 2}", "seed=0,0,1", *QUICK[1:], "dry_run=true").out
    assert "2 runs, 0 of them finished" in told
    assert "6 combinations are 2 different runs" in told


def test_runs_of_one_folder_that_differ_are_not_one(tmp_path):
    class Made(Planned):
        path = tmp_path

    jobs = [Job([], "", Made(run_config(budget=budget), None, tmp_path)) for budget in (20, 40, 20)]
    assert distinct([*jobs, Job([], "a"), Job([], "a")]) == [jobs[0], jobs[1], Job([], "a"), Job([], "a")]


OWN = "# @package _global_\nbudget: 40\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("brings", "part"),
    [
        ("hydra:\n  sweeper:\n    params:\n      seed: 0,1\n", "hydra.sweeper"),
        ("defaults:\n  - override /hydra/launcher: joblib\n", "hydra.launcher"),
    ],
)
def test_a_choice_that_brings_a_sweep_or_a_launcher_is_not_swept_over(cli, tmp_path, brings, part):
    (tmp_path / "conf" / "setting").mkdir(parents=True)
    (tmp_path / "conf" / "setting" / "bare.yaml").write_text(OWN)
    (tmp_path / "conf" / "setting" / "mine.yaml").write_text(OWN + brings)
    sweep = ("--config-dir", "conf", "-m", "strategy=random,badge", *QUICK)
    result = cli(*sweep, "setting=bare,mine")
    assert result.code == 1
    assert result.err == (
        f"al-bench: setting=mine: it brings a {part} of its own, which comes too late where setting is swept over; "
        "give each a command of its own: al-bench setting=bare ..., al-bench setting=mine ...\n"
    )
    assert not (tmp_path / "outputs").exists()
    assert "2 runs" in cli(*sweep, "setting=bare,openml_6_mlp", "strategy=random", "dry_run=true").out
    assert cli(*sweep, "setting=mine", "dry_run=true").code == 0


@pytest.mark.slow
def test_experiments_that_are_sweeps_are_not_swept_over(cli, tmp_path):
    for sweep in ("joint/uni_modal,joint/multi_modal", "strategies,tune"):
        result = cli("-m", f"experiment={sweep}", *QUICK)
        assert result.code == 1
        first, second = sweep.split(",")
        assert f"al-bench experiment={first} ..., al-bench experiment={second} ..." in result.err
    assert not (tmp_path / "outputs").exists()


def test_an_experiment_does_not_sweep_over_experiments(cli, tmp_path):
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    params = "hydra: {mode: MULTIRUN, sweeper: {params: {experiment: 'strategies,joint/views', seed: '0,1'}}}\n"
    (tmp_path / "conf" / "experiment" / "mine.yaml").write_text("# @package _global_\n" + params)
    result = cli("--config-dir", "conf", "experiment=mine", *QUICK)
    assert result.code == 1
    assert "experiment=mine: its hydra.sweeper.params say experiment=strategies,joint/views" in result.err
    assert not (tmp_path / "outputs").exists()


@pytest.mark.slow
def test_a_file_that_sweeps_without_saying_so_is_warned_of_in_a_single_run(cli, tmp_path):
    (tmp_path / "conf" / "setting").mkdir(parents=True)
    (tmp_path / "conf" / "setting" / "mine.yaml").write_text(f"{OWN}hydra: {{sweeper: {{params: {{seed: '0,1'}}}}}}\n")
    mine = ("--config-dir", "conf", "setting=mine", "dry_run=true", *QUICK)
    assert "hydra.sweeper.params are not followed, as this is one run; -m makes it the sweep" in cli(*mine).out
    assert "not followed" not in cli(*mine, "-m").out
    assert "not followed" not in cli("dry_run=true", *QUICK).out

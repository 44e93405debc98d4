"""Many runs from one command."""

import errno
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.plugins import Plugins

from al_bench.analysis import run_costs
from al_bench.analysis.run_costs import estimates
from al_bench.config.schema import CONF
from al_bench.records.identity import Identity
from al_bench.records.run_config import Wanted
from tests.conftest import assert_same_results, rounds_without_seconds, run_command
from tests.support.forks import python
from tests.support.made_results import write_run

QUICK = ("model.width=8", "model.max_epochs=3", "num_initial=20", "batch_size.size=20", "budget=60")


def paths(folder: Path) -> dict[str, Path]:
    found = folder.rglob("rounds.csv")
    return {path.parent.relative_to(folder).as_posix(): path.parent for path in found}


@pytest.mark.slow
def test_variants_of_a_strategy_stand_side_by_side(cli, tmp_path):
    result = cli("-m", "strategy.first=uniform,largest", *QUICK)
    assert result.code == 0
    assert "2 runs: 2 finished, 0 skipped (finished before), 0 failed" in result.out
    strategies = sorted(path.split("/")[2] for path in paths(tmp_path / "outputs" / "default"))
    assert strategies == ["badge", "badge,first=largest"]


@pytest.mark.slow
def test_strategies_of_a_sweep_are_paired(cli, tmp_path):
    assert cli("-m", "strategy=glob(*)", *QUICK).code == 0
    initial, networks = set(), {}
    for path in paths(tmp_path / "outputs").values():
        initial.add(tuple(row for row in (path / "queries.csv").read_text().splitlines() if row.startswith("0,")))
        header, first, *_ = rounds_without_seconds(path)
        values = dict(zip(header, first, strict=True))
        networks[values["strategy"]] = tuple(values[key] for key in ("num_labelled", "test_accuracy", "test_loss"))
    assert len(initial) == 1, "split and initial labels are shared"
    assert len(networks) == len(list((CONF / "strategy").glob("*.yaml"))) - 1, "all but replay, which has to be told of"
    joint = {networks.pop(name) for name in ("joint", "joint_random")}
    assert len(set(networks.values())) == 1, "and the first network, but for another objective"
    assert len(joint) == 1, "which these have in common"
    assert joint.isdisjoint(networks.values())


@pytest.mark.slow
def test_a_failing_run_stops_nothing_and_the_same_command_tries_it_again(cli, tmp_path):
    sgd = ("model.optimizer._target_=torch.optim.SGD", "model.optimizer.lr=1e30,1e-3")
    sweep = ("-m", "seed=0,1", *sgd, *QUICK)
    result = cli(*sweep)
    assert result.code == 1
    assert "4 runs: 2 finished, 0 skipped (finished before), 2 failed" in result.out
    assert result.out.count("the training loss is") >= 2
    again = cli(*sweep)
    assert "4 runs: 0 finished, 2 skipped (finished before), 2 failed" in again.out
    assert len(list(tmp_path.rglob("error.json"))) == 2
    assert "Traceback" not in again.out + again.err


@pytest.mark.slow
def test_what_is_refused_is_told_once_before_the_first_run_and_nothing_is_launched_for_it(cli, tmp_path):
    told = cli("-m", "strategy=random", "seed=zero,1,2,3,4", "batch_size.size=20,0", *QUICK[:3], "budget=60")
    assert told.code == 1
    assert "10 runs: 0 finished before, 4 to do, 6 refused" in told.out
    reason = "batch_size.size=0: input should be greater than 0"
    assert told.out.index(reason) < told.out.index("starts")
    assert told.out.count(reason) == 2 * 3, "refused, and at the end failed, three of them named"
    assert "refused: 1 more runs, for the same reason" in told.out
    assert "seed=zero: input should be a valid integer" in told.out
    assert "10 runs: 4 finished, 0 skipped (finished before), 6 failed" in told.out
    assert len(paths(tmp_path / "outputs")) == 4


@pytest.mark.slow
def test_whatever_a_part_raises_the_others_run(cli, tmp_path):
    (tmp_path / "faulty.py").write_text(
        "from al_bench.strategies.random import Random\n"
        "class Faulty(Random):\n"
        "    def query(self, context, batch_size, rng):\n"
        "        raise ZeroDivisionError('no luck')\n"
    )
    result = cli("-m", "strategy._target_=faulty.Faulty,al_bench.strategies.random.Random", "~strategy.first", *QUICK)
    assert result.code == 1
    assert "2 runs: 1 finished, 0 skipped (finished before), 1 failed" in result.out
    assert "ZeroDivisionError: no luck" in result.out
    (error,) = tmp_path.rglob("error.json")
    assert "faulty.py" in json.loads(error.read_text())["traceback"]


def test_an_unexpected_error_of_a_single_run_shows_its_trace(cli, tmp_path):
    (tmp_path / "broken.py").write_text(
        "from al_bench.strategies.random import Random\n"
        "class Broken(Random):\n"
        "    def query(self, context, batch_size, rng):\n"
        "        raise ZeroDivisionError('no luck')\n"
    )
    with pytest.raises(ZeroDivisionError):
        cli("strategy._target_=broken.Broken", "~strategy.first", *QUICK)


@pytest.mark.slow
def test_launchers_change_nothing(tmp_path):
    pytest.importorskip(
        "hydra_plugins.hydra_joblib_launcher", reason="JOBLIB LAUNCHER MISSING: pip install al-bench[joblib]"
    )
    sweep = ("-m", "strategy=badge,margin", "seed=0,1", *QUICK)
    joblib = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    for name, launcher in (("basic", ()), ("joblib", joblib)):
        result = run_command(*sweep, f"name={name}", *launcher, cwd=tmp_path)
        assert result.code == 0, result.err
        assert "4 runs: 4 finished" in result.out
    basic, parallel = paths(tmp_path / "outputs/basic"), paths(tmp_path / "outputs/joblib")
    assert basic.keys() == parallel.keys()
    assert len(basic) == 4
    for run, path in basic.items():
        assert_same_results(path, parallel[run])
    again = run_command(*sweep, "name=joblib", *joblib, cwd=tmp_path)
    assert "4 runs: 0 finished, 4 skipped (finished before), 0 failed" in again.out


READERS = """
from pathlib import Path
import numpy as np
from al_bench.datasets.digits import digits
from al_bench.datasets.from_arrays import drawn_dataset

def read(name):
    with Path(name).open("a") as file:
        file.write("x")

def whole():
    read("whole")
    return digits(np.random.default_rng(0))

def drawn(rng):
    read("drawn")
    return digits(rng)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("function", "times"), [("whole", 1), ("drawn", 2)])
def test_a_data_set_is_read_once_per_process(cli, tmp_path, function, times):
    """Once for each split, if the seed draws it: a sweep goes by seed, so that strategies share it."""
    (tmp_path / "readers.py").write_text(READERS)
    data = (f"dataset._target_=readers.{function}", "~dataset.test_fraction")
    assert cli("-m", "seed=0,1", "strategy=random,margin", *data, *QUICK).code == 0
    assert (tmp_path / function).read_text() == "x" * times


@pytest.mark.slow
def test_a_finished_sweep_launches_nothing(cli, tmp_path, monkeypatch):
    launched = []
    instantiate = Plugins.instantiate_launcher

    def counting(self, **arguments):
        launcher = instantiate(self, **arguments)
        launch = launcher.launch
        launcher.launch = lambda jobs, **others: (launched.append(len(jobs)), launch(jobs, **others))[1]
        return launcher

    monkeypatch.setattr(Plugins, "instantiate_launcher", counting)
    sweep = ("-m", "strategy=random,margin", *QUICK)
    assert "6 runs: 6 finished" in cli(*sweep, "seed=range(3)").out
    folder = tmp_path / "outputs" / "default"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    again = cli(*sweep, "seed=range(3)")
    assert again.code == 0
    assert "6 runs: 0 finished, 6 skipped (finished before), 0 failed" in again.out
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert "8 runs: 2 finished, 6 skipped" in cli(*sweep, "seed=range(4)").out
    assert launched == [6, 2]


@pytest.mark.slow
def test_skipping_does_not_hide_a_mistake_in_the_tracker(cli):
    sweep = ("-m", "strategy=random", "seed=0,1", *QUICK)
    assert cli(*sweep).code == 0
    result = cli(*sweep, "tracker=wandb", "tracker.mode=onlin")
    assert result.code == 1
    assert "tracker.mode=onlin" in result.out


@pytest.mark.slow
def test_batches_of_jobs(cli, monkeypatch):
    launched = []
    instantiate = Plugins.instantiate_launcher

    def counting(self: Plugins, **arguments: object) -> object:
        launcher = instantiate(self, **arguments)
        launch = launcher.launch

        def counted(jobs: list[list[str]], initial_job_idx: int) -> object:
            launched.append((initial_job_idx, len(jobs)))
            return launch(jobs, initial_job_idx=initial_job_idx)

        launcher.launch = counted
        return launcher

    monkeypatch.setattr(Plugins, "instantiate_launcher", counting)
    assert "5 runs: 5 finished" in cli("-m", "seed=range(5)", "hydra.sweeper.max_batch_size=2", *QUICK).out
    assert launched == [(0, 2), (2, 2), (4, 1)]


@pytest.mark.slow
def test_a_seed_that_is_computed(cli, tmp_path):
    assert (
        "2 runs: 2 finished"
        in cli("-m", "seed='${batch_size.size}'", "batch_size.size=20,30", *QUICK[:3], QUICK[4]).out
    )
    assert sorted(path.split("/")[-1] for path in paths(tmp_path)) == ["s20", "s30"]


ODD = """
import os
from al_bench.strategies.random import Random

class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("no words")

class Odd(Random):
    def __init__(self, how):
        self.how = how
    def query(self, context, batch_size, rng):
        if self.how == "unprintable":
            raise Unprintable
        if self.how == "surrogate":
            raise ValueError("a file called \\ud800")
        if self.how == "elsewhere":
            os.chdir("/")
            raise ValueError("far away")
        if self.how == "interrupt":
            raise KeyboardInterrupt
        return super().query(context, batch_size, rng)
"""


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_odd_errors_fail_their_runs_alone(tmp_path, launcher):
    (tmp_path / "odd.py").write_text(ODD)
    (tmp_path / "conf" / "strategy").mkdir(parents=True)
    (tmp_path / "conf" / "strategy" / "odd.yaml").write_text("_target_: odd.Odd\nhow: ''\n")
    kinds = ["unprintable", "surrogate", "elsewhere", *(["interrupt"] if launcher == "joblib" else [])]
    sweep = ("--config-dir", "conf", "-m", "strategy=odd", f"strategy.how={','.join(kinds)},not")
    workers = (f"hydra/launcher={launcher}", *(["hydra.launcher.n_jobs=2"] if launcher == "joblib" else []))
    result = run_command(*sweep, *workers, *QUICK, cwd=tmp_path)
    assert result.code == 1, result.err
    assert f"{len(kinds) + 1} runs: 1 finished, 0 skipped (finished before), {len(kinds)} failed" in result.out
    told = [line.partition(": digits")[2] for line in result.out.splitlines() if " failed: digits" in line]
    messages = ["its message cannot be shown", "a file called", "far away", "KeyboardInterrupt"]
    for line, message in zip(told, messages[: len(kinds)], strict=True):
        assert message in line
    assert len(list((tmp_path / "outputs").rglob("done.json"))) == 1
    told = python(CONF.parent / "scripts" / "status.py", tmp_path / "outputs", check=True).stdout
    assert "Unprintable: (its message cannot be shown" in told
    assert "a file called" in told


@pytest.mark.slow
def test_seeds_that_others_keys_depend_on_are_told_apart(cli, tmp_path):
    """The sweep is composed once for all seeds; a key that is computed from the seed must follow it."""
    sweep = ("-m", "seed=5,6", "model.width='${seed}'", *QUICK[1:])
    assert cli(*sweep).code == 0
    assert sorted(path.split("/")[2] for path in paths(tmp_path / "outputs")) == [
        "mlp,max_epochs=3,width=5",
        "mlp,max_epochs=3,width=6",
    ]
    assert "2 runs: 0 finished, 2 skipped" in cli(*sweep).out


@pytest.mark.slow
def test_a_launcher_that_is_not_installed(cli, monkeypatch):
    cli("--help")  # plugins are looked for once
    name = "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher"
    monkeypatch.delitem(Plugins.instance().class_name_to_class, name)
    result = cli("-m", "seed=0,1", "hydra/launcher=joblib", *QUICK)
    assert result.code == 1
    assert "JoblibLauncher is not installed; pip install 'al-bench[joblib]'" in result.err


def test_no_workers_are_too_few(cli, tmp_path):
    result = cli("-m", "seed=0,1", "hydra/launcher=joblib", "hydra.launcher.n_jobs=0", *QUICK)
    assert result.code == 1
    assert result.err == "al-bench: hydra.launcher.n_jobs=0: must be above 0, or -1 for one per core\n"
    assert not list(tmp_path.rglob("rounds.csv"))


@pytest.mark.moderate
def test_as_many_workers_as_gpus_or_cores(monkeypatch):
    for num_gpus, device, num_workers in ((0, "auto", -1), (4, "auto", 4), (4, "cpu", -1)):
        monkeypatch.setattr(torch.cuda, "device_count", lambda num_gpus=num_gpus: num_gpus)
        with initialize_config_dir(str(CONF), version_base="1.3"):
            composed = compose("config", ["hydra/launcher=joblib", f"device={device}"], return_hydra_config=True)
        assert composed.hydra.launcher.n_jobs == num_workers


def test_a_launcher_that_fails_before_a_run_is_a_message(cli, monkeypatch):
    def launch(*arguments: object, **options: object) -> None:
        raise ConnectionError("nobody there")

    instantiate = Plugins.instantiate_launcher

    def failing(self: Plugins, **arguments: object) -> object:
        launcher = instantiate(self, **arguments)
        launcher.launch = launch
        return launcher

    monkeypatch.setattr(Plugins, "instantiate_launcher", failing)
    result = cli("-m", "seed=0,1", *QUICK)
    assert result.code == 1
    assert result.err == "al-bench: the launcher failed before a run had begun: ConnectionError: nobody there\n"


@pytest.mark.slow
def test_an_experiment_is_a_sweep_that_the_command_line_narrows(cli, tmp_path):
    result = cli("experiment=strategies", "strategy=random,margin", "seed=3", *QUICK)
    assert "2 runs: 2 finished" in result.out
    assert sorted(path.split("/")[3:] for path in paths(tmp_path)) == [
        ["mlp,max_epochs=3,width=8", name, "b20", "num_initial=20", "s3"] for name in ("margin", "random")
    ]
    assert "strategies" in str(next(tmp_path.rglob("rounds.csv")))


@pytest.mark.slow
def test_a_file_system_without_flock_is_said_with_what_to_do(cli, monkeypatch, tmp_path):
    def flock(file: object, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", flock)
    result = cli("-m", "seed=0,1", "strategy=random", *QUICK)
    assert result.code == 1
    assert (
        result.out.count(".lock cannot be locked: No locks available; choose an output_dir=... on a file system with")
        == 2
    )
    assert not list(tmp_path.rglob("rounds.csv"))


@pytest.mark.slow
def test_a_part_that_ends_the_process_fails_alone(cli, tmp_path):
    (tmp_path / "leaving.py").write_text(
        "from al_bench.strategies.random import Random\n"
        "class Leaving(Random):\n"
        "    def query(self, context, batch_size, rng):\n"
        "        raise SystemExit(3)\n"
    )
    result = cli("-m", "strategy._target_=leaving.Leaving,al_bench.strategies.random.Random", "~strategy.first", *QUICK)
    assert result.code == 1
    assert "2 runs: 1 finished, 0 skipped (finished before), 1 failed" in result.out
    (error,) = tmp_path.rglob("error.json")
    assert json.loads(error.read_text())["type"] == "SystemExit"


class TestDryRun:
    SWEEP = ("-m", "strategy=random,margin", "seed=range(3)", *QUICK)

    @pytest.mark.slow
    def test_it_runs_nothing_and_estimates_from_what_was_measured(self, cli, tmp_path):
        unknown = cli(*self.SWEEP, "dry_run=true")
        assert unknown.code == 0
        assert "6 runs, 0 of them finished" in unknown.out
        assert "of 6 runs nothing is known" in unknown.out
        assert not list(tmp_path.rglob("rounds.csv"))
        assert cli("strategy=random", "seed=0", *QUICK).code == 0
        known = cli(*self.SWEEP, "dry_run=true")
        assert "6 runs, 1 of them finished" in known.out
        assert re.search(r"random +0 +1, 2 +0 s +0\.\d MB", known.out)
        assert re.search(r"margin +0-2 +0 s +0\.\d MB", known.out)
        assert "nothing is known" not in known.out
        assert len(list(tmp_path.rglob("rounds.csv"))) == 1

    def test_queries_and_the_files_of_wandb_count(self, tmp_path):
        identity = Identity("digits", "mlp", "badge", 10, "", 0)
        write_run(tmp_path / "default", identity, {10: 0.5, 20: 0.6}, fit_cpu_seconds=1.0, query_cpu_seconds=2.0)
        path = tmp_path / "default" / identity.path
        (path / "wandb_id").write_text("abc\n")
        for name, size in (("abc", 100_000), ("other", 7_000_000)):
            files = tmp_path / "wandb" / f"offline-run-20260101_120000-{name}" / "files"
            files.mkdir(parents=True)
            (files / "media").write_bytes(b"x" * size)
        (estimate,) = estimates([(identity, Wanted(20))], tmp_path / "default")
        own = sum(file.stat().st_size for file in path.iterdir())
        assert (estimate.seconds, estimate.num_bytes) == (6, 100_000 + own)

    def test_seconds_of_the_clock_count_where_a_run_has_no_others_and_say_so(self, tmp_path):
        """Two twins: one of an older version, and one that took longer by the clock than on the processor."""
        identity = Identity("digits", "mlp", "badge", 10, "", 0)
        cpu = {"fit_cpu_seconds": 1.0, "query_cpu_seconds": 0.5}
        wall = {"fit_seconds": 30.0, "query_seconds": 5.0}
        write_run(tmp_path, identity, {10: 0.5, 20: 0.6}, **cpu, **wall)
        (estimate,) = estimates([(identity, Wanted(20))], tmp_path)
        assert (estimate.seconds, estimate.is_by_clock) == (3.0, False)
        path = write_run(tmp_path, replace(identity, seed=1), {10: 0.5, 20: 0.6}, **wall) / "rounds.csv"
        pd.read_csv(path, keep_default_na=False).drop(columns=[*cpu]).to_csv(path, index=False)
        (estimate,) = estimates([(identity, Wanted(20))], tmp_path)
        assert (estimate.seconds, estimate.is_by_clock) == ((3.0 + 70.0) / 2, True)

    @pytest.mark.slow
    def test_where_nothing_was_measured_the_published_cost_counts(self, cli, tmp_path, monkeypatch):
        published = tmp_path / "published.csv"
        published.write_text(
            "dataset,model,batch_size,variant,strategy,num_runs,to_labels,num_steps,fit_cpu_seconds,query_cpu_seconds,"
            "microseconds_per_step,fit_seconds,query_seconds,pool_size,num_bytes,device\n"
            'digits,"mlp,max_epochs=3,width=8",20,num_initial=20,margin,5,20,9,,,,600,400,1437,500000,Some CPU\n'
            'digits,"mlp,max_epochs=3,width=8",20,num_initial=20,margin,5,60,9,,,,3000,600,1437,2000000,Some CPU\n'
            'digits,"mlp,max_epochs=3,width=8",20,num_initial=20,margin,5,80,9,,,,8000,1000,1437,9000000,Some CPU\n'
            "digits,mlp,20,,random,5,60,9,4,1,1,5,4,1437,1000000,Other CPU\n"
        )
        monkeypatch.setattr(run_costs, "PUBLISHED", published)
        told = cli(*self.SWEEP, "dry_run=true").out
        assert re.search(r"margin +0-2 +~3\.0 h\* +6\.0 MB", told)
        assert "* by the clock, of a machine that may have been busy" in told
        assert re.search(r"random +0-2 +\? +\?", told)
        assert "~ as in docs/results: measured on Some CPU, not here" in told
        assert "of 3 runs nothing is known" in told
        longer = cli(*self.SWEEP, "strategy=margin", "budget=100", "dry_run=true").out
        assert re.search(r"margin +0-2 +~7\.5 h\+\* +27\.0 MB\+", longer)
        assert "+ at least: no run that was measured has so many labels" in longer
        assert cli("strategy=margin", "seed=0", *QUICK).code == 0
        measured = cli(*self.SWEEP, "dry_run=true").out
        assert "Some CPU" not in measured
        assert "by the clock" not in measured
        assert "Some CPU" in cli(*self.SWEEP, "strategy=margin", "budget=80", "dry_run=true").out

    def test_of_a_longer_run_that_was_measured_the_beginning_counts(self, tmp_path):
        """And a shorter one is no estimate where another goes far enough."""
        folder = tmp_path / "default"
        for seed, counts in ((0, (10, 20, 30, 40)), (1, (10, 20, 30, 40)), (2, (10,))):
            identity = Identity("digits", "mlp", "badge", 10, "", seed)
            write_run(folder, identity, dict.fromkeys(counts, 0.5), fit_cpu_seconds=1.0 + seed, query_cpu_seconds=0.0)
        made = [(replace(identity, seed=3), Wanted(budget)) for budget in (10, 25, 40, 50, None)]
        found = estimates(made, folder)
        assert [(each.seconds, each.is_least) for each in found] == [
            (2.0, False),
            (3.0, False),
            (6.0, False),
            (6.0, True),
            (6.0, False),
        ]

    def test_queries_that_can_take_longer_than_training_are_named(self, cli):
        """Another strategy's time is less than what they will take."""
        assert cli("strategy=margin", "seed=0", *QUICK).code == 0
        told = cli("-m", "strategy=badge,oracle/greedy_oracle,oracle/boss,refine", "seed=0", *QUICK, "dry_run=true").out
        assert re.search(r"greedy_oracle +0 +\S+ (s|min)\+", told)
        assert re.search(r"badge +0 +\S+ (s|min) ", told)
        told = " ".join(told.split())
        assert "or queries that take as long" in told
        assert "greedy_oracle, b20: each query: 400 fits of the last layer" in told
        assert "boss, b20: each query: 100 batches of 10 strategies, and as many fits of the last layer" in told
        assert "refine, b20: each query: 500 batches of 9 strategies" in told
        members = ("strategy=bald", "strategy.samples=ensemble", "strategy.num_members=3")
        assert "each query: training 2 more networks" in cli(*members, *QUICK, "dry_run=true").out
        assert "badge, b" not in told

    def test_a_dry_run_refuses_what_a_run_would(self, cli):
        told = cli("strategy=badge", "strategy.first=last", *QUICK, "dry_run=true")
        assert told.code == 1
        assert told.err == "al-bench: strategy.first=last: input should be 'uniform' or 'largest'\n"

    def test_a_search_is_no_list_of_runs(self, cli, tmp_path):
        pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
        result = run_command("experiment=tune", "dry_run=true", cwd=tmp_path)
        assert result.code == 1
        assert "al-bench: dry_run=true: this sweeper chooses its runs as it goes" in result.err
        assert "Traceback" not in result.err

    @pytest.mark.slow
    def test_what_would_fail_is_told(self, cli):
        result = cli("-m", "budget=60,5", *QUICK[:-1], "dry_run=true")
        assert result.code == 1
        assert "would fail: budget=5" in result.out
        assert "labels in all, so at least num_initial=20" in result.out

    def test_of_a_single_run(self, cli, tmp_path):
        assert "1 runs, 0 of them finished" in cli("dry_run=true", *QUICK).out
        assert not (tmp_path / "outputs").exists()

    def test_the_estimate_is_that_of_the_nearest_kin(self, tmp_path):
        def run(dataset: str, strategy: str, batch_size: int, seconds: float) -> None:
            identity = Identity(dataset, "mlp", strategy, batch_size, "", 0)
            write_run(tmp_path, identity, {10: 0.5, 20: 0.6}, fit_cpu_seconds=seconds, query_cpu_seconds=0)

        run("digits", "badge", 10, 5.0)
        run("digits", "random", 10, 1.0)
        run("digits", "random", 20, 100.0)
        wanted = [("badge", 10), ("margin", 10), ("margin", 40)]
        identities = [Identity("digits", "mlp", name, size, "", 3) for name, size in wanted]
        found = estimates([(identity, Wanted(20)) for identity in identities], tmp_path)
        assert [estimate and estimate.seconds for estimate in found] == [10, 6, pytest.approx((10 + 2 + 200) / 3)]
        unknown = (Identity("digits", "resnet", "badge", 10, "", 0), Wanted(20))
        assert estimates([unknown], tmp_path) == [None]

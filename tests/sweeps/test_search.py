"""A search for hyperparameters by Optuna: what it may go on with, and that a kill changes nothing."""

import csv
import fcntl
import os
import re
import sys
from itertools import count
from pathlib import Path
from statistics import fmean

import pytest
import yaml

pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")

import optuna
import sqlalchemy
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from optuna.distributions import CategoricalDistribution, IntUniformDistribution, LogUniformDistribution
from optuna.samplers import RandomSampler, TPESampler
from optuna.trial import TrialState

from al_bench.config.overrides import said_once
from al_bench.core.errors import ConfigError
from al_bench.sweeps.outcome import validation_accuracy
from al_bench.sweeps.search import Search
from al_bench.sweeps.studies import opened
from hydra_plugins.al_bench import space

QUICK = ("model.max_epochs=3", "num_initial=20", "batch_size.size=20", "num_validation=20", "budget=60")
TUNE = ("experiment=tune", *QUICK, "hydra.sweeper.sampler.seed=0")
WIDTHS = ("hydra.sweeper.params={model.width: 'choice(4,8,16)'}", "hydra/sweeper/sampler=grid")


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk():
    """What a process has written another one reads: a kill of the machine is not tried here."""

    def connected(connection, _):
        connection.execute("PRAGMA synchronous=OFF")

    sqlalchemy.event.listen(sqlalchemy.engine.Engine, "connect", connected)
    yield
    sqlalchemy.event.remove(sqlalchemy.engine.Engine, "connect", connected)


def stored(folder: Path, name: str = "tune") -> optuna.Study:
    return optuna.load_study(study_name=name, storage=f"sqlite:///{folder}/outputs/{name}/study.db")


def told(study: optuna.Study) -> list[tuple[TrialState, dict[str, object], float | None]]:
    return [(trial.state, trial.params, trial.value) for trial in study.trials]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def accuracies(folder: Path) -> dict[str, float]:
    """After the last round, by what the run is called."""
    return {
        str(path.parent): float([*csv.DictReader(path.read_text().splitlines())][-1]["validation_accuracy"])
        for path in folder.rglob("rounds.csv")
    }


@pytest.mark.slow
def test_the_best_trial_is_that_of_the_best_run_and_each_is_told(cli, tmp_path):
    result = cli(*TUNE, "hydra.sweeper.n_trials=3")
    assert result.code == 0, result.err
    best = yaml.safe_load((tmp_path / "outputs" / "tune" / "optimization_results.yaml").read_text())
    known = accuracies(tmp_path)
    assert len(known) == 3
    assert best["best_value"] == max(known.values())
    assert f"optimizer.lr={best['best_params']['model.optimizer.lr']}" in max(known, key=known.get)
    tuned = tmp_path / "outputs" / "tune" / "tuned.yaml"
    assert yaml.safe_load(tuned.read_text()) == best["best_params"]
    (path,) = (path for path in known if path == max(known, key=known.get))
    (tmp_path / "outputs" / "default").mkdir()
    assert cli(f"tuned={tuned}", "strategy=random", *QUICK).code == 0
    (taken,) = (tmp_path / "outputs" / "default").rglob("rounds.csv")
    assert taken.parent.relative_to(tmp_path / "outputs" / "default") == Path(path).relative_to(tuned.parent)
    trials = stored(tmp_path).trials
    assert [trial.value for trial in trials] == [known[path] for path in sorted(known, key=lambda p: _lr_of(p, trials))]
    so_far = 0.0
    for trial in trials:
        so_far = max(so_far, trial.value)
        line = rf"trial {trial.number} \({trial.number + 1} of 3\): {trial.value:.4f}, best so far {so_far:.4f} "
        assert re.search(line, result.out), result.out
    assert "3 trials: 3 finished, 0 failed" in result.out
    assert f"best: {so_far:.4f}, trial {best['best_trial']}: model.optimizer.lr=" in result.out


def _lr_of(path: str, trials: list[optuna.trial.FrozenTrial]) -> int:
    return next(t.number for t in trials if f"optimizer.lr={t.params['model.optimizer.lr']}" in path)


@pytest.mark.slow
def test_the_same_command_does_nothing_again_and_more_trials_go_on(cli, tmp_path):
    assert cli(*TUNE, "hydra.sweeper.n_trials=2").code == 0
    first = told(stored(tmp_path))
    again = cli(*TUNE, "hydra.sweeper.n_trials=2")
    assert "2 trials, 2 of them done before" in again.out
    assert "best: " in again.out
    assert "starts" not in again.out
    assert cli(*TUNE, "hydra.sweeper.n_trials=3").code == 0
    assert told(stored(tmp_path))[:2] == first
    assert len(stored(tmp_path).trials) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    "changed",
    [
        "model.optimizer.lr=tag(log, interval(1e-4, 1e-2))",
        "model.width=choice(8,16)",
        "model.minibatch_size=choice(32,64)",
        "model.width=64",
        "hydra.sweeper.direction=minimize",
        "seed=0,1",
        "budget=80",
        "strategy=margin",
    ],
)
def test_another_search_is_refused_before_anything_is_written(cli, tmp_path, changed):
    command = (*TUNE, "hydra.sweeper.n_trials=1")
    assert cli(*command).code == 0
    before = files(tmp_path)
    refused = cli(*command, changed)
    assert refused.code == 1
    assert "outputs/tune/study.db holds another search; give this one another name=..." in refused.err
    key = changed.partition("=")[0].replace("seed", "seeds")
    assert re.search(rf"{key}[\w.]*: .+ there, .+ asked for", refused.err), refused.err
    assert "Traceback" not in refused.err
    assert files(tmp_path) == before


def test_without_validation_examples_nothing_is_trained_or_written(cli, tmp_path):
    refused = cli(*TUNE, "num_validation=0")
    assert refused.code == 1
    assert refused.err == (
        "al-bench: num_validation=0: hyperparameters are chosen on validation examples; num_validation=200\n"
    )
    assert not files(tmp_path)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed=interval(0,9)", "seed=interval(0,9): a seed is no hyperparameter; seed=0,1"),
        ("seed=a,b", "seed=a,b: a seed is no hyperparameter"),
        ("++seed=-1,2", "++seed=-1,2: a seed is no hyperparameter"),
        ("dataset=digits,openml_6", "dataset=digits,openml_6: no hyperparameter"),
        ("setting=a,b", "setting=a,b: no hyperparameter"),
        ("budget=60,80", "budget=60,80: no hyperparameter"),
        ("++num_validation=20,40", "++num_validation=20,40: no hyperparameter"),
        ("name=a,b", "name=a,b: no hyperparameter"),
        ("model.width=range(3,3)", "model.width=range(3,3): nothing can be drawn from it"),
        ("model.optimizer.lr=tag(log, interval(0, 1))", "nothing can be drawn from it"),
        ("model.width=interval(9,3)", "nothing can be drawn from it"),
        ("model.width=range(0,8,0)", "nothing can be drawn from it"),
        ("model.x=range(0,1,0.0)", "nothing can be drawn from it"),
        ("model.x=range(1,0,0.5)", "nothing can be drawn from it"),
        ("seed=range(0,8,0)", "seed=range(0,8,0): nothing can be swept over"),
        ("seed=range(0,1000000000)", "take several sweeps"),
        ("model.width=8", "there is nothing to search"),
    ],
)
def test_what_cannot_be_searched_is_told(override, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        asked(override)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("n_trials=0", "hydra.sweeper.n_trials=0: must be above 0"),
        ("n_jobs=-1", "hydra.sweeper.n_jobs=-1: must be above 0"),
        ("max_failure_rate=2", "hydra.sweeper.max_failure_rate=2: must be from 0 to 1"),
        ("direction=up", "hydra.sweeper.direction=up: must be maximize or minimize"),
        ("direction=[maximize,minimize]", "must be maximize or minimize, as a trial has one value"),
        ("search_space={a: 1}", "say hydra.sweeper.params"),
    ],
)
def test_what_is_no_setting_of_a_search_is_told(override, message):
    usual = {"n_trials": 1, "n_jobs": 1, "max_failure_rate": 1.0, "direction": "maximize", "search_space": None}
    sweeper = {**usual, **OmegaConf.from_dotlist([override])}
    with pytest.raises(ConfigError, match=re.escape(message)):
        space.checked_direction(OmegaConf.create({"dry_run": False, "hydra": {"launcher": {}, "sweeper": sweeper}}))


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("strategy=random,no_such", "no_such"),
        ("strategy=glob(nothing*)", "nothing can be drawn from it"),
        ("tracker._target_=none.Such", "tracker._target_=none.Such"),
        ("hydra.sweeper.storage=nonsense", "hydra.sweeper.storage: the search cannot be stored: Could not parse"),
        ("hydra.sweeper.storage=sqlite:////no/such/x.db", "unable to open database file"),
        ("hydra/sweeper/sampler=grid", "model.optimizer.lr is an interval; say choice(...) or range(...)"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_written(cli, tmp_path, argument, message):
    refused = cli("experiment=tune", *QUICK, argument)
    assert refused.code == 1
    assert message in refused.err
    assert "Traceback" not in refused.err
    assert not files(tmp_path)


@pytest.mark.slow
def test_the_value_of_a_trial_is_the_mean_over_the_seeds(cli, tmp_path):
    command = ("experiment=tune", *QUICK, *WIDTHS, "hydra.sweeper.n_trials=2", "model.optimizer.lr=0.01")
    assert cli(*command, "seed=0,3").code == 0
    known = accuracies(tmp_path)
    assert sorted(path.rpartition("/")[2] for path in known) == ["s0", "s0", "s3", "s3"]
    assert {trial.params["model.width"] for trial in stored(tmp_path).trials} == {4, 8}
    for trial in stored(tmp_path).trials:
        of_trial = [value for path, value in known.items() if f"width={trial.params['model.width']}" in path]
        assert trial.value == fmean(of_trial)
        assert of_trial[0] != of_trial[1], "the test cannot tell a mean from one of them"
    assert cli(*command, "seed=range(2)", "name=ranged").code == 0
    assert {path.rpartition("/")[2] for path in accuracies(tmp_path / "outputs" / "ranged")} == {"s0", "s1"}


class TestFailures:
    """Of the trials a, b and c some fail."""

    COMMAND = (
        *("experiment=tune", *QUICK, "model.width=4", "model.optimizer.lr=0.01", "hydra/sweeper/sampler=grid"),
        *("strategy._target_=parts.Part", "+strategy.kind=choice(a,b,c)"),
    )

    def prepare(self, folder: Path, failing: str) -> None:
        sys.modules.pop("parts", None)
        (folder / "parts.py").write_text(
            "from al_bench.strategies.random import Random\n"
            "class Part(Random):\n"
            "    def __init__(self, kind: str):\n"
            "        self.kind = kind\n"
            "    def query(self, context, batch_size, rng):\n"
            f"        if self.kind in {failing!r}:\n"
            "            raise RuntimeError('no luck')\n"
            "        return super().query(context, batch_size, rng)\n"
        )

    @pytest.mark.slow
    def test_a_failed_trial_is_told_and_stops_no_other(self, cli, tmp_path):
        self.prepare(tmp_path, "b")
        result = cli(*self.COMMAND)
        assert result.code == 0, result.err
        assert [trial.state.name for trial in stored(tmp_path).trials] == ["COMPLETE", "FAIL", "COMPLETE"]
        assert "trial 1 (2 of 3): failed, best so far" in result.out
        assert "3 trials: 2 finished, 1 failed" in result.out
        for told_again in (result.out, cli(*self.COMMAND).out):
            assert "failed: trial 1: RuntimeError: no luck" in told_again
        assert len(stored(tmp_path).trials) == 3

    @pytest.mark.slow
    def test_when_all_fail_the_way_on_is_told(self, cli, tmp_path):
        self.prepare(tmp_path, "abc")
        result = cli(*self.COMMAND)
        assert result.code == 1
        assert "none has ended well yet" in result.out
        assert "no run of the search has ended well; the reasons are above" in result.err
        assert "without outputs/tune/study.db, the search starts anew" in result.err
        (tmp_path / "outputs" / "tune" / "study.db").unlink()
        self.prepare(tmp_path, "")
        assert cli(*self.COMMAND).code == 0

    @pytest.mark.slow
    def test_too_many_end_the_search_and_it_goes_on_behind_them(self, cli, tmp_path):
        self.prepare(tmp_path, "b")
        command = (*self.COMMAND, "hydra.sweeper.max_failure_rate=0")
        result = cli(*command)
        assert result.code == 1
        assert (
            "1 of 1 trials at once have failed, as told above, more than hydra.sweeper.max_failure_rate" in result.err
        )
        assert len(stored(tmp_path).trials) == 2
        assert cli(*command).code == 0
        assert [trial.state.name for trial in stored(tmp_path).trials] == ["COMPLETE", "FAIL", "COMPLETE"]


class TestStorage:
    @pytest.mark.slow
    def test_results_of_another_search_are_not_overwritten(self, cli, tmp_path):
        command = (*TUNE, "hydra.sweeper.n_trials=1")
        assert cli(*command).code == 0
        before = files(tmp_path / "outputs")
        refused = cli(*command, "hydra.sweeper.storage=sqlite:///other.db", "hydra.sweeper.sampler.seed=1")
        assert refused.code == 1
        assert "outputs/tune/optimization_results.yaml is of another search" in refused.err
        assert files(tmp_path / "outputs") == before
        elsewhere = cli(*command, "hydra.sweeper.storage=sqlite:///other.db", "name=elsewhere")
        assert elsewhere.code == 0, elsewhere.err
        assert optuna.load_study(study_name="elsewhere", storage="sqlite:///other.db").best_trial.number == 0
        assert not (tmp_path / "outputs" / "elsewhere" / "study.db").exists()
        assert (tmp_path / "outputs" / "elsewhere" / "optimization_results.yaml").exists()

    @pytest.mark.parametrize(
        ("direction", "distribution", "message"),
        [
            ("minimize", None, "hydra.sweeper.direction: minimize there, maximize asked for"),
            ("maximize", LogUniformDistribution(1e-3, 1), "model.optimizer.lr: LogUniformDistribution(high=1.0,"),
        ],
    )
    def test_a_study_that_something_else_made_is_refused(self, cli, tmp_path, direction, distribution, message):
        study = optuna.create_study(study_name="mine", storage="sqlite:///my.db", direction=direction)
        if distribution is not None:
            study.tell(study.ask({"model.optimizer.lr": distribution}), 0.5)
        refused = cli(*TUNE, "hydra.sweeper.storage=sqlite:///my.db", "hydra.sweeper.study_name=mine")
        assert refused.code == 1
        assert "hydra.sweeper.storage holds another search" in refused.err
        assert message in refused.err
        assert not (tmp_path / "outputs").exists()

    @pytest.mark.slow
    def test_what_is_no_database_or_no_file_is_told(self, cli, tmp_path):
        folder = tmp_path / "outputs" / "tune"
        folder.mkdir(parents=True)
        (folder / "study.db").write_bytes(b"no database" * 1000)
        result = cli(*TUNE)
        assert "outputs/tune/study.db: the search cannot be stored" in result.err
        assert "file is not a database" in result.err
        (folder / "study.db").rename(tmp_path / "elsewhere.db")
        (folder / "study.db").symlink_to(tmp_path / "elsewhere.db")
        assert "outputs/tune/study.db is no file" in cli(*TUNE).err
        (folder / "study.db").unlink()
        os.mkfifo(folder / "study.db")
        assert "outputs/tune/study.db is no file" in cli(*TUNE).err

    @pytest.mark.slow
    def test_names_may_hold_what_means_something_in_a_url(self, cli, tmp_path):
        result = cli(*TUNE, "hydra.sweeper.n_trials=1", "name='a?b#c%20d'")
        assert result.code == 0, result.err
        assert (tmp_path / "outputs" / "a?b#c%20d" / "study.db").exists()

    @pytest.mark.slow
    def test_two_commands_do_not_share_a_search(self, cli, tmp_path):
        assert cli(*TUNE, "hydra.sweeper.n_trials=1").code == 0
        with (tmp_path / "outputs" / "tune" / ".study.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            refused = cli(*TUNE, "hydra.sweeper.n_trials=2")
        assert refused.code == 1
        assert "another process does the search in outputs/tune" in refused.err
        assert len(stored(tmp_path).trials) == 1


SPACE = {"lr": LogUniformDistribution(1e-4, 1), "width": CategoricalDistribution((8, 16, 32))}


def seeded(number: int, place: int) -> TPESampler:
    return TPESampler(n_startup_trials=2, seed=100 * number + place)


def searched(folder: Path, n_trials: int = 3, n_jobs: int = 2) -> list[tuple[TrialState, dict[str, object], float]]:
    with opened(Search(SPACE, "maximize", [0], {"budget": 60}, {}), folder, None, "made") as study:
        while trials := study.next_trials(n_trials, n_jobs, seeded):
            for trial in trials:
                study.tell(trial, "bad luck" if trial.number == 1 else trial.params["lr"] * trial.params["width"])
    return told(optuna.load_study(study_name="made", storage=f"sqlite:///{folder}/study.db"))


@pytest.mark.slow
def test_a_kill_at_any_write_to_the_study_changes_nothing(tmp_path, monkeypatch):
    """The same trials, with the same values, and none more."""
    undisturbed = searched(tmp_path / "undisturbed")
    assert len(undisturbed) == 3
    storage = optuna.storages.RDBStorage
    names = ("create_new_study", "set_study_directions", "set_study_user_attr", "_create_new_trial", "_update_trial")
    originals = {name: getattr(storage, name) for name in (*names, "_check_and_set_param_distribution")}
    number_of_kills = 0
    for kill_at in count(step=3):
        left = count()

        def write(self, *arguments, name, left=left, kill_at=kill_at, **others):
            if next(left) == kill_at:
                raise KeyboardInterrupt
            return originals[name](self, *arguments, **others)

        for name in originals:
            monkeypatch.setattr(
                storage, name, lambda self, *a, name=name, write=write, **k: write(self, *a, name=name, **k)
            )
        try:
            searched(tmp_path / str(kill_at))
        except KeyboardInterrupt:
            number_of_kills += 1
        else:
            break
        finally:
            monkeypatch.undo()
        assert searched(tmp_path / str(kill_at)) == undisturbed, kill_at
    assert number_of_kills > 4


@pytest.mark.moderate
def test_trials_begun_by_more_at_once_are_done_by_fewer(tmp_path):
    made = Search(SPACE, "maximize", [0], {"budget": 60}, {})
    with opened(made, tmp_path, None, "made") as study:
        assert [trial.number for trial in study.next_trials(6, 4, seeded)] == [0, 1, 2, 3]
    with opened(made, tmp_path, None, "made") as study:
        numbers = []
        while trials := study.next_trials(2, 3, seeded):
            numbers.append([trial.number for trial in trials])
            for trial in trials:
                study.tell(trial, 0.5)
        assert numbers == [[0, 1, 2], [3]], "what has begun is ended, and none is left running"


def test_the_best_is_the_smallest_where_that_is_asked_for(tmp_path):
    with opened(Search(SPACE, "minimize", [0], {"budget": 60}, {}), tmp_path, None, "made") as study:
        for value in (0.5, 0.25, 0.25):
            (trial,) = study.next_trials(3, 1, lambda *_: RandomSampler())
            study.tell(trial, value)
        assert study.best().number == 1


def asked(*overrides: str) -> space.Asked:
    return space.asked(OverridesParser.create().parse_overrides(said_once(overrides)))


def test_ranges_end_before_their_end_as_in_a_sweep():
    made = asked("a=range(1,4)", "b=range(0,1,0.25)", "c=range(9,0,-3)", "d=shuffle(range(3))", "e=shuffle(x,y)").space
    assert space.grid(made) == {
        "a": [1, 2, 3],
        "b": [0, 0.25, 0.5, 0.75],
        "c": [3, 6, 9],
        "d": [0, 1, 2],
        "e": ["x", "y"],
    }
    assert made["a"] == IntUniformDistribution(1, 3)
    assert asked("a=range(0,1000000000000)").space["a"].high == 999_999_999_999
    values = space.grid(asked("a=0,1", "b=x,null,true").space)
    assert [space.point(values, number) for number in range(6)] == [
        {"a": a, "b": b} for a in (0, 1) for b in ("x", "null", True)
    ]


def test_the_last_of_two_values_of_a_key_counts():
    made = asked("a=1,2", "seed=3", "b=1", "++seed=0,1", "+a=5", "b=2,3")
    assert ([*made.space], made.seeds, made.fixed) == (["b"], [0, 1], ["+a=5"])
    assert made.overrides({"b": 2}) == [["+a=5", "b=2", "seed=0"], ["+a=5", "b=2", "seed=1"]]
    merged = asked("model={a: 1}", "model={b: 2}", "c=1,2")
    assert merged.fixed == ["model={a: 1}", "model={b: 2}"]


def test_the_value_is_that_of_the_budget_though_the_run_went_on(tmp_path):
    header = "dataset,model,strategy,batch_size,variant,seed,round,num_labelled,test_accuracy,validation_accuracy"
    rows = [f"digits,mlp,badge,20,,0,{round},{20 + 20 * round},0.1,{0.5 + 0.25 * round}" for round in range(3)]
    (tmp_path / "rounds.csv").write_text("".join(f"{line}\n" for line in (header, *rows)))
    assert [validation_accuracy(tmp_path, budget) for budget in (20, 50, None)] == [0.5, 0.75, 1.0]

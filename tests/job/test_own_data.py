"""One's own data and texts in runs: what needs features, what a run is called after, and the number of classes."""

import json
import re
from pathlib import Path

import pytest

from al_bench.analysis.runs import State, runs_in
from al_bench.core.errors import ConfigError, DataError
from al_bench.features.inputs import Inputs
from al_bench.job.features.replacing import Where, on_features
from al_bench.job.loading import check_features, loaded
from tests.conftest import run_directory
from tests.support.texts import Letters, as_csv, made

QUICK = ("model.width=8", "model.max_epochs=2", "num_initial=10", "batch_size.size=10", "budget=20", "strategy=random")
LETTERS = "features._target_=tests.support.texts.Letters"
FUNCTION = """
from al_bench import drawn_dataset
import numpy as np

def sides(rng, num_classes: int = 2):
    targets = np.arange(60) % num_classes
    return drawn_dataset(targets[:, None] + rng.normal(size=(60, 1)), targets, test_fraction=0.2, rng=rng)

def untold(rng):
    import torch
    from al_bench import Dataset, Examples
    part = Examples(("a", "b"), torch.tensor([0, 1]))
    return Dataset(part, part, 2)
"""


@pytest.mark.parametrize("dataset", ["banking77", "clinc150", "texts"])
def test_texts_without_features_are_refused_before_anything_is_read(cli, tmp_path, dataset):
    refused = cli(f"dataset={dataset}", "data_dir=nowhere", *(["dataset.path=none.csv"] if dataset == "texts" else []))
    assert refused.err == (
        "al-bench: features=none: the data set holds texts, and networks learn from numbers; say features=minilm\n"
    )
    assert not (tmp_path / "nowhere").exists()
    assert not (tmp_path / "outputs").exists()


def test_features_are_given_the_texts_and_take_their_place(tmp_path):
    (tmp_path / "x.csv").write_text(as_csv(made()))
    node = {"_target_": "al_bench.datasets.texts.texts", "path": str(tmp_path / "x.csv")}
    data = loaded(node, tmp_path, 0)
    where = Where({}, tmp_path)
    found = on_features(data, Letters(), where)
    assert found.dataset.input_shape == (26,)
    assert found.dataset.train.inputs[3].tolist() == Letters()([data.dataset.train.inputs[3]])[0].tolist()
    assert found.digest != data.digest
    assert found.copies == data.copies
    with pytest.raises(DataError, match="features=none: the data set holds texts"):
        on_features(data, Inputs(), where)
    with pytest.raises(ConfigError, match="say features=minilm"):
        check_features(node, Inputs())
    check_features(node, Letters())


@pytest.mark.moderate
def test_a_users_function_that_gives_texts_without_saying_so_is_refused_before_training(cli, tmp_path):
    (tmp_path / "mine.py").write_text(FUNCTION)
    (tmp_path / "conf" / "dataset").mkdir(parents=True)
    hyperparameters = "hyperparameters: {width: 8, lr: 1e-2, minibatch_size: 8}"
    (tmp_path / "conf" / "dataset" / "mine.yaml").write_text(f"_target_: mine.untold\n{hyperparameters}\n")
    assert "features=none: the data set holds texts" in cli("--config-dir=conf", "dataset=mine").err


@pytest.mark.slow
def test_a_name_stands_for_both_paths(cli, tmp_path):
    (tmp_path / "x.csv").write_text(as_csv(made()))
    (tmp_path / "t.csv").write_text(as_csv(made(12)))
    own = ("dataset=texts", LETTERS, "dataset.name=mine", *QUICK)
    first = cli(*own, "dataset.path=x.csv", "dataset.test_path=t.csv")
    assert first.code == 0, first.err
    assert run_directory(tmp_path).parts[-6] == "texts,name=mine"
    (tmp_path / "x.csv").rename(tmp_path / "moved.csv")
    assert "finished before" in cli(*own, "dataset.path=moved.csv", "dataset.test_path=elsewhere.csv").out
    other = cli(*own, "dataset.path=moved.csv", "budget=30")
    assert "the data set is not the one that the finished rounds" in other.err


@pytest.mark.moderate
@pytest.mark.parametrize(
    ("arguments", "folder"),
    [
        (["dataset=csv", "dataset.target=y"], "csv,path=x.csv,target=y"),
        (["dataset=csv", "dataset.target=y", "dataset.name=mine"], "csv,name=mine,target=y"),
    ],
)
def test_a_table_of_ones_own_is_run(cli, tmp_path, arguments, folder):
    rows = "\n".join(f"{row % 7},{['red', 'blue'][row % 2]},{'pq'[row % 3 % 2]}" for row in range(60))
    (tmp_path / "x.csv").write_text(f"n,colour,y\n{rows}\n")
    done = cli(*arguments, "dataset.path=x.csv", *QUICK)
    assert done.code == 0, done.err
    assert run_directory(tmp_path).parts[-6] == folder


def test_the_target_of_a_table_has_to_be_said(cli):
    assert (
        cli("dataset=csv", "dataset.path=x.csv").err
        == "al-bench: dataset.target has no value; say dataset.target=...\n"
    )


class TestNumberOfClasses:
    @pytest.mark.slow
    def test_it_is_compared_with_the_data_before_training_and_is_no_part_of_what_a_run_is(self, cli, tmp_path):
        assert cli(*QUICK).code == 0
        path = run_directory(tmp_path)
        assert "finished before" in cli(*QUICK, "dataset.num_classes=null").out
        assert "finished before" in cli(*QUICK, "dataset.num_classes=7").out
        wrong = cli(*QUICK, "dataset.num_classes=7", "budget=30")
        assert (wrong.code, wrong.err) == (1, "al-bench: dataset.num_classes=7: the data set has 10 classes\n")
        assert cli(*QUICK, "budget=30").code == 0
        config = (path / "config.yaml").read_text()
        assert "  num_classes: 10\n" in config
        (path / "config.yaml").write_text(config.replace("  num_classes: 10\n", ""))
        assert "finished before" in cli(*QUICK).out
        assert cli(*QUICK, "budget=40").code == 0
        assert path.parts[-6] == "digits"

    @pytest.mark.parametrize("value", ["0", "ten", "2.5", "[2]"])
    def test_it_is_a_number(self, cli, value):
        refused = cli(f"dataset.num_classes={value}", "data_dir=nowhere")
        assert re.match(rf"al-bench: dataset.num_classes={re.escape(value)}: ", refused.err)

    @pytest.mark.moderate
    def test_a_users_function_may_ask_for_it(self, cli, tmp_path):
        (tmp_path / "mine.py").write_text(FUNCTION)
        (tmp_path / "conf" / "dataset").mkdir(parents=True)
        hyperparameters = "hyperparameters: {width: 8, lr: 1e-2, minibatch_size: 8}"
        (tmp_path / "conf" / "dataset" / "mine.yaml").write_text(f"_target_: mine.sides\n{hyperparameters}\n")
        own = ("--config-dir=conf", "dataset=mine", *QUICK)
        assert cli(*own, "dataset.num_classes=3").code == 0
        assert run_directory(tmp_path).parts[-6] == "mine"
        assert cli(*own, "name=two").code == 0


@pytest.mark.slow
class TestAFileThatHasChanged:
    """A run is called after the name or path of a user's data, so what is in the files is looked at."""

    SWEEP = ("-m", "dataset=csv", "dataset.path=x.csv", "dataset.target=y", "dataset.name=mine", "seed=0,1", *QUICK)

    @staticmethod
    def write(folder: Path, change: int = 0, name: str = "x.csv") -> None:
        rows = "\n".join(f"{row % 7},{'pq'[(row + change) % 3 % 2]}" for row in range(60))
        (folder / name).write_text(f"n,y\n{rows}\n")

    def test_a_finished_run_of_other_data_is_not_skipped_and_stays_as_it_was(self, cli, tmp_path):
        self.write(tmp_path)
        assert cli(*self.SWEEP).code == 0
        before = {path: path.read_bytes() for path in tmp_path.rglob("s[01]/*") if path.name != "run.log"}
        assert "2 skipped (finished before)" in cli(*self.SWEEP).out
        self.write(tmp_path, 1)
        told = cli(*self.SWEEP)
        assert told.code == 1
        assert "2 failed" in told.out
        assert "the data set is not the one that the finished rounds in" in told.out
        assert "another dataset.name=..." in told.out
        self.write(tmp_path, 1, "other.csv")
        assert "2 failed" in cli(*self.SWEEP, "dataset.path=other.csv").out
        assert {path: path.read_bytes() for path in before} == before
        assert not [*tmp_path.rglob("error.json")]
        self.write(tmp_path)
        assert "2 skipped (finished before)" in cli(*self.SWEEP).out

    def test_another_file_of_the_same_data_is_taken_once_it_was_read(self, cli, tmp_path):
        self.write(tmp_path)
        assert cli(*self.SWEEP).code == 0
        text = (tmp_path / "x.csv").read_text()
        (tmp_path / "x.csv").write_text(text.replace("\n", "\r\n"))
        assert "2 finished, 0 skipped" in cli(*self.SWEEP).out
        assert "2 skipped (finished before)" in cli(*self.SWEEP).out


@pytest.mark.slow
def test_a_start_that_asked_for_more_and_did_not_get_there_is_settled_by_the_first_command(cli, tmp_path, monkeypatch):
    assert cli(*QUICK).code == 0
    path = run_directory(tmp_path)

    def stops(*_: object, **__: object) -> None:
        raise SystemExit("killed")

    entries = json.loads((path / "environment.json").read_text())
    asked_for_more = [*entries, {**entries[-1], "budget": 40}]
    (path / "environment.json").write_text(json.dumps(asked_for_more))  # as a kill before the next round leaves it
    assert [run.state for run in runs_in(tmp_path / "outputs")] == [State.INTERRUPTED]
    assert "finished before" not in cli(*QUICK).out
    assert [run.state for run in runs_in(tmp_path / "outputs")] == [State.FINISHED]
    assert "finished before" in cli(*QUICK).out
    with monkeypatch.context() as patched:
        patched.setattr("al_bench.training.learner.Learner.fit", stops)
        assert cli(*QUICK, "budget=40").code == 1
    assert [run.state for run in runs_in(tmp_path / "outputs")] == [State.FAILED]
    assert "finished before" not in cli(*QUICK).out
    assert [run.state for run in runs_in(tmp_path / "outputs")] == [State.FINISHED]

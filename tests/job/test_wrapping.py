"""Data as it comes: keys of every data set, drawn from a stream of their own, part of names, kept in the folder."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from al_bench.core.data import Dataset, Examples
from al_bench.core.errors import ConfigError, DataError, ResultsError, RunDirectoryError
from al_bench.core.seeding import Stream, generator
from al_bench.datasets.checks import digest
from al_bench.datasets.copies import Copies
from al_bench.datasets.wrappers.duplicates import Duplicates
from al_bench.datasets.wrappers.label_noise import LabelNoise
from al_bench.datasets.wrappers.long_tail import LongTail
from al_bench.datasets.wrappers.max_pool_size import MaxPoolSize
from al_bench.job.loading import Loaded, checked_node, loaded
from al_bench.job.wrapping import checked_wrappers, wrapped
from al_bench.records.archive.moving import pack, restore
from al_bench.records.committed import keep_drawn
from al_bench.records.state import is_finished
from tests.conftest import assert_same_results, blobs, run_command, run_directory
from tests.support.tables import letters, openml_folder

QUICK = ("model.width=8", "model.max_epochs=2", "num_initial=20", "batch_size.size=20", "budget=70", "strategy=random")
BLOBS = {"_target_": "tests.conftest.blobs"}
DIGITS = {"_target_": "al_bench.datasets.digits.digits"}
ALL = {
    "label_noise": {"rate": 0.2, "matrix": None},
    "duplicates": {"share": 0.5},
    "long_tail": {"ratio": 0.5},
    "max_pool_size": 150,
}


def data() -> Loaded:
    dataset = blobs()
    return Loaded(dataset, digest(dataset))


def flips_of(path: Path) -> list[list[int]]:
    header, *rows = csv.reader((path / "flips.csv").read_text().splitlines())
    assert header == ["index", "target", "given"]
    return [list(map(int, row)) for row in rows]


def test_they_are_done_one_after_the_other_in_their_order_from_the_stream_of_the_data():
    found, rng = data().dataset, generator(7, Stream.DATA)
    for wrapper in (MaxPoolSize(150), LongTail(0.5), Duplicates(0.5)):
        found = wrapper(found, rng)
    noisy = LabelNoise(rate=0.2)(found, rng)
    ours = wrapped(data(), checked_wrappers(BLOBS | ALL), 7)
    assert ours.digest == digest(noisy) == digest(ours.dataset)
    assert ours.copies == Copies.of(noisy).found()
    assert ours.copies.pool > 10
    assert ours.best_accuracy == Copies.of(noisy).best_accuracy() < 1
    assert ours.dataset.test is not None
    assert torch.equal(ours.dataset.test.inputs, blobs().test.inputs)
    assert torch.equal(ours.dataset.test.targets, blobs().test.targets)
    clean, given = found.train.targets.tolist(), noisy.train.targets.tolist()
    assert ours.flips.tolist() == [
        [row, target, label] for row, (target, label) in enumerate(zip(clean, given, strict=True)) if target != label
    ]
    assert wrapped(data(), checked_wrappers(BLOBS | ALL), 8).digest != ours.digest


def test_texts_are_taken_as_they_are():
    texts = tuple(f"text {number}" for number in range(60))
    dataset = Dataset(Examples(texts, torch.arange(60) % 2), Examples(("other",), torch.tensor([0])), 2)
    asked = ALL | {"max_pool_size": 40}
    found = wrapped(Loaded(dataset, digest(dataset)), checked_wrappers(BLOBS | asked), 0)
    kept = found.dataset.train.inputs
    assert isinstance(kept, tuple)
    assert len(set(kept)) < len(kept) < 60
    assert found.copies.pool == len(kept) - len(set(kept))
    clean = [int(text.split()[1]) % 2 for text in kept]
    given = found.dataset.train.targets.tolist()
    assert [
        [row, target, given[row]] for row, target in enumerate(clean) if target != given[row]
    ] == found.flips.tolist()


def test_without_any_the_data_is_what_it_was():
    loaded = data()
    assert wrapped(loaded, checked_wrappers(BLOBS | {"copies": "keep"}), 7) is loaded


def test_only_label_noise_has_flips():
    found = wrapped(data(), checked_wrappers(BLOBS | ALL | {"label_noise": {"rate": None}}), 7)
    assert found.flips is None
    assert wrapped(data(), checked_wrappers(BLOBS | {"label_noise": {"rate": 0.0}}), 7).flips.shape == (0, 3)


def test_a_class_that_is_left_without_examples_is_told_with_what_left_it():
    with pytest.raises(DataError, match=r"^dataset.max_pool_size=2: no example of class .* is in the training pool$"):
        wrapped(data(), checked_wrappers(BLOBS | {"max_pool_size": 2}), 0)
    matrix = [[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    with pytest.raises(DataError, match=r"^dataset.label_noise.matrix=\[\[1,0,0,0\].*: no example of class 1 is in"):
        wrapped(data(), checked_wrappers(BLOBS | {"label_noise": {"matrix": matrix}}), 0)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"long_tail": 0.1}, "dataset.long_tail=0.1: say dataset.long_tail.ratio=..."),
        (
            {"label_noise": None},
            "dataset.label_noise=null: say dataset.label_noise.rate=... or dataset.label_noise.matr",
        ),
        ({"long_tail": {"ratio": 0}}, "dataset.long_tail.ratio=0: input should be greater than 0"),
        ({"long_tail": {"ratio": 1.5}}, "dataset.long_tail.ratio=1.5: input should be less than or equal to 1"),
        ({"long_tail": {"ration": 0.1}}, "dataset.long_tail.ration=0.1: there is no such key; did you mean 'ratio'?"),
        ({"max_pool_size": 0}, "dataset.max_pool_size=0: input should be greater than 0"),
        ({"max_pool_size": {"size": 3}}, 'dataset.max_pool_size={"size":3}: input should be a valid integer'),
        ({"duplicates": {"share": -0.1}}, "dataset.duplicates.share=-0.1: input should be greater than or equal to 0"),
        ({"label_noise": {"rate": 2}}, "dataset.label_noise.rate=2: input should be less than or equal to 1"),
        ({"label_noise": {"matrix": [[0.5, 0.4], [0, 1]]}}, "row 0 sums to 0.9; the labels that a class is given sum"),
        ({"label_noise": {"matrix": [[1], [0, 1]]}}, "row 0 has 1 of 2 columns; a row and a column for each class"),
        ({"label_noise": {"matrix": [[2, -1], [0, 1]]}}, "input should be less than or equal to 1"),
        ({"label_noise": {"rate": 0.1, "matrix": [[1, 0], [0, 1]]}}, "dataset.label_noise: it has a rate and a matrix"),
    ],
)
def test_what_is_none_is_refused_before_anything_is_loaded(node, message):
    with pytest.raises(ConfigError) as error:
        checked_wrappers(BLOBS | node)
    assert message in str(error.value)


def test_a_key_that_a_data_set_has_itself_is_its_own(tmp_path):
    openml_folder(tmp_path, letters())
    node = {"_target_": "al_bench.datasets.openml.openml", "id": 1, "max_pool_size": 50, "long_tail": {"ratio": 0.5}}
    assert list(checked_wrappers(node)) == ["dataset.long_tail.ratio=0.5"]
    assert checked_node(node) == {key: node[key] for key in ("_target_", "id", "max_pool_size")} | {"copies": "keep"}
    assert len(loaded(checked_node(node), tmp_path, 0).dataset.train) == 50


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("noisy")
    assert run_command(*QUICK, "dataset.label_noise.rate=.2", "num_validation=30", cwd=folder).code == 0
    return folder / "outputs"


@pytest.fixture
def run(noisy, cli, tmp_path) -> Path:
    shutil.copytree(noisy, tmp_path / "outputs")
    return run_directory(tmp_path)


AGAIN = (*QUICK, "dataset.label_noise.rate=0.2", "num_validation=30")


@pytest.mark.slow
class TestARunWithLabelNoise:
    def test_what_is_bought_is_what_was_flipped(self, run):
        assert run.parts[-6] == "digits,label_noise.rate=0.2"
        data = loaded(DIGITS, run, 0)
        flips = {index: (target, given) for index, target, given in flips_of(run)}
        assert 0.1 < len(flips) / len(data.dataset.train) < 0.3
        _, *rows = csv.reader((run / "queries.csv").read_text().splitlines())
        clean = data.dataset.train.targets.tolist()
        bought = [(int(index), int(target)) for _, _, index, target in rows]
        assert {index for index, _ in bought} & flips.keys()
        for index, target in bought:
            assert target == (flips[index][1] if index in flips else clean[index])
        assert all(target == clean[index] != given for index, (target, given) in flips.items())

    def test_more_rounds_are_of_the_same_flips(self, run, cli, tmp_path):
        before = (run / "flips.csv").read_bytes()
        assert cli(*AGAIN, "budget=100").code == 0
        assert (run / "flips.csv").read_bytes() == before
        assert cli(*AGAIN, "budget=100", "name=anew").code == 0
        assert_same_results(run, run_directory(tmp_path / "outputs" / "anew"))

    @pytest.mark.parametrize("kept", [None, 0, 30])
    def test_what_is_lacking_of_them_is_written_again(self, run, cli, kept):
        whole = (run / "flips.csv").read_bytes()
        assert "finished before" in cli(*AGAIN).out
        (run / "flips.csv").unlink()
        if kept is not None:
            (run / "flips.csv").write_bytes(whole[:kept])
        assert not is_finished(run)
        result = cli(*AGAIN)
        assert result.code == 0, result.err
        assert (run / "flips.csv").read_bytes() == whole
        assert "flips.csv was not whole, and is written again" in (run / "run.log").read_text()
        assert is_finished(run)

    def test_others_are_refused(self, run, cli):
        whole = (run / "flips.csv").read_text()
        (run / "flips.csv").write_text(whole.replace("given\n", "given\n0,1,2\n"))
        result = cli(*AGAIN)
        assert result.code == 1
        assert "flips.csv: it does not hold the labels that are made wrong in this run; the folder was ch" in result.err
        assert (run / "flips.csv").read_text() != whole

    def test_an_archive_keeps_them(self, run, cli, tmp_path):
        folder = tmp_path / "outputs" / "default"
        assert pack(folder, tmp_path / "runs.tar.xz").num_added == 1
        whole = (run / "flips.csv").read_bytes()
        shutil.rmtree(folder)
        restore(tmp_path / "runs.tar.xz", folder)
        assert (run / "flips.csv").read_bytes() == whole
        assert "finished before" in cli(*AGAIN).out
        (run / "flips.csv").write_bytes(whole[:-1])
        with pytest.raises(ResultsError, match="there is no finished run in it"):
            pack(folder, tmp_path / "other.tar.xz")

    def test_an_older_folder_is_finished(self, cli, tmp_path):
        assert cli(*QUICK, "name=old").code == 0
        config = run_directory(tmp_path / "outputs" / "old") / "config.yaml"
        stored = yaml.safe_load(config.read_text())
        for key in ALL:
            del stored["dataset"][key]
        config.write_text(yaml.safe_dump(stored, sort_keys=False))
        assert "finished before" in cli(*QUICK, "name=old").out


def test_a_file_of_flips_in_a_run_without_noise_is_refused(tmp_path):
    flips = np.array([[3, 1, 0]])
    assert keep_drawn(tmp_path, "flips", None, has_rounds=True) is None
    written = keep_drawn(tmp_path, "flips", flips, has_rounds=False)
    assert (tmp_path / "flips.csv").read_text() == "index,target,given\n3,1,0\n"
    assert written != keep_drawn(tmp_path, "flips", np.array([[4, 1, 0]]), has_rounds=False), (
        "of other data, without rounds"
    )
    with pytest.raises(RunDirectoryError, match=r"flips.csv: there are no labels that are made wrong in this run"):
        keep_drawn(tmp_path, "flips", None, has_rounds=False)


@pytest.mark.slow
def test_copies_that_are_bought_are_counted_and_all_is_named_in_the_path(cli, tmp_path):
    assert cli(*QUICK, "dataset.duplicates.share=3", "dataset.max_pool_size=100", "budget=null").code == 0
    path = run_directory(tmp_path / "outputs")
    assert path.parts[-6] == "digits,duplicates.share=3,max_pool_size=100"
    with (path / "rounds.csv").open() as file:
        assert sum(int(row["num_copies"]) for row in csv.DictReader(file)) == 300
    assert json.loads((path / "done.json").read_text())["pool_size"] == 400
    (start,) = json.loads((path / "environment.json").read_text())
    assert start["copies"]["pool"] == 300

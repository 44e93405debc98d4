"""Copies in a data set: counted when it is loaded, warned of, and left out where that is asked for."""

import json
import logging
import re
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from al_bench.core.data import Dataset, Examples
from al_bench.core.errors import DataError
from al_bench.datasets.copies import Copies, Found, without_copies
from al_bench.job.loading import loaded
from al_bench.training.options import TrainingOptions
from al_bench.training.stopping import warn_if_out_of_reach
from tests.conftest import real_data, run_directory
from tests.support.tables import openml_folder

SGD = partial(torch.optim.SGD, lr=1e-2)


def dataset(pool: str, test: str) -> Dataset:
    """Examples as `a0 b1 a1`: a letter for the inputs, a digit for the label."""

    def examples(text: str) -> Examples:
        words = text.split()
        inputs = torch.tensor([[float(ord(word[0]))] for word in words])
        return Examples(inputs, torch.tensor([int(word[1]) for word in words]))

    return Dataset(examples(pool), examples(test), 3)


def words(examples: Examples) -> str:
    letters = (chr(int(letter)) for letter in examples.inputs[:, 0])
    return " ".join(f"{letter}{label}" for letter, label in zip(letters, examples.targets.tolist(), strict=True))


EXAMPLE = dataset("a0 b1 a0 c2 b2 a0 d1 b1", "a0 e1 b1 b0 e1 c0")


@pytest.mark.parametrize(
    ("pool", "test", "found"),
    [
        ("a0 b1 c2", "d0 e1", (0, 0, 0)),
        ("a0 a0 a0 b1 c2", "a1 d0", (2, 1, 0)),
        ("a0 a1 b1 c2", "d0 d0 d1", (1, 0, 2)),
        ("a0 a0 a1 b1 b1 c2", "a0 a2 b1", (3, 3, 3)),
        (words(EXAMPLE.train), words(EXAMPLE.test), (4, 4, 3)),
    ],
)
def test_copies_are_counted_by_inputs_alone(pool, test, found):
    assert Copies.of(dataset(pool, test)).found() == Found(*found)


def test_one_of_equal_examples_of_the_pool_stays_the_first_with_its_label():
    left = without_copies(EXAMPLE, Copies.of(EXAMPLE), "pool")
    assert words(left.train) == "a0 b1 c2 d1"
    assert words(left.test) == words(EXAMPLE.test)


def test_what_has_a_copy_in_the_pool_leaves_the_test_set():
    left = without_copies(EXAMPLE, Copies.of(EXAMPLE), "test")
    assert words(left.test) == "e1 e1"
    assert words(left.train) == words(EXAMPLE.train)


def test_a_test_set_of_copies_alone_is_refused():
    of_copies = dataset("a0 b1", "a0 b0")
    with pytest.raises(DataError, match="dataset.copies=test: every example of the test set has a copy in the pool"):
        without_copies(of_copies, Copies.of(of_copies), "test")


def test_the_best_accuracy_is_that_of_the_most_frequent_labels():
    rng = np.random.default_rng(0)
    made = dataset(" ".join(f"{'abcdefgh'[i]}{j}" for i, j in rng.integers([8, 3], size=(50, 2))), "a0")
    counts = Counter(words(made.train).split())
    best = sum(max(counts[f"{letter}{label}"] for label in range(3)) for letter in "abcdefgh")
    assert Copies.of(made).best_accuracy() == best / 50
    assert Copies.of(dataset("a0 b1 a0", "c0")).best_accuracy() == 1


@pytest.mark.parametrize(
    ("num_copies", "num_test_copies", "extra", "is_warned_of"),
    [
        (0, 0, [], False),
        (1, 0, [], False),
        (5, 0, [], False),
        (6, 0, [], True),
        (0, 1, [], False),
        (0, 2, [], True),
        (0, 0, ["pool"], True),
        (0, 0, ["test"], True),
    ],
)
def test_more_than_half_a_percent_of_copies_and_any_conflict_are_warned_of(
    num_copies, num_test_copies, extra, is_warned_of
):
    pool, test = np.arange(1000.0), np.arange(1000.0, 1200.0)
    pool[1000 - num_copies :] = 0
    test[: num_test_copies + len(extra)] = np.arange(1, num_test_copies + len(extra) + 1)
    labels, test_labels = torch.zeros(1000, dtype=torch.int64), torch.zeros(200, dtype=torch.int64)
    if extra == ["pool"]:
        pool[1], labels[1], test[0] = pool[2], 1, 5000
    if extra == ["test"]:
        test_labels[0] = 1
    inputs, test_inputs = (torch.from_numpy(each).float()[:, None] for each in (pool, test))
    warning = Copies.of(Dataset(Examples(inputs, labels), Examples(test_inputs, test_labels), 2)).warning()
    assert (warning is not None) is is_warned_of


def test_all_of_a_test_set_are_100_percent_of_it():
    warning = Copies.of(dataset("a0 b1 c0 d1", "a0 b1")).warning()
    assert "0 of 4 (0 %) examples of the pool" in warning
    assert "2 of 2 (100 %) of the test set" in warning


@pytest.mark.parametrize(
    ("training", "best_accuracy", "is_warned_of"),
    [
        (TrainingOptions(SGD), 0.951, True),
        (TrainingOptions(SGD), 0.99, False),
        (TrainingOptions(SGD, stop_at_train_accuracy=0.95), 0.951, False),
        (TrainingOptions(SGD, stop_at_train_accuracy=None), 0.951, False),
        (TrainingOptions(SGD, patience=3), 0.951, False),
    ],
)
def test_a_stopping_rule_out_of_reach_is_said_with_the_keys_that_help(caplog, training, best_accuracy, is_warned_of):
    warn_if_out_of_reach(training, best_accuracy)
    assert bool(caplog.text) is is_warned_of
    if is_warned_of:
        for text in ("95.1 %", "model.stop_at_train_accuracy=0.99", "model.max_epochs=3000", "dataset.copies=pool"):
            assert text in caplog.text


def conflicting(tmp_path: Path) -> Path:
    """A table of 400 rows, of which some are equal but for their class."""
    rows = "".join(f"{row % 150 if row < 300 else row},{'ab'[row % 2 if row < 280 else 1]}\n" for row in range(400))
    return openml_folder(tmp_path, f"@relation r\n@attribute x real\n@attribute class {{a,b}}\n@data\n{rows}")


@pytest.mark.parametrize("choice", ["keep", "pool", "test"])
def test_a_run_counts_copies_before_it_leaves_any_out_and_carries_the_choice_in_its_name(
    cli, tmp_path, monkeypatch, choice
):
    conflicting(tmp_path)
    monkeypatch.setenv("AL_BENCH_DATA", str(tmp_path))
    result = cli(
        *("dataset=openml", "dataset.id=1", "num_initial=20", "budget=30", "batch_size=b10", "strategy=random"),
        *("model.max_epochs=2", *([] if choice == "keep" else [f"dataset.copies={choice}"])),
    )
    assert result.code == 0, result.err
    path = run_directory(tmp_path / "outputs")
    assert path.parts[-6] == ("openml,id=1" if choice == "keep" else f"openml,copies={choice},id=1")
    node = {"_target_": "al_bench.datasets.openml.openml", "id": 1}
    kept, chosen = (loaded(node | {"copies": each}, tmp_path, 0) for each in ("keep", choice))
    (start,) = json.loads((path / "environment.json").read_text())
    assert start["copies"] == kept.copies.as_dict() == chosen.copies.as_dict()
    assert start["data"] == chosen.digest
    assert min(kept.copies.as_dict().values()) > 10
    assert (len(chosen.dataset.train), len(chosen.dataset.test)) == (
        len(kept.dataset.train) - kept.copies.pool * (choice == "pool"),
        len(kept.dataset.test) - kept.copies.test * (choice == "test"),
    )
    said = (path / "run.log").read_text()
    assert said.count("examples of the pool are copies of others") == 1
    assert ("model.stop_at_train_accuracy=0.99" in said) is (choice != "pool")


@pytest.mark.slow
def test_the_key_is_one_of_every_data_set_a_users_own_too(cli, tmp_path):
    (tmp_path / "own.py").write_text(
        "import torch\n"
        "from al_bench.core.data import Dataset, Examples\n"
        "def own() -> Dataset:\n"
        "    inputs = torch.arange(60.0)[:, None] // 2\n"
        "    examples = Examples(inputs, (inputs[:, 0] % 2).long())\n"
        "    return Dataset(examples, examples.take(torch.arange(9)), 2)\n"
    )
    (tmp_path / "conf" / "dataset").mkdir(parents=True)
    node = {"_target_": "own.own", "hyperparameters": {"width": 8, "lr": 1e-2, "minibatch_size": 8}}
    for name, extra in (("own", {}), ("own_unlike", {"copies": "pool"})):
        (tmp_path / "conf" / "dataset" / f"{name}.yaml").write_text(yaml.safe_dump(node | extra))
    arguments = ["--config-dir=conf", "num_initial=10", "budget=10", "strategy=random"]
    assert cli(*arguments, "dataset=own", "dataset.copies=pool").code == 0
    assert cli(*arguments, "dataset=own_unlike").code == 0
    folders = sorted(path.name for path in (tmp_path / "outputs" / "default").glob("[!.]*"))
    assert folders == ["own,copies=pool", "own_unlike"]
    sizes = {json.loads(path.read_text())["pool_size"] for path in (tmp_path / "outputs").rglob("done.json")}
    assert sizes == {30}
    of_copies = cli(*arguments, "dataset=own", "dataset.copies=test")
    assert of_copies.code == 1
    assert "dataset.copies=test: every example of the test set has a copy in the pool" in of_copies.err


@pytest.mark.parametrize("value", ["none", "true", "null", "[pool]", "1"])
def test_another_value_is_refused_before_anything_is_read(cli, value):
    result = cli("dataset=openml_6", f"dataset.copies={value}", "data_dir=nowhere")
    assert result.code == 1
    assert re.search(r"dataset.copies=.*'keep', 'pool' or 'test'", result.err)


def test_a_class_of_copies_alone_cannot_be_left_out(tmp_path):
    inputs = np.repeat(np.arange(20.0), 2)[:, None]
    np.savez(tmp_path / "a.npz", inputs=inputs, targets=np.arange(40) % 2, test_inputs=[[50.0]], test_targets=[0])
    node = {"_target_": "al_bench.datasets.arrays.arrays", "path": str(tmp_path / "a.npz"), "copies": "pool"}
    with pytest.raises(DataError, match="dataset.copies=pool: no example of class 1 is in the training pool"):
        loaded(node, tmp_path, 0)


@pytest.mark.parametrize(
    ("id", "found", "best_accuracy"),
    [(6, Found(1110, 216, 0), 1.0), (18, Found(92, 20, 178), 0.9506), (36, Found(173, 48, 0), 1.0)],
)
def test_copies_of_real_tables(id, found, best_accuracy, caplog):
    """Letter: 6.2 % of the pool, 10.8 % of the test set; segment: 8.3 and 20.8 %."""
    real_data("openml", f"{id}.arff")
    with caplog.at_level(logging.WARNING):
        data = loaded({"_target_": "al_bench.datasets.openml.openml", "id": id}, real_data("openml"), 0)
    assert data.copies == found
    assert data.best_accuracy == pytest.approx(best_accuracy, abs=1e-4)
    assert "dataset.copies=test" in caplog.text

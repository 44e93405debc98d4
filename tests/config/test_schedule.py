"""How many labels are bought, as multiples of the number of classes."""

import json

import numpy as np
import pytest
import yaml

from al_bench.config.schema import CONF
from al_bench.records.reading import rows_of
from al_bench.records.run_config import Wanted
from tests.conftest import run_directory
from tests.support.configs import run_config
from tests.support.tables import letters, openml_folder

QUICK = ("strategy=random", "model.width=8", "model.max_epochs=1")


def counts(path) -> list[int]:
    """Of labels, round by round."""
    return [row["num_labelled"] for row in rows_of(path)]


def by_hand(per_class: int, num_rounds: int, num_classes: int, pool_size: int, num_validation: int = 0) -> list[int]:
    """One round after the other, as long as there are rounds and room."""
    labels = [num_validation + per_class * num_classes]
    while len(labels) <= num_rounds and labels[-1] + per_class * num_classes <= pool_size / 3:
        labels.append(labels[-1] + per_class * num_classes)
    return labels


@pytest.mark.slow
@pytest.mark.parametrize(("schedule", "per_class", "num_rounds"), [("low", 1, 20), ("medium", 5, 10), ("high", 25, 10)])
@pytest.mark.parametrize("num_validation", [0, 7])
def test_a_schedule_is_so_many_labels_a_class_within_a_third_of_the_pool(
    cli, tmp_path, schedule, per_class, num_rounds, num_validation
):
    command = (*QUICK, f"schedule={schedule}", f"num_validation={num_validation}")
    assert cli(*command).code == 0
    path = run_directory(tmp_path)
    assert counts(path) == by_hand(per_class, num_rounds, 10, 1437, num_validation)
    validated = ",num_validation=7" * (num_validation > 0)
    assert path.parts[-3:-1] == (f"b{10 * per_class}", f"num_initial={10 * per_class}{validated}")
    assert json.loads((path / "environment.json").read_text())[-1]["budget"] == counts(path)[-1]
    assert "finished before" in cli(*command).out
    assert "1 runs, 1 of them finished" in cli(*command, "dry_run=true").out
    assert " finished " in cli("status", "outputs/default").out


@pytest.mark.slow
def test_it_is_the_run_of_the_same_numbers_and_goes_on_where_that_ended(cli, tmp_path):
    numbers = (*QUICK, "num_initial=10", "batch_size.size=10")
    assert cli(*numbers, "budget=50").code == 0
    assert counts(run_directory(tmp_path)) == [10, 20, 30, 40, 50]
    assert cli(*QUICK, "schedule=low", "schedule.num_rounds=6").code == 0
    assert counts(run_directory(tmp_path)) == [10, 20, 30, 40, 50, 60, 70]
    assert "finished before" in cli(*numbers, "budget=70").out


@pytest.mark.slow
def test_schedules_are_swept_over_with_estimates_of_what_was_measured(cli, tmp_path):
    sweep = ("-m", *QUICK, "schedule=low,medium", "seed=0,1")
    assert "4 runs: 4 finished" in cli(*sweep).out
    told = cli("-m", *QUICK, "schedule=low,medium", "seed=2", "dry_run=true").out
    assert "2 runs to do" in told
    assert "at least" not in told  # medium ends at 450 of its 550 labels, and so did what was measured


@pytest.mark.moderate
@pytest.mark.parametrize(
    "given",
    ["num_initial=100", "num_initial=10", "batch_size=b100", "batch_size=b10", "batch_size.size=100", "budget=210"],
)
def test_numbers_beside_it_are_refused_even_if_they_are_the_defaults(cli, tmp_path, given):
    result = cli("schedule=low", given)
    assert (
        result.err == f"al-bench: {given}: schedule=low says how many labels are bought, so leave out one of the two\n"
    )
    assert not (tmp_path / "outputs").exists()


@pytest.mark.moderate
def test_numbers_in_files_beside_it_are_refused(cli, tmp_path):
    for name, text in {"a": "budget: 70\n", "b": "defaults:\n  - override /batch_size: b10\n"}.items():
        folder = tmp_path / "conf" / "experiment"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.yaml").write_text(f"# @package _global_\n{text}")
        told = cli("--config-dir", "conf", "schedule=low", f"experiment={name}").err
        assert "schedule=low says how many labels are bought" in told


@pytest.mark.slow
def test_a_data_set_has_to_say_how_many_classes_it_has(cli, tmp_path):
    np.savez(tmp_path / "a.npz", inputs=np.random.default_rng(0).normal(size=(90, 3)), targets=np.arange(90) % 3)
    own = (*QUICK, "dataset=arrays", "dataset.path=a.npz", "schedule=low")
    expected = "schedule=low: in multiples of the number of classes; say dataset.num_classes=..."
    assert cli(*own).err == f"al-bench: {expected}\n"
    assert "dataset.num_classes=4: the data set has 3 classes" in cli(*own, "dataset.num_classes=4").err
    assert "dataset.num_classes=x: " in cli(*own, "dataset.num_classes=x").err
    assert cli(*own, "dataset.num_classes=3", "name=right").code == 0
    path = run_directory(tmp_path / "outputs" / "right")
    assert counts(path) == by_hand(1, 20, 3, 72)
    assert "num_classes" not in str(path)


@pytest.mark.slow
def test_it_is_no_part_of_what_a_run_is_called(cli, tmp_path):
    write = (*QUICK, "data_dir=.", "dataset=openml", "dataset.id=77")
    openml_folder(tmp_path, letters(), id=77)
    assert cli(*write, "num_initial=26", "batch_size.size=26", "budget=52").code == 0
    again = cli(*write, "num_initial=26", "batch_size.size=26", "budget=52", "dataset.num_classes=26")
    assert "finished before" in again.out


@pytest.mark.slow
def test_a_first_batch_beyond_a_third_of_the_pool_is_refused(cli):
    told = cli(*QUICK, "schedule=high", "schedule.labels_per_class=48").err
    assert (
        "schedule.labels_per_class=48: that is 480 labels at once, beyond a third of the training pool's 1,437" in told
    )


@pytest.mark.parametrize("key", ["labels_per_class", "num_rounds"])
def test_a_schedule_of_no_labels_is_refused(cli, key):
    assert f"schedule.{key}=0: input should be greater than 0" in cli("schedule=low", f"schedule.{key}=0").err


def test_a_key_of_no_schedule_is_told(cli):
    told = "schedule.num_rounds=3: of no schedule; say schedule=low, medium or high beside it"
    assert cli("schedule.num_rounds=3").err == f"al-bench: {told}\n"


def test_a_budget_that_is_no_schedule_is_what_it_says():
    assert Wanted.of_plain({"budget": 70}).within(100) == 70  # of a config.yaml of before there were schedules
    assert Wanted.of_plain({"budget": None, "schedule": None}).within(100) == 100


@pytest.mark.parametrize("schedule", [None, {"labels_per_class": 2, "num_rounds": 3}])
def test_what_is_wanted_is_the_same_of_a_checked_configuration_and_of_its_plain_values(schedule):
    config = run_config(schedule=schedule, num_initial=20, num_validation=5, budget=85)
    assert config.wanted == Wanted.of_plain(config.plain)
    assert config.wanted.is_scheduled == (schedule is not None)
    assert schedule is None or (config.wanted.first, config.schedule.num_rounds) == (25, 3)


@pytest.mark.parametrize("pool_size", [29, 30, 31, 59, 60, 61, 62, 63, 64, 90, 10_000])
@pytest.mark.parametrize("num_validation", [0, 4])
def test_whole_rounds_alone_and_none_beyond_a_third(pool_size, num_validation):
    wanted = Wanted(num_validation + 10 * 7, 10, num_validation + 10, is_scheduled=True)
    assert wanted.within(pool_size) == by_hand(5, 6, 2, pool_size, num_validation)[-1]


def test_our_data_sets_say_how_many_classes_they_have():
    """They are checked against the data whenever it is loaded."""
    own = {"arrays", "csv", "images", "modalities", "openml", "texts"}
    for path in (CONF / "dataset").glob("*.yaml"):
        if path.stem not in own:
            assert yaml.safe_load(path.read_text())["num_classes"] >= 2, path.stem

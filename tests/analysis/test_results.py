"""Folders of results as people leave them: every file is read, or named and left out."""

import csv
from pathlib import Path

import pandas as pd
import pytest

from al_bench.analysis.results import load_results
from al_bench.core.errors import ResultsError
from al_bench.records.identity import Identity
from tests.support.made_results import write_run

USUAL = {100: 0.5, 200: 0.6, 300: 0.7}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two good runs of seeds 0 and 1."""
    for seed in range(2):
        write_run(tmp_path, identity(seed), USUAL)
    return tmp_path


def identity(seed: int) -> Identity:
    return Identity("digits", "mlp,width=8", "badge", 100, "num_initial=20", seed)


def test_runs_are_one_table_with_numbers_and_labels(folder):
    results = load_results(folder)
    assert results.problems == ()
    rounds = results.rounds
    assert len(rounds) == 6
    assert rounds["test_accuracy"].tolist() == [0.5, 0.6, 0.7] * 2
    assert rounds["num_labelled"].tolist() == [100, 200, 300] * 2
    assert rounds["seed"].tolist() == [0, 0, 0, 1, 1, 1]
    assert set(rounds["model"]) == {"mlp,width=8"}
    assert rounds["unlabelled_entropy"].isna().all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "", "it is empty"),
        (lambda text: "time,price\n1,2\n", "it has no column dataset"),
        (lambda text: text.splitlines()[0] + "\n", "it has no rounds"),
        (lambda text: text.replace("test_accuracy,", "accuracy,"), "it has no column test_accuracy"),
        (lambda text: text.replace(",0.6,", ",abc,"), "line 3: test_accuracy='abc' is no number"),
        (lambda text: text.replace(",0.6,", ",nan,"), "line 3: test_accuracy='nan' is not between 0 and 1"),
        (lambda text: text.replace(",200,", ",twenty,"), "line 3: num_labelled='twenty' is no number"),
        (lambda text: text.replace(",200,", ",50,"), "numbers of labels do not grow"),
        (lambda text: "\n".join(text.splitlines()[:2] + text.splitlines()[3:]) + "\n", "rounds are not 0, 1, 2"),
        (lambda text: text.replace(",2,1,", ",3,1,", 1).replace("badge", "margin", 1), "its rows differ in strategy"),
        (lambda text: text.replace("\n", ",7\n", 3).replace(",7\n", "\n", 2), "line 3 has"),
    ],
)
def test_a_damaged_file_is_left_out_and_named(folder, change, message):
    path = write_run(folder, identity(2), USUAL) / "rounds.csv"
    path.write_text(change(path.read_text()))
    results = load_results(folder)
    assert results.rounds["seed"].unique().tolist() == [0, 1]
    (problem,) = results.problems
    assert problem.startswith(f"{path}: left out: ")
    assert message in problem


def test_a_half_written_last_row_is_dropped_and_named(folder):
    path = write_run(folder, identity(2), USUAL) / "rounds.csv"
    path.write_text(path.read_text()[:-20])
    results = load_results(folder)
    assert results.rounds.groupby("seed").size().tolist() == [3, 3, 2]
    assert results.problems == (f"{path}: its last, half-written row is left out",)


@pytest.mark.parametrize("text", ['{"schema_version": 99}', "{", "[]"])
def test_a_run_of_another_schema_version_is_left_out(folder, text):
    path = write_run(folder, identity(2), USUAL)
    (path / "done.json").write_text(text)
    assert "done.json" in load_results(folder).problems[0] or "schema 99" in load_results(folder).problems[0]


def test_an_older_run_with_fewer_columns_is_read(folder):
    path = write_run(folder, identity(2), USUAL) / "rounds.csv"
    path.write_text(
        "\n".join(line.rpartition(",")[0].rpartition(",")[0] for line in path.read_text().splitlines()) + "\n"
    )
    results = load_results(folder)
    assert results.problems == ()
    assert len(results.rounds) == 9
    assert results.rounds["num_copies"].isna().sum() == 3
    assert results.rounds["is_finished"].all()


def test_two_runs_of_one_identity_are_refused(folder, tmp_path):
    write_run(tmp_path / "other", identity(1), USUAL)
    with pytest.raises(ResultsError, match="are the same run"):
        load_results(tmp_path)


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(ResultsError, match="there are no results in it"):
        load_results(tmp_path)
    with pytest.raises(ResultsError, match="there is no such folder"):
        load_results(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("batch_size", "0", "line 2: batch_size='0' is not between 1 and"),
        ("test_balanced_accuracy", "7", "line 2: test_balanced_accuracy='7' is not between 0 and 1"),
        ("class_counts", "50  50", "is not a number of examples for each class"),
        ("class_counts", "0 0", "is not a number of examples for each class"),
        ("class_counts", "5 x", "is not a number of examples for each class"),
        ("class_counts", "9" * 200_000, "field larger than field limit"),
    ],
)
def test_values_that_cannot_be_are_named(tmp_path, column, value, message):
    write_run(tmp_path, Identity("digits", "mlp", "badge", 100, "", 0), {100: 0.5})
    path = write_run(tmp_path, Identity("digits", "mlp", "random", 100, "", 0), {100: 0.5, 200: 0.6}) / "rounds.csv"
    rows = list(csv.DictReader(path.read_text().splitlines()))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(row | {column: value} for row in rows)
    results = load_results(tmp_path)
    assert results.rounds["strategy"].unique().tolist() == ["badge"]
    assert message in results.problems[0]


def test_a_folder_that_is_a_link_is_followed_once(tmp_path):
    write_run(tmp_path / "a", Identity("digits", "mlp", "badge", 100, "", 0), {100: 0.5})
    elsewhere = write_run(tmp_path / "b", Identity("digits", "mlp", "random", 100, "", 0), {100: 0.5})
    (tmp_path / "a" / "digits" / "mlp" / "random").symlink_to(elsewhere.parents[1])
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a")
    assert sorted(load_results(tmp_path / "a").rounds["strategy"]) == ["badge", "random"]


def test_a_missing_usual_column_is_named(tmp_path):
    path = write_run(tmp_path, Identity("digits", "mlp", "badge", 100, "", 0), {100: 0.5}) / "rounds.csv"
    pd.read_csv(path).drop(columns="class_counts").to_csv(path, index=False)
    assert load_results(tmp_path).problems == (f"1 of 1 runs have no column class_counts, such as {path}",)


def test_a_column_that_many_runs_lack_is_one_line(folder):
    for path in sorted(folder.rglob("rounds.csv")):
        pd.read_csv(path).drop(columns=["class_counts", "num_steps"]).to_csv(path, index=False)
    first = min(folder.rglob("rounds.csv"))
    assert load_results(folder).problems == (f"2 of 2 runs have no column class_counts, such as {first}",)


def test_stray_files_beside_runs_change_nothing(tmp_path):
    write_run(tmp_path, Identity("digits", "mlp", "badge", 100, "", 0), {100: 0.5})
    (tmp_path / "error.json").write_text("{}")
    (tmp_path / "digits" / "rounds.csv").write_text("a,b\n")
    results = load_results(tmp_path)
    assert len(results.rounds) == 1
    assert len(results.problems) == 1

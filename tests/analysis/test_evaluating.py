"""Measures of a user's own, from saved predictions."""

import csv
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from al_bench.analysis.results import load_results, measured
from al_bench.analysis.statistics.measures import ACCURACY
from al_bench.core.errors import ResultsError
from al_bench.files.writing import replace_bytes
from al_bench.records.identity import Identity
from al_bench.records.reading import RoundsFile, run_directories
from al_bench.records.saved import PREDICTIONS, Predictions, save, saved_path
from tests.support.made_results import write_run

MINE = """
import sys
from helper import weight

def hits(logits_NC, targets_N):
    assert (logits_NC.dtype, targets_N.dtype) == ("float32", "int64")
    return (logits_NC.argmax(axis=1) == targets_N).mean()

def weighted(logits_NC, targets_N):
    return weight * len(targets_N)

def raises(logits_NC, targets_N):
    raise KeyError("no luck")

def leaves(logits_NC, targets_N):
    sys.exit(3)

def nan(logits_NC, targets_N):
    return float("nan")

def text(logits_NC, targets_N):
    return "0.5"

def nothing(logits_NC, targets_N):
    pass

def test_accuracy(logits_NC, targets_N):
    return 1.0

def macro_f1(logits_NC, targets_N):
    return 1.0

def validation_ece(logits_NC, targets_N):
    return 1.0

def whether(logits_NC, targets_N):
    return targets_N.max() > 0

number = 3
"""
LABELS = (100, 110, 120)


def predictions(seed: int, round: int) -> Predictions:
    rng = np.random.default_rng([seed, round])
    return Predictions(rng.normal(size=(20, 3)).astype(np.float32), rng.integers(3, size=20))


@pytest.fixture
def runs(cli, tmp_path: Path) -> list[Path]:
    """Runs of three rounds; the last has no predictions."""
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "helper.py").write_text("weight = 2")
    paths = []
    for strategy in ("random", "badge"):
        for seed in range(2):
            identity = Identity("digits", "mlp", strategy, 10, "", seed)
            paths.append(write_run(tmp_path / "outputs", identity, dict.fromkeys(LABELS, 0.5)))
            for round in range(3):
                save(paths[-1], PREDICTIONS, round, predictions(seed, round).as_bytes())
    for round in range(3):
        saved_path(paths[-1], PREDICTIONS, round).unlink()
    return paths


def table(path: Path) -> list[list[str]]:
    return list(csv.reader((path / "measures.csv").read_text().splitlines()))


def test_a_value_of_each_round_and_the_runs_without_are_named(cli, runs):
    told = cli("evaluate", "outputs", "--measure", "mine:hits")
    assert told.code == 0
    assert told.out == "hits of 3 runs, 9 rounds\n"
    lacking = runs[-1].relative_to(Path.cwd())
    assert told.err == f"al-bench evaluate: {lacking}: has no predictions\n"
    assert not (runs[-1] / "measures.csv").exists()
    for path, seed in zip(runs[:3], (0, 1, 0), strict=True):
        expected = []
        for round in range(3):
            made = predictions(seed, round)
            expected.append([str(round), str((made.logits_NC.argmax(axis=1) == made.targets_N).mean())])
        assert table(path) == [["round", "hits"], *expected]
    rounds = load_results(Path("outputs")).rounds
    assert rounds["hits"].dtype == float
    assert rounds["hits"].isna().sum() == 3


def test_a_call_replaces_its_own_column_alone(cli, runs):
    for measure in ("mine:hits", "mine:weighted"):
        assert cli("evaluate", "outputs", "--measure", measure).code == 0
    before = table(runs[0])
    assert before[0] == ["round", "hits", "weighted"]
    (Path.cwd() / "mine2.py").write_text("def hits(logits_NC, targets_N):\n    return 7")
    assert cli("evaluate", "outputs", "--measure", "mine2:hits").code == 0
    assert table(runs[0]) == [before[0], *([row[0], "7.0", row[2]] for row in before[1:])]


def test_rounds_without_predictions_are_empty_and_files_of_no_round_are_not_believed(cli, runs):
    saved_path(runs[0], PREDICTIONS, 1).unlink()
    save(runs[0], PREDICTIONS, 3, predictions(0, 0).as_bytes())  # killed before its row
    told = cli("evaluate", "outputs", "--measure", "mine:weighted")
    assert "1 of 3 rounds have no predictions" in told.err
    assert table(runs[0]) == [["round", "weighted"], ["0", "40.0"], ["1", ""], ["2", "40.0"]]


def test_a_damaged_file_costs_that_round(cli, runs):
    replace_bytes(saved_path(runs[0], PREDICTIONS, 1), b"damaged")
    told = cli("evaluate", "outputs", "--measure", "mine:weighted")
    assert told.code == 0
    path = saved_path(runs[0], PREDICTIONS, 1).relative_to(Path.cwd())
    assert f"al-bench evaluate: {path}: " in told.err
    assert told.err.count(path.name) == 1
    assert table(runs[0])[2] == ["1", ""]
    assert table(runs[1])[2] == ["1", "40.0"]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("mine:raises", "measure=mine:raises: of round 0 of {path} it raises KeyError: 'no luck'"),
        ("mine:leaves", "measure=mine:leaves: of round 0 of {path} it raises SystemExit: 3"),
        ("mine:nan", "measure=mine:nan: of round 0 of {path} it returns nan, which is no finite number"),
        ("mine:text", "measure=mine:text: of round 0 of {path} it returns '0.5', which is no finite number"),
        ("mine:nothing", "measure=mine:nothing: of round 0 of {path} it returns None, which is no finite number"),
        ("mine:whether", "measure=mine:whether: of round 0 of {path} it returns np.True_, which is no finite number"),
        ("mine:hit", "measure=mine:hit: mine has no function hit; did you mean 'hits'?"),
        ("mine:number", "measure=mine:number: mine has no function number; known: hits, leaves, macro_f1, nan, "),
        ("mine:test_accuracy", "test_accuracy is a name of al_bench's own; call the function otherwise"),
        ("mine:macro_f1", "macro_f1 is a name of al_bench's own; call the function otherwise"),
        ("mine:validation_ece", "validation_ece is a name of al_bench's own"),
        ("mine:is_finished", "is_finished is a name of al_bench's own"),
        ("mine", "measure=mine: must be module:function, such as my_measures:top_5 of the file my_measures.py"),
        ("mine.py:hits", "measure=mine.py:hits: mine.py cannot be imported: ModuleNotFoundError"),
        ("of_nobody:hits", "measure=of_nobody:hits: of_nobody cannot be imported: ModuleNotFoundError"),
    ],
)
def test_what_cannot_be_computed_is_one_message(cli, runs, typed, message):
    told = cli("evaluate", "outputs", "--measure", typed)
    assert (told.code, told.out) == (1, "")
    first = min(path.relative_to(Path.cwd()) for path in runs)
    assert message.format(path=first) in told.err
    assert told.err.count("\n") == 1
    assert not any((path / "measures.csv").exists() for path in runs)


def test_a_folder_without_predictions_is_one_message(cli, runs):
    for path in runs[:3]:
        for round in range(3):
            saved_path(path, PREDICTIONS, round).unlink()
    told = cli("evaluate", "outputs", "--measure", "mine:hits")
    assert told.code == 1
    assert "outputs: none of its 4 runs has predictions; a run saves them if it is started with" in told.err
    assert "outputs/x: there is no such folder" in cli("evaluate", "outputs/x", "--measure", "mine:hits").err


TABLES = ("round,hits\n0,x\n", "round,hits\n0,inf\n", "round,test_loss\n0,1\n", "hits\n1\n", "round,hits\n1,1\n", "")


@pytest.mark.parametrize("text", TABLES)
def test_a_damaged_table_costs_its_measures_alone(runs, text):
    (runs[0] / "measures.csv").write_text(text)
    found = load_results(Path("outputs"))
    assert len(found.rounds) == 12
    (problem,) = found.problems
    assert problem.startswith(f"{runs[0].relative_to(Path.cwd())}/rounds.csv: measures.csv beside it is left out: ")


def test_a_column_by_a_name_of_al_bench_s_own_is_not_taken_for_it(cli, runs):
    for path in runs:
        (path / "measures.csv").write_text("round,accuracy,hits\n0,.1,.1\n1,.1,.1\n2,.1,.1\n")
    assert measured(list(_files()), "outputs", "accuracy")[0] == ACCURACY
    assert measured(list(_files()), "outputs", "hits")[0].column == "hits"
    with pytest.raises(ResultsError, match=r"known: accuracy, auroc, "):
        measured(list(_files()), "outputs", "of_nobody")


def _files() -> Iterator[RoundsFile]:
    return (told.file for _, _, told in run_directories(Path("outputs")) if told.file is not None)


def test_rounds_beyond_those_committed_are_not_read(runs):
    (runs[0] / "measures.csv").write_text("round,hits\n0,1\n1,\n2,3\n3,4\n")
    rounds: pd.DataFrame = load_results(Path("outputs")).rounds
    values = rounds[(rounds["strategy"] == "random") & (rounds["seed"] == 0)]["hits"].tolist()
    assert values[::2] == [1, 3]
    assert math.isnan(values[1])

"""Strategies compared by any measure: what a loss says is what the accuracy that it is made of says, turned round."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from al_bench.analysis.everything import Comparison, Everything, everything
from al_bench.analysis.page.export import _drawings
from al_bench.analysis.page.latex import leaderboard
from al_bench.analysis.page.report import report
from al_bench.analysis.statistics.gains import whole_gains
from al_bench.analysis.statistics.measures import ACCURACY, NAMED, SHORT, named
from al_bench.analysis.statistics.profiles import Profiles
from al_bench.analysis.statistics.ranks import Ranks
from al_bench.core.errors import ResultsError
from al_bench.core.rounds import ABOUT
from al_bench.records.columns import BY_NAME
from al_bench.records.identity import Identity
from tests.support.made_results import noisy, write_run

SETTINGS = (("mnist", 10), ("letter", 10), ("digits", 10))
STRATEGIES = ("random", "badge", "margin")
LABELS = tuple(range(10, 160, 10))
VALUES = {  # of an accuracy, and how many times its gains they have
    "test_macro_f1": (lambda accuracy: accuracy, 1.0),
    "test_loss": (lambda accuracy: 2 * (1 - accuracy), 0.02),
    "test_brier": (lambda accuracy: 1 - accuracy, 0.01),
    "test_ece": (lambda accuracy: 1 - accuracy, 1.0),
}


def change(path: Path, columns: dict[str, list[object]]) -> None:
    """Other values in columns of rounds.csv."""
    header, *rows = csv.reader((path / "rounds.csv").read_text().splitlines())
    for name, values in columns.items():
        for row, value in zip(rows, values, strict=True):
            row[header.index(name)] = value
    with (path / "rounds.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("by_measure")
    for dataset, batch_size in SETTINGS:
        for strategy in STRATEGIES:
            for seed in range(3):
                accuracies = {count: noisy(strategy, seed, count / LABELS[-1]) for count in LABELS}
                path = write_run(folder, Identity(dataset, "mlp", strategy, batch_size, "", seed), accuracies)
                made = {name: [value(each) for each in accuracies.values()] for name, (value, _) in VALUES.items()}
                change(path, made | {"test_auroc": [""] * len(LABELS)})
                own = [f"{round},{3 * (1 - each)}\n" for round, each in enumerate(accuracies.values())]
                (path / "measures.csv").write_text(f"round,mine\n{''.join(own)}")
    return folder


@pytest.fixture(scope="module")
def by_accuracy(folder: Path) -> Everything:
    return everything(folder)


@pytest.mark.moderate
@pytest.mark.parametrize("column", [*VALUES, "mine:lower"])
def test_a_loss_says_what_its_accuracy_says_turned_round(folder, by_accuracy, column):
    found, expected = everything(folder, measure=column), by_accuracy
    times = VALUES[column][1] if column in VALUES else 0.03
    measure = found.measure
    for name in ("gain", "low", "high", "detectable"):
        ours = found.gains[found.gains["measure"] == measure.column][name].to_numpy()
        theirs = expected.gains[expected.gains["measure"] == ACCURACY.column][name].to_numpy()
        np.testing.assert_allclose(ours, times * theirs, atol=1e-9)
    ours_of, theirs_of = ((each.ranks["mlp"], each.profiles["mlp"]) for each in (found, expected))
    for each, (ranks, profiles) in ((found, ours_of), (expected, theirs_of)):
        assert isinstance(each.comparison, Comparison)
        assert isinstance(ranks, Ranks)
        assert isinstance(profiles, Profiles)
    assert found.strategies == expected.strategies
    for ours, theirs in zip(found.comparison.matrices, expected.comparison.matrices, strict=True):
        pd.testing.assert_frame_equal(ours.matrix, theirs.matrix)
        assert ours.file_name == f"{measure.prefix}{theirs.file_name}"
    pd.testing.assert_series_equal(ours_of[0].mean_ranks, theirs_of[0].mean_ranks)
    pd.testing.assert_series_equal(ours_of[0].places, theirs_of[0].places)
    pd.testing.assert_frame_equal(ours_of[1].gaps, times * theirs_of[1].gaps, atol=1e-8)
    pd.testing.assert_frame_equal(found.beats, expected.beats)
    pd.testing.assert_frame_equal(found.comparison.errors, expected.comparison.errors)
    ours, theirs = (each.saved[each.saved["target"] == "budget"]["saved"] for each in (found, expected))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_values_are_shown_as_they_are(folder):
    found = everything(folder, measure="loss")
    curves = found.curves[found.measure]
    assert next(iter(found.curves)) == found.measure
    of_random = curves[(curves["strategy"] == "random") & (curves["dataset"] == "mnist")]
    first = np.mean([2 * (1 - noisy("random", seed, LABELS[0] / LABELS[-1])) for seed in range(3)])
    assert of_random["mean"].iloc[0] == pytest.approx(first)
    assert 0 < found.mean_areas["area"].min() <= found.mean_areas["area"].max() < 2
    saved = found.saved[(found.saved["target"] == "99 %") & (found.saved["strategy"] == "random")]
    assert (saved["saved"] >= 0).all()
    assert "value" in saved


@pytest.mark.slow
def test_a_report_says_by_what_it_compares(folder, by_accuracy):
    page = report(everything(folder, measure="loss", margin=0.01))
    assert "Strategies are compared by test loss (nats, lower values are better)." in page
    assert "within 0.01 nats" in page
    assert "gain over random in area under the curve of test loss (nats; mean over seeds" in page
    assert "in percentage points" not in page
    page = report(everything(folder, measure="brier"))
    assert "within a margin in units of the Brier score, which was not said (--margin)" in page
    page = report(by_accuracy)
    assert "Strategies are compared by" not in page
    assert "within 0.5 points" in page


@pytest.fixture(scope="module")
def turned(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two regimes; in one of them, the loss says the opposite of the accuracy, by more than in the other it agrees."""
    copy = Path(shutil.copytree(folder, tmp_path_factory.mktemp("turned") / "copy"))
    for dataset, batch_size in SETTINGS:
        for strategy in STRATEGIES:
            for seed in range(3):
                accuracies = {count: noisy(strategy, seed, count / LABELS[-1]) for count in LABELS}
                path = write_run(copy, Identity(dataset, "mlp", strategy, batch_size, "features=pca", seed), accuracies)
                change(path, {"test_loss": [9 * accuracy for accuracy in accuracies.values()]})
    return copy


@pytest.mark.slow
def test_each_regime_is_by_the_measure_and_the_one_order_too(turned):
    found, by_accuracy = everything(turned, measure="loss"), everything(turned)
    assert found.strategies == tuple(reversed(by_accuracy.strategies))
    firsts = {regime: str(ranks.mean_ranks.index[0]) for regime, ranks in found.ranks.items()}
    assert firsts == {"mlp": by_accuracy.strategies[0], "mlp · features=pca": by_accuracy.strategies[-1]}
    best, worst = by_accuracy.strategies[0], by_accuracy.strategies[-1]
    beats = found.beats[(found.beats["first"] == best) & (found.beats["second"] == worst)]
    assert dict(zip(beats["variant"], beats["share"], strict=True)) == {"": 1.0, "features=pca": 0.0}
    assert [*found.comparison.matrices[0].matrix] == [*found.strategies]
    assert {*found.tables()["loss_mean_ranks"]["regime"]} == {"mlp", "mlp · features=pca"}


@pytest.mark.slow
def test_a_page_of_two_regimes_says_the_measure_of_each(turned):
    page = report(everything(turned, measure="loss"))
    for regime in ("mlp", "mlp · features=pca"):
        assert f"Gain over random in area under the curve of test loss, by setting (Holm), {regime}: " in page
        assert f"Over 3 data sets ({regime}), in nats: " in page
    assert page.count("share of seeds with the smaller area under the curve of test loss, a tie counting half") == 2


def test_files_of_another_measure_have_names_of_their_own(folder, by_accuracy, tmp_path):
    found = everything(folder, measure="loss")
    ours, theirs = set(found.tables()), set(by_accuracy.tables())
    shared = {"runs", "curves", "balanced_curves", "costs", "bought", "class_balance"}
    assert ours & theirs == shared
    assert ours - shared == {f"loss_{name}" for name in theirs - shared} | {"loss_curves"}
    arguments = [argument for drawing in _drawings(found, tmp_path) for argument in drawing.args]
    paths = [str(each) for each in arguments if isinstance(each, Path)]
    assert len(set(paths)) == len(paths)
    assert {f"{tmp_path}/loss_{name}" for name in ("gains", "ranks", "profiles", "penalty_overall")} <= {*paths}
    head = leaderboard(whole_gains(found.gains, found.measure), found.strategies, found.measure).splitlines()[0]
    assert head.startswith("% gains over random of test loss in nats; ")


@pytest.mark.slow
def test_runs_without_a_value_are_missing_and_named(folder, tmp_path):
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    path = copy / Identity("mnist", "mlp", "badge", 10, "", 1).path
    change(path, {"test_brier": [""] * len(LABELS)})
    found = everything(copy, measure="brier")
    assert isinstance(found.comparison, str)
    assert "mnist · mlp · b10 · badge · seed 1: has no value of test_brier with 20 labels" in found.comparison
    assert f"1 of 27 runs have no value of test_brier, such as {path / 'rounds.csv'}" in found.problems
    assert isinstance(everything(copy).comparison, Comparison)
    for run in copy.rglob("rounds.csv"):
        if "mnist" in run.parts:
            change(run.parent, {"test_brier": [""] * len(LABELS)})
    found = everything(copy, measure="brier", is_partial=True)
    assert set(found.areas["dataset"]) == {"letter", "digits"}
    report(found)


def test_names_are_columns_or_the_short_ones_of_the_test_set():
    assert {*NAMED} == {f"{part}_{name}" for part in ("test", "validation") for name in ABOUT}
    assert {*NAMED} <= {*BY_NAME}
    for name in SHORT:
        measure = named(name, NAMED)
        assert measure == named(measure.column, NAMED)
        assert measure.column in (name, f"test_{name}")
    lower = {column for column, measure in NAMED.items() if measure.better == "lower"}
    assert lower == {f"{part}_{name}" for part in ("test", "validation") for name in ("loss", "brier", "ece")}
    assert len({measure.prefix for measure in NAMED.values()}) == len(NAMED)
    assert [NAMED[f"test_{name}"].gain_unit for name in ("macro_f1", "ece", "loss")] == [
        "percentage points",
        "percentage points",
        "nats",
    ]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("lozz", "measure=lozz: there is no such measure; did you mean 'loss'?"),
        ("auroc", "measure=auroc: none of the runs has a value in the column test_auroc"),
        ("validation_loss", "none of the runs has a value in the column validation_loss"),
        ("loss:lower", "measure=loss:lower: `:lower` may follow a measure of your own; of others it is known"),
        ("mine:up", "measure=mine:up: must be mine, or mine:lower if lower values of it are better"),
        ("unlabelled_entropy", "there is no such measure"),
    ],
)
def test_a_measure_that_cannot_be_is_one_message(folder, typed, message):
    with pytest.raises(ResultsError) as error:
        everything(folder, measure=typed)
    assert message in str(error.value)


@pytest.mark.slow
def test_the_commands(cli, folder, tmp_path):
    told = cli("penalty-matrix", str(folder), "--measure", "brier", "--out", "out")
    assert (told.code, told.err) == (0, "")
    assert "rows beat columns by Brier score; lower means are better" in told.out
    assert (tmp_path / "out" / "brier_penalty_overall.csv").exists()
    told = cli("report", str(folder), "--measure", "mine:lower", "--out", "out")
    assert (told.code, told.out, told.err) == (0, "out/mine_report.html\n", "")
    told = cli("report", str(folder), "--measure", "lozz", "--out", "out")
    assert (told.code, told.err.count("\n")) == (1, 1)

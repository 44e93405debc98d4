"""A new measure is a line in `MEASURES`: report, export and remarks follow."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from al_bench.analysis import results
from al_bench.analysis.everything import everything
from al_bench.analysis.page.export import _drawings
from al_bench.analysis.page.report import report
from al_bench.analysis.page.tables import area_tables
from al_bench.analysis.pictures.figures import draw_curves
from al_bench.analysis.statistics import curves
from al_bench.analysis.statistics.measures import ACCURACY, MEASURES, TEST_LOSS, UNLABELLED_ENTROPY, Measure
from al_bench.records.columns import NUMBERS
from al_bench.records.identity import Identity
from tests.support.made_results import write_run

pytestmark = pytest.mark.command  # whole pages

LABELS = (100, 110, 120)
LOSS = {"random": 0.75, "badge": 0.5}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for strategy, loss in LOSS.items():
        for seed in range(2):
            accuracies = {labels: 0.5 + labels / 1000 + 0.01 * seed for labels in LABELS}
            write_run(tmp_path, Identity("digits", "mlp", strategy, 10, "", seed), accuracies, test_loss=loss)
    return tmp_path


def with_measures(monkeypatch: pytest.MonkeyPatch, *added: Measure) -> None:
    for module in (curves, results):
        monkeypatch.setattr(module, "MEASURES", (*MEASURES, *added))


def test_columns_are_real_numbers_of_rounds_csv_and_files_have_names_of_their_own():
    assert {each.column for each in (*MEASURES, TEST_LOSS, UNLABELLED_ENTROPY)} <= set(NUMBERS)
    assert [each.prefix for each in MEASURES[:2]] == ["", "balanced_"]
    assert len({each.prefix for each in MEASURES}) == len(MEASURES)
    assert Measure("test_top_5", "top 5", "").prefix == "top_5_"


def test_labels_of_axes():
    assert ACCURACY.axis("mean ± standard error") == "test accuracy (mean ± standard error)"
    assert TEST_LOSS.axis("mean ± standard error") == "test loss (nats; mean ± standard error)"


def test_a_line_more_is_a_curve_a_table_and_a_file_more(folder, tmp_path, monkeypatch):
    before = everything(folder)
    with_measures(monkeypatch, TEST_LOSS)
    found = everything(folder)
    assert set(found.tables()) - set(before.tables()) == {"loss_curves"}

    page = report(found, ["report"])
    assert "<summary>test loss</summary>" in page
    plots = [json.loads(text) for text in re.findall(r'<script type="application/json" id="\S+">(.*?)</script>', page)]
    (plot,) = [
        plot for plot in plots if plot["layout"]["yaxis"].get("title", {}).get("text") == TEST_LOSS.axis(found.bands)
    ]
    assert {trace["name"] for trace in plot["data"] if "name" in trace} == set(LOSS)

    *others, table = area_tables(found)
    assert [each["title"] for each in others] == [each["title"] for each in area_tables(before)]
    assert table["title"] == "Test loss"
    assert str(table["caption"]).startswith("test loss, nats, where Random first has 99 %")
    ((_, cells),) = table["rows"]
    assert dict(zip(table["names"], cells, strict=True)) == {
        "badge": ("0.5000\n0.5000 to 0.5000", True),  # the lowest is the best
        "random": ("0.7500\n0.7500 to 0.7500", False),
    }

    assert set(found.tables()["loss_curves"]["mean"]) == set(LOSS.values())
    drawn = [drawing.args for drawing in _drawings(found, tmp_path) if drawing.func is draw_curves]
    name = "curves_dataset_digits_model_mlp_batch_size_10"
    assert [path.name for _, _, path, *_ in drawn] == [f"{each.prefix}{name}" for each in (*MEASURES, TEST_LOSS)]
    assert drawn[-1][3] == TEST_LOSS.axis(found.bands)


def test_a_measure_that_no_run_has_is_left_out_with_one_remark(folder, monkeypatch):
    before = everything(folder)
    with_measures(monkeypatch, Measure("test_top_5", "top 5", ""))
    found = everything(folder)
    assert found.tables().keys() == before.tables().keys()
    assert before.problems == ()
    (problem,) = found.problems
    assert problem.startswith("4 of 4 runs have no column test_top_5, such as ")
    assert "<summary>top 5</summary>" not in report(found, ["report"])


def test_a_usual_column_that_is_lacking_is_remarked_on_once(folder):
    for path in folder.rglob("rounds.csv"):
        rounds = pd.read_csv(path, keep_default_na=False, dtype=str).drop(columns="test_balanced_accuracy")
        rounds.to_csv(path, index=False)
    found = everything(folder)
    assert [problem.split(",")[0] for problem in found.problems] == [
        "4 of 4 runs have no column test_balanced_accuracy"
    ]
    assert list(found.curves) == [each for each in MEASURES if each.column != "test_balanced_accuracy"]

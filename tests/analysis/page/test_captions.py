"""A caption says what the number under it is: the mean or the median, a standard error or an interval."""

import html
import json
import re
import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from papers import batches as batches_module
from scipy import stats

from al_bench.analysis.everything import Everything, everything
from al_bench.analysis.page.export import _drawings
from al_bench.analysis.page.report import report
from al_bench.analysis.page.tables import area_tables, cost_tables
from al_bench.analysis.page.text import facts
from al_bench.analysis.pictures import figures, overviews
from al_bench.analysis.statistics.measures import ACCURACY, MEASURES
from al_bench.records.identity import Identity
from tests.support.made_results import write_run

pytestmark = pytest.mark.command  # whole pages

SEEDS = range(5)
LABELS = range(100, 1100, 100)


def accuracy(strategy: str, seed: int, labels: int) -> float:
    """Far from the mean at one seed, so that the median is another number."""
    lead = 0.02 if strategy == "badge" else 0.0
    return round(0.9 - 0.4 * 0.1 ** (labels / 1000) + lead - 0.05 * (seed == 4) - 0.003 * seed, 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("captions")
    for strategy in ("badge", "margin", "random"):
        for seed in SEEDS:
            curve = {labels: accuracy(strategy, seed, labels) for labels in LABELS}
            slow = 100 if seed == 0 else 1 + seed
            columns = {"num_steps": 7 * slow, "fit_seconds": 2.0 * slow, "query_seconds": 3.0 * slow}
            columns |= {"fit_cpu_seconds": 5.0 * slow, "query_cpu_seconds": 0.5 * slow}
            identity = Identity("digits", "mlp", strategy, 100, "", seed)
            path = write_run(folder, identity, curve, **columns) / "rounds.csv"
            rounds = pd.read_csv(path, keep_default_na=False)
            rounds["class_counts"] = ["95 5" if seed == 4 and round % 2 else "60 40" for round in range(len(rounds))]
            rounds["test_balanced_accuracy"] = rounds["test_accuracy"] - 0.1
            rounds.to_csv(path, index=False)
    return folder


@pytest.fixture(scope="module", params=["stderr", "t"])
def found(request: pytest.FixtureRequest, folder: Path) -> Everything:
    return everything(folder, interval=request.param)


def bands(values: list[float], interval: str) -> tuple[float, float, float]:
    mean = statistics.fmean(values)
    if interval == "t":
        found = stats.ttest_1samp(values, 0).confidence_interval()
        return mean, float(found.low), float(found.high)
    error = statistics.stdev(values) / len(values) ** 0.5
    return mean, mean - error, mean + error


def areas(strategy: str) -> list[float]:
    return [
        float(np.trapezoid([accuracy(strategy, seed, labels) for labels in LABELS], LABELS)) / 900 for seed in SEEDS
    ]


def balance(first: int) -> float:
    return -sum(share * np.log2(share) for share in (first / 100, 1 - first / 100))


def cost(of_round: float) -> float:
    return statistics.median([len(LABELS) * of_round * slow for slow in (100, 2, 3, 4, 5)])


CELLS: dict[str, tuple[tuple[str, ...], Callable[[str], tuple[float, ...]]]] = {  # by title, of badge
    "Area under the budget curve": (
        ("mean over the seeds", "95 % interval by Student's t"),
        lambda _: bands(areas("badge"), "t"),
    ),
    "Training steps": (("median over the runs",), lambda _: (cost(7),)),
    "Seconds of training, by the clock": (("median over the runs",), lambda _: (cost(2),)),
    "Seconds of querying, by the clock": (("median over the runs",), lambda _: (cost(3),)),
    "CPU seconds of training": (("median over the runs",), lambda _: (cost(5),)),
    "CPU microseconds a training step": (("median over the runs",), lambda _: (1e6 * 5 / 7,)),
    "CPU seconds of querying": (("median over the runs",), lambda _: (cost(0.5),)),
    "Class balance of the queried batches": (
        ("mean over the batches of all seeds",),
        lambda _: (statistics.fmean([balance(60)] * (4 * 9 + 4) + [balance(95)] * 5),),
    ),
}


def test_the_tables_of_the_report_hold_what_their_captions_say(found):
    tables = {str(table["title"]): table for table in (*area_tables(found), *cost_tables(found))}
    assert tables.keys() == CELLS.keys() | {"Labels saved", *(each.title for each in MEASURES[1:])}, (
        "another table: check its caption here"
    )
    for title, (words, expected) in CELLS.items():
        caption, ((_, cells),) = str(tables[title]["caption"]), tables[title]["rows"]
        assert all(word in caption for word in words), title
        text = cells[list(tables[title]["names"]).index("badge")][0]
        numbers = [float(number.replace(",", "")) for number in re.findall(r"[\d.,]*\d", text)]
        assert numbers == pytest.approx(expected(found.interval), rel=5e-4), title


def test_labels_saved_are_by_curves_of_means(found):
    (table,) = [table for table in area_tables(found) if table["title"] == "Labels saved"]
    assert "by the curves of the mean over the seeds" in str(table["caption"])
    means = {
        strategy: [statistics.fmean(accuracy(strategy, seed, labels) for seed in SEEDS) for labels in LABELS]
        for strategy in ("badge", "random")
    }
    enough = 0.99 * means["random"][-1]
    needed = {strategy: np.interp(enough, curve, LABELS) for strategy, curve in means.items()}
    ((_, cells),) = table["rows"]
    assert cells[0][0].startswith(f"{needed['random'] - needed['badge']:+,.0f} (")


def test_balanced_accuracy_and_curves_have_the_bands_that_are_named(found):
    name = "mean ± standard error" if found.interval == "stderr" else "mean, 95 % interval by Student's t"
    (table,) = [table for table in area_tables(found) if table["title"] == "Balanced accuracy"]
    below = "one standard error below it to one above" if found.interval == "stderr" else "95 % interval by Student's t"
    assert str(table["caption"]).endswith(f"; over the seeds: mean; below it, {below}")
    assert "±" not in str(table["caption"])
    assert "setting" in dict(facts(found))
    assert "settings" in dict(facts(replace(found, settings=found.settings * 2)))
    end = 1000  # where Random has 99 % of its final accuracy
    ((_, cells),) = table["rows"]
    values = [accuracy("badge", seed, end) - 0.1 for seed in SEEDS]
    assert cells[0][0] == "{:.4f}\n{:.4f} to {:.4f}".format(*bands(values, found.interval))
    page = report(found, ["report"])
    assert f"Over the seeds: {name}" in html.unescape(page)
    plots = [json.loads(text) for text in re.findall(r'<script type="application/json" id="\S+">(.*?)</script>', page)]
    by_title = {plot["layout"]["yaxis"].get("title", {}).get("text"): plot for plot in plots}
    assert f"balanced accuracy ({name})" in by_title
    curve = by_title[f"test accuracy ({name})"]
    (line,) = [trace for trace in curve["data"] if trace.get("name") == "badge"]
    curves = found.curves[ACCURACY]
    row = curves[(curves["strategy"] == "badge") & (curves["num_labelled"] == 500)].iloc[0]
    expected = bands([accuracy("badge", seed, 500) for seed in SEEDS], found.interval)
    assert (row["mean"], row["low"], row["high"]) == pytest.approx(expected)
    assert line["customdata"][4][0] == "{:.4f} to {:.4f}, ".format(*expected[1:])


def test_the_axes_of_figures_say_what_is_drawn(found, tmp_path, monkeypatch):
    drawn: dict[str, Figure] = {}
    for module in (figures, overviews):
        monkeypatch.setattr(module, "saved", lambda figure, path, *_: drawn.setdefault(path.name, figure))
    for drawing in _drawings(found, tmp_path):
        drawing()
    name = "mean ± standard error" if found.interval == "stderr" else "mean, 95 % interval by Student's t"
    curve = drawn["curves_dataset_digits_model_mlp_batch_size_100"].axes[0]
    assert curve.get_ylabel() == f"test accuracy ({name})"
    (line,) = [line for line in curve.get_lines() if line.get_label() == "badge"]
    values = [accuracy("badge", seed, 100) for seed in SEEDS]
    assert np.asarray(line.get_ydata())[0] == pytest.approx(statistics.fmean(values))
    for column, of_round in (("num_steps", 7), ("fit_seconds", 2), ("query_cpu_seconds", 0.5)):
        axes = drawn[column].axes[0]
        assert "(median)" in axes.get_xlabel()
        (marks,) = [line for line in axes.get_lines() if line.get_label() == "badge"]
        assert np.asarray(marks.get_xdata()).tolist() == pytest.approx([cost(of_round)])
    assert "(mean)" in drawn["balance"].axes[0].get_xlabel()
    gains = drawn["gains"].axes[0]
    assert "(percentage points; mean over seeds, 95 % t-interval)" in gains.get_xlabel()
    differences = [100 * (first - second) for first, second in zip(areas("badge"), areas("random"), strict=True)]
    mean, low, high = bands(differences, "t")
    (container,) = [each for each in gains.containers if each.get_label() == "badge"]
    assert container.lines[0].get_xdata()[0] == pytest.approx(mean)
    assert container.lines[2][0].get_segments()[0][:, 0].tolist() == pytest.approx([low, high])
    errors = drawn["errors_overall"].axes[0]
    assert errors.get_xlabel() == "mean error over the seeds / that of Random"


def test_panels_of_batches_name_their_middle_and_their_bands(tmp_path, monkeypatch):
    shown: list[Figure] = []
    monkeypatch.setattr(batches_module, "saved", lambda figure, path: shown.append(figure) or [])
    columns = dict.fromkeys(batches_module.PANELS, 0.0)
    values = (1.0, 2.0, 9.0)
    rows = [
        {"strategy": "badge", "seed": seed, "num_labelled": 100} | dict.fromkeys(columns, value)
        for seed, value in enumerate(values)
    ]
    batches_module.draw_batches(pd.DataFrame(rows), tmp_path / "batches")
    for axes in shown[0].axes:
        (line,) = axes.get_lines()
        is_median = "median, quartiles" in axes.get_title()
        assert is_median != ("mean ± standard error" in axes.get_title())
        assert np.asarray(line.get_ydata())[0] == (2.0 if is_median else 4.0)

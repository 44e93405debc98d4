"""Nothing is said of what is not finished without saying so: beside the number, in the figure and in the table."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from al_bench.analysis.everything import everything
from al_bench.analysis.page.export import _drawings
from al_bench.analysis.page.report import report
from al_bench.analysis.pictures import figures, overviews
from al_bench.analysis.results import load_results
from al_bench.analysis.statistics.gains import whole_gains
from al_bench.analysis.statistics.measures import ACCURACY
from al_bench.analysis.statistics.ranks import Ranks
from al_bench.analysis.statistics.savings import labels_saved
from al_bench.records.identity import Identity
from tests.analysis.page.test_report import plain
from tests.support.made_results import write_run

pytestmark = pytest.mark.command  # whole pages

RANDOM = dict(zip(range(100, 1100, 100), [0.3, 0.5, 0.6, 0.66, 0.7, 0.73, 0.76, 0.78, 0.79, 0.8], strict=True))
LATE = dict(zip(range(100, 1100, 100), [0.3, 0.52, 0.62, 0.66, 0.69, 0.72, 0.74, 0.76, 0.78, 0.81], strict=True))
STRATEGIES = ("badge", "margin", "random")


def identity(strategy: str, seed: int, batch_size: int = 100, dataset: str = "digits") -> Identity:
    return Identity(dataset, "mlp", strategy, batch_size, "", seed)


def written(folder: Path, batch_sizes: tuple[int, ...] = (100, 50), dataset: str = "digits") -> None:
    for batch_size in batch_sizes:
        for seed in range(4):
            for strategy in STRATEGIES:
                curve = RANDOM if strategy == "random" else LATE
                curve = {labels: value + 0.001 * seed * (-1) ** labels for labels, value in curve.items()}
                write_run(folder, identity(strategy, seed, batch_size, dataset), curve)


def stop(folder: Path, strategy: str, seed: int, num_rounds: int) -> None:
    """A run of batches of 100 that is under way."""
    path = folder / identity(strategy, seed).path
    (path / "done.json").unlink()
    lines = (path / "rounds.csv").read_text().splitlines(keepends=True)
    (path / "rounds.csv").write_text("".join(lines[: 1 + num_rounds]))


def saved(folder: Path) -> pd.DataFrame:
    table = labels_saved(load_results(folder).rounds)
    return table[(table["target"] == "99 %") & (table["batch_size"] == 100)].set_index("strategy")


def test_labels_saved_are_marked_while_random_is_not_finished(tmp_path):
    written(tmp_path)
    whole = saved(tmp_path)
    assert not whole["is_partial"].any()
    assert whole.loc["badge", "saved"] < 0
    for seed in range(4):
        stop(tmp_path, "random", seed, 4)
    partial = saved(tmp_path)
    assert partial.loc["badge", "saved"] > 0, "by a final accuracy that is not final"
    assert partial["is_partial"].all()
    page = plain(report(everything(tmp_path), ["report"]))
    count, share = partial.loc["badge", ["saved", "saved_share"]]
    assert f"{count:+,.0f} ({share:+.0%}) not finished" in page


@pytest.mark.parametrize("how", ["unfinished", "missing", "short"])
def test_labels_saved_are_marked_by_one_run(tmp_path, how):
    written(tmp_path)
    path = tmp_path / identity("badge", 2).path
    if how == "unfinished":
        (path / "done.json").unlink()
    elif how == "missing":
        shutil.rmtree(path)
    assert saved(tmp_path)["is_partial"].to_dict() == {"badge": how != "short", "margin": False, "random": False}
    if how == "short":  # finished, by the budget that it was started with
        rounds = tmp_path / identity("random", 1).path / "rounds.csv"
        rounds.write_text("".join(rounds.read_text().splitlines(keepends=True)[:-1]))
        assert saved(tmp_path)["is_partial"].all()


def test_of_what_is_finished_nothing_is_marked(tmp_path):
    written(tmp_path, (100,))
    found = everything(tmp_path)
    tables = {name: table for name, table in found.tables().items() if "is_partial" in table}
    assert {
        "curves",
        "areas",
        "mean_areas",
        "labels_saved",
        "costs",
        "bought",
        "class_balance",
        "differences",
    } < tables.keys()
    assert not any(table["is_partial"].any() for table in tables.values())
    assert "not finished" not in plain(report(found, ["report"]))


def test_every_statistic_is_marked_or_refused_while_random_is_not_finished(tmp_path):
    written(tmp_path, (100,))
    for seed in range(4):
        stop(tmp_path, "random", seed, 4)
    assert isinstance(everything(tmp_path).comparison, str)
    found = everything(tmp_path, is_partial=True)
    for name, table in found.tables().items():
        if name not in ("runs", "bought") and not name.endswith("curves"):  # which show how far each has come
            assert table["is_partial"].all() == (name != "class_balance"), name
            assert table["is_partial"].any(), name
    assert isinstance(found.ranks["mlp"], str)
    text = plain(report(found, ["report"]))
    assert "digits · mlp · b100: areas and seconds are of 400 labels, where runs have come to so far" in text
    assert "digits · mlp · b100 not finished: random" in text


def test_an_area_that_cannot_change_any_more_is_not_marked(tmp_path):
    """Random goes on beyond the labels that all strategies have."""
    written(tmp_path)
    for seed in range(4):
        for strategy in ("badge", "margin"):
            shutil.rmtree(tmp_path / identity(strategy, seed).path)
            write_run(tmp_path, identity(strategy, seed), dict(list(LATE.items())[:5]))
        stop(tmp_path, "random", seed, 8)
    found = everything(tmp_path)
    assert not found.areas["is_partial"].any()
    assert not found.mean_areas["is_partial"].any()
    assert not whole_gains(found.gains)["is_partial"].any()
    assert saved(tmp_path)["is_partial"].all()


def test_means_over_fewer_seeds_are_marked_and_not_ranked(tmp_path):
    written(tmp_path, (100, 50, 20))
    for dataset in ("mnist", "svhn"):
        written(tmp_path, (50,), dataset)
    for strategy in STRATEGIES:  # as many of each, but of other seeds
        shutil.rmtree(tmp_path / identity(strategy, STRATEGIES.index(strategy)).path)
    found = everything(tmp_path)
    of_setting = found.mean_areas[found.mean_areas["batch_size"] == 100]
    assert of_setting["num_seeds"].tolist() == [3, 3, 3]
    assert of_setting["is_partial"].all()
    ranks = found.ranks["mlp"]
    assert isinstance(ranks, Ranks)
    assert ranks.left_out == ("digits · mlp · b100",)
    curves = found.curves[ACCURACY]
    curves = curves[curves["dataset"] == "digits"]
    assert curves.groupby("batch_size")["is_partial"].all().to_dict() == {20: False, 50: False, 100: True}
    few = ", ".join(f"{name} 3 of 4" for name in found.strategies)
    assert f"fewer seeds: {few}" in plain(report(found, ["report"]))


def test_figures_name_the_settings_that_are_not_finished(tmp_path, monkeypatch):
    written(tmp_path)
    stop(tmp_path, "random", 1, 4)
    drawn: dict[str, Figure] = {}
    for module in (figures, overviews):
        monkeypatch.setattr(module, "saved", lambda figure, path, *_: drawn.setdefault(path.name, figure))
    for drawing in _drawings(everything(tmp_path), tmp_path):
        if drawing.func.__name__ in ("draw_curves", "draw_gains", "draw_by_setting"):
            drawing()
    assert "not finished: random" in drawn["curves_dataset_digits_model_mlp_batch_size_100"].get_suptitle()
    assert "not finished" not in drawn["curves_dataset_digits_model_mlp_batch_size_50"].get_suptitle()
    for name in ("gains", "balance"):
        ticks = [text.get_text() for text in drawn[name].axes[0].get_yticklabels()]
        assert ticks == ["digits · mlp · b50", "digits · mlp · b100 (not finished)"], name


def test_no_number_of_what_is_not_finished_is_called_the_best(tmp_path):
    written(tmp_path, (100,))
    assert 'class="best"' in report(everything(tmp_path), ["report"])
    for strategy in STRATEGIES:
        stop(tmp_path, strategy, 0, 4)
    assert 'class="best"' not in report(everything(tmp_path), ["report"])
    assert np.isnan(everything(tmp_path).areas["area"]).sum() == 3

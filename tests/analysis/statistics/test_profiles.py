"""Performance profiles against a second implementation in plain Python, and what must hold of them."""

import csv
import random
import statistics
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from al_bench.analysis.everything import everything
from al_bench.analysis.families import families
from al_bench.analysis.page.export import export
from al_bench.analysis.page.report import report
from al_bench.analysis.pictures.interactive import profiles_plot
from al_bench.analysis.pictures.overviews import draw_profiles
from al_bench.analysis.results import SETTING, load_results
from al_bench.analysis.statistics.areas import areas, mean_areas
from al_bench.analysis.statistics.profiles import Profiles, profiles
from al_bench.core.errors import ResultsError
from tests.analysis.page.test_report import plain
from tests.support.made_results import noisy, write_sweep

NAMES = ("badge", "margin", "random")
SETTINGS = (
    *(("mnist", "mlp", 100, 12), ("mnist", "mlp", 200, 12), ("mnist,pool=1000", "mlp", 100, 12)),
    *(("svhn", "vgg", 100, 12), ("openml_6", "mlp", 100, 12), ("openml_6", "mlp", 50, 8)),
)


def profiled(of_settings: pd.DataFrame) -> Profiles:
    """With the data set that each name begins with."""
    return profiles(of_settings, families(of_settings))


def table(values: dict[tuple[str, int], list[float]], **columns: object) -> pd.DataFrame:
    """As `mean_areas` gives them: the areas of `NAMES` by name of the data set and batch size."""
    rows = [
        dict(zip(SETTING, (dataset, "mlp", batch_size, ""), strict=True))
        | {"strategy": strategy, "area": area, "num_seeds": 5, "is_partial": False}
        | columns
        for (dataset, batch_size), of_setting in values.items()
        for strategy, area in zip(NAMES, of_setting, strict=True)
    ]
    return pd.DataFrame(rows)


BY_HAND = {
    ("a", 100): [0.90, 0.80, 0.70],
    ("a", 10): [0.70, 0.80, 0.70],  # with the first: .80, .80, .70
    ("b,noise=.1", 100): [0.60, 0.65, 0.60],
    ("c", 100): [0.50, 0.45, 0.48],
}


def obvious_share(areas_of: dict[str, dict[str, list[float]]], strategy: str, points: float) -> float:
    """Of areas by data set and strategy, a list over settings each."""
    num_within = 0
    for of_dataset in areas_of.values():
        means = {name: statistics.fmean(values) for name, values in of_dataset.items()}
        num_within += 100 * (max(means.values()) - means[strategy]) <= points + 1e-9
    return num_within / len(areas_of)


def share_at(found: Profiles, strategy: str, points: float) -> float:
    steps = found.as_table()
    return float(steps[(steps["strategy"] == strategy) & (steps["points"] <= points + 1e-9)]["share"].iloc[-1])


def test_by_hand_a_data_set_counts_once():
    found = profiled(table(BY_HAND))
    assert found.gaps.round(9).to_dict("index") == {
        "a": {"badge": 0.0, "margin": 0.0, "random": 10.0},
        "b": {"badge": 5.0, "margin": 0.0, "random": 5.0},
        "c": {"badge": 0.0, "margin": 5.0, "random": 2.0},
    }
    steps = found.as_table()
    of_random = steps[steps["strategy"] == "random"]
    assert of_random["points"].tolist() == pytest.approx([0, 2, 5, 10])
    assert of_random["share"].tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert steps.groupby("strategy")["share"].first().to_dict() == pytest.approx(
        {"badge": 2 / 3, "margin": 2 / 3, "random": 0}
    )
    assert found.left_out == ()


@pytest.mark.moderate
def test_profiles_are_those_of_a_second_implementation(tmp_path):
    """From areas.csv, row by row."""
    write_sweep(tmp_path, noisy, settings=SETTINGS, strategies=NAMES, num_seeds=2)
    by_run = areas(load_results(tmp_path).rounds)
    of_settings: dict[tuple[str, ...], list[float]] = {}
    for row in csv.DictReader(by_run.to_csv(index=False).splitlines()):
        key = (row["dataset"].split(",")[0], row["strategy"], row["dataset"], row["model"], row["batch_size"])
        of_settings.setdefault(key, []).append(float(row["area"]))
    areas_of: dict[str, dict[str, list[float]]] = {}
    for (dataset, strategy, *_), over_seeds in of_settings.items():
        areas_of.setdefault(dataset, {}).setdefault(strategy, []).append(statistics.fmean(over_seeds))
    assert {name: len(each["badge"]) for name, each in areas_of.items()} == {"mnist": 3, "svhn": 1, "openml_6": 2}
    found = profiled(mean_areas(by_run))
    corners = found.as_table()["points"].tolist()
    assert len(set(corners)) > 4
    rng = random.Random(0)
    for points in [0.0, *corners, *(rng.uniform(0, max(corners)) for _ in range(50))]:
        for strategy in NAMES:
            assert share_at(found, strategy, points) == pytest.approx(obvious_share(areas_of, strategy, points))


def test_other_families_can_be_named():
    values = {(name, 100): [0.9, 0.8, 0.7] for name in ("fou", "kar", "digits", "letter")}
    assert len(profiled(table(values)).gaps) == 4
    known = {"fou": "multiple_features", "kar": "multiple_features", "digits": "digits", "letter": "letter"}
    assert set(profiles(table(values), known).gaps.index) == {"multiple_features", "digits", "letter"}


@pytest.mark.parametrize("how", ["no area", "fewer seeds", "not finished", "missing"])
def test_settings_that_lack_a_strategy_are_left_out_and_named(how):
    of_settings = table(BY_HAND | {("d", 100): [0.1, 0.2, 0.9]})
    is_it = (of_settings["dataset"] == "d") & (of_settings["strategy"] == "margin")
    if how == "no area":
        of_settings.loc[is_it, "area"] = float("nan")
    elif how == "fewer seeds":
        of_settings.loc[is_it, "num_seeds"] = 4
    elif how == "not finished":
        of_settings.loc[is_it, "is_partial"] = True
    else:
        of_settings = of_settings[~is_it]
    found = profiled(of_settings)
    assert found.left_out == ("d · mlp · b100",)
    assert found.as_table().equals(profiled(table(BY_HAND)).as_table())


def test_with_fewer_than_three_data_sets_there_are_none_and_it_is_said_why():
    of_settings = table({key: value for key, value in BY_HAND.items() if key[0] != "c"})
    with pytest.raises(ResultsError, match=r"3 data sets or more .*; here are 3 strategies and 2 such data sets"):
        profiled(of_settings)
    one = table(BY_HAND)
    with pytest.raises(ResultsError, match="here are 1 strategies and 3"):
        profiled(one[one["strategy"] == "badge"])


def test_strategies_that_are_equal_everywhere_are_all_the_best():
    found = profiled(table({(name, 100): [0.5, 0.5, 0.5] for name in "abc"}))
    most, steps = found.steps()
    assert most == 1
    assert steps == {name: ([0.0, 1.0], [1.0, 1.0]) for name in NAMES}


def test_what_is_far_off_is_not_drawn_and_is_in_the_table():
    values = {(name, 100): [0.9, 0.8999, far] for name, far in zip("abc", (0.2, 0.85, 0.7), strict=True)}
    found = profiled(table(values))
    most, steps = found.steps()
    assert most == 10
    assert steps["random"] == ([0.0, pytest.approx(5), 10.0], [0.0, pytest.approx(1 / 3), pytest.approx(1 / 3)])
    assert found.as_table().groupby("strategy")["share"].max().tolist() == [1, 1, 1]


@pytest.mark.moderate
def test_both_figures_show_the_steps_and_the_caption_infers_nothing(tmp_path, monkeypatch):
    drawn, said = {}, []
    step, supxlabel = Axes.step, Figure.supxlabel
    monkeypatch.setattr(
        Axes, "step", lambda self, x, y, **k: (drawn.update({k["label"]: (x, y)}), step(self, x, y, **k))[1]
    )
    monkeypatch.setattr(Figure, "supxlabel", lambda self, t, **k: (said.append(t), supxlabel(self, t, **k))[1])
    found = profiled(table(BY_HAND))
    draw_profiles(found, tmp_path / "profiles")
    assert {path.name for path in tmp_path.iterdir()} == {"profiles.png", "profiles.pdf"}
    most, steps = found.steps()
    assert most == 10
    assert drawn == steps
    assert "3 data sets" in said[0]
    assert "nothing is to be inferred" in said[0].replace("\n", " ")
    for trace in profiles_plot(found).data:
        for shown, told in zip((trace["x"], trace["y"]), steps[trace["name"]], strict=True):
            assert list(shown) == pytest.approx(told, abs=1e-5)


@pytest.mark.slow
def test_the_report_and_the_export_have_them(tmp_path):
    settings = [(dataset, "mlp", *others) for dataset, _, *others in SETTINGS]
    write_sweep(tmp_path, noisy, settings=dict.fromkeys(settings), strategies=NAMES, num_seeds=2)
    found = everything(tmp_path)
    shown = found.profiles["mlp"]
    assert isinstance(shown, Profiles)
    assert shown.caption in plain(report(found))
    alone = replace(found, settings=(), comparison="not here")  # whose figures would take minutes
    names = {path.name for path in export(alone, tmp_path / "paper")}
    assert {"profiles.csv", "profiles.png", "profiles.pdf"} <= names
    written = pd.read_csv(Path(tmp_path) / "paper" / "profiles.csv")
    assert set(written.pop("regime")) == {"mlp"}
    pd.testing.assert_frame_equal(written, shown.as_table())


def test_the_report_says_why_there_are_none(tmp_path):
    write_sweep(tmp_path, noisy, settings=SETTINGS[:1], strategies=NAMES, num_seeds=2)
    found = everything(tmp_path)
    assert "profiles" not in found.tables()
    assert "here are 3 strategies and 1 such data set" in plain(report(found))

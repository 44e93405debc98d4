"""The page of the results on real data: what the paper says beside what the runs say, made again from the archive."""

import math
import re
import shutil
import subprocess
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib.figure import Figure
from papers import batches as batches_module
from papers.badge_claims import FIGURE_4, claims, penalties_by_setting, rank_correlation_interval
from scipy.stats import spearmanr

from al_bench.analysis.results import PAPER_ORDER, load_results
from al_bench.analysis.statistics.penalty import SettingWins, penalty_matrices
from al_bench.records.archive.moving import pack, restore
from tests.support.forks import python
from tests.support.made_results import noisy, write_sweep

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "docs" / "results" / "badge"
NUMBER = {name: position for position, name in enumerate(PAPER_ORDER)}


def script(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return python(ROOT / "scripts" / name, *arguments)


def wins(beats: dict[tuple[str, str], float], **setting: object) -> SettingWins:
    """A setting in which the first of each pair beats the second at that share of the budgets."""
    share_KK = np.zeros((7, 7))
    for (first, second), share in beats.items():
        share_KK[NUMBER[first], NUMBER[second]] = share
    return SettingWins(
        {"dataset": "mnist", "model": "mlp", "batch_size": 100, "variant": ""} | setting, (200, 300), share_KK
    )


def gained(changed: dict[tuple[str, str, str, str], float] | None = None, half: float = 1.0) -> pd.DataFrame:
    """Gains by data set, baseline, part and strategy, with half the width of their intervals; those not named are 0."""
    rows = []
    for dataset, against, part, strategy in product(
        ("mnist", "openml_6"), ("random", "badge", "coreset"), ("whole", "early", "late"), PAPER_ORDER
    ):
        gain = (changed or {}).get((dataset, against, part, strategy), 0.0)
        verdict = "above" if gain > half else "below" if gain < -half else "same" if abs(gain) + half < 0.5 else "open"
        row = {"dataset": dataset, "against": against, "part": part, "strategy": strategy, "gain": gain}
        rows.append(row | {"low": gain - half, "high": gain + half, "detectable": 2 * half, "verdict_holm": verdict})
    return pd.DataFrame(rows)


EVEN = gained()
AS_IN_THE_PAPER = [
    wins({(row, column): FIGURE_4[column][row] / 33 for row in PAPER_ORDER for column in PAPER_ORDER}, **setting)
    for setting in ({}, {"dataset": "openml_6", "batch_size": 1000}, {"model": "vgg", "batch_size": 10_000})
]


def holds(
    made: list[SettingWins],
    told: pd.DataFrame = EVEN,
    samplers: pd.DataFrame | None = None,
    holm: list[SettingWins] | None = None,
) -> dict[str, bool | str | None]:
    """By the beginnings of the claims."""
    found = claims(made, made if holm is None else holm, told, samplers)
    keys = ("lowest", "highest", "badge", "random", "small", "large", "early", "coreset", "margin", "kdpp")
    return {key: claim.holds for key, claim in zip(keys, found, strict=True)}


def test_the_means_of_figure_4_are_those_printed():
    assert FIGURE_4.mean(axis=0).round(2).tolist() == [0.66, 4.08, 6.90, 5.93, 1.56, 8.01, 6.01]


def test_the_papers_own_matrix_holds_its_claims():
    made = holds(AS_IN_THE_PAPER)
    assert {key for key, value in made.items() if value is True} == {
        *("lowest", "highest", "badge", "random", "small", "large")
    }
    table = penalties_by_setting(AS_IN_THE_PAPER)
    assert np.allclose(table["rank correlation"], 1)
    assert np.allclose(table.iloc[:, :-1], table.iloc[-1, :-1])


@pytest.mark.parametrize(
    ("key", "beats"),
    [
        ("lowest", {("margin", "badge"): 0.9}),
        (
            "highest",
            {("badge", "random"): 1.0, ("margin", "random"): 1.0, ("albl", "random"): 1.0, ("badge", "entropy"): 0.1},
        ),
        ("badge", {("coreset", "badge"): 0.5, ("badge", "coreset"): 0.4}),
        ("random", {("albl", "random"): 0.9}),
        ("small", {("badge", "margin"): 1.0, ("entropy", "margin"): 1.0}),
        ("large", {("margin", "badge"): 0.5, ("badge", "margin"): 0.4}),
    ],
)
def test_a_claim_that_does_not_hold(key, beats):
    changed = [
        wins(
            {(r, c): each.share_KK[NUMBER[r], NUMBER[c]] for r in PAPER_ORDER for c in PAPER_ORDER} | beats,
            **each.setting,
        )
        for each in AS_IN_THE_PAPER
    ]
    assert holds(changed)[key] is False


def test_claims_that_were_not_measured():
    made = holds([wins({("badge", "random"): 1.0})])
    assert (made["large"], made["kdpp"]) == (None, None)
    assert holds(AS_IN_THE_PAPER, EVEN[EVEN["dataset"] == "mnist"])["coreset"] is None
    assert holds(AS_IN_THE_PAPER, EVEN[EVEN["strategy"] == "badge"])["margin"] is None
    large = holds([wins({("badge", "random"): 1.0}, model="resnet", batch_size=10_000)])
    assert large["small"] is None
    assert holds([wins({("badge", "random"): 1.0}, model="mlp,width=128", batch_size=10_000)])["small"] is False
    one_seed = pd.DataFrame(
        {"strategy": ["badge", "kdpp", "random"], "seed": 0, "test_accuracy": 0.5, "cpu_seconds": 1.0}
    )
    for samplers in (one_seed, one_seed[:1]):
        assert holds(AS_IN_THE_PAPER, samplers=samplers)["kdpp"] is None
    without_budgets = SettingWins(
        {"dataset": "openml_6", "model": "mlp", "batch_size": 10_000, "variant": ""}, (), np.zeros((7, 7))
    )
    assert holds([wins({("badge", "random"): 1.0}), without_budgets])["large"] is None


def test_ties_decide_nothing():
    made = holds([wins({("badge", "random"): 1.0, ("badge", "entropy"): 1.0})])
    assert (made["lowest"], made["highest"], made["small"]) == (False, False, False)
    tied = [wins({("badge", "random"): 1.0, ("badge", "entropy"): 1.0})]
    told = claims(tied, tied, EVEN)[1]
    assert told.measured.startswith("entropy and random have; by Holm's method entropy and random have (")


def test_a_highest_penalty_that_turns_with_holm_is_open():
    worst = [wins({("badge", "entropy"): 1.0})]
    assert holds(worst)["highest"] is True
    assert holds(worst, holm=[wins({("badge", "random"): 1.0})])["highest"] == "open"
    assert holds([wins({("badge", "random"): 1.0})])["highest"] is False


@pytest.mark.parametrize(("early", "late", "expected"), [(2, 2, True), (2, 0, "open"), (0, 2, "open"), (-2, -2, False)])
def test_early_and_late(early, late, expected):
    changed = {(dataset, "random", "early", "coreset"): early for dataset in ("mnist", "openml_6")}
    for dataset, strategy in product(("mnist", "openml_6"), ("confidence", "margin", "entropy")):
        changed[dataset, "coreset", "late", strategy] = late
    assert holds(AS_IN_THE_PAPER, gained(changed))["early"] == expected
    changed["mnist", "random", "early", "coreset"] = -early
    assert holds(AS_IN_THE_PAPER, gained(changed))["early"] == "open"


def test_coreset_on_tables_and_margin_beside_badge():
    for gain, coreset, margin in ((-2.0, True, False), (0.0, "open", "open"), (2.0, False, False)):
        changed = {("openml_6", "random", "whole", "coreset"): gain}
        changed |= {(name, "badge", "whole", "margin"): gain for name in ("mnist", "openml_6")}
        made = holds(AS_IN_THE_PAPER, gained(changed))
        assert (made["coreset"], made["margin"]) == (coreset, margin)
    assert holds(AS_IN_THE_PAPER, gained(half=0.1))["margin"] is True


def test_the_interval_of_a_rank_correlation_is_fishers():
    assert rank_correlation_interval(0.9642857, 7) == pytest.approx((0.77, 0.995), abs=0.005)
    assert all(map(math.isnan, rank_correlation_interval(0.9, 3)))


@pytest.mark.parametrize(("accuracy", "seconds", "is_held"), [(0.81, 9.0, True), (0.6, 9.0, False), (0.81, 0.9, False)])
def test_k_dpp(accuracy, seconds, is_held):
    told = {"badge": (0.81, 1.0), "kdpp": (accuracy, seconds), "random": (0.7, 0.0)}
    rows = [
        {"strategy": name, "seed": seed, "test_accuracy": mean + 0.001 * seed, "cpu_seconds": cost}
        for name, (mean, cost) in told.items()
        for seed in range(3)
    ]
    assert holds(AS_IN_THE_PAPER, samplers=pd.DataFrame(rows))["kdpp"] is is_held


def test_a_single_slow_choice_of_batches_decides_nothing():
    rows = [
        {"strategy": name, "seed": seed, "test_accuracy": 0.8 if name != "random" else 0.5, "cpu_seconds": seconds}
        for name, each in {"badge": (1.0, 1.0, 100.0), "kdpp": (9.0, 9.0, 9.0), "random": (0.0, 0.0, 0.0)}.items()
        for seed, seconds in enumerate(each)
    ]
    assert holds(AS_IN_THE_PAPER, samplers=pd.DataFrame(rows))["kdpp"] is True


@pytest.mark.slow
def test_penalties_of_settings_are_the_column_means_of_their_matrices(tmp_path):
    write_sweep(tmp_path, noisy)
    rounds = load_results(tmp_path).rounds
    overall, *groups = penalty_matrices(rounds)
    table = penalties_by_setting(overall.wins)
    assert np.allclose(table.loc["mean"].iloc[:-1], overall.penalties / len(overall.settings))
    for penalty in groups:
        if len(penalty.settings) == 1:
            assert np.allclose(table.loc[penalty.settings[0]].iloc[:-1], penalty.penalties)
    assert not any(name.startswith("svhn") for name in table.index)
    expected = spearmanr(overall.penalties, FIGURE_4.mean(axis=0)).statistic
    assert math.isclose(table.loc["mean", "rank correlation"], expected)


@pytest.mark.slow
def test_the_page_of_made_runs(tmp_path):
    """One setting lacks a run, and one has more seeds than the others."""
    runs, folder = tmp_path / "runs", tmp_path / "page"
    write_sweep(runs, noisy)
    write_sweep(runs, noisy, settings=[("digits", "mlp", 100, 12)], num_seeds=7)
    write_sweep(runs, noisy, settings=[("digits", "mlp", 1000, 12)], num_seeds=1)
    write_sweep(runs, noisy, settings=[("digits", "mlp", 100, 12)], strategies=["kdpp"], num_seeds=2)
    shutil.rmtree(runs / "cifar10" / "vgg" / "entropy" / "b1000" / "s3")
    short = runs / "mnist" / "mlp" / "margin" / "b100" / "s1" / "rounds.csv"
    short.write_text("".join(short.read_text().splitlines(keepends=True)[:3]))
    pack(runs, folder / "runs.tar.xz")
    (folder / "discussion.md").write_text("## Where we disagree\n\nNowhere.\n")
    made = script("badge.py", folder)
    assert made.stdout == f"{folder / 'README.md'}\n", made.stderr
    text = (folder / "README.md").read_text()
    assert "cifar10 · vgg · b1000 (1 runs are missing, the first entropy · seed 3)" in text
    assert "mnist · mlp · b100 (" in text
    assert "digits · mlp · b1000 (digits · mlp · b1000: there is one seed only, 0" in text
    assert "| digits · mlp · b100 | 7 | 100 to 1,200 |" in text
    assert "so nothing is said over settings" not in text
    over = text.partition("Over data sets, the settings of one averaged first")[2].partition("All numbers")[0]
    assert re.search(r"\| mlp · all batch sizes · \d data sets \| [+-]\d+\.\d\d ± .*; of a new one [+-]", over)
    assert text.endswith("## Where we disagree\n\nNowhere.\n")
    shown = {line.split("](")[1].rstrip(") |") for line in text.splitlines() if line.startswith("![")}
    assert len(shown) == 6  # curves of five settings, and the distribution
    for name in (
        *shown,
        "penalty_overall.png",
        "penalty_paper.png",
        "penalty_batch_size_100.png",
        "penalty_model_vgg.png",
    ):
        assert (folder / name).stat().st_size > 10_000, name
    assert len(pd.read_csv(folder / "penalty_overall.csv")) == 8


@pytest.mark.slow
def test_the_published_page_is_that_of_the_archive(tmp_path):
    """One setting of the real runs: its curves and penalties are made again, number by number."""
    everything, folder = tmp_path / "everything", tmp_path / "page"
    restore(PUBLISHED, everything, with_unfinished=False)
    setting = {"dataset": "mnist", "model": "mlp", "batch_size": 1000}
    for path in [
        path for path in everything.glob("*/*/*/*") if path.parts[-4:-2] != ("mnist", "mlp") or path.name != "b1000"
    ]:
        shutil.rmtree(path)
    pack(everything, folder / "runs.tar.xz")
    made = script("badge.py", folder)
    assert made.returncode == 0, made.stderr
    published, again = (pd.read_csv(where / "curves.csv") for where in (PUBLISHED, folder))
    published = published[(published[list(setting)] == pd.Series(setting)).all(axis=1)].reset_index(drop=True)
    assert len(again) > 100
    pd.testing.assert_frame_equal(again, published)
    gains, penalties = "| mnist · mlp · b1000 | +", "| mnist · mlp · b1000 | 0."
    here, there = (
        [line for line in (where / "README.md").read_text().splitlines() if line.startswith((gains, penalties))]
        for where in (folder, PUBLISHED)
    )
    assert here[:3] == there[:3], "gains over the whole range, its first and its last third"
    assert here[3] != there[3], "of ten seeds, where the page has as many as its other settings"
    name = "curves_dataset_mnist_model_mlp_batch_size_1000.png"
    assert f"]({name})" in (PUBLISHED / "README.md").read_text()
    assert (folder / name).exists()
    assert (PUBLISHED / name).exists()


@pytest.mark.slow
def test_the_whole_published_page_is_made_of_the_archive(tmp_path):
    folder = tmp_path / "page"
    shutil.copytree(
        PUBLISHED, folder, ignore=lambda _, names: {name for name in names if name.endswith((".png", ".pdf"))}
    )
    tables = {path.name: pd.read_csv(path) for path in folder.glob("*.csv")}
    latex = {path.name: path.read_text() for path in folder.glob("*.tex")}
    assert {"gains.tex", "overall.tex", "costs.tex"} == latex.keys()
    for name in (tables.keys() | latex.keys()) - {"batches.csv"}:
        (folder / name).unlink()
    made = script("badge.py", folder)
    assert made.returncode == 0, made.stderr
    assert (folder / "README.md").read_text() == (PUBLISHED / "README.md").read_text()
    for name, table in tables.items():
        pd.testing.assert_frame_equal(pd.read_csv(folder / name), table)
    for name, text in latex.items():
        assert (folder / name).read_text() == text
    assert {path.name for path in folder.glob("*.png")} == {path.name for path in PUBLISHED.glob("*.png")}


@pytest.mark.slow
def test_what_is_published_of_hours_and_limits_is_what_the_runs_took(tmp_path):
    restore(PUBLISHED, tmp_path, with_unfinished=False)
    rounds = pd.concat([pd.read_csv(path) for path in tmp_path.rglob("rounds.csv")])
    page = (PUBLISHED / "README.md").read_text()
    hours = (rounds["fit_seconds"] + rounds["query_seconds"]).sum() / 3600
    assert re.search(rf"All runs together: \S+ million steps, and {hours:.1f} hours of one core by the clock \(", page)
    for (dataset, batch_size), of_setting in rounds.groupby(["dataset", "batch_size"]):
        num_hit = int(of_setting["epoch_limit_hit"].sum())
        row = next(line for line in page.splitlines() if line.startswith(f"| {dataset} · mlp · b{batch_size} | "))
        assert row.endswith(f"| in {num_hit} of {len(of_setting):,} rounds |")
    costs = pd.read_csv(PUBLISHED / "costs.csv")
    assert costs[["fit_cpu_seconds", "query_cpu_seconds", "microseconds_per_step"]].isna().all(axis=None), "older runs"
    published = costs.groupby(["dataset", "batch_size", "strategy"])[["fit_seconds", "query_seconds"]].max()
    for key, of_strategy in rounds.groupby(["dataset", "batch_size", "strategy"]):
        of_runs = of_strategy.groupby("seed")[["fit_seconds", "query_seconds"]].sum().median()
        for column, seconds in of_runs.items():
            assert math.isclose(published.loc[key, column], seconds, rel_tol=1e-3, abs_tol=0.02)


def test_a_choice_that_stalled_is_not_what_choices_cost(tmp_path, monkeypatch):
    shown: list[Figure] = []
    monkeypatch.setattr(batches_module, "saved", lambda figure, path: shown.append(figure) or [])
    columns = {"test_accuracy": 0.9, "log_det": 1.0, "mean_norm": 2.0}
    seconds = {0: 1.0, 1: 2.0, 2: 600.0}
    batches = pd.DataFrame(
        [
            columns | {"strategy": "badge", "seed": seed, "num_labelled": labels, "cpu_seconds": value}
            for seed, value in seconds.items()
            for labels in (100, 200)
        ]
    )
    assert batches_module.batches_table(batches)["CPU seconds of a choice"].tolist() == ["2"]
    batches_module.draw_batches(batches, tmp_path / "batches")
    (line,) = shown[0].axes[-1].get_lines()
    assert np.asarray(line.get_ydata()).tolist() == [2.0, 2.0]


@pytest.mark.slow
def test_an_archive_that_says_nothing(tmp_path):
    refused = script("badge.py", tmp_path)
    assert refused.returncode == 1
    assert refused.stderr == f"badge: {tmp_path}: {tmp_path}: there is no runs*.tar.xz in it\n"
    write_sweep(tmp_path / "few", noisy, settings=[("digits", "mlp", 100, 12)], strategies=["random", "margin"])
    pack(tmp_path / "few", tmp_path / "runs.tar.xz")
    refused = script("badge.py", tmp_path).stderr
    problem = "no setting of the archive can be compared"
    lacking = "25 runs are missing, the first badge · seed 0"
    assert refused == f"badge: {tmp_path}: {problem}: digits · mlp · b100 ({lacking})\n"
    write_sweep(tmp_path / "soon", noisy, settings=[("svhn", "vgg", 10_000, 2)])
    pack(tmp_path / "soon", tmp_path / "page" / "runs.tar.xz")
    refused = script("badge.py", tmp_path / "page")
    assert refused.stderr.endswith(
        "no setting of the archive has a number of labels at which strategies are compared\n"
    )
    assert [path.name for path in (tmp_path / "page").iterdir()] == ["runs.tar.xz"]


def test_the_readme_quotes_the_page():
    page, readme = ((ROOT / name).read_text() for name in ("docs/results/badge/README.md", "README.md"))
    quoted = re.search(r"ours: (\d+) settings, (\d+) runs, ([\d.]+) million training steps", readme)
    assert re.search(r"^(\d+) runs of the seven strategies", page, re.MULTILINE)[1] == quoted[2]
    assert f"| ours, {quoted[1]} settings |" in page
    assert f"All runs together: {quoted[3]} million steps" in page
    correlation = re.search(r"rank correlation of the penalties is (\d\.\d+) \(95 %: (\d\.\d+ to \d\.\d+),", readme)
    assert re.search(r"^\| mean \|.* (\S+) \|$", page, re.MULTILINE)[1] == correlation[1]
    assert f"of the mean {correlation[1]} ({correlation[2]}), 95 %" in page


def test_the_benchmarks_quote_the_runs_of_resnet_and_vgg(tmp_path):
    restore(PUBLISHED.parent / "convolutional" / "runs.tar.xz", tmp_path)
    rounds = load_results(tmp_path).rounds
    means = rounds.pivot_table(index=["model", "strategy"], columns="num_labelled", values="test_accuracy")
    benchmarks = (ROOT / "docs" / "benchmarks.md").read_text()
    names = {"resnet": "ResNet-18", "vgg": "VGG-11", "badge": "BADGE", "random": "random"}
    for (model, strategy), row in means.iterrows():
        cells = " | ".join(f"{value + 1e-9:.3f}".removeprefix("0") for value in row)
        assert f"| {names[model]}, {names[strategy]} | {cells} |" in benchmarks
    hours = (rounds["fit_seconds"] + rounds["query_seconds"]).sum() / 3600
    assert f"{60 * hours:.0f} minutes of one core" in benchmarks


@pytest.mark.slow
def test_what_training_cost_is_published_in_steps(tmp_path):
    """Epochs times mini-batches of the labels that are trained on, by each run's own config.yaml; of no machine."""
    restore(PUBLISHED, tmp_path, with_unfinished=False)
    page = (PUBLISHED / "README.md").read_text()
    ends = {("mnist", 100): 6_500, ("mnist", 1000): 8_100, ("openml_6", 1000): 4_100}
    steps: dict[tuple[str, int, str], list[int]] = {}
    for path in tmp_path.rglob("rounds.csv"):
        rounds = pd.read_csv(path, keep_default_na=False)
        size = yaml.safe_load((path.parent / "config.yaml").read_text())["model"]["minibatch_size"]
        dataset, batch_size, strategy = rounds.loc[0, ["dataset", "batch_size", "strategy"]]
        counted = rounds[rounds["num_labelled"] <= ends[dataset, batch_size]]
        assert counted["num_labelled"].max() == ends[dataset, batch_size]
        num_trained = counted["num_labelled"] - counted["num_validation"]
        of_rounds = [
            epochs * math.ceil(number / size) for epochs, number in zip(counted["num_epochs"], num_trained, strict=True)
        ]
        steps.setdefault((dataset, int(batch_size), strategy), []).append(sum(of_rounds))
    for dataset, batch_size in ends:
        cells = [f"{np.median(steps[dataset, batch_size, strategy]):,.0f}" for strategy in PAPER_ORDER]
        assert f"| {dataset} · mlp · b{batch_size} | {' | '.join(cells)} |" in page
    assert "Seconds of training" not in page
    assert not re.search(r"compare strategies by (them|seconds)", page)
    assert not (PUBLISHED / "seconds.csv").exists()

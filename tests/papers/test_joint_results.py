"""What is said of joint training, from made results whose answers are known."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from papers.claims import claims_table, counted, detectable_of, is_all, told
from papers.joint_claims import (
    BASELINES,
    COMPARED,
    chosen,
    claims,
    collapse,
    gains,
    gains_over,
    gains_over_datasets,
    in_points,
    is_multi_modal,
    networks,
)

from al_bench.analysis.pictures import figures
from al_bench.analysis.statistics.curves import learning_curves
from al_bench.core.errors import ResultsError
from al_bench.records.archive.moving import pack
from al_bench.records.identity import Identity
from tests.support.forks import python
from tests.support.made_results import write_run

ROOT = Path(__file__).parents[2]
LABELS = (20, 40, 60)
LIFTS = {"joint": 0.06, "margin": 0.03, "entropy": 0.02, "confidence": 0.02, "random": 0.0}
SETTINGS = ("digits", "multiple_features", "multiple_features,modalities=[fourier]")


def rounds(
    lifts: dict[str, float] = LIFTS, settings: tuple[str, ...] = SETTINGS, num_seeds: int = 6, noise: float = 0.002
) -> pd.DataFrame:
    """Accuracy .5 + a lift, with noise that strategies share and a little of their own."""
    rng = np.random.default_rng(0)
    rows = []
    for dataset in settings:
        for seed in range(num_seeds):
            shared = rng.normal() * 0.05
            for strategy, lift in lifts.items():
                for round, labels in enumerate(LABELS):
                    marginals = [0.7, 0.2, 0.1] if strategy == "joint" else [0.3, 0.3, 0.4]
                    accuracy = 0.5 + lift + shared + rng.normal() * noise
                    rows.append(
                        {
                            "dataset": dataset,
                            "model": "dbn",
                            "batch_size": 20,
                            "variant": "",
                            "seed": seed,
                            "strategy": strategy,
                            "round": round,
                            "num_labelled": labels,
                            "test_accuracy": accuracy,
                            "test_loss": 1 - accuracy,
                            "class_counts": "7 7 6",
                            "unlabelled_entropy": 0.5 + 0.1 * seed if strategy.startswith("joint") else np.nan,
                            "unlabelled_class_marginals": " ".join(map(str, marginals))
                            if strategy.startswith("joint")
                            else "",
                            "validation_accuracy": accuracy - 0.1,
                        }
                    )
    return pd.DataFrame(rows)


def test_gains_are_paired_by_seed():
    table = gains(rounds(), [("joint", "random"), ("joint", "margin"), ("joint", "nobody")])
    assert table["against"].tolist() == ["random", "margin"] * 3
    assert table["num_seeds"].tolist() == [6] * 6
    assert table["gain"].tolist() == pytest.approx([6, 3] * 3, abs=0.3)
    assert ((table["low"] < table["gain"]) & (table["gain"] < table["high"])).all()
    assert (table["high"] - table["low"]).max() < 1, "the noise that strategies share is in the intervals"


def test_seeds_that_only_one_of_them_has_are_left_out():
    table = rounds(settings=("digits",))
    table = table[~((table["strategy"] == "random") & (table["seed"] == 0))]
    assert gains(table, [("joint", "random")])["num_seeds"].tolist() == [5]


def test_one_seed_has_no_interval_and_holds_no_claim():
    table = rounds(num_seeds=1)
    (claim,) = [each for each in claims(table) if each.paper == "uni-modal data: joint is above random queries"]
    assert re.fullmatch(r"in 1 setting: open in 1; over 1 data set \+[56]\.\d\d", claim.measured)
    assert claim.holds == "open"
    (points,) = in_points(gains(table[table["dataset"] == "digits"], [("joint", "random")]))
    assert re.fullmatch(r"\+[56]\.\d\d \(1 seeds\)", points)


def answers(table: pd.DataFrame) -> dict[str, bool | str | None]:
    return {claim.paper: claim.holds for claim in claims(table)}


def test_claims_hold_where_joint_is_above_in_every_setting():
    made = answers(rounds())
    above = [text for text in made if "joint is above" in text]
    assert len(above) == 3 * len(BASELINES)
    assert all(made[text] is True for text in above)
    made = answers(rounds({"joint": 0.0} | dict.fromkeys(BASELINES, 0.05)))
    assert all(made[text] is False for text in above)


def test_a_claim_fails_if_joint_is_not_above_in_one_setting():
    table = rounds()
    is_one = (table["dataset"] == SETTINGS[2]) & (table["strategy"] == "joint")
    table.loc[is_one, "test_accuracy"] -= 0.06 - 0.02  # as entropy
    made = answers(table)
    assert made["uni-modal data: joint is above entropy"] is True
    assert made["multi-modal data: joint is above entropy"] == made["all data: joint is above entropy"] == "open"
    assert made["multi-modal data: joint is above random queries"] is True


def test_what_was_not_run_is_not_claimed():
    made = answers(rounds(settings=("digits",)))
    assert made["multi-modal data: joint is above margin"] is None
    assert made["(by definition) with weight 0 it is entropy sampling, bit for bit"] is None
    assert sum(holds is None for holds in made.values()) == len(BASELINES) + 3


def test_several_strategies_are_judged_by_holm_and_an_open_gain_says_what_would_be_found():
    """Of ten strategies: a gain that is off 0 by itself alone."""
    others = {f"joint,ramp_epochs={number}": 0.0 for number in range(9)}
    table = rounds({"joint": 0.0015, "random": 0.0} | others, settings=("digits",), num_seeds=6, noise=0.0012)
    (row,) = gains(table, [("joint", "random")]).to_dict("records")
    assert row["p"] < 0.05 < row["p_holm"]
    assert (row["verdict"], row["verdict_holm"]) == ("above, by less than the margin", "same")
    (cell,) = in_points(pd.DataFrame([row]))
    assert cell.endswith("] same")
    (cell,) = in_points(pd.DataFrame([row | {"verdict_holm": "open", "detectable": 0.314}]))
    assert cell.endswith("] open (0.31 would be found)")
    claim = next(each for each in claims(table) if each.paper == "uni-modal data: joint is above random queries")
    assert claim.measured.startswith("in 1 setting: same in 1; over 1 data set +")
    assert claim.holds == "open"


def test_what_is_below_over_data_sets_does_not_hold_though_a_setting_is_open():
    table = rounds({"joint": 0.0, "margin": 0.03, "random": 0.0}, settings=(*SETTINGS, "mnist"))
    for dataset, change in ((SETTINGS[1], 0.03), (SETTINGS[2], -0.03)):
        is_it = (table["dataset"] == dataset) & (table["strategy"] == "margin")
        table.loc[is_it, "test_accuracy"] += change
    claim = next(each for each in claims(table) if each.paper == "all data: joint is above margin")
    assert re.match(r"in 4 settings: below in 3, same in 1; over 3 data sets -\d\.\d\d \[.*\] below$", claim.measured)
    assert claim.holds is False
    over = gains_over_datasets(gains_over(table))
    assert set(over["batch_size"]) == set(over["model"]) == {"all"}
    assert set(over["num_datasets"]) == {3}


def test_networks_are_compared_by_seed():
    table = rounds(settings=("digits", "mnist"))
    better = table[table["dataset"] == "digits"].assign(model="fusion")
    better["test_accuracy"] += np.where(better["strategy"] == "joint", 0.03, 0.02)
    made = networks(pd.concat([table, better]), "fusion", "dbn")
    assert made["dataset"].unique().tolist() == ["digits"]
    assert made["strategy"].tolist() == [*COMPARED]
    assert made["fusion over dbn"].tolist() == ["+3.00 [+3.00, +3.00] above", *["+2.00 [+2.00, +2.00] above"] * 4]
    assert made.iloc[:, 3].tolist() == ["", *["+1.00 [+1.00, +1.00] above"] * 4]
    assert networks(table, "fusion", "dbn").empty


def test_verdicts_are_counted_with_what_would_be_found():
    kinds = ["above", "above, by less than the margin", "open", "open", "below"]
    table = pd.DataFrame({"verdict_holm": kinds, "verdict": "same", "detectable": [1.0, 1.0, 2.25, 0.5, 1.0]})
    within, found = "(1 by less than the margin)", "(0.50 to 2.25 would be found)"
    assert counted(table) == f"above in 2 {within}, below in 1, open in 2 {found}"
    assert counted(table[2:3]) == "open in 1 (2.25 would be found)"
    assert is_all(table) == "open"
    assert is_all(table[:2]) is True
    table = table.assign(gain=0.2, low=0.1, high=0.3)
    assert told(table)[1:3] == [
        "+0.20 ± 0.10 above, by less than the margin",
        "+0.20 ± 0.10 open (2.25 would be found)",
    ]
    assert detectable_of(-1, 1, 5) == pytest.approx(3.76 / 2.776, rel=1e-3)


def test_the_halves_are_compared_with_what_lacks_the_other():
    lifts = LIFTS | {"joint,query=random": 0.01, "joint,measured=labelled": -0.01}
    texts = claims_table(claims(rounds(lifts)))["holds"].tolist()
    assert texts[-3:] == ["yes", "**no**", "not measured"]


@pytest.mark.parametrize("difference", [0.0, 1e-12])
def test_weight_0_must_be_entropy_to_the_bit(difference):
    table = rounds(settings=("digits",))
    zero = table[table["strategy"] == "entropy"].assign(strategy="joint,entropy_weight=0")
    zero.iloc[3, zero.columns.get_loc("test_loss")] += difference
    (claim,) = [each for each in claims(pd.concat([table, zero])) if "weight 0" in each.paper]
    assert claim.holds is (difference == 0)
    assert claim.measured == f"{18 - bool(difference)} of 18 rounds are the same"


def test_collapse_is_what_the_rounds_recorded():
    setting = {"dataset": "digits", "model": "dbn", "batch_size": 20, "variant": ""}
    table = collapse(rounds(), setting, at=(1, 2))
    assert table["labels"].tolist() == [40, 60]
    assert table["strategy"].tolist() == ["joint", "joint"]
    assert table["pool entropy"].tolist() == pytest.approx([0.75, 0.75])
    assert table["largest class, most"].tolist() == [0.7, 0.7]
    assert table["smallest class, least"].tolist() == [0.1, 0.1]


def test_the_best_choice_on_validation_examples_comes_first():
    table = chosen(rounds(settings=("digits", "multiple_features")))
    assert table["strategy"].iloc[0] == "joint"
    assert table["strategy"].iloc[-1] == "random"
    assert table["mean"].tolist() == pytest.approx((table["digits"] + table["multiple_features"]).div(2).tolist())
    by_hand = rounds().query("dataset == 'digits' and strategy == 'joint'")["validation_accuracy"].mean()
    assert table["digits"].iloc[0] == pytest.approx(100 * by_hand, abs=2)


def test_small_batches_are_not_chosen_for_having_fewer_rounds_at_the_start():
    """Accuracies that depend on the number of labels alone are equally good, whatever the batch size."""
    rows = [
        {"dataset": "digits", "model": "dbn", "variant": "", "seed": seed, "strategy": "joint", "batch_size": size}
        | {"round": round, "num_labelled": labels, "validation_accuracy": labels / 1000, "test_accuracy": 0.0}
        for seed in range(2)
        for size in (10, 50, 100)
        for round, labels in enumerate(range(20, 421, size))
    ]
    assert chosen(pd.DataFrame(rows))["mean"].tolist() == pytest.approx([22.0] * 3)


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        ("digits", False),
        ("multiple_features", True),
        ("multiple_features,modalities=[pixel]", True),
        ("modalities", True),
    ],
)
def test_multi_modal_data_sets_are_known_by_name(dataset, expected):
    assert is_multi_modal({"dataset": dataset}) is expected


def test_the_compared_strategies_are_the_papers():
    assert COMPARED == ("joint", "random", "confidence", "margin", "entropy")


def test_panels_share_a_legend_and_have_their_own_curves(tmp_path, monkeypatch):
    drawn: list[Figure] = []
    monkeypatch.setattr(figures, "saved", lambda figure, path: drawn.append(figure) or [])
    curves = learning_curves(rounds())
    panels = {name: curves[curves["dataset"] == name] for name in SETTINGS}
    panels["only two"] = panels["digits"][panels["digits"]["strategy"].isin(["joint", "random"])]
    figures.draw_panels(panels, tmp_path / "panels", "accuracy")
    (figure,) = drawn
    assert [axes.get_title() for axes in figure.axes] == [*SETTINGS, "only two"]
    (legend,) = figure.legends
    assert {text.get_text() for text in legend.get_texts()} == set(LIFTS)
    for axes, part in zip(figure.axes, panels.values(), strict=True):
        for line in axes.get_lines():
            expected = part[part["strategy"] == line.get_label()]["mean"].tolist()
            assert np.asarray(line.get_ydata()).tolist() == expected


def test_curves_beside_each_other_are_of_the_same_seeds(monkeypatch):
    from papers.joint import ablated, of_common_seeds

    table = rounds(LIFTS | {"joint,ramp_epochs=10": 0.0}, settings=("digits", "multiple_features"))
    is_short = (table["strategy"] == "joint,ramp_epochs=10") & (table["seed"] >= 2) & (table["dataset"] == "digits")
    common = of_common_seeds(table[~is_short])
    seeds = common.groupby(["dataset", "strategy"])["seed"].agg(lambda each: sorted(set(each)))
    assert all(each == [0, 1] for each in seeds["digits"])
    assert all(each == [*range(6)] for each in seeds["multiple_features"])
    settings = [{"dataset": name, "model": "dbn", "batch_size": 20, "variant": ""} for name in ("digits", "mnist")]
    assert ablated(table, settings, ["joint,ramp_epochs=10", "entropy"]) == settings[:1]
    with pytest.raises(ResultsError, match="has all of joint,ramp_epochs=10, joint,ramp_epochs=25"):
        ablated(table, settings, ["joint,ramp_epochs=10", "joint,ramp_epochs=25"])


VARIANTS = (
    *(f"joint,entropy_weight={weight}" for weight in ("0", "0.01", "0.1", "0.3", "1")),
    *(f"joint,ramp_epochs={epochs}" for epochs in (10, 25, 50)),
    *("joint,query=random", "joint,measured=labelled"),
)


def made_archives(folder: Path) -> None:
    """Of runs of 21 rounds, in which joint is two points above Random and loses nothing but its ablations."""
    lifts = {"joint": 0.02, "random": 0.0} | dict.fromkeys(VARIANTS, 0.01)
    for name, strategies in (("runs", (*COMPARED, *VARIANTS)), ("tuning", ("joint", "joint,entropy_weight=1"))):
        for dataset in ("digits", "multiple_features"):
            for number, strategy in enumerate(strategies):
                for seed in range(5 if name == "runs" and strategy in COMPARED else 4):
                    rng = np.random.default_rng([seed, number])
                    accuracies = {
                        20 + 20 * round: 0.9
                        - 0.4 * 0.5**round
                        + lifts.get(strategy, 0.01)
                        + 0.002 * rng.standard_normal()
                        for round in range(21)
                    }
                    identity = Identity(dataset, "dbn", strategy, 20, "", seed)
                    told = {"unlabelled_entropy": 0.5 if seed < 4 else 0.9, "unlabelled_class_marginals": "0.25 0.75"}
                    columns = told if strategy.startswith("joint") else {}
                    write_run(folder / name, identity, accuracies, validation_accuracy=0.8 - 0.01 * number, **columns)
        pack(folder / name, folder / f"{name}.tar.xz")
    (folder / "discussion.md").write_text("## Why\n\nBecause.\n")


def script(*arguments: object) -> subprocess.CompletedProcess[str]:
    return python(ROOT / "scripts" / "joint.py", *arguments)


@pytest.mark.slow
def test_the_page_and_every_figure_come_from_the_archives(tmp_path):
    made_archives(tmp_path)
    done = script(tmp_path, "--out", tmp_path / "page")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "page" / "README.md").read_text()
    figures = re.findall(r"\]\(([\w-]+\.png)\)", page)
    assert len(figures) == len(set(figures)) == 9
    for figure in figures:
        assert (tmp_path / "page" / figure).stat().st_size > 10_000
        assert (tmp_path / "page" / figure).with_suffix(".pdf").exists()
    assert "130 runs of joint training" in page
    assert "With 2 data sets there is no interval over data sets." in page
    assert "4 seeds that are not among those above" in page
    assert page.count("| 40 | joint | 0.50 |") == 2, "at a seed that not all weights have"
    assert page.endswith("## Why\n\nBecause.\n")
    assert re.search(
        r"\| uni-modal data: joint is above random queries \| in 1 setting: above in 1; .* \| yes \|", page
    )
    assert not re.search(r"\bnan\b", page)
    chosen_first = page[page.index("| model | strategy |") :].splitlines()[2]
    assert chosen_first.startswith("| dbn | joint | 20 | 80.00 |")
    curves = pd.read_csv(tmp_path / "page" / "gains.csv")
    assert set(curves["strategy"]) == {"joint", *VARIANTS}
    costs = pd.read_csv(tmp_path / "page" / "costs.csv")
    of_run = costs[(costs["dataset"] == "digits") & (costs["strategy"] == "joint")]
    numbers = np.arange(1, 22)
    for column, of_round in (("fit_seconds", 1.5), ("fit_cpu_seconds", 1.25), ("num_steps", 40)):
        assert of_run[column].tolist() == pytest.approx((of_round * numbers).tolist())
    assert of_run["query_cpu_seconds"].tolist() == pytest.approx(0.25 * numbers, abs=0.0051)
    assert of_run["microseconds_per_step"].tolist() == pytest.approx([1e6 * 1.25 / 40] * 21)
    assert not (tmp_path / "README.md").exists()


@pytest.mark.slow
def test_archives_that_are_not_there_are_one_message(tmp_path):
    done = script(tmp_path)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "runs.tar.xz" in done.stderr


PUBLISHED = ROOT / "docs" / "results" / "joint"


@pytest.mark.slow
def test_the_published_page_is_that_of_the_published_runs(tmp_path):
    done = script(PUBLISHED, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    for name in (
        "README.md",
        *(path.name for path in PUBLISHED.glob("*.csv")),
        "gains.tex",
        "overall.tex",
        "costs.tex",
    ):
        assert (tmp_path / name).read_text() == (PUBLISHED / name).read_text(), f"{name} is of other runs"


def test_the_page_of_experiments_says_what_the_page_of_results_says():
    """Of joint training: its first claims, in points."""
    experiments, page = (ROOT / "docs" / "papers.md").read_text(), (PUBLISHED / "README.md").read_text()
    said = experiments[experiments.index("## Joint training, as one command") :].partition("\n## ")[0]
    num_runs = re.search(r"([\d,]+) runs of", page)
    hours = re.search(r"(\d+\.\d) hours of one core by the clock", page)
    assert f"{num_runs[1]} runs ({hours[1]} hours of one core)" in said

"""The texts of published pages say what their tables say: numbers, verdicts, and what open comparisons would find."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from papers.claims import detectable_of

from al_bench.analysis.statistics.intervals import Verdict

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results"
NUMBER = r"(?<![\d,])\d*\.\d+"
CELL = r"([+-]\d+\.\d+) \[([+-]\d+\.\d+), ([+-]\d+\.\d+)\]"
FOUND = r"\((\d+\.\d+) would be found\)"


def read(name: str) -> str:
    return " ".join((ROOT / "docs" / name).read_text().split())


def gains_of(name: str) -> pd.DataFrame:
    table = pd.read_csv(RESULTS / name / "gains.csv", keep_default_na=True, dtype={"part": str})
    return table.assign(half=(table["high"] - table["low"]) / 2)


def is_rounded(text: str, known: np.ndarray) -> bool:
    digits = len(text.partition(".")[2])
    return bool((abs(abs(known) - abs(float(text))) <= 0.5 * 10.0**-digits + 1e-9).any())


def facts(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Gains with half their intervals (N, 2), and what would be found, of the tables of a page."""
    gains, page = gains_of(name), read(f"results/{name}/README.md").partition("## Provenance")[0]
    over = pd.read_csv(RESULTS / name / "overall.csv").dropna(subset="low")
    cells = np.array(re.findall(CELL, page), dtype=float).reshape(-1, 3)
    pairs = [
        gains[["gain", "half"]].to_numpy(),
        np.column_stack([over["gain"], (over["high"] - over["low"]) / 2]),
        np.column_stack([cells[:, 0], (cells[:, 2] - cells[:, 1]) / 2]),
    ]
    found = [detectable_of(*row) for row in over[["low", "high", "num_datasets"]].itertuples(index=False, name=None)]
    told = np.array(re.findall(FOUND, page), dtype=float)
    return np.concatenate(pairs), np.concatenate([gains["detectable"].dropna(), found, told])


@pytest.mark.parametrize("name", ["badge", "joint"])
def test_every_interval_of_a_discussion_is_of_a_table(name):
    pairs, found = facts(name)
    text = read(f"results/{name}/discussion.md")
    said = re.findall(rf"({NUMBER}) ± ({NUMBER})", text)
    assert len(said) > 5
    for gain, half in said:
        is_it = [is_rounded(gain, pair[:1]) and is_rounded(half, pair[1:]) for pair in pairs]
        assert any(is_it), f"{gain} ± {half}"
    open_ones = [re.findall(NUMBER, part) for part in re.findall(r"([^(;]*)would be found", text)]
    assert len(open_ones) > 5
    assert all(open_ones)
    for number in (number for part in open_ones for number in part):
        assert is_rounded(number, found), f"{number} would be found"


def test_an_interval_that_no_table_has_is_seen():
    pairs, found = facts("badge")
    assert not is_rounded(".99999", pairs[:, 1])
    assert not is_rounded("99.9", found)


@pytest.mark.parametrize("name", ["badge", "joint"])
def test_tables_judge_by_holm_and_say_what_an_open_comparison_would_find(name):
    page = read(f"results/{name}/README.md").partition("## Provenance")[0]
    rows = gains_of(name)
    if name == "badge":
        rows = rows[(rows["against"] == "random") & rows["part"].isin(["whole", "early", "late"])]
    turned = 0
    for row in rows.to_dict("records"):
        verdict = row["verdict_holm"]
        spread = f"± {row['half']:.2f}" if name == "badge" else f"[{row['low']:+.2f}, {row['high']:+.2f}]"
        told = f" ({row['detectable']:.2f} would be found)" if verdict == "open" else ""
        assert f"| {row['gain']:+.2f} {spread} {verdict}{told} |" in page
        turned += verdict != row["verdict"]
    assert turned == {"badge": 0, "joint": 5}[name]
    assert not re.findall(r"\d\]? open (?!\()", page)
    assert '("by less than the margin")' in page, "the legend"


WITHIN, BELOW_WITHIN = str(Verdict.ABOVE_WITHIN), str(Verdict.BELOW_WITHIN)
SAID = [  # page, what it says, setting (data set, batch size or model), strategy, against, part, verdict
    *(
        ("results/badge/discussion.md", text, setting, strategy, against, part, verdict)
        for text, setting, strategy, against, part, verdict in [
            ("is above Random by 1.96 ± .52", ("openml_6", 1000), "coreset", "random", "whole", "above"),
            ("Margin is then above BADGE by .23 ± .15", ("mnist", 100), "margin", "badge", "whole", WITHIN),
            ("batches of 1,000 below it by .15 ± .12", ("mnist", 1000), "margin", "badge", "whole", BELOW_WITHIN),
            ("on letter by 1.94 ± .82", ("openml_6", 1000), "margin", "badge", "whole", "below"),
            ("Confidence is above BADGE, too, by .23", ("mnist", 100), "confidence", "badge", "6500", WITHIN),
            ("before that is open (+.42 ± .41; .56", ("mnist", 100), "confidence", "badge", "3300", "open"),
            ("beside BADGE too (-1.86 ± 1.60; 2.2", ("openml_6", 1000), "margin", "badge", "2100", "open"),
            ("it is below BADGE, Coreset and Random", ("openml_6", 1000), "margin", "badge", "1100", "below"),
            ("it is below BADGE, Coreset and Random", ("openml_6", 1000), "margin", "coreset", "1100", "below"),
            ("it is below BADGE, Coreset and Random", ("openml_6", 1000), "margin", "random", "1100", "below"),
            ("Coreset is below Random early (-1.52 ± .56)", ("mnist", 100), "coreset", "random", "early", "below"),
            ("is so on letter alone, for all three", ("openml_6", 1000), "confidence", "random", "early", "below"),
            ("is so on letter alone, for all three", ("openml_6", 1000), "margin", "random", "early", "below"),
            ("is so on letter alone, for all three", ("openml_6", 1000), "entropy", "random", "early", "below"),
            ("while Margin is above Random early", ("mnist", 1000), "margin", "random", "early", "above"),
            ("Confidence and Margin are above it", ("mnist", 100), "confidence", "random", "early", "above"),
            ("Confidence and Margin are above it", ("mnist", 100), "margin", "random", "early", "above"),
            ("Entropy is open (+.48 ± .64; .86", ("mnist", 100), "entropy", "random", "early", "open"),
            ("Entropy on letter (+.26 ± .85, open; 1.2", ("openml_6", 1000), "entropy", "random", "4100", "open"),
        ]
    ),
    ("strategies/badge.md", "above BADGE with batches of 100", ("mnist", 100), "margin", "badge", "whole", WITHIN),
    (
        "strategies/badge.md",
        "below it with batches of 1,000",
        ("mnist", 1000),
        "margin",
        "badge",
        "whole",
        BELOW_WITHIN,
    ),
    *(
        ("results/joint/discussion.md", text, setting, strategy, against, "whole", verdict)
        for text, setting, strategy, against, verdict in [
            ("with `model=fusion` both are open", ("multiple_features", "fusion"), "joint", "margin", "open"),
            ("with `model=fusion` both are open", ("multiple_features", "fusion"), "joint", "confidence", "open"),
            ("above on MNIST, by .9 points", ("mnist", "dbn"), "joint", "entropy", "above"),
            ("same within half a point on all six views", ("multiple_features", "dbn"), "joint", "entropy", "same"),
            ("and the same on digits (+.07 ± .05)", ("digits", "dbn"), "joint,query=random", "random", "same"),
            (".4 points on all six views", ("multiple_features", "dbn"), "joint,query=random", "random", "above"),
            ("open on digits (-.4; 1.15", ("digits", "dbn"), "joint,entropy_weight=0.1", "entropy", "open"),
            ("by 1.4 points on all six", ("multiple_features", "dbn"), "joint,entropy_weight=0.1", "entropy", "below"),
            ("open on digits (-1.75; 1.71", ("digits", "dbn"), "joint,entropy_weight=0.3", "entropy", "open"),
            ("below by five on all six", ("multiple_features", "dbn"), "joint,entropy_weight=0.3", "entropy", "below"),
        ]
    ),
]


@pytest.mark.parametrize(("page", "text", "setting", "strategy", "against", "part", "verdict"), SAID)
def test_a_sentence_is_what_its_row_was_judged_as(page, text, setting, strategy, against, part, verdict):
    name = "joint" if "joint" in page else "badge"
    assert text in read(page)
    rows = gains_of(name)
    columns = {"dataset": setting[0], "model" if name == "joint" else "batch_size": setting[1]}
    columns |= {"strategy": strategy, "against": against, "part": part}
    (row,) = rows[np.logical_and.reduce([rows[key] == value for key, value in columns.items()])].to_dict("records")
    assert row["verdict_holm"] == verdict


def test_joint_training_is_counted_as_the_discussion_counts_it():
    rows = gains_of("joint")
    rows = rows[rows["strategy"] == "joint"]
    rows = rows.assign(kind=rows["verdict_holm"].map(lambda verdict: str(Verdict(verdict).kind)))
    counts = {against: table["kind"].value_counts().to_dict() for against, table in rows.groupby("against")}
    assert counts["margin"] == counts["confidence"] == {"below": 9, "open": 1}
    assert counts["entropy"] == {"open": 8, "above": 1, "same": 1}
    assert counts["random"] == {"open": 8, "below": 2}
    text = read("results/joint/discussion.md")
    assert "below margin and least confident in nine of ten settings" in text
    assert "the other eight settings are open" in text
    assert "open in the other eight settings" in text


def test_gains_over_data_sets_are_means_of_means_of_the_settings():
    """By numpy, from gains.csv."""
    rows = gains_of("joint")
    rows = rows[rows["strategy"] == "joint"].assign(family=rows["dataset"].str.partition(",")[0])
    over = pd.read_csv(RESULTS / "joint" / "overall.csv")
    over = over[(over["strategy"] == "joint") & (over["part"] == "whole")].set_index("against")
    assert len(over) == 4
    for against, of_against in rows.groupby("against"):
        y_D = of_against.groupby("family")["gain"].mean().to_numpy()
        row = over.loc[against]
        assert (row["num_datasets"], row["model"], row["batch_size"]) == (len(y_D), "all", "all")
        half = 4.302652729749464 * y_D.std(ddof=1) / np.sqrt(3)
        assert np.allclose([row["gain"], row["low"], row["high"]], [y_D.mean(), y_D.mean() - half, y_D.mean() + half])


def test_what_is_said_of_the_number_of_data_sets_is_their_number():
    for name, said in (
        (
            "badge",
            "The settings are of 2 data sets, with one model fewer than three, so nothing is said over",
        ),
        ("joint", "Over all 3 data sets there is an interval"),
    ):
        families = gains_of(name)["dataset"].str.partition(",")[0].nunique()
        assert f" {families} data sets" in said
        assert said in read(f"results/{name}/README.md")


@pytest.mark.parametrize("name", ["badge", "joint"])
def test_latex_has_a_line_for_each_row_and_no_seconds_of_a_busy_machine(name):
    for table in ("gains", "overall"):
        text = (RESULTS / name / f"{table}.tex").read_text()
        assert text.count(r" \\") - 2 * ("longtable" in text) == len(pd.read_csv(RESULTS / name / f"{table}.csv")) + 1
    text = (RESULTS / name / "costs.tex").read_text()
    assert "num steps" in text
    assert "seconds" not in text

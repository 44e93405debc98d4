"""A submission stands where the page has our own strategies, by the same numbers."""

import csv
import gzip
from collections import Counter, defaultdict
from math import isnan
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from al_bench.leaderboard.board import Place
from al_bench.leaderboard.standing import gains_beside
from al_bench.records.identity import Identity

RESULTS = Path(__file__).parents[2] / "docs" / "results" / "leaderboard"


@pytest.fixture(scope="module")
def placed() -> dict[Place, list[SimpleNamespace]]:
    """The published runs of Falcun, on the data sets that are whole, under the name of somebody else."""
    table = [*csv.DictReader(gzip.decompress((RESULTS / "results.csv.gz").read_bytes()).decode().splitlines())]
    there = {(row["dataset"], row["strategy"], row["seed"]) for row in table if row["regime"] == "low"}
    num_runs = Counter(dataset for dataset, _, _ in there)
    of_runs = defaultdict(list)
    for row in table:
        is_whole = num_runs[row["dataset"]] == max(num_runs.values())
        if is_whole and (row["regime"], row["strategy"]) == ("low", "falcun"):
            of_runs[row["dataset"], int(row["batch_size"]), int(row["seed"])].append(row)
    runs = defaultdict(list)
    for (dataset, batch_size, seed), rows in of_runs.items():
        place = Place("low", dataset.partition(",")[0], SimpleNamespace(identity=SimpleNamespace(dataset=dataset)), ())
        rounds = {"num_labelled": [int(row["num_labelled"]) for row in rows]}
        rounds["test_accuracy"] = [float(row["test_accuracy"]) for row in rows]
        identity = Identity(dataset, "mlp", "mine", batch_size, "", seed)
        runs[place].append(SimpleNamespace(identity=identity, rounds=rounds))
    return runs


@pytest.mark.moderate
def test_its_gain_is_the_one_that_the_page_has_of_the_same_runs_beside_badge_and_margin(placed):
    ours, badge, margin = gains_beside(placed, RESULTS)
    published = pd.read_csv(RESULTS / "overall.csv").query("regime == 'low' and measure == 'test_accuracy'")
    published = published.query("part == 'whole' and against == 'random' and batch_size == 'all'")
    assert [each.strategy for each in (ours, badge, margin)] == ["mine", "badge", "margin"]
    for each, name in ((ours, "falcun"), (badge, "badge"), (margin, "margin")):
        row = published[published["strategy"] == name].iloc[0]
        assert each.num_datasets == row["num_datasets"]
        assert [each.gain, each.low, each.high] == pytest.approx([*row[["gain", "low", "high"]]], abs=1e-9)
        assert str(each) == f"{row['gain']:+.2f} ± {(row['high'] - row['low']) / 2:.2f}"


def test_over_two_data_sets_there_is_no_interval_and_without_published_rounds_nothing(placed, tmp_path):
    first, second, *_ = placed
    ours, *_ = gains_beside({place: placed[place] for place in (first, second)}, RESULTS)
    assert ours.num_datasets == 2
    assert isnan(ours.low)
    assert "±" not in str(ours)
    assert gains_beside(placed, tmp_path) == []
    with gzip.open(RESULTS / "results.csv.gz", "rt") as file, gzip.open(tmp_path / "results.csv.gz", "wt") as empty:
        empty.write(file.readline())
    assert gains_beside(placed, tmp_path) == []

"""The one order of strategies: by mean gain, by hand, and the same in everything that is shown of them."""

import json
import re
from pathlib import Path
from statistics import mean

import pandas as pd
import pytest

from al_bench.analysis.everything import Comparison, everything
from al_bench.analysis.families import families
from al_bench.analysis.page.report import report
from al_bench.analysis.results import load_results
from al_bench.analysis.shown import Shown
from al_bench.analysis.strategies import arranged, by_mean_gain
from al_bench.core.errors import ResultsError
from al_bench.records.identity import Identity
from tests.support.made_results import START, write_run

LEAD = {"zeta": 0.05, "margin": 0.03, "random": 0.0, "alpha": -0.01, "badge": -0.02}
SETTINGS = [("digits", 10), ("digits", 20), ("letter", 10), ("mnist", 10)]


def write(folder: Path, strategy: str, dataset: str, batch_size: int, lead: float, *, is_oracle: bool = False) -> None:
    for seed in range(2):
        accuracies = {10 + batch_size * number: 0.5 + 0.1 * number + lead + 0.001 * seed for number in range(4)}
        path = write_run(folder, Identity(dataset, "mlp", strategy, batch_size, "", seed), accuracies)
        (path / "environment.json").write_text(json.dumps([START | {"is_oracle": is_oracle}]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for dataset, batch_size in SETTINGS:
        for strategy, lead in LEAD.items():
            write(tmp_path, strategy, dataset, batch_size, lead)
        write(tmp_path, "boss", dataset, batch_size, 0.2, is_oracle=True)
    return tmp_path


def test_by_mean_gain_those_without_one_at_the_end(folder):
    rounds = load_results(folder).rounds
    assert by_mean_gain(rounds, families(rounds)) == ["zeta", "margin", "random", "alpha", "badge", "boss"]
    assert by_mean_gain(rounds, families(rounds), "alpha") == ["zeta", "margin", "random", "alpha", "badge", "boss"]


def test_the_unit_is_the_data_set_and_ties_keep_the_order_of_the_rows(tmp_path):
    """In two settings of digits `a` is 3 points better, in one of letter 4 worse: 3 and -4 over data sets."""
    for dataset, batch_size in SETTINGS[:3]:
        write(tmp_path, "random", dataset, batch_size, 0.0)
        write(tmp_path, "a", dataset, batch_size, -0.04 if dataset == "letter" else 0.03)
        for tied in ("d", "c", "b"):
            write(tmp_path, tied, dataset, batch_size, 0.0)
    rounds = load_results(tmp_path).rounds
    assert mean([0.03, 0.03, -0.04]) > 0 > mean([0.03, -0.04])
    assert by_mean_gain(rounds, families(rounds)) == ["random", "b", "c", "d", "a"]
    one = dict.fromkeys(families(rounds), "all of one data set")
    assert by_mean_gain(rounds, one) == ["a", "random", "b", "c", "d"]


def test_without_the_baseline_the_order_is_that_of_the_rows(folder):
    rounds = load_results(folder).rounds
    rounds = rounds[rounds["strategy"] != "random"]
    assert by_mean_gain(rounds, families(rounds)) == ["badge", "margin", "alpha", "boss", "zeta"]


def test_an_order_that_is_given_comes_first(folder):
    rounds = load_results(folder).rounds
    order = by_mean_gain(rounds, families(rounds), first=["badge", "random"])
    assert order == ["badge", "random", "zeta", "margin", "alpha", "boss"]
    with pytest.raises(ResultsError, match=r"order=bagde: there is no run of that strategy; those there are:\n  badge"):
        by_mean_gain(rounds, families(rounds), first=["margin", "bagde"])


def test_rows_are_arranged_within_their_groups():
    table = pd.DataFrame({"setting": [2, 2, 2, 1, 1], "strategy": [*"abc", *"ab"], "number": range(5)})
    assert arranged(table, ["c", "a", "b"], ["setting"])["number"].tolist() == [2, 0, 1, 3, 4]
    assert arranged(table, ["c", "a", "b"])["number"].tolist() == [2, 0, 3, 1, 4]


@pytest.mark.moderate
@pytest.mark.parametrize("first", [(), ("badge", "random")])
def test_it_is_the_order_of_everything_that_is_shown(folder, first):
    write(folder, "own", "letter", 10, 0.01)  # without runs in the first setting
    found = everything(folder, is_partial=True, shown=Shown(order=first))
    by_gain = ["zeta", "margin", "own", "random", "alpha", "badge", "boss"]
    order = [*first, *(name for name in by_gain if name not in first)]
    compared = [name for name in order if name != "boss"]
    assert list(found.strategies) == [*found.looks] == order
    assert isinstance(found.comparison, Comparison)
    assert list(found.comparison.matrices[0].matrix.columns) == compared
    for _, distributions in found.comparison.distributions[:1]:
        assert distributions["strategy"].unique().tolist() == compared
    for name, table in found.tables().items():
        if "strategy" in table and name not in ("runs", "mean_ranks"):
            keys = [key for key in ("dataset", "batch_size", "measure", "part", "target") if key in table]
            for _, rows in table.groupby(keys) if keys else [("", table)]:
                there = set(rows["strategy"])
                names = [each for each in order if each in there]
                assert rows["strategy"].drop_duplicates().tolist() in (names, [*names, "mean"]), name
    page = report(found)
    matrices = re.findall(r'<table class="matrix">\n<thead>(.*?)</thead>', page)
    assert len(matrices) == 1 + len(found.comparison.matrices)
    for head in matrices:
        assert re.findall(r"<span>(.*?)</span>", head) == compared
    figures = [json.loads(text) for text in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page)]
    for figure in figures:
        names = [trace["name"] for trace in figure["data"] if trace.get("name")]
        assert names == [name for name in order if name in names]

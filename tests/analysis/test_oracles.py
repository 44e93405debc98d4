"""Oracles in results: lines of reference among the curves, and in no comparison."""

import json
from pathlib import Path

import pytest

from al_bench.analysis.everything import Comparison, Everything, everything
from al_bench.analysis.page.report import report
from al_bench.analysis.results import load_results
from al_bench.analysis.statistics.gains import gains
from al_bench.analysis.statistics.penalty import penalty_matrices
from al_bench.core.errors import ResultsError
from tests.support.made_results import START, write_sweep

SETTINGS = tuple((name, "mlp", 100, 8) for name in ("digits", "letters", "mnist"))
LEAD = {"random": 0.0, "badge": 0.01, "margin": 0.02, "boss": 0.1}


def accuracy(strategy: str, seed: int, share: float) -> float:
    return round(0.4 + share / 3 + LEAD[strategy] + 0.001 * seed, 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("oracles")
    write_sweep(folder, accuracy, settings=SETTINGS, strategies=tuple(LEAD), num_seeds=2)
    for path in folder.glob("*/*/boss/*/*/environment.json"):
        path.write_text(json.dumps([START | {"is_oracle": True}]))
    for path in folder.glob("*/*/boss/*/s1/rounds.csv"):  # one ends early, which shortens no comparison
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:4]))
    return folder


@pytest.fixture(scope="module")
def found(folder: Path) -> Everything:
    return everything(folder)


def test_they_are_drawn_and_nothing_else(found):
    assert found.oracles == ("boss",)
    for name in ("runs", "curves", "costs"):
        assert "boss" in set(found.tables()[name]["strategy"]), name
    for name in ("areas", "mean_areas", "gains", "overall", "labels_saved", "mean_ranks", "nemenyi"):
        assert "boss" not in set(found.tables()[name]["strategy"]), name
    assert isinstance(found.comparison, Comparison)
    assert "boss" not in found.comparison.matrices[0].matrix
    assert "boss" not in set(found.beats["first"])
    assert found.areas["to_labels"].unique().tolist() == [800]


def test_the_comparison_is_that_of_results_without_them(found, folder, tmp_path):
    write_sweep(tmp_path, accuracy, settings=SETTINGS, strategies=tuple(LEAD)[:3], num_seeds=2)
    without = everything(tmp_path)
    for name in ("gains", "overall", "beats", "mean_areas", "mean_ranks", "penalty_overall", "normalised_errors"):
        assert found.tables()[name].equals(without.tables()[name]), name
    rounds = load_results(folder).rounds
    assert penalty_matrices(rounds)[0].matrix.equals(penalty_matrices(load_results(tmp_path).rounds)[0].matrix)
    with pytest.raises(ResultsError, match=r"against=boss: there is no run of that strategy(.|\n)*badge"):
        gains(rounds, against="boss")


def test_the_page_says_so_in_grey(found):
    page = report(found)
    assert "boss is an oracle, shown what nobody could know before asking" in page
    assert found.looks["boss"].colour in page
    assert found.looks["badge"] == everything(found.folders).looks["badge"]


def test_where_there_are_oracles_alone_there_is_nothing_to_be_a_line_to(tmp_path):
    write_sweep(tmp_path, accuracy, settings=SETTINGS[:1], strategies=("boss",), num_seeds=2)
    for path in tmp_path.glob("*/*/boss/*/*/environment.json"):
        path.write_text(json.dumps([START | {"is_oracle": True}]))
    with pytest.raises(ResultsError, match="oracles alone"):
        everything(tmp_path)
    write_sweep(tmp_path, accuracy, settings=SETTINGS[1:2], strategies=("random", "badge"), num_seeds=2)
    found = everything(tmp_path)
    assert "digits · mlp · b100: left out: oracles alone" in found.problems
    assert found.oracles == ()
    assert "left out: oracles alone" in report(found)

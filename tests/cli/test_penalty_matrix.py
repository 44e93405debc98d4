"""The penalty matrix in a terminal."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from al_bench.analysis.results import PAPER_ORDER
from al_bench.analysis.statistics.penalty import PenaltyMatrix
from al_bench.cli.penalty_matrix import show
from tests.analysis.page.test_names import NAMES


def matrix(names: Sequence[str]) -> PenaltyMatrix:
    """Entries up to 33.00."""
    values = 33 * np.random.default_rng(0).random((len(names), len(names)))
    return PenaltyMatrix(pd.DataFrame(values, index=[*names], columns=[*names]), {}, ("a setting",) * 33, ())


@pytest.mark.parametrize(
    "names",
    [PAPER_ORDER, NAMES, [f"joint,entropy_weight={number}" for number in range(20)], ["l" * 80, "random"]],
    ids=["paper", "any", "twenty", "long"],
)
def test_every_number_and_every_name_is_whole_in_a_terminal_of_80_columns(names, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    show(penalty := matrix(names))
    said = capsys.readouterr().out
    for value in (*penalty.matrix.to_numpy().flat, *penalty.penalties):
        assert f" {value:.2f} " in said
    for name in names:
        assert name in said
    assert "…" not in said
    assert max(len(line) for line in said.splitlines() if not set(names) & set(line.split(" ", 1))) <= 80
    if names == PAPER_ORDER:
        assert said.count("mean") == 2, "one table, and the sentence above it"

"""The command that the docs give runs what is published: no data set more, and none less."""

import gzip
import re
from pathlib import Path

import pandas as pd
import pytest

from al_bench.leaderboard.board import Board

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.slow
def test_the_command_of_the_docs_runs_the_data_sets_that_are_published():
    board = Board.read()
    (command,) = re.findall(r"^al-bench experiment=leaderboard.*$", (DOCS / "leaderboard.md").read_text(), re.MULTILINE)
    assert command == board.command("low", "mine")
    with gzip.open(DOCS / "results" / "leaderboard" / "results.csv.gz") as file:
        rounds = pd.read_csv(file)
    of_random = rounds[(rounds["strategy"] == "random") & (rounds["regime"] == "low")]
    num_seeds = of_random.groupby("dataset")["seed"].nunique()
    published = {*num_seeds.index[num_seeds == 10]}
    (settings,) = re.findall(r" setting=(\S+) ", command)
    places = {place.name: place for place in board.places if place.regime == "low"}
    run = [places[each.removeprefix("leaderboard/")] for each in settings.split(",")]
    assert {place.planned.identity.dataset for place in run} == published
    (said,) = re.findall(r"^These are (\d+) runs", (DOCS / "leaderboard.md").read_text(), re.MULTILINE)
    assert int(said) == sum(len(place.seeds) for place in run)

"""`dataset.family`: which data sets are views of the same examples, told to whoever reads results; it changes none."""

import json

import pytest

from al_bench.job.loading import dataset_family
from tests.conftest import run_directory

QUICK = ("model.width=8", "model.max_epochs=2", "budget=200")


@pytest.mark.parametrize(
    ("node", "name", "family"),
    [
        ({}, "mnist", None),
        ({}, "mnist,copies=test", None),
        ({"family": "digits"}, "mnist,copies=test", "digits"),
        ({"family": None}, "openml,id=18,scale=true", "openml,id=18"),
        ({}, "arrays,name=mine", "arrays,name=mine"),
        ({"family": "views"}, "modalities,name=mine", "views"),
    ],
)
def test_it_is_what_was_said_or_what_the_name_says_of_one_among_many(node, name, family):
    assert dataset_family(node, name) == family


@pytest.mark.slow
def test_it_is_told_to_who_reads_the_results_and_no_part_of_what_a_run_is(cli, tmp_path):
    assert cli(*QUICK).code == 0
    path = run_directory(tmp_path)
    again = cli(*QUICK, "+dataset.family=handwriting")
    assert "finished before" in again.out, again.err
    assert cli(*QUICK, "+dataset.family=handwriting", "name=told").code == 0
    told = run_directory(tmp_path / "outputs" / "told")
    assert told.relative_to(tmp_path / "outputs" / "told") == path.relative_to(tmp_path / "outputs" / "default")
    families = [json.loads((each / "environment.json").read_text())[0]["family"] for each in (path, told)]
    assert families == [None, "handwriting"]
    refused = cli(*QUICK, "+dataset.family=[a]", "name=other")
    assert (refused.code, refused.err) == (1, "al-bench: dataset.family=[a]: input should be a valid string\n")

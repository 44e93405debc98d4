"""environment.json has one reader: what no run writes counts as not said, and what other versions say is harmless."""

import json

import pytest

from al_bench.records.starts.told import Start, split_digest, starts_of

WRONG = {
    **dict.fromkeys(("time", "host", "device", "family", "data", "examples", "flips", "validation", "commit"), 3),
    "budget": 0,
    "command": "al-bench",
    "versions": {"torch": 2},
    "own_code": ["mine"],
    "commit_clean": "yes",
    "is_oracle": 1,
}


@pytest.mark.parametrize("key", WRONG)
def test_a_value_that_no_run_writes_counts_as_not_said(tmp_path, key):
    (tmp_path / "environment.json").write_text(json.dumps([{"python": "3.11.7", key: WRONG[key]}]))
    assert starts_of(tmp_path) == [{"python": "3.11.7"}]


def test_keys_of_other_versions_are_harmless(tmp_path):
    starts = [{"data": "a", "colour": {"sky": "blue"}}, {"data": "b", "commit": None, "budget": None}]
    (tmp_path / "environment.json").write_text(json.dumps(starts))
    assert starts_of(tmp_path) == starts


@pytest.mark.parametrize(
    ("start", "digest"),
    [
        (Start(data="a"), "a"),
        (Start(data="a", examples="b"), "b"),
        (Start(data="a", examples=None), "a"),
        (Start(examples="b"), "b"),
        (Start(commit="c"), None),
    ],
)
def test_places_in_the_pool_are_those_of_the_examples_else_of_the_data(start, digest):
    assert split_digest(start) == digest

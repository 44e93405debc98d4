"""The columns of rounds.csv, and the page that explains them."""

import re
from pathlib import Path

from al_bench.records.columns import COLUMNS, IDENTITY_COLUMNS, REQUIRED, ROUND_COLUMNS, SETTING_COLUMNS, USUAL
from al_bench.records.identity import Identity

PAGE = Path(__file__).parents[2] / "docs" / "columns.md"


def test_the_page_explains_each_of_them():
    rows = [line.split("|")[1] for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`(\w+)`", "".join(rows))) == sorted(ROUND_COLUMNS)


def test_each_has_one_name_and_a_value_or_is_the_directorys():
    assert len({column.name for column in COLUMNS}) == len(COLUMNS)
    of_the_directory = {column.name for column in COLUMNS if column.of is None}
    assert of_the_directory == {*IDENTITY_COLUMNS, "queries_digest"}
    assert [*Identity.__dataclass_fields__] == [*IDENTITY_COLUMNS]
    assert {*SETTING_COLUMNS, "strategy", "seed"} == {*IDENTITY_COLUMNS}
    assert {*IDENTITY_COLUMNS, "round", "num_labelled", "test_accuracy"} == {*REQUIRED}
    assert not {*REQUIRED} & {*USUAL}


def test_numbers_have_a_range_and_texts_a_pattern_or_are_names():
    for column in COLUMNS:
        low, high = column.range
        assert low < high
        if column.kind is str and column.name not in IDENTITY_COLUMNS:
            assert column.pattern is not None

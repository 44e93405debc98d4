"""What runs are called."""

import pytest

from al_bench.records.layout import seeds_title


@pytest.mark.parametrize(
    ("seeds", "title"),
    [([], ""), ([3], "3"), ([1, 0], "0, 1"), ([4, 2, 3, 3], "2-4"), ([0, 1, 2, 3, 4, 7, 9, 10, 11], "0-4, 7, 9-11")],
)
def test_seeds_are_named_in_their_order(seeds, title):
    assert seeds_title(seeds) == title

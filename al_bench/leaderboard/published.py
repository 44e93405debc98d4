"""What is known of the published runs of the leaderboard: which data they saw, and Random's first round on each."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from io import StringIO
from pathlib import Path

from al_bench.files.writing import read_text

PUBLISHED = Path(__file__).with_name("published.csv")  # by scripts/papers/leaderboard/data.py


@dataclass(frozen=True)
class First:
    """Random's round 0 in a data set of a regime, at a seed: that of every strategy, as it is trained on drawn labels.

    Args:
        regime: `low`.
        dataset: what the data set is called in paths.
        seed: of the run.
        data_digest: of what was learned from.
        split_digest: of the examples that an index in the pool means: the source's rows, as they were split.
        pool_size: examples in the pool.
        num_test: examples in the test set.
        num_labelled: labels of the round.
        test_accuracy: after them.
        queries_digest: which labels they are.
    """

    regime: str
    dataset: str
    seed: int
    data_digest: str
    split_digest: str
    pool_size: int
    num_test: int
    num_labelled: int
    test_accuracy: float
    queries_digest: str

    @property
    def tolerance(self) -> float:
        """How far accuracies on other machines may be off."""
        return max(0.002, 3 / self.num_test)


Published = Mapping[tuple[str, str, int], First]
"""By regime, name of the data set, and seed."""

COLUMNS = tuple(each.name for each in fields(First))


def read_published(path: Path = PUBLISHED) -> Published:
    """The file that the package comes with, or another like it."""
    rows = csv.DictReader(read_text(path).splitlines())
    firsts = (First(*(each.type(row[each.name]) for each in fields(First))) for row in rows)  # type: ignore[operator]
    return {(first.regime, first.dataset, first.seed): first for first in firsts}


def published_text(firsts: Iterable[First]) -> str:
    """The file of these, in order."""
    text = StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for first in sorted(firsts, key=lambda first: (first.regime, first.dataset, first.seed)):
        writer.writerow(asdict(first))
    return text.getvalue()

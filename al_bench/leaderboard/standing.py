"""Where a submission stands: its mean gain over Random beside those of strategies that are published."""

import csv
import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from al_bench.analysis.settings import BASELINE
from al_bench.analysis.statistics.overall import mean_gains
from al_bench.leaderboard.board import Place
from al_bench.leaderboard.submission import Run

RESULTS = "results.csv.gz"
BESIDE = ("badge", "margin")
COLUMNS = ("dataset", "batch_size", "strategy", "seed", "num_labelled", "test_accuracy")

Row = dict[str, Any]


@dataclass(frozen=True)
class Gain:
    """A strategy over Random in a regime.

    Args:
        regime: `low`.
        strategy: what it is called in paths.
        num_datasets: over which it is.
        gain: the mean over data sets, in percentage points of area under the whole curve.
        low, high: the 95 % interval over data sets by Student's t; NaN for fewer than three.
    """

    regime: str
    strategy: str
    num_datasets: int
    gain: float
    low: float
    high: float

    def __str__(self) -> str:
        half = f" ± {(self.high - self.low) / 2:.2f}" if self.low == self.low else ""
        return f"{self.gain:+.2f}{half}"


def gains_beside(placed: Mapping[Place, Sequence[Run]], board_folder: Path) -> list[Gain]:
    """The submission's gains first, then those of `BESIDE`, by regime; none where the folder has no results.csv.gz.

    Data sets are those of the submission that are published.
    """
    path = board_folder / RESULTS
    if not path.is_file():
        return []
    published = list(csv.DictReader(StringIO(gzip.decompress(path.read_bytes()).decode())))
    return [
        Gain(regime, strategy, *values)
        for regime in dict.fromkeys(place.regime for place in placed)
        for strategy, values in _of_regime({p: runs for p, runs in placed.items() if p.regime == regime}, published)
    ]


def _of_regime(
    placed: Mapping[Place, Sequence[Run]], published: Sequence[Mapping[str, str]]
) -> list[tuple[str, tuple[int, float, float, float]]]:
    names = {(place.regime, place.planned.identity.dataset): place.name for place in placed if place.is_checked}
    theirs = [
        _row(names[row["regime"], row["dataset"]], row)
        for row in published
        if (row["regime"], row["dataset"]) in names and row["strategy"] in (BASELINE, *BESIDE)
    ]
    of_random = {row["dataset"] for row in theirs if row["strategy"] == BASELINE}
    own = [
        row for place, runs in placed.items() if place.name in of_random for run in runs for row in _rows(place, run)
    ]
    found = mean_gains([*theirs, *own])
    strategies = dict.fromkeys([*(row["strategy"] for row in own), *BESIDE])
    return [(strategy, found[strategy]) for strategy in strategies if strategy in found]


def _rows(place: Place, run: Run) -> Iterator[Row]:
    about = {"batch_size": run.identity.batch_size, "strategy": run.identity.strategy, "seed": run.identity.seed}
    for labels, accuracy in zip(run.rounds["num_labelled"], run.rounds["test_accuracy"], strict=True):
        yield _row(place.name, about | {"num_labelled": labels, "test_accuracy": accuracy})


def _row(dataset: str, said: Mapping[str, Any]) -> Row:
    kinds = (str, int, str, int, int, float)
    return {name: kind(({**said, "dataset": dataset})[name]) for name, kind in zip(COLUMNS, kinds, strict=True)}

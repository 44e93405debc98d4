"""What the leaderboard says of a regime, computed again from the files of the runs, by other code."""

import csv
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy import stats


def areas_again(runs: Path, column: str) -> dict[str, dict[str, dict[int, list[float]]]]:
    """By data set, strategy and seed: the mean of a curve over the whole of the common labels, and over its thirds."""
    curves = defaultdict(lambda: defaultdict(dict))
    for path in runs.rglob("rounds.csv"):
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        points = [(float(row["num_labelled"]), 100 * float(row[column])) for row in rows]
        dataset = rows[0]["dataset"].split(",")[0]
        curves[dataset][rows[0]["strategy"]][int(rows[0]["seed"])] = points
    found = {}
    for dataset, of_it in curves.items():
        ends = [points[-1][0] for by_seed in of_it.values() for points in by_seed.values()]
        start, end = min(points[0][0] for by_seed in of_it.values() for points in by_seed.values()), min(ends)
        spans = [(start, end), *pairwise([start + third * (end - start) / 3 for third in range(4)])]
        found[dataset] = {
            strategy: {seed: [mean_of(points, *span) for span in spans] for seed, points in by_seed.items()}
            for strategy, by_seed in of_it.items()
        }
    return found


def mean_of(points: list[tuple[float, float]], start: float, end: float) -> float:
    """Of a curve that is linear between its points: on a grid that holds them."""
    labels, values = zip(*points, strict=True)
    grid = sorted({start, end, *(label for label in labels if start < label < end)})
    heights = np.interp(grid, labels, values)
    pieces = [(b - a) * (f + g) / 2 for (a, b), (f, g) in zip(pairwise(grid), pairwise(heights), strict=True)]
    return sum(pieces) / (end - start)


def gain_again(areas: dict, strategy: str, against: str, part: int) -> list[float]:
    """Of each data set, by name: the mean over seeds of the difference."""
    return [
        float(
            np.mean([areas[name][strategy][seed][part] - areas[name][against][seed][part] for seed in of_it[strategy]])
        )
        for name, of_it in sorted(areas.items())
    ]


def interval_again(values: list[float]) -> tuple[float, float]:
    return stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))


def holm_again(p_values: dict[str, float]) -> dict[str, float]:
    """Step by step: the smallest times how many there are, the next times one less, never below the one before."""
    found, highest = {}, 0.0
    for number, name in enumerate(sorted(p_values, key=p_values.get)):
        highest = max(highest, min(1.0, p_values[name] * (len(p_values) - number)))
        found[name] = highest
    return found

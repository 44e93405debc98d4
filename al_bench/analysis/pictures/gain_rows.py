"""Where gains stand in a figure, on paper or on a page: its rows, and its axis."""

from collections.abc import Hashable

import pandas as pd

from al_bench.analysis.names import isolated
from al_bench.analysis.settings import marked_names
from al_bench.analysis.statistics.measures import ACCURACY, Measure
from al_bench.analysis.strategies import MANY


def gain_axis(against: str, measure: Measure = ACCURACY) -> str:
    """What a figure of `whole_gains` has on its axis."""
    return (
        f"gain over {isolated(against)} in area under the curve{measure.of_it} ({measure.gain_unit}; mean over seeds, "
        "95 % t-interval)"
    )


def gain_rows(gains: pd.DataFrame) -> tuple[list[str], dict[Hashable, float]]:
    """The rows of a figure of `whole_gains`, and the height of each gain's mark in them, by its index in the table.

    A row is a setting, with a mark for each strategy; of many strategies it is a strategy, with a mark for each
    setting. Both are in the order of the table.
    """
    settings = dict(zip(gains.index, marked_names(gains), strict=True))
    strategies = gains["strategy"].to_dict()
    rows, marks = list(dict.fromkeys(settings.values())), gains["strategy"].unique().tolist()
    row_of, mark_of = settings, strategies
    if len(marks) > MANY:
        rows, marks, row_of, mark_of = marks, rows, strategies, settings
    heights = {
        index: rows.index(row_of[index]) + 0.8 * ((marks.index(mark_of[index]) + 0.5) / len(marks) - 0.5)
        for index in gains.index
    }
    return rows, heights

"""Gains with their intervals, in a figure that answers to the pointer."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from al_bench.analysis.names import for_plotly
from al_bench.analysis.pictures.gain_rows import gain_axis, gain_rows
from al_bench.analysis.pictures.plot import AXIS, LAYOUT, Plot, finite
from al_bench.analysis.pictures.style import Look, in_order, looks
from al_bench.analysis.settings import marked_names
from al_bench.analysis.statistics.measures import ACCURACY, Measure
from al_bench.analysis.strategies import MANY


def gains_plot(gains: pd.DataFrame, looks_of: Mapping[str, Look] | None = None, measure: Measure = ACCURACY) -> Plot:
    """Gains in the area under the curve, as `whole_gains` has them, in the rows of `gain_rows`, with 95 % intervals."""
    shown = in_order(looks_of or looks(gains["strategy"]), gains["strategy"])
    named = dict(zip(gains.index, marked_names(gains), strict=True))
    names, heights = gain_rows(gains)
    is_many = len(shown) > MANY
    plot = Plot()
    for strategy, look in shown.items():
        rows = gains[gains["strategy"] == strategy]
        settings = [named[row] for row in rows.index]
        _add_gains(plot, rows, settings, [heights[row] for row in rows.index], for_plotly(strategy), look)
    num_settings = len(set(named.values()))
    of_row = 13 * (len(shown) + 1)
    if is_many:  # names are broken after 20 letters where a window is narrow
        of_row = max(22, 3 * num_settings, 17 * math.ceil(max(map(len, names)) / 20))
    plot.layout.update(
        LAYOUT | {"margin": {"l": 10, "r": 10, "t": 30, "b": 45}},
        height=110 + of_row * len(names),
        showlegend=not is_many,
        xaxis=AXIS | {"title": {"text": gain_axis(gains["against"].iloc[0], measure)}, "zeroline": True},
        yaxis={
            "tickvals": list(range(len(names))),
            "ticktext": [for_plotly(name) for name in names],
            "range": [len(names) - 0.5, -0.5],
            "automargin": True,
            "zeroline": False,
        },
    )
    return plot


def _add_gains(
    plot: Plot,
    rows: pd.DataFrame,
    settings: Sequence[str],
    heights: Sequence[float],
    strategy: str,
    look: Look,
) -> None:
    """The gains of a strategy: a mark at the height of each setting."""
    plot.scatter(
        x=finite(rows["gain"]),
        y=[*heights],
        error_x={
            "type": "data",
            "symmetric": False,
            "array": finite((rows["high"] - rows["gain"]).fillna(0)),
            "arrayminus": finite((rows["gain"] - rows["low"]).fillna(0)),
            "thickness": 1.5,
            "width": 0,
        },
        name=strategy,
        mode="markers",
        marker={"color": look.colour, "symbol": look.plotly_marker, "size": 8},
        customdata=[
            [for_plotly(name), "" if np.isnan(low) else f"{low:+.2f} to {high:+.2f}, ", verdict, num_seeds]
            for name, low, high, verdict, num_seeds in zip(
                settings, rows["low"], rows["high"], rows["verdict_holm"], rows["num_seeds"], strict=True
            )
        ],
        hovertemplate=(
            f"<b>{strategy}</b>, %{{customdata[0]}}<br>%{{x:+.2f}}<br>%{{customdata[1]}}"
            "%{customdata[2]}<br>%{customdata[3]} seeds<extra></extra>"
        ),
    )

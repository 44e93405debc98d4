"""Figures that answer to the pointer, for a notebook and for the report (plotly)."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from al_bench.analysis.names import for_plotly
from al_bench.analysis.pictures.style import OF_OTHERS, Look, in_order, looks
from al_bench.analysis.settings import marked_names
from al_bench.analysis.statistics.cdf import SHARE, corners, error_axis
from al_bench.analysis.statistics.gains import gain_axis, gain_rows
from al_bench.analysis.statistics.measures import ACCURACY, Measure
from al_bench.analysis.statistics.profiles import SHARE as SHARE_OF_DATASETS
from al_bench.analysis.statistics.profiles import Profiles
from al_bench.analysis.strategies import MANY

AXIS = {"gridcolor": "#e6e6e6", "zerolinecolor": "#999", "linecolor": "#444", "ticks": "outside"}
LAYOUT = {
    "template": "none",
    "font": {"family": "system-ui, sans-serif", "size": 13},
    "margin": {"l": 60, "r": 10, "t": 30, "b": 45},
    "hoverlabel": {"namelength": -1},
    "paper_bgcolor": "rgba(0,0,0,0)",
}
MAX_MARKERS = 12  # on a curve
DIGITS = 5
Steps = Mapping[str, tuple[list[float], list[float]]]  # x and y of each strategy


def curves_figure(
    curves: pd.DataFrame,
    part: tuple[int, int],
    name: str = ACCURACY.label,
    looks_of: Mapping[str, Look] | None = None,
    panel: Mapping[str, Look] | None = None,
) -> go.Figure:
    """The curves of one setting: rows of `al_bench.analysis.statistics.curves.learning_curves`.

    The pointer shows value, interval and number of seeds; a button shows the part between two numbers of labels. With
    the looks of a `panel` (see `al_bench.analysis.pictures.style.panels`) all other curves are grey.
    """
    curves = curves[curves["is_common"]].round(DIGITS)
    shown = in_order(looks_of or looks(curves["strategy"]), curves["strategy"])
    figure, of = go.Figure(), dict(tuple(curves.groupby("strategy")))
    if panel is not None:
        others = [of[strategy] for strategy in shown if strategy not in panel]
        _add_others(figure, [(each["num_labelled"].tolist(), each["mean"].tolist()) for each in others])
        shown = in_order(panel, shown)
    for strategy, look in shown.items():
        _add_curve(figure, of[strategy], strategy, look)
    figure.update_layout(
        **LAYOUT, xaxis=AXIS | {"title": {"text": "labelled examples"}}, yaxis=AXIS | {"title": {"text": name}}
    )
    if curves["num_labelled"].between(*part).any():
        figure.update_layout(updatemenus=[_whole_and_part(curves, part)])
    return figure


def _add_others(figure: go.Figure, lines: Iterable[Sequence[Iterable[float]]], shape: str = "linear") -> None:
    """Lines in grey, as one trace: those of other panels."""
    x, y = ([value for line in lines for value in (*line[axis], None)] for axis in (0, 1))
    line = {"color": OF_OTHERS, "width": 1, "shape": shape}
    figure.add_scatter(x=x, y=y, name="others", mode="lines", line=line, hoverinfo="skip")


def _add_curve(figure: go.Figure, curve: pd.DataFrame, strategy: str, look: Look) -> None:
    """The curve of a strategy, and its band if it has one."""
    x = curve["num_labelled"].to_numpy()
    if curve["low"].notna().any():
        figure.add_scatter(
            x=np.concatenate([x, x[::-1]]),
            y=np.concatenate([curve["low"], curve["high"][::-1]]),
            fill="toself",
            fillcolor=_faint(look.colour),
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            showlegend=False,
            legendgroup=strategy,
        )
    figure.add_scatter(
        legendgroup=strategy,
        x=x,
        y=curve["mean"],
        name=for_plotly(strategy),
        mode="lines+markers",
        line={"color": look.colour, "dash": look.plotly_dash, "width": 2},
        marker={"symbol": look.plotly_marker, "size": 7, "maxdisplayed": MAX_MARKERS},
        customdata=[
            [_interval(low, high), num_seeds]
            for low, high, num_seeds in zip(curve["low"], curve["high"], curve["num_seeds"], strict=True)
        ],
        hovertemplate=(
            f"<b>{for_plotly(strategy)}</b><br>%{{x:,}} labels: %{{y:.4f}}<br>%{{customdata[0]}}"
            "%{customdata[1]} seeds<extra></extra>"
        ),
    )


def distributions_figure(
    distributions: pd.DataFrame,
    looks_of: Mapping[str, Look] | None = None,
    panel: Mapping[str, Look] | None = None,
    measure: Measure = ACCURACY,
) -> go.Figure:
    """Cumulative distributions, as `al_bench.analysis.statistics.cdf.cumulative_distributions` gives them."""
    limits, steps = corners(distributions)
    figure = _steps_figure(steps, looks_of or looks(steps), panel, "%{y:.0%} at most %{x:.3f} x Random's error")
    x_axis = AXIS | {"title": {"text": error_axis(measure)}, "range": [*limits]}
    return figure.update_layout(**LAYOUT, xaxis=x_axis, yaxis=AXIS | {"title": {"text": SHARE}})


def profiles_figure(
    profiles: Profiles, looks_of: Mapping[str, Look] | None = None, panel: Mapping[str, Look] | None = None
) -> go.Figure:
    """Performance profiles: on what share of the data sets a strategy is within so many points of the best."""
    most, steps = profiles.steps()
    told = f"%{{y:.0%}} within %{{x:.2f}} {profiles.points}"
    figure = _steps_figure(steps, looks_of or looks(steps), panel, told)
    x_axis = AXIS | {"title": {"text": profiles.within}, "range": [0, most]}
    y_axis = AXIS | {"title": {"text": SHARE_OF_DATASETS}, "range": [0, 1.03]}
    return figure.update_layout(**LAYOUT, xaxis=x_axis, yaxis=y_axis)


def _steps_figure(steps: Steps, looks_of: Mapping[str, Look], panel: Mapping[str, Look] | None, told: str) -> go.Figure:
    """Step functions; with the looks of a panel, all others in grey."""
    figure, shown = go.Figure(), in_order(looks_of, steps)
    if panel is not None:
        _add_others(figure, [np.round(steps[name], DIGITS).tolist() for name in shown if name not in panel], "hv")
        shown = in_order(panel, steps)
    for strategy, look in shown.items():
        x, y = np.round(steps[strategy], DIGITS).tolist()
        figure.add_scatter(
            x=x,
            y=y,
            name=for_plotly(strategy),
            mode="lines+markers",
            line={"color": look.colour, "dash": look.plotly_dash, "shape": "hv", "width": 2},
            marker={"symbol": look.plotly_marker, "size": 7, "maxdisplayed": MAX_MARKERS},
            hovertemplate=f"<b>{for_plotly(strategy)}</b><br>{told}<extra></extra>",
        )
    return figure


def gains_figure(
    gains: pd.DataFrame, looks_of: Mapping[str, Look] | None = None, measure: Measure = ACCURACY
) -> go.Figure:
    """Gains in the area under the curve, as `whole_gains` has them, in the rows of `gain_rows`, with 95 % intervals."""
    shown = in_order(looks_of or looks(gains["strategy"]), gains["strategy"])
    named = dict(zip(gains.index, marked_names(gains), strict=True))
    names, heights = gain_rows(gains)
    is_many = len(shown) > MANY
    figure = go.Figure()
    for strategy, look in shown.items():
        rows = gains[gains["strategy"] == strategy]
        settings = [named[row] for row in rows.index]
        _add_gains(figure, rows, settings, [heights[row] for row in rows.index], for_plotly(strategy), look)
    num_settings = len(set(named.values()))
    of_row = 13 * (len(shown) + 1)
    if is_many:  # names are broken after 20 letters where a window is narrow
        of_row = max(22, 3 * num_settings, 17 * math.ceil(max(map(len, names)) / 20))
    figure.update_layout(
        **LAYOUT | {"margin": {"l": 10, "r": 10, "t": 30, "b": 45}},
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
    return figure


def _add_gains(
    figure: go.Figure,
    rows: pd.DataFrame,
    settings: Sequence[str],
    heights: Sequence[float],
    strategy: str,
    look: Look,
) -> None:
    """The gains of a strategy: a mark at the height of each setting."""
    figure.add_scatter(
        x=rows["gain"],
        y=heights,
        error_x={
            "type": "data",
            "symmetric": False,
            "array": (rows["high"] - rows["gain"]).fillna(0),
            "arrayminus": (rows["gain"] - rows["low"]).fillna(0),
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


def _interval(low: float, high: float) -> str:
    """For people, or nothing where there is none."""
    return "" if np.isnan(low) else f"{low:.4f} to {high:.4f}, "


def _whole_and_part(curves: pd.DataFrame, part: tuple[int, int]) -> dict[str, object]:
    """Two buttons that set the ranges of both axes."""
    shown = curves[curves["num_labelled"].between(*part)]
    low, high = np.nanmin(shown[["mean", "low"]]), np.nanmax(shown[["mean", "high"]])
    margin_x, margin_y = 0.02 * (part[1] - part[0]) or 1, 0.05 * (high - low) or 0.01
    ranges = {
        "xaxis.range": [part[0] - margin_x, part[1] + margin_x],
        "yaxis.range": [float(low - margin_y), float(high + margin_y)],
    }
    buttons = [
        {"label": "all rounds", "method": "relayout", "args": [{"xaxis.autorange": True, "yaxis.autorange": True}]},
        {"label": "the part compared", "method": "relayout", "args": [ranges]},
    ]
    place = {"x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom", "direction": "right", "type": "buttons"}
    return place | {"buttons": buttons, "showactive": True, "pad": {"t": 0, "b": 4}}


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.15)"

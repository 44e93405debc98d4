"""Figures that answer to the pointer, for a notebook and for the report (plotly)."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from al_bench.analysis.names import for_plotly
from al_bench.analysis.pictures.plot import AXIS, LAYOUT, Plot, finite
from al_bench.analysis.pictures.style import MAX_MARKERS, OF_OTHERS, Look, Steps, in_order, looks
from al_bench.analysis.statistics.cdf import SHARE, error_axis
from al_bench.analysis.statistics.measures import ACCURACY, Measure
from al_bench.analysis.statistics.profiles import SHARE as SHARE_OF_DATASETS
from al_bench.analysis.statistics.profiles import Profiles

if TYPE_CHECKING:
    import plotly.graph_objects as go

DIGITS = 5


class Line(NamedTuple):
    """The curve of a strategy: values by numbers of labels, their intervals, and over how many seeds."""

    x: list[int]
    mean: list[float]
    low: list[float]
    high: list[float]
    num_seeds: list[int]

    @property
    def has_band(self) -> bool:
        """Whether there is any interval."""
        return not np.isnan(self.low).all()


def lines_of(curves: pd.DataFrame) -> dict[str, Line]:
    """By strategy: rows of one setting of `al_bench.analysis.statistics.curves.learning_curves`, of all seeds."""
    curves = curves[curves["is_common"]].round(DIGITS)
    columns = ("num_labelled", "mean", "low", "high", "num_seeds")
    return {
        str(strategy): Line(*(of_it[column].tolist() for column in columns))
        for strategy, of_it in curves.groupby("strategy")
    }


def curves_figure(
    curves: pd.DataFrame,
    part: tuple[int, int],
    name: str = ACCURACY.label,
    looks_of: Mapping[str, Look] | None = None,
) -> "go.Figure":
    """The curves of one setting, for a notebook: rows of `al_bench.analysis.statistics.curves.learning_curves`.

    The pointer shows value, interval and number of seeds; a button shows the part between two numbers of labels.
    """
    return curves_plot(lines_of(curves), part, name, looks_of or looks(curves["strategy"])).figure()


def curves_plot(
    lines: Mapping[str, Line],
    part: tuple[int, int],
    name: str,
    looks_of: Mapping[str, Look],
    panel: Mapping[str, Look] | None = None,
) -> Plot:
    """As `curves_figure`; with the looks of a `panel` (see `al_bench.analysis.pictures.style.panels`) all other curves
    are grey.
    """
    plot, shown = Plot(), in_order(looks_of, lines)
    if panel is not None:
        _add_others(plot, [(lines[other].x, lines[other].mean) for other in shown if other not in panel])
        shown = in_order(panel, shown)
    for strategy, look in shown.items():
        _add_curve(plot, lines[strategy], strategy, look)
    plot.layout.update(
        LAYOUT, xaxis=AXIS | {"title": {"text": "labelled examples"}}, yaxis=AXIS | {"title": {"text": name}}
    )
    if any(part[0] <= x <= part[1] for line in lines.values() for x in line.x):
        plot.layout.update(updatemenus=[_whole_and_part(lines.values(), part)])
    return plot


def _add_others(plot: Plot, lines: Iterable[Sequence[Iterable[float]]], shape: str = "linear") -> None:
    """Lines in grey, as one trace: those of other panels."""
    x, y = (finite(value for line in lines for value in (*line[axis], math.nan)) for axis in (0, 1))
    line = {"color": OF_OTHERS, "width": 1, "shape": shape}
    plot.scatter(x=x, y=y, name="others", mode="lines", line=line, hoverinfo="skip")


def _add_curve(plot: Plot, curve: Line, strategy: str, look: Look) -> None:
    """The curve of a strategy, and its band if it has one."""
    if curve.has_band:
        plot.scatter(
            x=[*curve.x, *curve.x[::-1]],
            y=finite([*curve.low, *curve.high[::-1]]),
            fill="toself",
            fillcolor=_faint(look.colour),
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            showlegend=False,
            legendgroup=strategy,
        )
    plot.scatter(
        legendgroup=strategy,
        x=curve.x,
        y=finite(curve.mean),
        name=for_plotly(strategy),
        mode="lines+markers",
        line={"color": look.colour, "dash": look.plotly_dash, "width": 2},
        marker={"symbol": look.plotly_marker, "size": 7, "maxdisplayed": MAX_MARKERS},
        customdata=[
            [_interval(low, high), num_seeds]
            for low, high, num_seeds in zip(curve.low, curve.high, curve.num_seeds, strict=True)
        ],
        hovertemplate=(
            f"<b>{for_plotly(strategy)}</b><br>%{{x:,}} labels: %{{y:.4f}}<br>%{{customdata[0]}}"
            "%{customdata[1]} seeds<extra></extra>"
        ),
    )


def distributions_plot(
    limits: tuple[float, float],
    steps: Steps,
    looks_of: Mapping[str, Look],
    panel: Mapping[str, Look] | None = None,
    measure: Measure = ACCURACY,
) -> Plot:
    """Cumulative distributions, as `al_bench.analysis.statistics.cdf.corners` gives them."""
    plot = _steps_plot(steps, looks_of, panel, "%{y:.0%} at most %{x:.3f} x Random's error")
    x_axis = AXIS | {"title": {"text": error_axis(measure)}, "range": [*limits]}
    plot.layout.update(LAYOUT, xaxis=x_axis, yaxis=AXIS | {"title": {"text": SHARE}})
    return plot


def profiles_plot(
    profiles: Profiles, looks_of: Mapping[str, Look] | None = None, panel: Mapping[str, Look] | None = None
) -> Plot:
    """Performance profiles: on what share of the data sets a strategy is within so many points of the best."""
    most, steps = profiles.steps()
    told = f"%{{y:.0%}} within %{{x:.2f}} {profiles.points}"
    plot = _steps_plot(steps, looks_of or looks(steps), panel, told)
    x_axis = AXIS | {"title": {"text": profiles.within}, "range": [0, most]}
    y_axis = AXIS | {"title": {"text": SHARE_OF_DATASETS}, "range": [0, 1.03]}
    plot.layout.update(LAYOUT, xaxis=x_axis, yaxis=y_axis)
    return plot


def _steps_plot(steps: Steps, looks_of: Mapping[str, Look], panel: Mapping[str, Look] | None, told: str) -> Plot:
    """Step functions; with the looks of a panel, all others in grey."""
    plot, shown = Plot(), in_order(looks_of, steps)
    if panel is not None:
        _add_others(plot, [np.round(steps[name], DIGITS).tolist() for name in shown if name not in panel], "hv")
        shown = in_order(panel, steps)
    for strategy, look in shown.items():
        x, y = np.round(steps[strategy], DIGITS).tolist()
        plot.scatter(
            x=finite(x),
            y=finite(y),
            name=for_plotly(strategy),
            mode="lines+markers",
            line={"color": look.colour, "dash": look.plotly_dash, "shape": "hv", "width": 2},
            marker={"symbol": look.plotly_marker, "size": 7, "maxdisplayed": MAX_MARKERS},
            hovertemplate=f"<b>{for_plotly(strategy)}</b><br>{told}<extra></extra>",
        )
    return plot


def _interval(low: float, high: float) -> str:
    """For people, or nothing where there is none."""
    return "" if np.isnan(low) else f"{low:.4f} to {high:.4f}, "


def _whole_and_part(lines: Iterable[Line], part: tuple[int, int]) -> dict[str, object]:
    """Two buttons that set the ranges of both axes."""
    values_4N = np.concatenate([(line.x, line.mean, line.low, line.high) for line in lines], axis=1)
    _, *shown_3N = values_4N[:, (part[0] <= values_4N[0]) & (values_4N[0] <= part[1])]
    low, high = np.nanmin(shown_3N), np.nanmax(shown_3N)
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

"""Figures that answer to the pointer, for a notebook and for the report (plotly)."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from al_bench.analysis.settings import BASELINE, ordered, setting_names
from al_bench.analysis.style import looks

AXIS = {"gridcolor": "#e6e6e6", "zerolinecolor": "#999", "linecolor": "#444", "ticks": "outside"}
LAYOUT = {
    "template": "none",
    "font": {"family": "system-ui, sans-serif", "size": 13},
    "margin": {"l": 60, "r": 10, "t": 30, "b": 45},
    "hoverlabel": {"namelength": -1},
    "paper_bgcolor": "rgba(0,0,0,0)",
}
MAX_MARKERS = 40  # on a curve
DIGITS = 5


def curves_figure(curves: pd.DataFrame, part: tuple[int, int], name: str = "test accuracy") -> go.Figure:
    """The curves of one setting: rows of `al_bench.analysis.curves.learning_curves`.

    The pointer shows value, interval and number of seeds; a button shows the part between two numbers of labels.
    """
    curves = curves[curves["is_common"]].round(DIGITS)
    figure = go.Figure()
    for strategy, look in looks(list(dict.fromkeys(curves["strategy"]))).items():
        curve = curves[curves["strategy"] == strategy]
        x = curve["num_labelled"].to_numpy()
        shared = {"legendgroup": strategy, "x": x}
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
            **shared,
            y=curve["mean"],
            name=strategy,
            mode="lines+markers" if len(x) <= MAX_MARKERS else "lines",
            line={"color": look.colour, "dash": look.plotly_dash, "width": 2},
            marker={"symbol": look.plotly_marker, "size": 6},
            customdata=curve[["low", "high", "num_seeds"]].to_numpy(),
            hovertemplate=(
                f"<b>{strategy}</b><br>%{{x:,}} labels: %{{y:.4f}}<br>%{{customdata[0]:.4f}} to "
                "%{customdata[1]:.4f}, %{customdata[2]} seeds<extra></extra>"
            ),
        )
    figure.update_layout(
        **LAYOUT, xaxis=AXIS | {"title": {"text": "labelled examples"}}, yaxis=AXIS | {"title": {"text": name}}
    )
    if curves["num_labelled"].between(*part).any():
        figure.update_layout(updatemenus=[_whole_and_part(curves, part)])
    return figure


def distributions_figure(distributions: pd.DataFrame) -> go.Figure:
    """Cumulative distributions, as `al_bench.analysis.cdf.cumulative_distributions` gives them."""
    figure = go.Figure()
    errors = distributions["normalised_error"].replace(np.inf, np.nan).round(DIGITS)
    low, high = min(errors.min(), 1.0), max(errors.max(), 1.0)
    margin = 0.05 * (high - low) or 0.05
    for strategy, look in looks(list(dict.fromkeys(distributions["strategy"]))).items():
        of_strategy = distributions[(distributions["strategy"] == strategy) & errors.notna()].round(DIGITS)
        share = of_strategy["share"].tolist()
        figure.add_scatter(
            x=[low - margin, *of_strategy["normalised_error"], high + margin],
            y=[0, *share, share[-1] if share else 0],
            name=strategy,
            mode="lines",
            line={"color": look.colour, "dash": look.plotly_dash, "shape": "hv", "width": 2},
            hovertemplate=f"<b>{strategy}</b><br>%{{y:.0%}} at most %{{x:.3f}} x Random's error<extra></extra>",
        )
    x_axis = AXIS | {"title": {"text": "error / error of Random"}, "range": [low - margin, high + margin]}
    figure.update_layout(**LAYOUT, xaxis=x_axis, yaxis=AXIS | {"title": {"text": "share of comparisons"}})
    return figure


def gains_figure(mean_areas: pd.DataFrame) -> go.Figure:
    """Gains over Random in the area under the budget curve, a row per setting, with 95 % intervals."""
    strategies = [name for name in ordered(mean_areas["strategy"].unique().tolist()) if name != BASELINE]
    settings = list(dict.fromkeys(setting_names(mean_areas)))
    figure = go.Figure()
    for position, (strategy, look) in enumerate(looks(strategies).items()):
        rows = mean_areas[(mean_areas["strategy"] == strategy) & mean_areas["gain"].notna()]
        names = setting_names(rows)
        figure.add_scatter(
            x=rows["gain"],
            y=[settings.index(name) + 0.8 * ((position + 0.5) / len(strategies) - 0.5) for name in names],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": (rows["gain_high"] - rows["gain"]).fillna(0),
                "arrayminus": (rows["gain"] - rows["gain_low"]).fillna(0),
                "thickness": 1.5,
                "width": 0,
            },
            name=strategy,
            mode="markers",
            marker={"color": look.colour, "symbol": look.plotly_marker, "size": 8},
            customdata=np.stack([names, *(rows[each] for each in ("gain_low", "gain_high", "num_paired"))], axis=-1)
            if len(rows)
            else None,
            hovertemplate=(
                f"<b>{strategy}</b>, %{{customdata[0]}}<br>%{{x:+.4f}}, %{{customdata[1]:+.4f}} to "
                "%{customdata[2]:+.4f}, %{customdata[3]} seeds<extra></extra>"
            ),
        )
    figure.update_layout(
        **LAYOUT | {"margin": {"l": 10, "r": 10, "t": 10, "b": 45}},
        height=90 + 13 * (len(strategies) + 1) * len(settings),
        xaxis=AXIS | {"title": {"text": "mean accuracy over the budget, minus Random's"}, "zeroline": True},
        yaxis={
            "tickvals": list(range(len(settings))),
            "ticktext": settings,
            "range": [len(settings) - 0.5, -0.5],
            "automargin": True,
            "zeroline": False,
        },
    )
    return figure


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

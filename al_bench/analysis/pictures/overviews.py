"""Figures over settings, as PNG and PDF: distributions of errors, gains, ranks, and what a strategy is by setting."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from al_bench.analysis.names import isolated
from al_bench.analysis.pictures.canvas import FORMATS, MAX_MARKERS, STYLE, height_of, legend, saved, width_of
from al_bench.analysis.pictures.style import Look, looks
from al_bench.analysis.settings import group_name, marked_names, ordered
from al_bench.analysis.statistics.cdf import ERROR, SHARE, corners
from al_bench.analysis.statistics.gains import MANY, gain_axis, gain_rows
from al_bench.analysis.statistics.paired import LEVEL
from al_bench.analysis.statistics.profiles import SHARE as SHARE_OF_DATASETS
from al_bench.analysis.statistics.profiles import WITHIN, Profiles
from al_bench.analysis.statistics.ranks import Ranks

PLOT = 4.5  # inches between the names of settings and the legend


def draw_distributions(
    distributions: pd.DataFrame,
    group: Mapping[str, object],
    path: Path,
    looks_of: Mapping[str, Look] | None = None,
) -> list[Path]:
    """Cumulative distributions, as `al_bench.analysis.statistics.cdf.cumulative_distributions` gives them."""
    limits, steps = corners(distributions)
    looks_of = looks_of or looks(steps)
    with mpl.rc_context(STYLE):
        size = max(7.2, PLOT + 1.8 + width_of(steps)), max(4.2, height_of([*steps]))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        for strategy, (x, y) in steps.items():
            look = looks_of[strategy]
            every = slice(1, -1, max(1, -(-len(x) // MAX_MARKERS)))
            line: Any = {"color": look.colour, "linestyle": look.dash, "marker": look.marker, "markersize": 4.5}
            axes.step(x, y, where="post", markevery=every, label=strategy, **line)
        axes.set_xlim(*limits)
        axes.set_xlabel(ERROR)
        axes.set_ylabel(SHARE)
        axes.set_title(group_name(group), fontsize=11)
        legend(axes, {strategy: looks_of[strategy] for strategy in steps})
        return saved(figure, path)


def draw_gains(gains: pd.DataFrame, path: Path, looks_of: Mapping[str, Look] | None = None) -> list[Path]:
    """Gains in the area under the curve, as `whole_gains` has them, in the rows of `gain_rows`, with 95 % intervals."""
    strategies = ordered(gains["strategy"].unique().tolist())
    names, heights = gain_rows(gains)
    num_settings = len(set(marked_names(gains)))
    is_many = len(strategies) > MANY
    looks_of = looks_of or looks(strategies)
    with mpl.rc_context(STYLE):
        height = 1.5 + (max(0.25, 0.04 * num_settings) if is_many else 0.16 * (len(strategies) + 1)) * len(names)
        figure = Figure(figsize=_size(names, [] if is_many else strategies, height), layout="constrained")
        axes = figure.subplots()
        axes.axvline(0, color="0.4", linewidth=1)
        for strategy in strategies:
            rows = gains[gains["strategy"] == strategy]
            y = [heights[row] for row in rows.index]
            spread = np.stack([rows["gain"] - rows["low"], rows["high"] - rows["gain"]])
            look = looks_of[strategy]
            axes.errorbar(
                rows["gain"],
                y,
                xerr=np.nan_to_num(spread).clip(0),
                fmt=look.marker,
                color=look.colour,
                markersize=5,
                label=strategy,
            )
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlabel(gain_axis(gains["against"].iloc[0]))
        if not is_many:
            legend(axes, {strategy: looks_of[strategy] for strategy in strategies}, is_line=False)
        return saved(figure, path)


def draw_ranks(
    ranks: Ranks, path: Path, looks_of: Mapping[str, Look] | None = None, formats: Sequence[str] = FORMATS
) -> list[Path]:
    """A critical-difference diagram: strategies on a bar do not differ significantly (Demsar, 2006)."""
    import scikit_posthocs  # takes a second, with statsmodels

    names = {strategy: isolated(strategy) for strategy in ranks.mean_ranks.index}
    looks_of = looks_of or looks(names)
    with mpl.rc_context(STYLE | {"axes.grid": False}):
        size = max(7.5, PLOT + 2 * width_of(names) + 1.2), 1.4 + 0.2 * len(names)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        drawn = scikit_posthocs.critical_difference_diagram(
            ranks.mean_ranks.rename(names),
            ranks.p_values.rename(index=names, columns=names),
            alpha=LEVEL,
            ax=axes,
            label_fmt_left="{label} ({rank:.2f})",
            label_fmt_right="({rank:.2f}) {label}",
            text_h_margin=0.15,
            color_palette={name: looks_of[strategy].colour for strategy, name in names.items()},
        )
        for text in drawn["labels"]:
            text.set_color("black")  # on paper in grey, too
        axes.set_title(
            f"mean ranks over {len(ranks.datasets)} data sets; Friedman p = {ranks.p_value:.2g}\n"
            f"critical difference {ranks.critical_difference:.2f}: strategies on a bar do not differ significantly",
            fontsize=10,
        )
        return saved(figure, path, formats)


def draw_profiles(profiles: Profiles, path: Path, looks_of: Mapping[str, Look] | None = None) -> list[Path]:
    """Performance profiles: on what share of the data sets a strategy is within so many points of the best."""
    most, steps = profiles.steps()
    looks_of = looks_of or looks(steps)
    with mpl.rc_context(STYLE):
        size = max(7.2, PLOT + 1.8 + width_of(steps)), max(4.8, height_of([*steps]))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        for strategy, (x, y) in steps.items():
            look = looks_of[strategy]
            every = slice(0, -1, max(1, -(-len(x) // MAX_MARKERS)))
            line: Any = {"color": look.colour, "linestyle": look.dash, "marker": look.marker, "markersize": 4.5}
            axes.step(x, y, where="post", markevery=every, label=strategy, **line)
        axes.set_xlim(0, most)
        axes.set_ylim(0, 1.03)
        axes.set_xlabel(WITHIN)
        axes.set_ylabel(SHARE_OF_DATASETS)
        legend(axes, {strategy: looks_of[strategy] for strategy in steps})
        figure.supxlabel("\n".join(wrap(profiles.caption, int(size[0] / 0.065))), fontsize=8, color="0.35")
        return saved(figure, path)


def draw_by_setting(
    table: pd.DataFrame, name: str, path: Path, looks_of: Mapping[str, Look] | None = None, *, is_log: bool = False
) -> list[Path]:
    """A mark per strategy in a row per setting; `table` has settings as index and strategies as columns."""
    looks_of = looks_of or looks(table.columns)
    with mpl.rc_context(STYLE):
        height = 1.3 + max(0.3, 0.1 * len(table.columns)) * len(table)
        size = _size(table.index.tolist(), table.columns.tolist(), height)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        for position, strategy in enumerate(table.columns):
            look = looks_of[strategy]
            y = np.arange(len(table)) + 0.6 * ((position + 0.5) / len(table.columns) - 0.5)
            axes.plot(table[strategy], y, look.marker, color=look.colour, label=strategy)
        axes.set_yticks(range(len(table)), table.index)
        axes.set_ylim(len(table) - 0.5, -0.5)
        least, most = np.nanmin(table.to_numpy()), np.nanmax(table.to_numpy())
        if is_log and most > 10 * least > 0:
            axes.set_xscale("log", subs=[])
            axes.xaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter(mpl.ticker.StrMethodFormatter("{x:,g}"))
        axes.set_xlabel(name)
        legend(axes, {strategy: looks_of[strategy] for strategy in table.columns}, is_line=False)
        return saved(figure, path)


def _size(settings: Sequence[str], strategies: Sequence[str], height: float) -> tuple[float, float]:
    """Inches of a figure with the names of settings on the left, and those of strategies on the right."""
    width = width_of(settings) + PLOT + 0.6 + width_of(strategies)
    return max(7.5 if strategies else 9.0, width), max(height, height_of(strategies))

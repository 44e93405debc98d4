"""Figures over settings, as PNG and PDF: distributions of errors, gains, ranks, and what a strategy is by setting."""

from collections.abc import Mapping, Sequence
from itertools import cycle, product
from pathlib import Path
from textwrap import wrap
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from al_bench.analysis.names import isolated
from al_bench.analysis.pictures.canvas import FORMATS, STYLE, height_of, legend, saved, width_of
from al_bench.analysis.pictures.gain_rows import gain_axis, gain_rows
from al_bench.analysis.pictures.style import (
    MAX_MARKERS,
    OF_OTHERS,
    PLOTLY_MARKERS,
    Look,
    Steps,
    in_order,
    looks,
    panels,
)
from al_bench.analysis.settings import group_name, marked_names
from al_bench.analysis.statistics.cdf import SHARE, corners, error_axis
from al_bench.analysis.statistics.measures import ACCURACY, Measure
from al_bench.analysis.statistics.paired import LEVEL
from al_bench.analysis.statistics.profiles import SHARE as SHARE_OF_DATASETS
from al_bench.analysis.statistics.profiles import Profiles
from al_bench.analysis.statistics.ranks import Ranks
from al_bench.analysis.strategies import MANY

PLOT = 4.5  # inches between the names of settings and the legend


def draw_distributions(
    distributions: pd.DataFrame,
    group: Mapping[str, object],
    path: Path,
    looks_of: Mapping[str, Look] | None = None,
    measure: Measure = ACCURACY,
) -> list[Path]:
    """Cumulative distributions, as `al_bench.analysis.statistics.cdf.cumulative_distributions` gives them."""
    limits, steps = corners(distributions)
    labels: Any = {"xlabel": error_axis(measure), "ylabel": SHARE, "xlim": limits, "title": group_name(group)}
    return _draw_steps(steps, path, looks_of, **labels)


def _draw_steps(
    steps: Steps, path: Path, looks_of: Mapping[str, Look] | None, caption: str = "", **labels: Any
) -> list[Path]:
    """Step functions, in rows of panels if there are many."""
    shown = in_order(looks_of or looks(steps), steps)
    rows, title = panels(shown), labels.pop("title", "")
    with mpl.rc_context(STYLE):
        heights = [max(4.2 if len(rows) == 1 else 2.6, height_of([*panel])) for panel in rows.values()]
        size = max(7.2, PLOT + 1.8 + width_of(shown)), sum(heights) + 0.04 * len(caption) / 10
        figure = Figure(figsize=size, layout="constrained")
        all_axes = figure.subplots(len(rows), squeeze=False, sharex=True, sharey=True, height_ratios=heights)[:, 0]
        for axes, (family, panel) in zip(all_axes, rows.items(), strict=True):
            for strategy in shown.keys() - panel.keys():
                axes.step(*steps[strategy], where="post", color=OF_OTHERS, linewidth=0.8)
            for strategy, look in panel.items():
                every = slice(1, -1, max(1, -(-len(steps[strategy][0]) // MAX_MARKERS)))
                line: Any = {"color": look.colour, "linestyle": look.dash, "marker": look.marker, "markersize": 4.5}
                axes.step(*steps[strategy], where="post", markevery=every, label=strategy, **line)
            axes.set(**labels | {"xlabel": labels["xlabel"] if axes is all_axes[-1] else ""})
            axes.set_title(family, fontsize=10)
            legend(axes, panel)
        figure.suptitle(title, fontsize=11)
        if caption:
            figure.supxlabel("\n".join(wrap(caption, int(size[0] / 0.065))), fontsize=8, color="0.35")
        return saved(figure, path)


def draw_gains(
    gains: pd.DataFrame, path: Path, looks_of: Mapping[str, Look] | None = None, measure: Measure = ACCURACY
) -> list[Path]:
    """Gains in the area under the curve, as `whole_gains` has them, in the rows of `gain_rows`, with 95 % intervals."""
    shown = in_order(looks_of or looks(gains["strategy"]), gains["strategy"])
    names, heights = gain_rows(gains)
    num_settings = len(set(marked_names(gains)))
    is_many = len(shown) > MANY
    with mpl.rc_context(STYLE):
        height = 1.5 + (max(0.25, 0.04 * num_settings) if is_many else 0.16 * (len(shown) + 1)) * len(names)
        figure = Figure(figsize=_size(names, [] if is_many else [*shown], height), layout="constrained")
        axes = figure.subplots()
        axes.axvline(0, color="0.4", linewidth=1)
        for strategy, look in shown.items():
            rows = gains[gains["strategy"] == strategy]
            y = [heights[row] for row in rows.index]
            spread = np.stack([rows["gain"] - rows["low"], rows["high"] - rows["gain"]])
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
        axes.set_xlabel(gain_axis(gains["against"].iloc[0], measure))
        if not is_many:
            legend(axes, shown, is_line=False)
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
    labels: Any = {"xlabel": profiles.within, "ylabel": SHARE_OF_DATASETS, "xlim": (0, most), "ylim": (0, 1.03)}
    return _draw_steps(steps, path, looks_of, profiles.caption, **labels)


def draw_by_setting(
    table: pd.DataFrame, name: str, path: Path, looks_of: Mapping[str, Look] | None = None, *, is_log: bool = False
) -> list[Path]:
    """A mark per strategy in a row per setting; of many strategies a mark per setting in a row per strategy.

    `table` has settings as index and strategies as columns.
    """
    shown = in_order(looks_of or looks(table.columns), table.columns)
    is_many = len(shown) > MANY
    of_settings = {name: Look("#444444", "-", marker) for name, marker in zip(table.index, cycle(PLOTLY_MARKERS))}
    rows, marks = (shown, of_settings) if is_many else (of_settings, shown)
    values = table[[*shown]].to_numpy(dtype=float)
    with mpl.rc_context(STYLE):
        size = _size(
            [*rows],
            [*marks],
            1.3 + (max(0.25, 0.05 * len(marks)) if is_many else max(0.3, 0.1 * len(marks))) * len(rows),
        )
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        for (column, strategy), (row, setting) in product(enumerate(shown), enumerate(of_settings)):
            (place, mark), num = ((column, row) if is_many else (row, column)), len(marks)
            marker = (of_settings[setting] if is_many else shown[strategy]).marker
            y = place + 0.6 * ((mark + 0.5) / num - 0.5)
            axes.plot([values[row, column]], [y], marker, color=shown[strategy].colour, label=strategy)
        axes.set_yticks(range(len(rows)), [*rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        least, most = np.nanmin(values), np.nanmax(values)
        if is_log and most > 10 * least > 0:
            axes.set_xscale("log", subs=[])
            axes.xaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter(mpl.ticker.StrMethodFormatter("{x:,g}"))
        axes.set_xlabel(name)
        legend(axes, marks, is_line=False)
        return saved(figure, path)


def _size(settings: Sequence[str], strategies: Sequence[str], height: float) -> tuple[float, float]:
    """Inches of a figure with the names of settings on the left, and those of strategies on the right."""
    width = width_of(settings) + PLOT + 0.6 + width_of(strategies)
    return max(7.5 if strategies else 9.0, width), max(height, height_of(strategies))

"""Figures for papers, as PNG and PDF, in the manner of Ash et al. (2020): learning curves and penalty matrices."""

from collections.abc import Mapping
from math import cos, radians, sin
from pathlib import Path
from textwrap import wrap
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from al_bench.analysis.pictures.canvas import NAMES, STYLE, height_of, legend, saved, width_of
from al_bench.analysis.pictures.numbers import Cell, draw_numbers
from al_bench.analysis.pictures.style import MAX_MARKERS, OF_OTHERS, Look, in_order, looks, panels
from al_bench.analysis.settings import group_name, setting_names
from al_bench.analysis.statistics.measures import ACCURACY
from al_bench.analysis.statistics.penalty import PenaltyMatrix
from al_bench.analysis.strategies import MANY

MAX_PANELS = 3  # beside each other
MAX_TITLE = 40  # letters of a line above a panel
COLOURS = "Blues"
CELL, MIN_WIDTH = 0.75, 5.5  # inches
SMALL_CELL, SMALL = 0.42, 8  # inches, and points, of a matrix of many strategies
ROW = 2.6  # inches, of a family


def draw_penalty_matrix(penalty: PenaltyMatrix, path: Path) -> list[Path]:
    """The matrix with the column means below, as `path`.png and `path`.pdf."""
    names, num_strategies = list(penalty.matrix.columns), len(penalty.matrix)
    largest = max(len(penalty.settings), 1)
    longest = width_of(names)  # inches
    cell, size, slope = (SMALL_CELL, SMALL, 60) if num_strategies > MANY else (CELL, 10, 35)
    left, right, top = 0.4 + longest, 0.4 + longest * cos(radians(slope)), 0.4 + longest * sin(radians(slope))
    width = max(left + cell * num_strategies + right, MIN_WIDTH)
    title, caption = (
        wrap(text, int(width / letter)) for text, letter in ((_title(penalty), 0.085), (_caption(penalty), 0.062))
    )
    above, below = 0.2 + 0.19 * len(title), 0.2 + 0.15 * len(caption)
    height = above + top + cell * (num_strategies + 1.1) + below
    with mpl.rc_context(NAMES | {"font.size": 10}):
        figure = Figure(figsize=(width, height))
        # All in one set of axes, in cells and without ticks: axes and their layout would take most of the time.
        box = (left / width, below / height, cell * num_strategies / width, cell * (num_strategies + 1.1) / height)
        axes = figure.add_axes(box, frameon=False, xticks=[], yticks=[])
        axes.set_xlim(-0.5, num_strategies - 0.5)
        axes.set_ylim(num_strategies + 0.6, -0.5)
        for first_row, values in (
            (0, penalty.matrix.to_numpy()),
            (num_strategies + 0.1, penalty.penalties.to_numpy()[None]),
        ):
            edges = [np.arange(num_strategies + 1) - 0.5, np.arange(len(values) + 1) + first_row - 0.5]
            axes.pcolormesh(*edges, values, cmap=COLOURS, vmin=0, vmax=largest)
            cells = [
                Cell(column, first_row + row, f"{value:.2f}", "white" if value > 0.6 * largest else "black")
                for (row, column), value in np.ndenumerate(values)
                if not np.isnan(value)
            ]
            if num_strategies > MANY:
                draw_numbers(axes, cells, size, 72 * cell)
                continue
            for x, y, text, colour in cells:
                axes.text(x, y, text, ha="center", va="center", color=colour, fontsize=size)
        for position, name in enumerate([*names, "mean"]):
            row = position if position < num_strategies else num_strategies + 0.1
            axes.text(-0.6, row, name, ha="right", va="center")
        for position, name in enumerate(names):
            axes.text(position - 0.1, -0.6, name, rotation=slope, rotation_mode="anchor", ha="left", va="bottom")
        figure.text(0.5, 1 - 0.12 / height, "\n".join(title), ha="center", va="top", fontsize=11)
        figure.text(0.5, (below - 0.1) / height, "\n".join(caption), ha="center", va="top", fontsize=8, color="0.35")
        return saved(figure, path)


def draw_curves(
    curves: pd.DataFrame,
    part: tuple[int, int],
    path: Path,
    name: str = ACCURACY.label,
    looks_of: Mapping[str, Look] | None = None,
    note: str = "",
) -> list[Path]:
    """The curves of one setting, whole and, beside, the part between two numbers of labels; of many strategies in
    rows, one for each family, with the others in grey.

    Args:
        curves: rows of `al_bench.analysis.statistics.curves.learning_curves`.
        part: the two numbers of labels.
        path: without the endings .png and .pdf.
        name: of what is shown, with what the bands are.
        looks_of: by strategy; by default those of these strategies alone.
        note: below the name of the setting.
    """
    curves = curves[curves["is_common"]]
    setting = setting_names(curves.iloc[:1])[0]
    shown = in_order(looks_of or looks(curves["strategy"]), curves["strategy"])
    rows, labels = panels(shown), curves["num_labelled"]
    parts = {"all rounds": (labels.min(), labels.max()), "the part compared": part}
    with mpl.rc_context(STYLE):
        beside = 0.9 + width_of(shown)
        width = 10.5 + beside
        heights = [max(4.2 if len(rows) == 1 else ROW, height_of([*panel])) for panel in rows.values()]
        height, space = sum(heights), 0.9 / (sum(heights) / len(heights)) if len(rows) > 1 else None
        figure = Figure(figsize=(width, height))
        figure.subplots_adjust(0.8 / width, 0.55 / height, 1 - beside / width, 1 - 0.6 / height, 0.16, space)
        options: Any = {"squeeze": False, "height_ratios": heights, "sharex": "col", "sharey": "col"}
        all_axes = figure.subplots(len(rows), len(parts), **options)
        for row, (family, panel) in zip(all_axes, rows.items(), strict=True):
            for axes, (title, limits) in zip(row, parts.items(), strict=True):
                _draw_panel(axes, curves[labels.between(*limits)], shown, panel)
                axes.set_title(f"{family}: {title}" if family else title, fontsize=10)
            row[0].set_ylabel(name if len(rows) == 1 else "")
            legend(row[-1], panel)
        for axes in all_axes[-1]:
            axes.set_xlabel("labelled examples")
        if len(rows) > 1:
            figure.supylabel(name, fontsize=10)
        figure.suptitle("\n".join(filter(None, [setting, note])), fontsize=11, y=1 - 0.08 / height, va="top")
        return saved(figure, path)


def _draw_panel(axes: Axes, curves: pd.DataFrame, shown: Mapping[str, Look], panel: Mapping[str, Look]) -> None:
    """The curves of a panel, before those of the others in grey."""
    of = {strategy: curves[curves["strategy"] == strategy] for strategy in shown}
    for strategy in shown.keys() - panel.keys():
        axes.plot(of[strategy]["num_labelled"], of[strategy]["mean"], color=OF_OTHERS, linewidth=0.8)
    for strategy, look in panel.items():
        _draw_curve(axes, of[strategy], strategy, look)
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(6))
    axes.xaxis.set_major_formatter(mpl.ticker.StrMethodFormatter("{x:,.0f}"))


def draw_panels(
    settings: Mapping[str, pd.DataFrame],
    path: Path,
    name: str = ACCURACY.label,
    looks_of: Mapping[str, Look] | None = None,
) -> list[Path]:
    """The curves of several settings side by side, as `path`.png and `path`.pdf.

    Args:
        settings: by title, rows of `al_bench.analysis.statistics.curves.learning_curves`, of one setting each.
        path: without the endings.
        name: of what is shown, with what the bands are.
        looks_of: by strategy; those of these strategies alone otherwise.
    """
    strategies = list(dict.fromkeys(each for curves in settings.values() for each in curves["strategy"]))
    shown = in_order(looks_of or looks(strategies), strategies)
    num_columns = min(len(settings), MAX_PANELS)
    num_rows = -(-len(settings) // num_columns)
    with mpl.rc_context(STYLE):
        height = max(3.6 * num_rows + 0.3, height_of(strategies))
        figure = Figure(figsize=(4.2 * num_columns + width_of(strategies), height))
        figure.set_layout_engine("constrained")
        all_axes = figure.subplots(num_rows, num_columns, squeeze=False).flat
        for axes, (title, curves) in zip(all_axes, settings.items(), strict=False):
            common = curves[curves["is_common"]]
            for strategy, look in shown.items():
                _draw_curve(axes, common[common["strategy"] == strategy], strategy, look)
            axes.set_title("\n".join(wrap(title, MAX_TITLE)), fontsize=10)
            axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5))
        for axes in figure.axes[len(settings) :]:
            axes.remove()
        figure.supxlabel("labelled examples", fontsize=10)
        figure.supylabel(name, fontsize=10)
        legend(figure, shown, loc="outside right center")
        return saved(figure, path)


def _draw_curve(axes: Axes, curve: pd.DataFrame, strategy: str, look: Look) -> None:
    x = curve["num_labelled"].to_numpy()
    axes.plot(
        x,
        curve["mean"],
        color=look.colour,
        linestyle=look.dash,
        linewidth=1.6,
        marker=look.marker,
        markersize=4.5,
        markevery=max(1, -(-len(x) // MAX_MARKERS)),
        label=strategy,
    )
    axes.fill_between(x, curve["low"], curve["high"], color=look.colour, alpha=0.15, linewidth=0)


def _title(penalty: PenaltyMatrix) -> str:
    by = penalty.measure.by_it
    return f"Pairwise penalties{by}, {group_name(penalty.group)}: largest possible entry {len(penalty.settings)}"


def _caption(penalty: PenaltyMatrix) -> str:
    parts = [f"rows beat columns; column means: lower is better; definition: {penalty.definition}"]
    parts.extend(penalty.notes)
    if penalty.without_budgets:
        parts.append(f"without budgets: {', '.join(penalty.without_budgets)}")
    if penalty.missing:
        parts.append(f"partial: {len(penalty.missing)} runs are missing or too short, an empty cell was not compared")
    return "; ".join(parts)

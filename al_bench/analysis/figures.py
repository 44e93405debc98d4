"""Figures for papers, as PNG and PDF: in the manner of Ash et al. (2020), and beyond."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from al_bench.analysis.cdf import corners
from al_bench.analysis.paired import LEVEL
from al_bench.analysis.penalty import PenaltyMatrix
from al_bench.analysis.ranks import Ranks
from al_bench.analysis.settings import BASELINE, group_name, ordered, setting_names
from al_bench.analysis.style import Look, looks

FORMATS = ("png", "pdf")
QUICK_PNG = {"pil_kwargs": {"compress_level": 1}}  # in half the time, a little larger
BESIDE: Any = {"loc": "center left", "bbox_to_anchor": (1, 0.5), "frameon": False, "fontsize": 9, "handlelength": 3.5}
MAX_MARKERS = 12  # on a curve
MAX_PANELS = 3  # beside each other
MAX_TITLE = 40  # letters of a line above a panel
COLOURS = "Blues"
CELL, LETTER, MIN_WIDTH = 0.75, 0.085, 5.5  # inches
STYLE: Any = {  # its type lists every setting of matplotlib
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.axisbelow": True,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}


def draw_penalty_matrix(penalty: PenaltyMatrix, path: Path) -> list[Path]:
    """The matrix with the column means below, as `path`.png and `path`.pdf."""
    names, num_strategies = list(penalty.matrix.columns), len(penalty.matrix)
    largest = max(len(penalty.settings), 1)
    longest = LETTER * max(map(len, names))  # inches
    left, right, top = 0.4 + longest, 0.4 + 0.8 * longest, 0.5 + 0.6 * longest
    width = max(left + CELL * num_strategies + right, MIN_WIDTH)
    title, caption = (
        wrap(text, int(width / size)) for text, size in ((_title(penalty), 0.085), (_caption(penalty), 0.062))
    )
    above, below = 0.2 + 0.19 * len(title), 0.2 + 0.15 * len(caption)
    height = above + top + CELL * (num_strategies + 1.1) + below
    with mpl.rc_context({"font.size": 10}):
        figure = Figure(figsize=(width, height))
        # All in one set of axes, in cells and without ticks: axes and their layout would take most of the time.
        box = (left / width, below / height, CELL * num_strategies / width, CELL * (num_strategies + 1.1) / height)
        axes = figure.add_axes(box, frameon=False, xticks=[], yticks=[])
        axes.set_xlim(-0.5, num_strategies - 0.5)
        axes.set_ylim(num_strategies + 0.6, -0.5)
        for first_row, values in (
            (0, penalty.matrix.to_numpy()),
            (num_strategies + 0.1, penalty.penalties.to_numpy()[None]),
        ):
            edges = [np.arange(num_strategies + 1) - 0.5, np.arange(len(values) + 1) + first_row - 0.5]
            axes.pcolormesh(*edges, values, cmap=COLOURS, vmin=0, vmax=largest)
            for (row, column), value in np.ndenumerate(values):
                colour = "white" if value > 0.6 * largest else "black"
                text = "" if np.isnan(value) else f"{value:.2f}"
                axes.text(column, first_row + row, text, ha="center", va="center", color=colour)
        for position, name in enumerate([*names, "mean"]):
            row = position if position < num_strategies else num_strategies + 0.1
            axes.text(-0.6, row, _plain(name), ha="right", va="center")
        for position, name in enumerate(names):
            axes.text(position - 0.1, -0.6, _plain(name), rotation=35, ha="left", va="bottom")
        figure.text(0.5, 1 - 0.12 / height, _plain("\n".join(title)), ha="center", va="top", fontsize=11)
        figure.text(
            0.5, (below - 0.1) / height, _plain("\n".join(caption)), ha="center", va="top", fontsize=8, color="0.35"
        )
        return saved(figure, path)


def draw_curves(
    curves: pd.DataFrame,
    part: tuple[int, int],
    path: Path,
    name: str = "test accuracy",
    looks_of: Mapping[str, Look] | None = None,
) -> list[Path]:
    """The curves of one setting, whole and, beside, the part between two numbers of labels.

    Args:
        curves: rows of `al_bench.analysis.curves.learning_curves`.
        part: the two numbers of labels.
        path: without the endings .png and .pdf.
        name: of what is shown, with what the bands are.
        looks_of: by strategy; by default those of these strategies alone.
    """
    curves = curves[curves["is_common"]]
    setting = setting_names(curves.iloc[:1])[0]
    strategies = list(dict.fromkeys(curves["strategy"]))
    looks_of = looks_of or looks(strategies)
    labels = curves["num_labelled"]
    parts = {"all rounds": (labels.min(), labels.max()), "the part compared": part}
    with mpl.rc_context(STYLE):
        beside = 0.9 + LETTER * max(map(len, strategies))
        width = 10.5 + beside
        figure = Figure(figsize=(width, 4.2))
        figure.subplots_adjust(left=0.8 / width, right=1 - beside / width, bottom=0.13, top=0.86, wspace=0.16)
        for axes, (title, limits) in zip(figure.subplots(1, len(parts)), parts.items(), strict=True):
            shown = curves[labels.between(*limits)]
            for strategy in strategies:
                _draw_curve(axes, shown[shown["strategy"] == strategy], strategy, looks_of[strategy])
            axes.set_xlabel("labelled examples")
            axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(6))
            axes.xaxis.set_major_formatter(mpl.ticker.StrMethodFormatter("{x:,.0f}"))
            axes.set_title(title, fontsize=10)
        figure.axes[0].set_ylabel(name)
        figure.axes[-1].legend(**BESIDE)
        figure.suptitle(_plain(setting), fontsize=11)
        return saved(figure, path)


def draw_panels(
    panels: Mapping[str, pd.DataFrame],
    path: Path,
    name: str = "test accuracy",
    looks_of: Mapping[str, Look] | None = None,
) -> list[Path]:
    """The curves of several settings side by side, as `path`.png and `path`.pdf.

    Args:
        panels: by title, rows of `al_bench.analysis.curves.learning_curves`, of one setting each.
        path: without the endings.
        name: of what is shown, with what the bands are.
        looks_of: by strategy; by default those of these strategies alone.
    """
    strategies = ordered(sorted({each for curves in panels.values() for each in curves["strategy"]}))
    looks_of = looks_of or looks(strategies)
    num_columns = min(len(panels), MAX_PANELS)
    num_rows = -(-len(panels) // num_columns)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.2 * num_columns + LETTER * max(map(len, strategies)), 3.6 * num_rows + 0.3))
        figure.set_layout_engine("constrained")
        all_axes = figure.subplots(num_rows, num_columns, squeeze=False).flat
        for axes, (title, curves) in zip(all_axes, panels.items(), strict=False):
            common = curves[curves["is_common"]]
            for strategy in strategies:
                _draw_curve(axes, common[common["strategy"] == strategy], strategy, looks_of[strategy])
            axes.set_title(_plain("\n".join(wrap(title, MAX_TITLE))), fontsize=10)
            axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5))
        for axes in figure.axes[len(panels) :]:
            axes.remove()
        figure.supxlabel("labelled examples", fontsize=10)
        figure.supylabel(name, fontsize=10)
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right center", frameon=False, fontsize=9, handlelength=3.5)
        return saved(figure, path)


def draw_distributions(
    distributions: pd.DataFrame,
    group: Mapping[str, object],
    path: Path,
    looks_of: Mapping[str, Look] | None = None,
) -> list[Path]:
    """Cumulative distributions, as `al_bench.analysis.cdf.cumulative_distributions` gives them."""
    limits, steps = corners(distributions)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 4.2), layout="constrained")
        axes = figure.subplots()
        for strategy, (x, y) in steps.items():
            look = (looks_of or looks(list(steps)))[strategy]
            every = slice(1, -1, max(1, -(-len(x) // MAX_MARKERS)))
            line: Any = {"color": look.colour, "linestyle": look.dash, "marker": look.marker, "markersize": 4.5}
            axes.step(x, y, where="post", markevery=every, label=_plain(strategy), **line)
        axes.set_xlim(*limits)
        axes.set_xlabel("error / error of Random")
        axes.set_ylabel("share of comparisons")
        axes.set_title(_plain(group_name(group)), fontsize=11)
        axes.legend(**BESIDE)
        return saved(figure, path)


def draw_gains(mean_areas: pd.DataFrame, path: Path, looks_of: Mapping[str, Look] | None = None) -> list[Path]:
    """Gains over Random in the area under the budget curve, a row per setting, with 95 % BCa intervals."""
    strategies = [name for name in ordered(mean_areas["strategy"].unique().tolist()) if name != BASELINE]
    names = setting_names(mean_areas)
    settings = list(dict.fromkeys(names))
    looks_of = looks_of or looks(strategies)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.5, 1.5 + 0.16 * len(settings) * (len(strategies) + 1)), layout="constrained")
        axes = figure.subplots()
        axes.axvline(0, color="0.4", linewidth=1)
        for position, strategy in enumerate(strategies):
            rows = mean_areas[mean_areas["strategy"] == strategy]
            places = [settings.index(name) for name in setting_names(rows)]
            y = np.array(places) + 0.8 * ((position + 0.5) / len(strategies) - 0.5)
            spread = np.stack([rows["gain"] - rows["gain_low"], rows["gain_high"] - rows["gain"]])
            look = looks_of[strategy]
            axes.errorbar(
                rows["gain"],
                y,
                xerr=np.nan_to_num(spread).clip(0),
                fmt=look.marker,
                color=look.colour,
                markersize=5,
                label=_plain(strategy),
            )
        axes.set_yticks(range(len(settings)), map(_plain, settings))
        axes.set_ylim(len(settings) - 0.5, -0.5)
        axes.set_xlabel("mean accuracy over the budget, minus Random's (95 % BCa)")
        axes.legend(**BESIDE)
        return saved(figure, path)


def draw_ranks(
    ranks: Ranks, path: Path, looks_of: Mapping[str, Look] | None = None, formats: Sequence[str] = FORMATS
) -> list[Path]:
    """A critical-difference diagram: strategies on a bar do not differ significantly (Demsar, 2006)."""
    import scikit_posthocs  # takes a second, with statsmodels

    strategies = ranks.mean_ranks.index.tolist()
    with mpl.rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(7.5, 1.4 + 0.2 * len(strategies)), layout="constrained")
        axes = figure.subplots()
        scikit_posthocs.critical_difference_diagram(
            ranks.mean_ranks,
            ranks.p_values,
            alpha=LEVEL,
            ax=axes,
            label_fmt_left="{label} ({rank:.2f})",
            label_fmt_right="({rank:.2f}) {label}",
            text_h_margin=0.15,
            color_palette={name: (looks_of or looks(strategies))[name].colour for name in strategies},
        )
        axes.set_title(
            f"mean ranks over {len(ranks.settings)} settings; Friedman p = {ranks.p_value:.2g}\n"
            f"critical difference {ranks.critical_difference:.2f}: strategies on a bar do not differ significantly",
            fontsize=10,
        )
        return saved(figure, path, formats)


def draw_by_setting(
    table: pd.DataFrame, name: str, path: Path, looks_of: Mapping[str, Look] | None = None, *, is_log: bool = False
) -> list[Path]:
    """A mark per strategy in a row per setting; `table` has settings as index and strategies as columns."""
    looks_of = looks_of or looks(table.columns)
    with mpl.rc_context(STYLE):
        height = max(1.3 + 0.3 * len(table), 0.6 + 0.19 * len(table.columns))
        figure = Figure(figsize=(7.5, height), layout="constrained")
        axes = figure.subplots()
        for position, strategy in enumerate(table.columns):
            look = looks_of[strategy]
            y = np.arange(len(table)) + 0.6 * ((position + 0.5) / len(table.columns) - 0.5)
            axes.plot(table[strategy], y, look.marker, color=look.colour, label=_plain(strategy))
        axes.set_yticks(range(len(table)), map(_plain, table.index))
        axes.set_ylim(len(table) - 0.5, -0.5)
        if is_log:
            axes.set_xscale("log")
        axes.set_xlabel(name)
        axes.legend(**BESIDE)
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
        label=_plain(strategy),
    )
    axes.fill_between(x, curve["low"], curve["high"], color=look.colour, alpha=0.15, linewidth=0)


def _title(penalty: PenaltyMatrix) -> str:
    return f"Pairwise penalties, {group_name(penalty.group)}: largest possible entry {len(penalty.settings)}"


def _caption(penalty: PenaltyMatrix) -> str:
    parts = [f"rows beat columns; column means: lower is better; definition: {penalty.definition}"]
    if penalty.without_budgets:
        parts.append(f"without budgets: {', '.join(penalty.without_budgets)}")
    if penalty.missing:
        parts.append(f"partial: {len(penalty.missing)} runs are missing or too short, an empty cell was not compared")
    return "; ".join(parts)


def _plain(name: str) -> str:
    """A name as it is: matplotlib takes what stands between two dollars for mathematics."""
    return str(name).replace("$", r"\$")


def saved(figure: Figure, path: Path, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Whole files or none, in every format."""
    paths = []
    for suffix in formats:
        partial = path.with_name(f".{path.name}.{suffix}.partial")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a letter that the font lacks
            options: Any = QUICK_PNG if suffix == "png" else {}
            figure.savefig(partial, dpi=120, format=suffix, **options)
        paths.append(partial.replace(path.with_name(f"{path.name}.{suffix}")))
    return paths

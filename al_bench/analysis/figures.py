"""Figures in the manner of Ash et al. (2020), for screens and for papers."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from al_bench.analysis.penalty import PenaltyMatrix
from al_bench.analysis.settings import group_name

FORMATS = ("png", "pdf")
MAX_NAMED = 6  # settings in a caption
COLOURS = "Blues"
CELL = 0.75  # inches


def draw_penalty_matrix(penalty: PenaltyMatrix, path: Path) -> list[Path]:
    """The matrix with the column means below, as `path`.png and `path`.pdf."""
    names, num_strategies = list(penalty.matrix.columns), len(penalty.matrix)
    largest = max(len(penalty.settings), 1)
    left = 0.5 + 0.085 * max(map(len, names))  # inches
    width, height = left + CELL * num_strategies + 0.7, 0.6 * left + CELL * (num_strategies + 1) + 1.6
    with mpl.rc_context({"font.size": 10}):
        figure = Figure(figsize=(width, height))
        # All in one set of axes, in cells and without ticks: axes and their layout would take most of the time.
        box = (left / width, 0.8 / height, CELL * num_strategies / width, CELL * (num_strategies + 1.1) / height)
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
                axes.text(column, first_row + row, f"{value:.2f}", ha="center", va="center", color=colour)
        for position, name in enumerate([*names, "mean"]):
            row = position if position < num_strategies else num_strategies + 0.1
            axes.text(-0.6, row, name, ha="right", va="center")
        for position, name in enumerate(names):
            axes.text(position - 0.1, -0.6, name, rotation=35, ha="left", va="bottom")
        figure.text(0.5, 1 - 0.3 / height, _title(penalty), ha="center", fontsize=11)
        figure.text(0.5, 0.6 / height, _caption(penalty), ha="center", va="top", fontsize=8, color="0.35")
        return _saved(figure, path)


def _title(penalty: PenaltyMatrix) -> str:
    return f"Pairwise penalties, {group_name(penalty.group)}: largest possible entry {len(penalty.settings)}"


def _caption(penalty: PenaltyMatrix) -> str:
    if not penalty.without_budgets:
        return "rows beat columns; column means: lower is better"
    return f"rows beat columns; column means: lower is better; without budgets: {_some(penalty.without_budgets)}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return "\n" + ",\n".join(names[:MAX_NAMED]) + more


def _saved(figure: Figure, path: Path) -> list[Path]:
    """Whole files or none, in every format."""
    saved = []
    for suffix in FORMATS:
        partial = path.with_name(f".{path.name}.{suffix}.partial")
        figure.savefig(partial, dpi=150, format=suffix)
        saved.append(partial.replace(path.with_name(f"{path.name}.{suffix}")))
    return saved

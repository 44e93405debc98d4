"""Figures in the manner of Ash et al. (2020), for screens and for papers."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from al_bench.analysis.penalty import PenaltyMatrix

FORMATS = ("png", "pdf")
MAX_NAMED = 6  # settings in a caption
COLOURS = "Blues"
CELL = 0.75  # inches


def draw_penalty_matrix(penalty: PenaltyMatrix, path: Path) -> list[Path]:
    """The matrix with the column means below, as `path`.png and `path`.pdf."""
    names, num_strategies = list(penalty.matrix.columns), len(penalty.matrix)
    largest = max(len(penalty.settings), 1)
    names_width = 0.5 + 0.085 * max(map(len, names))  # inches
    width, height = names_width + CELL * num_strategies + 0.7, 0.6 * names_width + CELL * (num_strategies + 1.2) + 1.4
    with mpl.rc_context({"font.size": 10}):
        figure = Figure(figsize=(width, height))  # a layout engine would take most of the time
        upper, lower = figure.subplots(2, 1, height_ratios=[num_strategies, 1], sharex=True)
        figure.subplots_adjust(
            left=names_width / width,
            right=1 - 0.7 / width,
            bottom=0.8 / height,
            top=1 - (0.6 * names_width + 0.6) / height,
            hspace=0.05,
        )
        for axes, values in ((upper, penalty.matrix.to_numpy()), (lower, penalty.penalties.to_numpy()[None])):
            axes.imshow(values, cmap=COLOURS, vmin=0, vmax=largest, aspect="auto")
            for (row, column), value in np.ndenumerate(values):
                colour = "white" if value > 0.6 * largest else "black"
                axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour)
            axes.tick_params(length=0)
            axes.spines[:].set_visible(False)
        upper.set_yticks(range(num_strategies), names)
        upper.tick_params(labelbottom=False, labeltop=True)
        upper.set_xticks(range(num_strategies), names, rotation=35, ha="left")
        lower.set_yticks([0], ["mean"])
        lower.tick_params(labelbottom=False)
        figure.text(0.5, 1 - 0.3 / height, _title(penalty), ha="center", fontsize=11)
        figure.text(0.5, 0.6 / height, _caption(penalty), ha="center", va="top", fontsize=8, color="0.35")
        return _saved(figure, path)


def _title(penalty: PenaltyMatrix) -> str:
    group = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in penalty.group.items()) or "all settings"
    return f"Pairwise penalties, {group}: largest possible entry {len(penalty.settings)}"


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

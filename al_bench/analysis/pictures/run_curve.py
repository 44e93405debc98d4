"""The learning curve of one run, as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from al_bench.analysis.pictures import canvas
from al_bench.analysis.statistics.measures import ACCURACY
from al_bench.files.locks import alone_in
from al_bench.files.writing import replacing

MAX_TITLE, MAX_LINE = 60, 90  # characters of a line of the title, and below it
COLOUR = "#0072B2"
STYLE: Any = canvas.STYLE | {"font.size": 13}


def draw_learning_curve(rounds: Sequence[Mapping[str, Any]], path: Path) -> Path:
    """The curve of one run as a picture, of its rows as `al_bench.records.reading.rows_of` has them; returns `path`."""
    run, final = rounds[0], rounds[-1]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.subplots()
        axes.plot(
            [row["num_labelled"] for row in rounds],
            [row[ACCURACY.column] for row in rounds],
            color=COLOUR,
            linewidth=2.5,
            marker="o",
            markersize=5,
        )
        axes.annotate(
            f"{final[ACCURACY.column]:.1%}",
            (final["num_labelled"], final[ACCURACY.column]),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            color=COLOUR,
            weight="bold",
        )
        axes.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1))
        axes.xaxis.set_major_formatter(mpl.ticker.StrMethodFormatter("{x:,.0f}"))
        axes.set_xlabel("labelled examples")
        axes.set_ylabel(ACCURACY.label)
        title = "\n".join(wrap(f"{run['strategy']} on {run['dataset']}", MAX_TITLE))
        axes.set_title(f"{title}\n", loc="left", weight="bold")
        details = [run["model"], f"batch size {run['batch_size']:,}", run.get("variant"), f"seed {run['seed']}"]
        details_line = ", ".join(filter(None, details))
        if len(details_line) > MAX_LINE:
            details_line = f"{details_line[:MAX_LINE]} ..."
        axes.text(0, 1.03, details_line, transform=axes.transAxes, fontsize=11, color="0.3")
        with alone_in(path.parent), replacing(path) as file:
            figure.savefig(file, dpi=200, format=path.suffix.removeprefix("."))
    return path

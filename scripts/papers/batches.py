"""Batches of different strategies: how diverse, how uncertain, how dear; a row per batch of batch_diversity.py."""

from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from al_bench.analysis.pictures.canvas import STYLE, legend, saved
from al_bench.analysis.pictures.style import looks

PANELS = {
    "test_accuracy": "test accuracy",
    "log_det": "log-determinant of the Gram matrix (nats)",
    "mean_norm": "mean norm of the gradient embeddings",
    "cpu_seconds": "CPU seconds of a choice",
}


def draw_batches(batches: pd.DataFrame, path: Path) -> list[Path]:
    """The `PANELS` by number of labels, as `path`.png and `path`.pdf: means over seeds, and standard errors.

    Of CPU seconds medians and quartiles, of the seeds that have them.
    """
    strategies = list(dict.fromkeys(batches["strategy"]))
    looks_of = looks(strategies)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10.5, 7), layout="constrained")
        for axes, (column, name) in zip(figure.subplots(2, 2).flat, PANELS.items(), strict=True):
            for strategy in strategies:
                look = looks_of[strategy]
                wide = batches[batches["strategy"] == strategy].pivot_table(column, "num_labelled", "seed")
                middle, error = wide.mean(axis=1), wide.sem(axis=1)
                low, high = middle - error, middle + error
                if column == "cpu_seconds":
                    low, middle, high = (wide.quantile(share, axis=1) for share in (0.25, 0.5, 0.75))
                drawn = {"color": look.colour, "marker": look.marker, "markersize": 4}
                axes.plot(middle.index, middle, look.dash, **drawn)
                axes.fill_between(middle.index, low, high, color=look.colour, alpha=0.15, linewidth=0)
            axes.set_xlabel("labelled examples")
            statistic = "median, quartiles" if column == "cpu_seconds" else "mean ± standard error"
            axes.set_title(f"{name}\n({statistic})", fontsize=10)
            if column == "cpu_seconds":
                axes.set_yscale("log")
                axes.yaxis.set_major_formatter(mpl.ticker.StrMethodFormatter("{x:g}"))
        legend(figure.axes[0], looks_of, loc="best", bbox_to_anchor=None)
        return saved(figure, path)


def batches_table(batches: pd.DataFrame) -> pd.DataFrame:
    """Means over the batches of a run, and standard errors over seeds; of CPU seconds the median of all batches."""
    of_runs = batches.groupby(["strategy", "seed"], sort=False)[list(PANELS)].mean()
    means, errors = (getattr(of_runs.groupby("strategy", sort=False), name)() for name in ("mean", "sem"))
    texts = {
        title: [f"{mean:.4g} ± {error:.2g}" for mean, error in zip(means[column], errors[column], strict=True)]
        for column, title in PANELS.items()
    }
    seconds = batches.groupby("strategy", sort=False)["cpu_seconds"].median()
    texts[PANELS["cpu_seconds"]] = [f"{each:.4g}" for each in seconds]
    return pd.DataFrame({"strategy": means.index, **texts})

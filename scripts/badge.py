"""Everything in docs/results/badge but the runs, from the runs: figures, tables, and the page that shows them.

    python scripts/badge.py docs/results/badge [--out DIR]

Reads runs.tar.xz (see scripts/archive.py), batches.csv (see scripts/batch_diversity.py) and discussion.md, where they
are there. Settings that lack a run of the paper's seven strategies are left out, and named.
"""

import argparse
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby, product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import matplotlib as mpl
import pandas as pd
from jinja2 import Environment, StrictUndefined
from matplotlib.figure import Figure

from al_bench.analysis.archive import restore
from al_bench.analysis.badge import claims, claims_table, paper_matrix, penalties_by_setting
from al_bench.analysis.budgets import compared_settings
from al_bench.analysis.curves import compared_part
from al_bench.analysis.drawing import Drawing, drawn
from al_bench.analysis.everything import Comparison, Everything, everything
from al_bench.analysis.figures import STYLE, draw_curves, draw_distributions, draw_penalty_matrix
from al_bench.analysis.penalty import PenaltyMatrix, setting_wins
from al_bench.analysis.results import combined
from al_bench.analysis.runs import Run, State, runs_in
from al_bench.analysis.settings import PAPER_ORDER, file_name, group_name, rows_of, setting_names
from al_bench.analysis.style import looks
from al_bench.dry_run import COSTS, costs
from al_bench.errors import ResultsError, UserError
from al_bench.files import replace_text

TEMPLATE = Path(__file__).with_name("badge.md.jinja")
BATCH_PANELS = {
    "test_accuracy": "test accuracy",
    "log_det": "log-determinant of the Gram matrix (nats)",
    "mean_norm": "mean norm of the gradient embeddings",
    "seconds": "seconds of a choice",
}


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="with runs.tar.xz")
    parser.add_argument("--out", type=Path, help="where the files go (FOLDER)")
    arguments = parser.parse_args()
    folder, out = arguments.folder, arguments.out or arguments.folder
    try:
        with TemporaryDirectory() as scratch:
            runs = Path(scratch) / "runs"
            restore(folder / "runs.tar.xz", runs)
            incomplete = without_incomplete(runs)
            batches = pd.read_csv(folder / "batches.csv") if (folder / "batches.csv").exists() else None
            discussion = folder / "discussion.md"
            text = discussion.read_text() if discussion.exists() else ""
            out.mkdir(parents=True, exist_ok=True)
            write(everything(runs), incomplete, batches, text, out)
    except (UserError, OSError, pd.errors.EmptyDataError) as error:
        sys.exit(f"badge: {folder}: {error}")
    print(out / "README.md")


def without_incomplete(folder: Path) -> list[str]:
    """Delete the settings that cannot be compared, and say why; delete what is not of the paper's strategies, too."""
    lines = []
    runs = [run for run in runs_in(folder) if run.path is not None]
    for name, members in groupby(runs, key=lambda run: run.setting):
        of_setting = list(members)
        used = [run for run in of_setting if run.state is State.FINISHED and run.identity["strategy"] in PAPER_ORDER]
        if problem := why_not(used, folder):
            lines.append(f"{name} ({problem})")
        for run in of_setting:
            if run.path is not None and (problem or run not in used):
                shutil.rmtree(run.path)
    if len(lines) == len({run.setting for run in runs}):
        raise ResultsError(f"no setting of the archive can be compared: {'; '.join(lines)}")
    return lines


def why_not(runs: Sequence[Run], folder: Path) -> str:
    """Why the runs of a setting cannot be compared; empty if they can."""
    there = {(run.identity["strategy"], run.identity["seed"]) for run in runs}
    wanted = product(PAPER_ORDER, sorted({seed for _, seed in there}, key=str) or ["any"])
    if missing := [f"{strategy} · seed {seed}" for strategy, seed in wanted if (strategy, seed) not in there]:
        return f"{len(missing)} runs are missing, the first {missing[0]}"
    try:
        compared_settings(combined([run.file for run in runs if run.file is not None], folder).rounds)
    except ResultsError as error:
        return " ".join(str(error).split())
    return ""


def write(found: Everything, incomplete: Sequence[str], batches: pd.DataFrame | None, text: str, out: Path) -> None:
    """Figures as PNG and PDF, numbers as CSV, and README.md."""
    if isinstance(found.comparison, str):
        raise ResultsError(found.comparison)
    if not found.comparison.distributions:
        raise ResultsError("no setting of the archive has a number of labels at which strategies are compared")
    for name in ("curves", "areas", "seconds"):
        found.tables()[name].to_csv(out / f"{name}.csv", index=False)
    cost_of_runs(found).to_csv(out / "cost.csv", index=False)
    for penalty in shown_matrices(found.comparison):
        penalty.as_table().to_csv(out / f"{penalty.file_name}.csv", index=False)
    drawn(list(drawings(found, found.comparison, batches, out)))
    replace_text(out / "README.md", page(found, found.comparison, incomplete, batches, text))


def drawings(found: Everything, comparison: Comparison, batches: pd.DataFrame | None, out: Path) -> Iterator[Drawing]:
    """Those of the paper: learning curves, matrices, distributions, and batches of different strategies."""
    for curves in found.settings:
        rows, path = rows_of(found.curves, curves.setting), out / file_name("curves", curves.setting)
        yield partial(draw_curves, rows, compared_part(curves), path, f"test accuracy ({found.bands})", found.looks)
    for penalty in shown_matrices(comparison):
        yield partial(draw_penalty_matrix, penalty, out / penalty.file_name)
    yield partial(draw_penalty_matrix, paper_matrix(), out / "penalty_paper")
    _, overall = comparison.distributions[0]
    yield partial(draw_distributions, overall, {}, out / "errors_overall", found.looks)
    if batches is not None:
        yield partial(draw_batches, batches, out / "batches")


def shown_matrices(comparison: Comparison) -> list[PenaltyMatrix]:
    """Of all settings, and as in Figures 13 and 14 of the paper by batch size and by model."""
    return [each for each in comparison.matrices if list(each.group) in ([], ["batch_size"], ["model"])]


def draw_batches(batches: pd.DataFrame, path: Path) -> list[Path]:
    """Accuracy, diversity, uncertainty and cost by number of labels: means over seeds and standard errors."""
    strategies = list(dict.fromkeys(batches["strategy"]))
    looks_of = looks(strategies)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10.5, 7), layout="constrained")
        for axes, (column, name) in zip(figure.subplots(2, 2).flat, BATCH_PANELS.items(), strict=True):
            for strategy in strategies:
                look, label = looks_of[strategy], strategy if column == "test_accuracy" else None
                wide = batches[batches["strategy"] == strategy].pivot_table(column, "num_labelled", "seed")
                mean, error = wide.mean(axis=1), wide.sem(axis=1)
                axes.plot(mean.index, mean, look.dash, color=look.colour, marker=look.marker, markersize=4, label=label)
                axes.fill_between(mean.index, mean - error, mean + error, color=look.colour, alpha=0.15, linewidth=0)
            axes.set_xlabel("labelled examples")
            axes.set_title(name, fontsize=10)
            if column == "seconds":
                axes.set_yscale("log")
        figure.axes[0].legend(frameon=False, fontsize=9, handlelength=3.5)
        paths = [path.with_name(f"{path.name}.{suffix}") for suffix in ("png", "pdf")]
        for each in paths:
            figure.savefig(each, dpi=120)
        return paths


def page(
    found: Everything, comparison: Comparison, incomplete: Sequence[str], batches: pd.DataFrame | None, discussion: str
) -> str:
    """README.md."""
    wins = setting_wins(found.rounds)
    seconds = found.seconds.assign(setting=setting_names(found.seconds))
    hours = found.rounds.groupby("dataset")[["fit_seconds", "query_seconds"]].sum().sum(axis=1) / 3600
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    environment.filters |= {"table": markdown, "group_name": group_name}
    return environment.from_string(TEMPLATE.read_text()).render(
        num_runs=sum(run.state is State.FINISHED for run in found.runs),
        num_compared=len(comparison.matrices[0].settings),
        settings=settings_table(found, comparison),
        incomplete=incomplete,
        penalties=penalties_by_setting(wins).reset_index(names="setting"),
        groups=shown_matrices(comparison)[1:],
        claims=claims_table(claims(wins, comparison.errors, batches)),
        curves=[(curves.name, file_name("curves", curves.setting)) for curves in found.settings],
        batches=None if batches is None else batches_table(batches),
        num_batch_seeds=0 if batches is None else batches["seed"].nunique(),
        **{
            column: seconds.pivot_table(column, "setting", "strategy")[list(PAPER_ORDER)].reset_index()
            for column in ("fit_seconds", "query_seconds")
        },
        hours=f"{hours.sum():.1f} ({', '.join(f'{name} {value:.1f}' for name, value in hours.items())})",
        **provenance([start for run in found.runs for start in run.starts]),
        discussion=discussion.rstrip(),
    )


def settings_table(found: Everything, comparison: Comparison) -> pd.DataFrame:
    """What was run; of all rounds of a setting, the share that the epoch limit ended."""
    budgets = {each.curves.name: each.budgets for each in comparison.settings}
    rows = []
    for curves in found.settings:
        is_limit_hit = rows_of(found.rounds, curves.setting)["epoch_limit_hit"] == "True"
        rows.append(
            {
                "setting": curves.name,
                "seeds": len(curves.seeds),
                "Random's labels": f"{curves.labels[0]:,} to {curves.labels[-1]:,}",
                "compared at": ", ".join(f"{budget:,}" for budget in budgets[curves.name]) or "nothing",
                "epoch limit hit": f"in {is_limit_hit.sum():,} of {len(is_limit_hit):,} rounds",
            }
        )
    return pd.DataFrame(rows)


def cost_of_runs(found: Everything) -> pd.DataFrame:
    """Of each setting and strategy, up to each number of labels, means over the seeds that go so far: for `dry_run`."""
    table = costs(found.rounds, found.folder).assign(seed=0)
    means = table.groupby(COSTS[:-2], sort=False).mean().reset_index().round({"seconds": 2, "num_bytes": 0})
    devices = sorted({str(start["device_name"]) for run in found.runs for start in run.starts})
    return means.assign(device=", ".join(devices))


def batches_table(batches: pd.DataFrame) -> pd.DataFrame:
    """Means over the batches of a run, and standard errors over seeds."""
    of_runs = batches.groupby(["strategy", "seed"], sort=False)[list(BATCH_PANELS)].mean()
    means, errors = (getattr(of_runs.groupby("strategy", sort=False), name)() for name in ("mean", "sem"))
    texts = {
        title: [f"{mean:.4g} ± {error:.2g}" for mean, error in zip(means[column], errors[column], strict=True)]
        for column, title in BATCH_PANELS.items()
    }
    return pd.DataFrame({"strategy": means.index, **texts})


def provenance(starts: Sequence[dict[str, Any]]) -> dict[str, object]:
    """Dates, machines, commits, versions and commands."""
    days = sorted(str(start["time"])[:10] for start in starts)
    versions = [{"Python": start["python"], **start["versions"]} for start in starts]
    return {
        "first_day": days[0],
        "last_day": days[-1],
        "devices": sorted({f"{start['device_name']} ({start['device']})" for start in starts}),
        "commits": sorted({_commit(start) for start in starts}),
        "versions": sorted({", ".join(f"{name} {number}" for name, number in each.items()) for each in versions}),
        "commands": sorted({shlex.join(["al-bench", *start["command"][1:]]) for start in starts}),
    }


def _commit(start: dict[str, Any]) -> str:
    """Of a start of a run; an installed package knows none."""
    return str(start.get("commit", "unknown"))[:7] + (" with changes" if start.get("commit_clean") is False else "")


def markdown(table: pd.DataFrame) -> str:
    """A table; fractions to the right, with two digits."""
    is_fraction = [pd.api.types.is_float_dtype(kind) for kind in table.dtypes]
    lines = [map(str, table.columns), ("---:" if right else "---" for right in is_fraction)]
    for row in table.itertuples(index=False):
        texts = (f"{value:.2f}" if right else str(value) for value, right in zip(row, is_fraction, strict=True))
        lines.append("" if text == "nan" else text for text in texts)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    main()

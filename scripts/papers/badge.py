"""Everything in docs/results/badge but the runs, from the runs: figures, tables, and the page that shows them.

    python scripts/badge.py docs/results/badge [--out DIR]

Reads the archives of the runs (see scripts/archive.py), batches.csv (see scripts/batch_diversity.py) and discussion.md,
where they are there. Settings that lack a run of the paper's seven strategies are left out, and named.
"""

import shutil
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby, product
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from al_bench.analysis.budgets import compared_settings
from al_bench.analysis.everything import Comparison, Everything, everything
from al_bench.analysis.names import file_name
from al_bench.analysis.pictures.drawing import Drawing, drawn
from al_bench.analysis.pictures.figures import draw_curves, draw_penalty_matrix
from al_bench.analysis.pictures.overviews import draw_distributions
from al_bench.analysis.results import PAPER_ORDER, SETTING, combined
from al_bench.analysis.runs import Run, State, runs_in
from al_bench.analysis.settings import rows_of
from al_bench.analysis.shown import Shown
from al_bench.analysis.statistics.curves import compared_part
from al_bench.analysis.statistics.measures import ACCURACY
from al_bench.analysis.statistics.overall import overall
from al_bench.analysis.statistics.penalty import PenaltyMatrix
from al_bench.core.errors import ResultsError, UserError
from al_bench.files.locks import alone_in
from al_bench.files.writing import replace_text
from al_bench.records.archive.moving import restore
from papers.badge_claims import paper_matrix
from papers.badge_page import all_gains, page
from papers.batches import draw_batches
from papers.pages import cost_of_runs, folders, write_gains

STEPS = [*SETTING, "strategy", "num_runs", "to_labels", "num_steps", "epoch_limit_share"]


def main() -> None:
    """Write the files."""
    folder, out = folders(__doc__, "with the archives of the runs")
    try:
        with TemporaryDirectory() as scratch:
            runs = Path(scratch) / "runs"
            restore(folder, runs, with_unfinished=False)
            incomplete = without_incomplete(runs)
            batches = pd.read_csv(folder / "batches.csv") if (folder / "batches.csv").exists() else None
            discussion = folder / "discussion.md"
            text = discussion.read_text() if discussion.exists() else ""
            out.mkdir(parents=True, exist_ok=True)
            with alone_in(out):
                write(everything(runs, shown=Shown(order=PAPER_ORDER)), incomplete, batches, text, out)
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
    """Figures as PNG and PDF, numbers as CSV, those that papers print as LaTeX too, and README.md."""
    if isinstance(found.comparison, str):
        raise ResultsError(found.comparison)
    if not found.comparison.distributions:
        raise ResultsError("no setting of the archive has a number of labels at which strategies are compared")
    for name, table in (("curves", found.curves[ACCURACY]), ("areas", found.areas), ("steps", found.costs[STEPS])):
        whole = table.drop(columns="is_partial", errors="ignore")  # as all are
        replace_text(out / f"{name}.csv", whole.to_csv(index=False))
    gained = all_gains(found)
    write_gains(gained, overall(gained, found.families), found.costs, out)
    replace_text(out / "costs.csv", cost_of_runs(found.rounds, found.runs, *found.folders).to_csv(index=False))
    for penalty in shown_matrices(found.comparison):
        replace_text(out / f"{penalty.file_name}.csv", penalty.as_table().to_csv(index=False))
    drawn(list(drawings(found, found.comparison, batches, out)))
    replace_text(
        out / "README.md", page(found, found.comparison, shown_matrices(found.comparison), incomplete, batches, text)
    )


def drawings(found: Everything, comparison: Comparison, batches: pd.DataFrame | None, out: Path) -> Iterator[Drawing]:
    """Those of the paper: learning curves, matrices, distributions, and batches of different strategies."""
    for curves in found.settings:
        rows, path = rows_of(found.curves[ACCURACY], curves.setting), out / file_name("curves", curves.setting)
        yield partial(draw_curves, rows, compared_part(curves), path, ACCURACY.axis(found.bands), found.looks)
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

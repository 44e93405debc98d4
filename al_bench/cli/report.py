"""`al-bench report`: everything about a folder of results in one HTML file."""

import math
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from al_bench.cli.parsing import Called, CommandParser, add_measure, add_shown, results_folder
from al_bench.core.errors import UserError

MARGIN = 0.5  # percentage points, as of al_bench.analysis.statistics.intervals, which has pandas

if TYPE_CHECKING:
    from al_bench.analysis.everything import Everything

DESCRIPTION = """A report of a folder of results: one HTML file that opens without the internet.

    {command} outputs/default

Writes report.html to FOLDER/analysis or DIR; of several folders, whose runs are
taken together, to DIR. With --figures, every figure as
PNG and PDF for a paper, every number as CSV, and gains and costs as LaTeX, too.
With --measure macro_f1 the names of all files begin with macro_f1_.
With --wandb, a run of Weights & Biases with the figures, the tables and the
report."""


def parser(called: Called) -> CommandParser:
    """The command's options, not parsed yet."""
    parser = CommandParser(called, DESCRIPTION)
    parser.add_argument(
        "folders", nargs="+", type=results_folder, metavar="FOLDER", help="with run directories, at any depth"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where report.html goes (FOLDER/analysis)")
    parser.add_argument(
        "--figures", type=Path, metavar="DIR", help="where figures (PNG, PDF) and numbers (CSV, LaTeX) go (nowhere)"
    )
    parser.add_argument("--definition", choices=["paper", "reference"], default="paper", help="of the budgets (paper)")
    parser.add_argument(
        "--wandb", nargs="?", const="offline", choices=["offline", "online"], help="log the report, too (offline)"
    )
    parser.add_argument("--project", default="al_bench", help="of wandb (al_bench)")
    parser.add_argument(
        "--holm", action="store_true", help="adjust penalties for all pairs at one budget of one setting"
    )
    parser.add_argument("--partial", action="store_true", help="compare in spite of missing runs")
    parser.add_argument("--interval", default="stderr", metavar="stderr|t", help="of curves (stderr)")
    parser.add_argument("--against", default="random", metavar="STRATEGY", help="whom gains are over (random)")
    parser.add_argument(
        "--margin", type=_margin, metavar="POINTS", help=f"within which a gain is the same ({MARGIN} points)"
    )
    add_shown(parser)
    add_measure(parser)
    return parser


def _margin(text: str) -> float:
    try:
        margin = float(text)
    except ValueError:
        margin = math.nan
    if not 0 <= margin < math.inf:
        raise ArgumentTypeError(f"{text} is no number of percentage points; 0 or more, such as 0.5")
    return margin


def main(arguments: Sequence[str], called: Called) -> None:
    """Write the report, and whatever else the options ask for."""
    options = (known := parser(called)).read(arguments)
    if len(options.folders) > 1 and options.out is None:
        known.error(f"{len(options.folders)} folders have no common place for report.html; say --out DIR")
    from al_bench.analysis.everything import everything  # pandas, plotly and more: seconds that --help need not wait
    from al_bench.analysis.names import print_any_name
    from al_bench.analysis.page.export import export
    from al_bench.analysis.page.output import output_folder
    from al_bench.analysis.page.report import report
    from al_bench.analysis.shown import Shown
    from al_bench.files.writing import replace_text

    print_any_name()
    try:
        found = everything(
            options.folders,
            options.definition,
            is_holm=options.holm,
            is_partial=options.partial,
            interval=options.interval,
            against=options.against,
            margin=options.margin,
            shown=Shown(options.strategies, options.order, options.labels),
            measure=options.measure,
        )
        for problem in found.problems:
            called.warn(problem)
        page = report(found, [*called.typed, *arguments])
        with output_folder(options.folders[0], options.out) as out:
            name = f"{found.measure.prefix}report.html"
            replace_text(out / name, page)
        called.say(str(out / name))
        if options.figures:
            called.say(f"{len(export(found, options.figures))} files in {options.figures}")
        if options.wandb:
            _log(found, out / name, options, called)
    except (UserError, OSError) as error:
        sys.exit(f"{called.name}: {error}")


def _log(found: "Everything", page: Path, options: Namespace, called: Called) -> None:
    from al_bench.tracking.wandb_report import log_report  # wandb, a second

    try:
        log_report(found, page, options.project, options.wandb)
    except Exception as error:  # whatever wandb raises: the files are written
        sys.exit(f"{called.name}: wandb: {type(error).__name__}: {error}")
    called.say(f"report of {', '.join(map(str, options.folders))} in project {options.project}, {options.wandb}")

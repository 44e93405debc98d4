"""A report of a folder of results: one HTML file that opens without the internet.

    python scripts/report.py outputs/default [--out DIR] [--figures DIR] [--wandb [online]]

Writes report.html to FOLDER/analysis or DIR. With --figures, every figure as PNG and PDF for a paper, and every number
as CSV, too. With --wandb, a run of Weights & Biases with the figures, the tables and the report.
"""

import argparse
import sys
from pathlib import Path

from al_bench.analysis.everything import everything
from al_bench.analysis.names import print_any_name
from al_bench.analysis.page.export import export
from al_bench.analysis.page.output import output_folder
from al_bench.analysis.page.report import report
from al_bench.core.errors import UserError
from al_bench.files.writing import replace_text


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="with run directories, at any depth")
    parser.add_argument("--out", type=Path, help="where report.html goes (FOLDER/analysis)")
    parser.add_argument("--figures", type=Path, help="where figures (PNG, PDF) and numbers (CSV) go (nowhere)")
    parser.add_argument("--definition", choices=["paper", "reference"], default="paper", help="of the budgets (paper)")
    parser.add_argument(
        "--wandb", nargs="?", const="offline", choices=["offline", "online"], help="log the report, too (offline)"
    )
    parser.add_argument("--project", default="al_bench", help="of wandb (al_bench)")
    parser.add_argument(
        "--holm", action="store_true", help="adjust penalties for all pairs at one budget of one setting"
    )
    parser.add_argument("--partial", action="store_true", help="compare in spite of missing runs")
    parser.add_argument("--interval", choices=["standard_error", "bootstrap"], default="standard_error")
    arguments = parser.parse_args()
    print_any_name()
    try:
        found = everything(
            arguments.folder,
            arguments.definition,
            is_holm=arguments.holm,
            is_partial=arguments.partial,
            interval=arguments.interval,
        )
        for problem in found.problems:
            print(f"report: {problem}", file=sys.stderr)
        page = report(found, ["python", *sys.argv])
        with output_folder(arguments.folder, arguments.out) as out:
            replace_text(out / "report.html", page)
        print(out / "report.html")
        if arguments.figures:
            print(f"{len(export(found, arguments.figures))} files in {arguments.figures}")
        if arguments.wandb:
            from al_bench.tracking.wandb_report import log_report  # wandb, a second

            try:
                log_report(found, out / "report.html", arguments.project, arguments.wandb)
            except Exception as error:  # whatever wandb raises: the files are written
                sys.exit(f"report: wandb: {type(error).__name__}: {error}")
            print(f"report of {arguments.folder} in project {arguments.project}, {arguments.wandb}")
    except (UserError, OSError) as error:
        sys.exit(f"report: {error}")


if __name__ == "__main__":
    main()

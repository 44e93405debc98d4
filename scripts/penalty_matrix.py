"""Pairwise penalty matrices (Ash et al., 2020) of a folder of results, as tables and as figures.

    python scripts/penalty_matrix.py outputs/default [--out DIR] [--definition reference] [--holm] [--partial]

Writes penalty_overall.csv, penalty_batch_size_100.csv, penalty_model_mlp.csv, penalty_batch_size_100_model_mlp.csv and
so on, each with a .png and a .pdf beside it, to FOLDER/analysis or DIR. Rows beat columns; lower means are better.
"""

import argparse
import math
import sys
from functools import partial
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from al_bench.analysis.drawing import drawn
from al_bench.analysis.figures import draw_penalty_matrix
from al_bench.analysis.penalty import PenaltyMatrix, penalty_matrices
from al_bench.analysis.results import load_results
from al_bench.analysis.settings import with_seeds
from al_bench.errors import UserError


def main() -> None:
    """Write the files, and show the overall matrix."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="with run directories, at any depth")
    parser.add_argument("--out", type=Path, help="where the files go (FOLDER/analysis)")
    parser.add_argument("--definition", choices=["paper", "reference"], default="paper", help="of the budgets (paper)")
    parser.add_argument("--holm", action="store_true", help="adjust for all pairs at one budget of one setting")
    parser.add_argument("--partial", action="store_true", help="leave out what is missing instead of refusing")
    arguments = parser.parse_args()
    out = arguments.out or arguments.folder / "analysis"
    try:
        results = load_results(arguments.folder)
        for problem in results.problems:
            print(f"penalty_matrix: {problem}", file=sys.stderr)
        matrices = penalty_matrices(
            results.rounds, arguments.definition, is_holm=arguments.holm, is_partial=arguments.partial
        )
        for line in with_seeds(matrices[0].missing):
            print(f"penalty_matrix: left out: {line}", file=sys.stderr)
        out.mkdir(parents=True, exist_ok=True)
        for penalty in matrices:
            penalty.as_table().to_csv(out / f"{penalty.file_name}.csv", index=False)
        drawn([partial(draw_penalty_matrix, penalty, out / penalty.file_name) for penalty in matrices])
    except (UserError, OSError) as error:
        sys.exit(f"penalty_matrix: {error}")
    show(matrices[0])
    print(f"{len(matrices)} matrices in {out}")


def show(penalty: PenaltyMatrix) -> None:
    """In the terminal; where names do not fit as headers, numbers stand for them."""
    console, names = Console(), [str(name) for name in penalty.matrix.columns]
    is_narrow = max(map(len, names)) + sum(max(len(name), 4) + 2 for name in names) + 4 > console.width
    title = f"settings: {len(penalty.settings)}; rows beat columns; lower means are better"
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=0)
    table.add_column("", no_wrap=True)
    for number, name in enumerate(names, start=1):
        table.add_column(str(number) if is_narrow else name, justify="right")
    rows = penalty.as_table().to_numpy().tolist()
    for number, (name, *values) in enumerate(rows, start=1):
        head = f"{number} {name}" if is_narrow and number < len(rows) else name
        cells = ("" if math.isnan(value) else f"{value:.2f}" for value in values)
        table.add_row(head, *cells, end_section=number == len(names))
    console.print(table)
    if penalty.without_budgets:
        print(f"without budgets: {', '.join(penalty.without_budgets)}")


if __name__ == "__main__":
    main()

"""`al-bench penalty-matrix`: pairwise penalty matrices (Ash et al., 2020), as tables and as figures."""

import math
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from al_bench.cli.parsing import Called, CommandParser, add_measure, add_shown, folder_parser
from al_bench.core.errors import UserError

if TYPE_CHECKING:
    from al_bench.analysis.statistics.penalty import PenaltyMatrix

CELL = 5  # letters of a number: 12.34
DESCRIPTION = """Pairwise penalty matrices (Ash et al., 2020) of a folder of results, as tables
and as figures.

    {command} outputs/default

Writes penalty_overall.csv, penalty_batch_size_100.csv, penalty_model_mlp.csv,
penalty_batch_size_100_model_mlp.csv and so on, each with a .png and a .pdf
beside it, to FOLDER/analysis or DIR. Rows beat columns; lower means are better."""


def parser(called: Called) -> CommandParser:
    """The command's options, not parsed yet."""
    parser = folder_parser(called, DESCRIPTION)
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the files go (FOLDER/analysis)")
    parser.add_argument("--definition", choices=["paper", "reference"], default="paper", help="of the budgets (paper)")
    parser.add_argument("--holm", action="store_true", help="adjust for all pairs at one budget of one setting")
    parser.add_argument("--partial", action="store_true", help="leave out what is missing instead of refusing")
    add_shown(parser)
    add_measure(parser)
    return parser


def main(arguments: Sequence[str], called: Called) -> None:
    """Write the files, and show the overall matrix."""
    options = parser(called).read(arguments)
    from al_bench.analysis.budgets import compared_settings  # pandas, matplotlib and scipy: what --help need not wait
    from al_bench.analysis.names import print_any_name
    from al_bench.analysis.page.output import output_folder
    from al_bench.analysis.pictures.drawing import drawn
    from al_bench.analysis.pictures.figures import draw_penalty_matrix
    from al_bench.analysis.runs import left_out
    from al_bench.analysis.settings import is_of_all, with_seeds
    from al_bench.analysis.shown import Shown, read
    from al_bench.analysis.statistics.penalty import penalty_matrices
    from al_bench.files.writing import replace_text

    print_any_name()
    try:
        found = read(
            [options.folder], Shown(options.strategies, options.order, options.labels), measure=options.measure
        )
        for problem in found.problems:
            called.warn(problem)
        definition, by = options.definition, {"measure": found.measure, "is_partial": options.partial}
        settings = compared_settings(found.rounds, definition, left_out=left_out(found.runs), **by)
        matrices = penalty_matrices(found.rounds, definition, is_holm=options.holm, **by)
        for line in with_seeds(run for setting in settings for run in setting.missing):
            called.warn(f"left out: {line}")
        with output_folder(options.folder, options.out) as out:
            for penalty in matrices:
                replace_text(out / f"{penalty.file_name}.csv", penalty.as_marked_table().to_csv(index=False))
            drawn([partial(draw_penalty_matrix, penalty, out / penalty.file_name) for penalty in matrices])
    except (UserError, OSError) as error:
        sys.exit(f"{called.name}: {error}")
    for penalty in matrices:
        if is_of_all(penalty.group):
            show(penalty)
    called.say(f"{len(matrices)} matrices in {out}")


def show(penalty: "PenaltyMatrix") -> None:
    """In the terminal: every number whole, in as many tables below each other as its width asks for."""
    console, rows = Console(highlight=False), penalty.as_table().to_numpy().tolist()
    heads = names = [str(name) for name in penalty.matrix.columns]
    labels = [*names, "mean"]
    if len(in_tables(heads, labels, console.width)) > 1:  # numbers are shorter
        heads = [f"{number}" for number in range(1, len(names) + 1)]
        labels = [f"{head} {name}" for head, name in zip(heads, names, strict=True)] + ["mean"]
        if max(map(cell_len, labels)) > console.width // 3:  # names stand in lines of their own
            for label in labels[:-1]:
                console.print(Text(label), soft_wrap=True)
            labels = [*heads, "mean"]
    group = f" ({', '.join(map(str, filter(None, penalty.group.values()))) or 'no variant'})" if penalty.group else ""
    settings = f"settings{group}: {len(penalty.settings)}"
    console.print(Text(f"{settings}; rows beat columns{penalty.measure.by_it}; lower means are better"), soft_wrap=True)
    for columns in in_tables(heads, labels, console.width):
        table = Table(box=box.SIMPLE_HEAD, padding=0)
        table.add_column("", no_wrap=True)
        for head in heads[columns]:
            table.add_column(Text(head), justify="right", no_wrap=True)
        for number, (label, (_, *values)) in enumerate(zip(labels, rows, strict=True), start=1):
            cells = ("" if math.isnan(value) else f"{value:.2f}" for value in values[columns])
            table.add_row(Text(label), *cells, end_section=number == len(names))
        console.print(table)
    for note in penalty.notes:
        console.print(Text(note), soft_wrap=True)
    if penalty.without_budgets:
        console.print(Text(f"without budgets: {', '.join(penalty.without_budgets)}"), soft_wrap=True)


def in_tables(heads: Sequence[str], labels: Sequence[str], width: int) -> list[slice]:
    """Which columns of numbers fit beside the labels of the rows, table by table: at least one."""
    room = width - max(map(cell_len, labels)) - 4
    tables, used = [slice(0, 0)], 0
    for number, head in enumerate(heads):
        used += max(cell_len(head), CELL) + 1
        if used > room and tables[-1].stop > tables[-1].start:
            tables.append(slice(number, number))
            used = max(cell_len(head), CELL) + 1
        tables[-1] = slice(tables[-1].start, number + 1)
    return tables

"""`al-bench status`: how the runs of a folder stand."""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from al_bench.cli.parsing import Called, CommandParser, folder_parser
from al_bench.core.errors import UserError

if TYPE_CHECKING:
    from al_bench.analysis.runs import Run

MAX_LISTED, MAX_BUSY = 15, 3  # lines of a state, and of busy machines, the slowest first
DESCRIPTION = """How the runs of a folder stand: finished, running, failed (why), interrupted,
broken, and missing.

    {command} outputs/default

Missing are those of the product of the settings, strategies and seeds seen.
On a busy machine are runs whose training and querying took above 1.2 times
their CPU seconds by the clock, or a step above 1.5 times the lower quartile of
its setting.
A running run holds the lock of its folder; failed and interrupted ones go on
when their command is repeated."""


def parser(called: Called) -> CommandParser:
    """The command's options, not parsed yet."""
    parser = folder_parser(called, DESCRIPTION)
    parser.add_argument("--all", action="store_true", help=f"list all runs of a state, not only {MAX_LISTED} lines")
    return parser


def main(arguments: Sequence[str], called: Called) -> None:
    """Show counts by setting, then what is not finished."""
    options = parser(called).read(arguments)
    from al_bench.analysis.names import print_any_name  # pandas: half a second that --help need not wait
    from al_bench.analysis.runs import State, described, misplaced, runs_in

    print_any_name()
    try:
        runs = runs_in(options.folder)
    except (UserError, OSError) as error:
        sys.exit(f"{called.name}: {error}")
    console = Console(highlight=False)
    console.print(counts(runs))
    for state in State:
        of_state = [run for run in runs if run.state is state]
        if state is State.FINISHED or not of_state:
            continue
        show_lines(console, state.value, described(of_state), len(of_state), None if options.all else MAX_LISTED)
    slowed = busy(runs, options.folder)
    show_lines(console, "runs on a busy machine", slowed, len(slowed), None if options.all else MAX_BUSY)
    for line in misplaced(runs):
        console.print(f"\n{escape(line)}", soft_wrap=True)


def show_lines(console: Console, title: str, lines: Sequence[str], count: int, most: int | None) -> None:
    """A list, if there is anything in it; the first of its lines if there are more than `most`."""
    if lines:
        console.print(f"\n[bold]{title}: {count}[/bold]")
    for line in lines[:most]:
        console.print(f"  {escape(line)}", soft_wrap=True)
    if most is not None and len(lines) > most:
        console.print(f"  ... and {len(lines) - most} more lines (--all)")


def busy(runs: Sequence["Run"], folder: Path) -> list[str]:
    """A line for each run that was trained on a busy machine."""
    from al_bench.analysis.results import combined
    from al_bench.analysis.runs import State
    from al_bench.analysis.spent.training_steps import busy_lines, busy_runs, with_steps

    files = [run.file for run in runs if run.file is not None and run.state is not State.BROKEN]
    try:
        rounds = combined(files, folder).rounds
    except UserError:  # there are no rounds yet
        return []
    return list(busy_lines(busy_runs(with_steps(rounds, runs))))


def counts(runs: Sequence["Run"]) -> Table:
    """A row per setting, and one of all."""
    from al_bench.analysis.runs import State

    shown = [state for state in State if state is State.FINISHED or any(run.state is state for run in runs)]
    by_setting: dict[str, Counter[State]] = {}
    for run in runs:
        by_setting.setdefault(run.setting, Counter())[run.state] += 1
    table = Table(show_footer=True)
    table.add_column("setting", "all", overflow="fold")
    for state in shown:
        table.add_column(state.value, f"{sum(run.state is state for run in runs)}", justify="right")
    for name, numbers in by_setting.items():
        table.add_row(escape(name), *(f"{numbers[state]}" if numbers[state] else "" for state in shown))
    return table

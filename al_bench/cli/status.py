"""`al-bench status`: how the runs of a folder stand."""

import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from al_bench.cli.parsing import Called, CommandParser, folder_parser
from al_bench.core.errors import UserError

if TYPE_CHECKING:
    from al_bench.analysis.runs import Run

MAX_LISTED = 15  # lines of a state
DESCRIPTION = """How the runs of a folder stand: finished, running, failed (why), interrupted,
broken, and missing.

    {command} outputs/default

Missing are those of the product of the settings, strategies and seeds seen.
A running run holds the lock of its folder; failed and interrupted ones go on
when their command is repeated."""


def parser(called: Called) -> CommandParser:
    """Its options."""
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
        lines = described(of_state)
        console.print(f"\n[bold]{state.value}: {len(of_state)}[/bold]")
        for line in lines if options.all else lines[:MAX_LISTED]:
            console.print(f"  {escape(line)}", soft_wrap=True)
        if not options.all and len(lines) > MAX_LISTED:
            console.print(f"  ... and {len(lines) - MAX_LISTED} more lines (--all)")
    for line in misplaced(runs):
        console.print(f"\n{escape(line)}", soft_wrap=True)


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

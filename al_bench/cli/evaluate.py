"""`al-bench evaluate`: a measure of one's own, from saved predictions."""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from al_bench.cli.parsing import Called, CommandParser, folder_parser
from al_bench.core.errors import UserError

if TYPE_CHECKING:
    from al_bench.records.reading import RoundsFile

MAX_LISTED = 15  # runs without predictions
DESCRIPTION = """A measure of your own, of every round of which predictions were saved (runs
started with save=predictions).

    {command} outputs/default --measure my_measures:top_5
    al-bench report outputs/default --measure top_5

my_measures.py is in the current folder, or is installed:

    def top_5(logits_NC, targets_N):
        best_N5 = logits_NC.argsort(axis=1)[:, -5:]
        return (best_N5 == targets_N[:, None]).any(axis=1).mean()

logits_NC (examples, classes) are float32 and targets_N int64, NumPy arrays of
the test set. The values go to measures.csv beside rounds.csv, in the column of
the function's name, which replaces what was there; other columns stay."""


def parser(called: Called) -> CommandParser:
    """The command's options, not parsed yet."""
    parser = folder_parser(called, DESCRIPTION)
    parser.add_argument("--measure", required=True, metavar="MODULE:FN", help="function(logits_NC, targets_N)")
    parser.add_argument("--all", action="store_true", help=f"list all runs without predictions, not only {MAX_LISTED}")
    return parser


def main(arguments: Sequence[str], called: Called) -> None:
    """Compute the measure of every saved round, and write it into the run directories."""
    options = parser(called).read(arguments)
    from al_bench.analysis.evaluating import evaluate, own_measure  # NumPy

    try:
        measure = own_measure(options.measure)
        found = evaluate(options.folder, measure, _shown)
    except (UserError, OSError) as error:
        sys.exit(f"{called.name}: {error}")
    except KeyboardInterrupt:
        sys.exit(f"{called.name}: interrupted; runs before have their values, and the same command does all again")
    for line in found.lacking if options.all else found.lacking[:MAX_LISTED]:
        called.warn(line)
    if not options.all and len(found.lacking) > MAX_LISTED:
        called.warn(f"... and {len(found.lacking) - MAX_LISTED} more (--all)")
    called.say(f"{measure.name} of {found.num_runs:,} runs, {found.num_rounds:,} rounds")


def _shown(files: Sequence["RoundsFile"]) -> Iterable["RoundsFile"]:
    """With a line that says how far it is, on a terminal."""
    from rich.console import Console
    from rich.progress import track

    return track(files, "runs", console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())

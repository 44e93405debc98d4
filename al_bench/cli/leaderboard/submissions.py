"""`al-bench leaderboard`: a submission to the leaderboard, checked and added."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from al_bench.cli.parsing import Called, CommandParser, results_folder
from al_bench.core.errors import UserError

if TYPE_CHECKING:
    from al_bench.leaderboard.standing import Gain

BOARD = Path("docs/results/leaderboard")
DESCRIPTION = """Check a submission to the leaderboard, or add it in a clone.

    {command} check mine
    {command} add mine

FOLDER holds runs.tar.xz (al-bench archive pack outputs/mine mine/runs.tar.xz)
and card.yaml (authors, commit, deviations, tuning_trials, cpu_hours, and if
one likes description and code). Refused
are other source data, splits, first rounds than Random's, other seeds, and
examples that are bought twice; nothing in FOLDER is run. Three rounds, drawn
from the archive's digest, are trained again from queries.csv: the data must be
where data_dir or AL_BENCH_DATA says. add checks, and writes a row: nothing that
is there is overwritten."""


def parser(called: Called) -> CommandParser:
    """The command's options, not parsed yet."""
    parser = CommandParser(called, DESCRIPTION)
    parser.add_argument("command", choices=["check", "add"], metavar="check|add", help="what to do")
    parser.add_argument("folder", type=results_folder, metavar="FOLDER", help="with runs.tar.xz and card.yaml")
    parser.add_argument("--to", type=Path, default=BOARD, help=f"add: the folder of the leaderboard ({BOARD})")
    return parser


def main(arguments: Sequence[str], called: Called) -> None:
    """Check it, and add it if asked to; exit with 1 and all that is wrong."""
    options = parser(called).read(arguments)
    from al_bench.leaderboard.adding import add  # torch, Hydra: seconds that --help need not wait
    from al_bench.leaderboard.checking import check

    try:
        checked = check(options.folder)
        for line in checked.remarks:
            called.warn(line)
        for line in checked.retrained:
            called.say(f"trained again, and the same: {line}")
        num_runs = len(checked.submission.runs)
        called.say(f"{options.folder}: {checked.strategy}, {num_runs} runs: nothing is wrong")
        if options.command == "add":
            added = add(checked, options.to)
            called.say(f"{added.path}: added, with this row:")
            for name, value in added.row.items():
                called.say(f"  {name}: {value}")
            for line in _gains(added.gains):
                called.say(line)
    except (UserError, OSError) as error:
        sys.exit(f"{called.name}: {error}")
    except KeyboardInterrupt:
        sys.exit(f"{called.name}: interrupted; nothing was changed")


def _gains(gains: "Sequence[Gain]") -> Iterator[str]:
    """Those of each regime, the submission first."""
    if not gains:
        yield "No gains: the folder of the leaderboard has no published rounds of these data sets (results.csv.gz)"
    for regime in dict.fromkeys(each.regime for each in gains):
        of_it = [each for each in gains if each.regime == regime]
        yield f"Gain over Random in {regime}, in area under the curve of accuracy, points, mean over data sets, 95 %:"
        for each in of_it:
            yield f"  {each.strategy}: {each} ({each.num_datasets} data sets)"

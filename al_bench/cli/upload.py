"""`al-bench upload`: a folder of results as runs of Weights & Biases, as if they had been tracked."""

import sys
from collections.abc import Sequence

from al_bench.cli.parsing import Called, CommandParser, folder_parser
from al_bench.core.errors import UserError

DESCRIPTION = """Replay a folder of results to Weights & Biases, as if they had been tracked:
for machines without internet.

    {command} outputs/default

A wandb run per run, whose id is kept in the run directory: uploading again, or
a run that was tracked as it went, adds only the rounds that wandb does not have
yet."""


def parser(called: Called) -> CommandParser:
    """The command's options, not parsed yet."""
    parser = folder_parser(called, DESCRIPTION)
    parser.add_argument("--project", default="al_bench", help="of wandb (al_bench)")
    parser.add_argument(
        "--mode", choices=["online", "offline"], default="online", help="offline: for `wandb sync` (online)"
    )
    return parser


def main(arguments: Sequence[str], called: Called) -> None:
    """Upload run after run; exit with 1 if one could not be."""
    options = parser(called).read(arguments)
    from rich.progress import track

    from al_bench.analysis.runs import State, runs_in
    from al_bench.tracking.wandb_upload import uploaded  # wandb, a second

    num_failed = 0
    try:
        known = [run for run in runs_in(options.folder) if run.file is not None and run.file.columns is not None]
        runs = [run for run in known if run.state is not State.RUNNING]
        if len(runs) < len(known):
            called.warn(f"{len(known) - len(runs)} runs are going on and are left out")
        outcomes = uploaded(runs, options.folder, options.project, options.mode)
        for problem in track(outcomes, description="uploading", total=len(runs)):
            if problem:
                num_failed += 1
                called.warn(problem)
    except (UserError, OSError) as error:
        sys.exit(f"{called.name}: {error}")
    called.say(f"{len(runs) - num_failed} of {len(runs)} runs in project {options.project}, {options.mode}")
    sys.exit(int(num_failed > 0))

"""Replay a folder of results to Weights & Biases, as if they had been tracked: for machines without internet.

    python scripts/upload_wandb.py outputs/default [--project al_bench] [--mode online]

A wandb run per run, whose id is kept in the run directory: uploading again, or a run that was tracked as it went, adds
only the rounds that wandb does not have yet.
"""

import argparse
import re
import sys
from pathlib import Path

from rich.progress import track
from wandb.errors import AuthenticationError, CommError, UsageError

from al_bench.analysis.runs import Run, State, runs_in
from al_bench.core.errors import UserError, described, message_of
from al_bench.records.identity import Identity
from al_bench.records.stored_config import read_config
from al_bench.tracking import wandb_runs

NO_ANSWER = r"deadline exceeded|time[d]?[ -]?out|dial tcp|connection|no such host|unreachable"


def main() -> None:
    """Upload run after run; exit with 1 if one could not be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="with run directories, at any depth")
    parser.add_argument("--project", default="al_bench", help="of wandb (al_bench)")
    parser.add_argument(
        "--mode", choices=["online", "offline"], default="online", help="offline: for `wandb sync` (online)"
    )
    arguments = parser.parse_args()
    try:
        known = [run for run in runs_in(arguments.folder) if run.file is not None and run.file.columns is not None]
    except (UserError, OSError) as error:
        sys.exit(f"upload_wandb: {error}")
    runs = [run for run in known if run.state is not State.RUNNING]
    if len(runs) < len(known):
        print(f"upload_wandb: {len(known) - len(runs)} runs are going on and are left out", file=sys.stderr)
    failed = 0
    for number, run in enumerate(track(runs, description="uploading")):
        try:
            upload(run, arguments.folder, arguments.project, arguments.mode)
        except UsageError as error:  # no key: so it is for all of them
            sys.exit(f"upload_wandb: {error}")
        except Exception as error:  # whatever else wandb raises: the others are uploaded, if it answers
            told = f"{run.name}: {described(error)}"
            if arguments.mode == "online" and is_out_of_reach(error):
                sys.exit(
                    f"upload_wandb: {' '.join(told.split())}\nupload_wandb: wandb does not answer, so the other "
                    f"{len(runs) - number - 1} runs are not tried; {number - failed} of {len(runs)} are there, and the "
                    "same command again goes on"
                )
            failed += 1
            print(f"upload_wandb: {told}", file=sys.stderr)
    print(f"{len(runs) - failed} of {len(runs)} runs in project {arguments.project}, {arguments.mode}")
    sys.exit(int(failed > 0))


def is_out_of_reach(error: Exception) -> bool:
    """Whether it would be the same with every other run: wandb's server is not there, or does not take the key."""
    if isinstance(error, CommError) and not isinstance(
        error, AuthenticationError
    ):  # of the server, or of one run alone
        return re.search(NO_ANSWER, message_of(error), re.IGNORECASE) is not None
    return isinstance(error, (AuthenticationError, TimeoutError, ConnectionError))


def upload(run: Run, folder: Path, project: str, mode: wandb_runs.Mode) -> None:
    """One run, with its configuration if that is there."""
    assert run.path is not None
    config = run.path / "config.yaml"
    plain = read_config(config) if config.exists() else {}
    identity = Identity(**run.identity)  # type: ignore[arg-type]
    tracked = wandb_runs.begun(identity, plain, run.path, folder, project, mode)
    tracked.finish(exit_code=int(run.state is not State.FINISHED))


if __name__ == "__main__":
    main()

"""Runs of a folder replayed to Weights & Biases, as if they had been tracked."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from wandb.errors import AuthenticationError, CommError, UsageError

from al_bench.analysis.runs import Run, State
from al_bench.core.errors import UserError, described, message_of
from al_bench.records.identity import Identity
from al_bench.records.layout import CONFIG
from al_bench.records.run_config import read_config
from al_bench.tracking import wandb_runs

NO_ANSWER = r"deadline exceeded|time[d]?[ -]?out|dial tcp|connection|no such host|unreachable"


def uploaded(runs: Sequence[Run], folder: Path, project: str, mode: wandb_runs.Mode) -> Iterator[str]:
    """Upload run after run; of each what was wrong, or an empty text.

    Raises:
        UserError: if it would be the same with every other run: there is no key, or no answer.
    """
    num_there = 0
    for number, run in enumerate(runs):
        try:
            upload(run, folder, project, mode)
        except UsageError as error:  # no key
            raise UserError(message_of(error)) from error
        except Exception as error:  # whatever else wandb raises: the others are uploaded, if it answers
            told = f"{run.name}: {described(error)}"
            if mode == "online" and is_out_of_reach(error):
                raise UserError(
                    f"{' '.join(told.split())}; wandb does not answer, so the other {len(runs) - number - 1} runs are "
                    f"not tried; {num_there} of {len(runs)} are there, and the same command again goes on"
                ) from error
            yield told
        else:
            num_there += 1
            yield ""


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
    config = run.path / CONFIG
    plain = read_config(config) if config.exists() else {}
    identity = Identity(**run.identity)  # type: ignore[arg-type]
    tracked = wandb_runs.begun(identity, plain, run.path, folder, project, mode)
    tracked.finish(exit_code=int(run.state is not State.FINISHED))

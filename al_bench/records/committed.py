"""What a run directory has committed: the files hold it as it was written, or are refused by name.

So do flips.csv, the labels of the pool that were made wrong, and validation.csv: both are drawn anew at every start.
"""

import csv
import json
import logging
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from al_bench.core.errors import ConfigError, DataError, RunDirectoryError, message_of
from al_bench.core.rounds import Batch, Committed
from al_bench.files.writing import read_bytes, replace_bytes, replace_text, whole_lines
from al_bench.records.columns import IDENTITY_COLUMNS, REQUIRED, ROUND_COLUMNS
from al_bench.records.identity import Identity
from al_bench.records.layout import CONFIG, DRAWN, ENVIRONMENT, ERROR, QUERIES, ROUNDS, STATES
from al_bench.records.queries import check_queries, parsed_queries
from al_bench.records.rounds_file import digest_of, num_queried, parsed_rounds, parsed_states
from al_bench.records.starts.noted import now
from al_bench.records.state import RunFiles

WAY_ON = (
    "the folder was changed by something else: put back what was there, or delete it to start again, or give the run "
    "another name"
)
DRAWN_COLUMNS = {"flips": "index,target,given", "validation": "pool_index,target"}
WHAT = {"flips": "labels that are made wrong", "validation": "validation examples"}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Found:
    """What is committed, the columns of rounds.csv, and of each file the lines to keep: others were interrupted."""

    committed: Committed
    header: Sequence[str]
    kept: Mapping[str, Sequence[str]]


def found_in(path: Path, identity: Identity) -> Found:
    """Read a run directory, and change nothing.

    Rounds without their labels, or more labels and states than a kill leaves behind the last round, are refused, as is
    what no run writes.

    Raises:
        RunDirectoryError: with file and line.
    """
    with _reading(path / ROUNDS):
        lines = whole_lines(path / ROUNDS)
        header = _checked_header(path / ROUNDS, lines)
        rounds = parsed_rounds(lines) if len(lines) > 1 else {}
    num_rounds, num_rows = (len(rounds["round"]), num_queried(rounds)[-1]) if rounds else (0, 0)
    expected = identity.as_dict()
    if rounds and any(rounds[column][0] != expected[column] for column in IDENTITY_COLUMNS):
        raise RunDirectoryError(f"{path / ROUNDS} holds rows of another run; give this run another name")
    if rounds and not (path / CONFIG).exists():  # it is written before any round
        raise RunDirectoryError(f"{path}: config.yaml is gone, so nobody knows which run it is; {WAY_ON}")
    with _reading(path / QUERIES):
        query_lines = whole_lines(path / QUERIES)
        queries = parsed_queries("".join(query_lines).encode())
        if len(queries.rows_N4) and (last := int(queries.rows_N4[-1, 0])) > num_rounds:
            raise ValueError(f"it goes on to round {last}, where rounds.csv has {num_rounds} rounds")
        if rounds:
            check_queries(queries, rounds)
    with _reading(path / STATES):
        state_lines = whole_lines(path / STATES)
        states = parsed_states(state_lines, num_rounds)[:num_rounds]
    batches = [Batch(*rows_B4[:, 2:].T.copy()) for rows_B4 in queries.batches(num_rounds)]
    kept = {ROUNDS: lines, QUERIES: query_lines[: num_rows + 1], STATES: state_lines[: len(states)]}
    return Found(Committed(batches, states), header, kept)


def keep_drawn(
    path: Path, key: str, rows_RK: NDArray[np.int64] | None, *, has_rounds: bool, was_kept: bool = True
) -> str | None:
    """Have a file of `DRAWN` hold these rows of its `DRAWN_COLUMNS`; its digest. None, and no file, without any.

    What is lacking of it is written again, with a warning if an earlier start kept it, and all of it where no round is
    committed; anything else is refused.

    Raises:
        RunDirectoryError: if it holds others.
        OSError: if it cannot be read or written.
    """
    file, what = path / DRAWN[key], WHAT[key]
    if rows_RK is None:
        if file.exists():
            raise RunDirectoryError(f"{file}: there are no {what} in this run; {WAY_ON}")
        return None
    lines = [DRAWN_COLUMNS[key], *(",".join(map(str, row)) for row in rows_RK.tolist())]
    content = "".join(f"{line}\n" for line in lines).encode()
    there = read_bytes(file) if file.exists() else b""
    if has_rounds and not content.startswith(there):
        raise RunDirectoryError(f"{file}: it does not hold the {what} in this run; {WAY_ON}")
    if there != content:
        if has_rounds and was_kept:
            log.warning("%s was not whole, and is written again", file)
        replace_bytes(file, content)
    return digest_of(content)


def _checked_header(path: Path, lines: Sequence[str]) -> Sequence[str]:
    header = next(csv.reader(lines), list(ROUND_COLUMNS))
    if not set(REQUIRED) <= set(header) <= set(ROUND_COLUMNS) or len(set(header)) < len(header):
        raise RunDirectoryError(
            f"{path} is damaged or was written by another version of al_bench (its columns are "
            f"{','.join(header)}); give the run another name, or delete its folder to start again"
        )
    return header


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    try:
        yield
    except (ValueError, csv.Error) as error:
        raise RunDirectoryError(f"{file}: {error}; {WAY_ON}") from error


def as_finished(folder: Path) -> dict[str, bytes]:
    """What a start changes of a run that is finished, by the names of files, as it is; nothing of another run."""
    names = (CONFIG, ENVIRONMENT) if RunFiles(folder).is_finished else ()
    return {name: read_bytes(folder / name) for name in names if (folder / name).exists()}


def keep_error(folder: Path, error: BaseException, as_finished: Mapping[str, bytes]) -> None:
    """What ended a start is kept in error.json, unless it is a Ctrl-C.

    A run that was finished stays as it was where the start was refused: for its data, or for a budget beyond the pool.
    """
    entry = {"time": now(), "type": type(error).__name__, "message": message_of(error)}
    entry["traceback"] = "".join(traceback.format_exception(error))
    is_refused = isinstance(error, ConfigError | DataError)
    with suppress(OSError):  # a full disk must not hide the error
        if is_refused and as_finished:
            for name, content in as_finished.items():
                replace_bytes(folder / name, content)
        elif not isinstance(error, KeyboardInterrupt):
            replace_text(folder / ERROR, json.dumps(entry, indent=1) + "\n")

"""The run directory: results and checkpoint in one.

Networks are trained anew each round and random numbers depend on the round alone, so the labels in their order are
all that a run needs to go on. A round is committed by its row in rounds.csv, which is written last; whatever other
files say beyond the committed rounds was interrupted, and is dropped when the directory is opened.
"""

import fcntl
import json
import logging
import os
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from al_bench.columns import IDENTITY_COLUMNS, REQUIRED, ROUND_COLUMNS
from al_bench.errors import BusyError, DataError, RunDirectoryError, StrategyError, message_of
from al_bench.files import (
    append_lines,
    check_link,
    keep_lines,
    mended_lines,
    open_own,
    read_json,
    replace_text,
)
from al_bench.identity import NO_DEFAULTS, Identity
from al_bench.interfaces import RoundRecord
from al_bench.loop import Committed
from al_bench.run_files import check_files, logging_to
from al_bench.status import SCHEMA_VERSION, check_same_run, holds_run
from al_bench.tables import (
    QUERY_COLUMNS,
    Table,
    batches_of,
    query_rows,
    round_row,
)

log = logging.getLogger(__name__)

DIGEST_LENGTH = 16  # hexadecimal digits of the sha256 of queries.csv up to a round
BEGINNINGS = (".lock", ".config.yaml.partial")  # what a kill leaves before it can be told which run it is
LOCK_TRIES = 5  # who looks whether a run is going on holds its lock for an instant


class RunDirectory:
    """An open, locked run directory; see `opened`."""

    def __init__(self, path: Path, identity: Identity) -> None:
        self.path = path
        self.identity = identity
        self.committed = Committed()
        self._rounds = Table(path / "rounds.csv", ROUND_COLUMNS, REQUIRED)
        self._queries = Table(path / "queries.csv", QUERY_COLUMNS, QUERY_COLUMNS)
        self._queries_hash = sha256()
        self._states = path / "strategy_state.jsonl"

    @classmethod
    @contextmanager
    def opened(
        cls,
        path: Path,
        identity: Identity,
        config: Mapping[str, Any],
        environment: Mapping[str, Any],
        default: Mapping[str, Any] = NO_DEFAULTS,
    ) -> Iterator["RunDirectory"]:
        """Create or reopen, lock and mend a run directory; `committed` then says what is done.

        `default` is that of `al_bench.identity.differing_keys`. An error inside the `with` is kept in error.json until
        the next start, and raised again.

        Raises:
            BusyError: if another process has it open.
            RunDirectoryError: if it is of another configuration, is damaged or cannot be written.
        """
        directory = cls(path, identity)
        with _writing(path):
            check_link(path, lambda: holds_run(path, config, default), BEGINNINGS)
            path.mkdir(parents=True, exist_ok=True)
            lock = open_own(path / ".lock", os.O_RDWR | os.O_CREAT)
        try:
            _acquire(lock, path)
            check_same_run(path, config, default)
            with _writing(path):
                check_files(path)
                directory._mend()
                directory._start(config, environment)
            with logging_to(path / "run.log"):
                try:
                    yield directory
                except KeyboardInterrupt:
                    raise
                except BaseException as error:
                    directory._record_error(error)
                    raise
        finally:
            os.close(lock)

    def append(self, record: RoundRecord) -> None:
        """Commit a round."""
        try:
            state = json.dumps({"round": record.round, "state": record.strategy_state})
        except (TypeError, ValueError) as error:
            raise StrategyError(f"the strategy's state_dict cannot be written as JSON: {error}") from error
        with _writing(self.path):
            self._queries_hash.update(self._queries.append(query_rows(record)).encode())
            if record.strategy_state is not None:
                append_lines(self._states, f"{state}\n")
            digest = self._queries_hash.hexdigest()[:DIGEST_LENGTH]
            self._rounds.append([round_row(self.identity, record) | {"queries_digest": digest}])

    def check_data(self, digest: str, copies: Mapping[str, int]) -> None:
        """Note which data this start has loaded, and its copies; DataError if rounds are committed on other data."""
        *earlier, start = self._starts()
        known = [each["data"] for each in earlier if "data" in each]
        if self.committed.batches and known and known[-1] != digest:
            raise DataError(
                f"the data set is not the one that the finished rounds in {self.path} were trained on; restore it, or "
                "give the run another name"
            )
        with _writing(self.path):
            self._write_starts([*earlier, start | {"data": digest, "copies": dict(copies)}])

    def finish(self, num_labelled: int, pool_size: int) -> None:
        """Mark the run as done with the labels it has."""
        done = {
            "schema_version": SCHEMA_VERSION,
            "num_labelled": num_labelled,
            "pool_size": pool_size,
            "identity": self.identity.as_dict(),
        }
        with _writing(self.path):
            replace_text(self.path / "done.json", json.dumps(done, indent=1) + "\n")

    def _mend(self) -> None:
        """Read what is committed, and cut off what is not."""
        rounds, queries = self._rounds.read(), self._queries.read()
        expected = {column: str(value) for column, value in self.identity.as_dict().items()}
        if any(row[column] != expected[column] for row in rounds for column in IDENTITY_COLUMNS):
            raise RunDirectoryError(f"{self.path / 'rounds.csv'} holds rows of another run; give this run another name")
        batches = batches_of(row for row in queries if int(row["round"]) < len(rounds))
        counted = [int(row["num_labelled"]) - int(row.get("num_validation") or 0) for row in rounds]
        if list(accumulate(len(batch.indices) for batch in batches)) != counted:
            raise RunDirectoryError(
                f"{self.path}: queries.csv does not hold the labels that rounds.csv counts; the folder was changed "
                "by something else: delete it to start again, or give the run another name"
            )
        states = [line for line in mended_lines(self._states) if json.loads(line)["round"] < len(rounds)]
        keep_lines(self._states, states)
        self.committed = Committed(batches, [json.loads(line)["state"] for line in states])
        self._queries.keep(self.committed.num_labelled)
        if self._queries.path.exists():
            self._queries_hash.update(self._queries.path.read_bytes())

    def _start(self, config: Mapping[str, Any], environment: Mapping[str, Any]) -> None:
        """Say what is started; the error of an earlier start is removed."""
        replace_text(self.path / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(dict(config))))
        starts = self._starts()
        for key in ("device_name", "versions", "commit"):
            if starts and starts[-1].get(key) != environment.get(key):
                log.warning(
                    "%s: %s was %s at the last start and is %s now: the numbers may differ from an undisturbed run's",
                    *(self.identity.title, key, starts[-1].get(key), environment.get(key)),
                )
        self._write_starts([*starts, {"time": _now(), **environment}])
        (self.path / "error.json").unlink(missing_ok=True)

    def _starts(self) -> list[dict[str, Any]]:
        path = self.path / "environment.json"
        try:
            starts: list[dict[str, Any]] = read_json(path) if path.exists() else []
        except ValueError:
            log.warning("%s cannot be read; it is kept as environment.json.damaged", path)
            path.replace(self.path / "environment.json.damaged")
            return []
        return starts

    def _write_starts(self, starts: list[dict[str, Any]]) -> None:
        replace_text(self.path / "environment.json", json.dumps(starts, indent=1) + "\n")

    def _record_error(self, error: BaseException) -> None:
        entry = {"time": _now(), "type": type(error).__name__, "message": message_of(error)}
        entry["traceback"] = "".join(traceback.format_exception(error))
        with suppress(OSError):  # a full disk must not hide the error
            replace_text(self.path / "error.json", json.dumps(entry, indent=1) + "\n")


def _acquire(lock: int, path: Path) -> None:
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            time.sleep(0.02)
        except OSError as error:
            raise RunDirectoryError(f"{path / '.lock'} cannot be locked: {error.strerror}") from error
    raise BusyError(f"{path} is in use by another process; wait for it, or give this run another name")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Whatever the operating system refuses becomes a message about this folder."""
    try:
        yield
    except OSError as error:
        raise RunDirectoryError(
            f"cannot write to {path}: {error.strerror}; mend that or choose another output_dir=..., and start the "
            "same command again: finished rounds are kept"
        ) from error
    except (ValueError, KeyError) as error:
        raise RunDirectoryError(f"{path} is damaged ({error}); delete it to start again") from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

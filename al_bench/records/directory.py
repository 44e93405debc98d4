"""The run directory: results and checkpoint in one.

Random numbers depend on the seed and the round alone. So with `model.start=scratch`, where networks are trained anew
each round, the labels in their order (queries.csv) are what a run goes on from, with the states of a strategy that has
some (strategy_state.jsonl); with another start so are the weights of the last round (weights_*.bin). A round is
committed by its row in rounds.csv, which is written last; whatever other files say beyond the committed rounds was
interrupted, and is dropped when the directory is opened.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import OmegaConf

from al_bench.core.errors import DIVERGED, DataError, RunDirectoryError, StrategyError, TrainingError
from al_bench.core.rounds import Committed, RoundRecord
from al_bench.files.locks import Lock
from al_bench.files.writing import append_lines, check_link, keep_lines, replace_bytes, replace_text
from al_bench.records.columns import ROUND_COLUMNS
from al_bench.records.committed import WAY_ON, as_finished, found_in, keep_drawn, keep_error
from al_bench.records.identity import NO_DEFAULTS, Identity, check_same_run, holds_run
from al_bench.records.layout import CONFIG, DONE, ERROR, LOCK, LOG, QUERIES, ROUNDS, STATES, check_files, logging_to
from al_bench.records.queries import QUERY_COLUMNS
from al_bench.records.rounds_file import DIGEST_LENGTH, checked_row, parsed_state
from al_bench.records.saved import drop_older, drop_uncommitted, save
from al_bench.records.starts.noted import Starts, now
from al_bench.records.state import SCHEMA_VERSION
from al_bench.records.tables import Table, query_rows, round_row

log = logging.getLogger(__name__)

BEGINNINGS = (LOCK, f".{CONFIG}.partial")  # what a kill leaves before it can be told which run it is


class RunDirectory:
    """An open, locked run directory; see `opened`."""

    def __init__(self, path: Path, identity: Identity, lock: Lock) -> None:
        self.path = path
        self.identity = identity
        self.committed = Committed()
        self._lock = lock
        self._rounds = Table(path / ROUNDS, ROUND_COLUMNS)
        self._queries = Table(path / QUERIES, QUERY_COLUMNS)
        self._queries_hash = sha256()
        self._states = path / STATES
        self._num_states = 0
        self._starts = Starts(path)
        self._as_finished: dict[str, bytes] = {}  # what a start that is refused puts back

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

        `default` is that of `records.identity.differing_keys`. An error inside the `with` is kept in error.json until
        the next start, and raised again; a run that was finished stays as it was if the start is refused.

        Raises:
            BusyError: if another process has it open.
            RunDirectoryError: if it is of another configuration, is damaged or cannot be written.
        """
        with _writing(path):
            check_link(path, lambda: holds_run(path, config, default), BEGINNINGS)
            path.mkdir(parents=True, exist_ok=True)
            lock = Lock(path)
        try:
            with _writing(path):
                lock.acquire()
            check_same_run(path, config, default)
            directory = cls(path, identity, lock)
            with _writing(path):
                check_files(path)
                directory._mend()
                directory._start(config, environment)
            with logging_to(path / LOG, lock.is_held):
                try:
                    yield directory
                except BaseException as error:
                    if lock.is_held():
                        keep_error(path, error, directory._as_finished)
                    raise
        finally:
            lock.release()

    def append(self, record: RoundRecord) -> None:
        """Commit a round: its labels and state first, then its row.

        Raises:
            RunDirectoryError: if it cannot be written, or another process may be writing by now.
            StrategyError: if the strategy's state cannot be read again.
            TrainingError: if a number is none that a round can have, such as a loss that is not finite.
        """
        row, states = round_row(self.identity, record), self._state_lines(record)
        try:
            checked_row(row)
        except ValueError as error:
            raise TrainingError(f"round {record.round}: {error}; {DIVERGED}") from error
        self._as_finished = {}
        with self._appending():
            self._queries_hash.update(self._queries.append(query_rows(record)).encode())
        if states:
            with self._appending():
                append_lines(self._states, "".join(states))
            self._num_states += len(states)
        with self._appending():
            self._rounds.append([row | {"queries_digest": self._queries_hash.hexdigest()[:DIGEST_LENGTH]}])
        with self._appending():
            drop_older(self.path)

    def save(self, kind: str, round: int, content: bytes) -> None:
        """Keep a file of a kind of `al_bench.records.saved` for a round that is about to be committed.

        Raises:
            RunDirectoryError: as `append`.
        """
        with self._appending():
            save(self.path, kind, round, content)

    def replace(self, name: str, content: bytes) -> None:
        """Write one of its files whole; RunDirectoryError as in `append`."""
        with self._appending():
            replace_bytes(self.path / name, content)

    def check_states(self, is_stateful: bool) -> None:
        """RunDirectoryError if the strategy keeps a state and there is none after the committed rounds."""
        if is_stateful and self.committed.batches and not self.committed.strategy_states:
            raise RunDirectoryError(f"{self._states}: it has no line, where the strategy had a state; {WAY_ON}")

    def check_weights(self, digest: str) -> None:
        """Note by which weights this start has its features; DataError if rounds are committed on others'."""
        with self._appending():
            known = self._starts.known("feature_weights")
            if self.committed.batches and known not in (None, digest):
                raise DataError(
                    f"the weights of the features are not those that the finished rounds in {self.path} were trained "
                    f"with (their digest was {known}, and is {digest}); restore them, or give the run another name"
                )
            self._starts.note({"feature_weights": digest})

    def check_data(
        self,
        digest: str,
        copies: Mapping[str, int] | None = None,
        flips_F3: NDArray[np.int64] | None = None,
        *,
        budget: int | None = None,
        examples_digest: str | None = None,
        own_files: str | None = None,
    ) -> None:
        """Note which data this start has loaded, with its copies, its schedule's labels in all, a digest of the
        examples themselves where that is another, and one of a user's own files; keep its wrong labels.

        Raises:
            DataError: if rounds are committed on other data.
            RunDirectoryError: if other wrong labels are kept.
        """
        with self._appending():
            if self.committed.batches and self._starts.known("data") not in (None, digest):
                raise DataError(
                    f"the data set is not the one that the finished rounds in {self.path} were trained on; restore it, "
                    "or give the runs another name=..., or data of one's own another dataset.name=..."
                )
            flips = keep_drawn(self.path, "flips", flips_F3, has_rounds=bool(self.committed.batches))
            facts: dict[str, object] = {"copies": copies and dict(copies), "flips": flips or None}
            facts |= {"budget": budget, "examples": examples_digest, "own_files": own_files}
            self._starts.note({"data": digest} | {key: fact for key, fact in facts.items() if fact is not None})

    def keep_validation(self, validation_V2: NDArray[np.int64] | None) -> None:
        """Keep the pool indices and targets of the validation examples, in the order in which they were drawn.

        Raises:
            RunDirectoryError: if others are kept, or any where there are none (None).
        """
        with self._appending():
            was_kept, has_rounds = self._starts.known("validation") is not None, bool(self.committed.batches)
            digest = keep_drawn(self.path, "validation", validation_V2, has_rounds=has_rounds, was_kept=was_kept)
            if digest is not None:
                self._starts.note({"validation": digest})

    def finish(self, num_labelled: int, pool_size: int) -> None:
        """Mark the run as done with the labels it has."""
        done: dict[str, object] = {"schema_version": SCHEMA_VERSION, "num_labelled": num_labelled}
        done |= {"pool_size": pool_size, "identity": self.identity.as_dict()}
        with self._appending():
            replace_text(self.path / DONE, json.dumps(done, indent=1) + "\n")

    def _mend(self) -> None:
        """Know what is committed, and cut off what is not."""
        found = found_in(self.path, self.identity)
        for name, lines in found.kept.items():
            keep_lines(self.path / name, list(lines))
        drop_uncommitted(self.path, len(found.committed.batches))
        self.committed = found.committed
        self._rounds = Table(self.path / ROUNDS, found.header)
        self._queries_hash.update("".join(found.kept[QUERIES]).encode())
        self._num_states = len(found.committed.strategy_states)

    def _state_lines(self, record: RoundRecord) -> list[str]:
        """Those of the strategy's state after a round: one for each round, if any has one."""
        if record.strategy_state is None and not self._num_states:
            return []
        states = {record.round: record.strategy_state}
        rounds = range(self._num_states, record.round + 1)
        try:
            lines = [json.dumps({"round": round, "state": states.get(round)}) + "\n" for round in rounds]
            parsed_state(lines[-1], record.round)
        except (TypeError, ValueError, RecursionError) as error:
            raise StrategyError(f"the strategy's state_dict cannot be written as JSON: {error}") from error
        return lines

    @contextmanager
    def _appending(self) -> Iterator[None]:
        with _writing(self.path):
            self._lock.check()
            yield

    def _start(self, config: Mapping[str, Any], environment: Mapping[str, Any]) -> None:
        """Say what is started; the error of an earlier start is removed."""
        self._lock.check()
        self._as_finished = as_finished(self.path)
        replace_text(self.path / CONFIG, OmegaConf.to_yaml(OmegaConf.create(dict(config))))
        self._starts.add({"time": now(), **environment}, self.identity.title)
        (self.path / ERROR).unlink(missing_ok=True)


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

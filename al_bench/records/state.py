"""How a run stands, read from its directory without opening it; imports no torch, so that skipping is quick."""

from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from al_bench.core.errors import RunDirectoryError
from al_bench.files.digests import digest_of_paths
from al_bench.files.writing import read_bytes, read_json, whole_lines
from al_bench.records.columns import IDENTITY_COLUMNS, MOST
from al_bench.records.identity import NO_DEFAULTS, check_same_run, own_paths
from al_bench.records.layout import CONFIG, DONE, DRAWN, ERROR, QUERIES, ROUNDS, STATES
from al_bench.records.rounds_file import Columns, digest_of, num_queried, parsed_rounds
from al_bench.records.run_config import Wanted
from al_bench.records.starts.told import Start, starts_of

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Done:
    """What done.json says: labels when the run ended, those there are, and the columns `IDENTITY_COLUMNS`."""

    num_labelled: int
    pool_size: int
    identity: Mapping[str, object]


class RunFiles:
    """The files of a run directory, each read once; OSError for what cannot be, ValueError for what no run writes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def done(self) -> "Done | None":
        """See `done_of`."""
        return done_of(self.path)

    @cached_property
    def starts(self) -> list[Start]:
        """See `starts_of`."""
        return starts_of(self.path)

    @cached_property
    def rounds_bytes(self) -> bytes:
        """The bytes of rounds.csv, a torn last line among them."""
        return read_bytes(self.path / ROUNDS)

    @cached_property
    def rounds(self) -> Columns:
        """The whole rows of rounds.csv, which may begin with a mark of its encoding."""
        content = self.rounds_bytes.removeprefix(BOM_UTF8)
        return parsed_rounds(f"{line}\n" for line in content[: content.rfind(b"\n") + 1].decode().split("\n")[:-1])

    @cached_property
    def queries(self) -> bytes:
        """The bytes of queries.csv, a torn last line among them."""
        return read_bytes(self.path / QUERIES)

    @property
    def says_finished(self) -> bool:
        """Whether done.json has the labels that the last start asked for, whatever the other files say."""
        try:
            done = self.done
        except RunDirectoryError:
            return False
        budget = self.starts[-1].get("budget") if self.starts else None
        return done is not None and done.num_labelled >= (budget or done.pool_size)

    @cached_property
    def is_finished(self) -> bool:
        """See `is_finished`, without a configuration."""
        return self.says_finished and self.is_whole

    @property
    def is_whole(self) -> bool:
        """Whether the tables hold the labels that done.json counts, and nothing beside whole rounds.

        Rows of queries.csv are counted and held against the digest; whoever opens the directory parses them.
        """
        try:
            done, rounds, queries = self.done, self.rounds, self.queries
            num_states = len(whole_lines(self.path / STATES))
        except (OSError, ValueError, RunDirectoryError):
            return False
        digest = digest_of(queries)
        return (
            self.rounds_bytes.endswith(b"\n")
            and not self.rounds_bytes.startswith(BOM_UTF8)
            and done is not None
            and _are_done(rounds, done)
            and queries.endswith(b"\n")
            and queries.count(b"\n") == 1 + num_queried(rounds)[-1]
            and rounds.get("queries_digest", [digest])[-1] == digest
            and num_states in (0, len(rounds["round"]))
            and (self.path / CONFIG).exists()
            and self._has_drawn()
        )

    def has_own_files(self, dataset: Mapping[str, Any]) -> bool:
        """Whether the files that a data set of a user's names are those of the run; so it is where nothing is known."""
        known = self._noted("own_files")
        return known is None or digest_of_paths(own_paths(dataset)) in (None, known)

    def _has_drawn(self) -> bool:
        """Whether flips.csv and validation.csv are as they were written, if they were."""
        written = {file: digest for key, file in DRAWN.items() if (digest := self._noted(key)) is not None}
        with suppress(OSError):
            return all(digest_of(read_bytes(self.path / file)) == digest for file, digest in written.items())
        return False

    def _noted(self, key: str) -> str | None:
        told: Sequence[Mapping[str, Any]] = self.starts
        return next((start[key] for start in reversed(told) if key in start), None)


def is_finished(path: Path, config: Mapping[str, Any] | None = None, default: Mapping[str, Any] = NO_DEFAULTS) -> bool:
    """Whether the run in this directory has all labels that a configuration asks for, or else its own last start.

    It has them if done.json, rounds.csv, queries.csv and strategy_state.jsonl all say so. With a configuration, it has
    not where the last start asked for more, or a user's own files have changed: another start tells what they hold.
    Nothing is raised without one. What `default` says see `differing_keys`.

    Raises:
        RunDirectoryError: if the directory belongs to another configuration or another version of al_bench, or
            done.json cannot be read.
    """
    files = RunFiles(path)
    if config is None:
        return files.is_finished
    check_same_run(path, config, default)
    done = files.done
    if done is None or done.num_labelled < Wanted.of_plain(config).within(done.pool_size):
        return False
    is_asked_for_more = "budget" in (files.starts or [Start()])[-1] and not files.says_finished
    return not is_asked_for_more and files.has_own_files(config.get("dataset", {})) and files.is_whole


def done_of(path: Path) -> Done | None:
    """What the directory's done.json says; None if there is none.

    Raises:
        RunDirectoryError: if it cannot be read, or is of another version of al_bench.
    """
    try:
        done = read_json(path / DONE)
        if not isinstance(done, dict):
            raise ValueError("it holds no mapping")
        version = done.get("schema_version")
        if version == SCHEMA_VERSION and type(version) is int:
            num_labelled, pool_size = (_count(done, key) for key in ("num_labelled", "pool_size"))
            identity = done.get("identity", {})
            if not isinstance(identity, dict) or num_labelled > pool_size:
                raise ValueError(f"num_labelled={num_labelled} of {pool_size}, identity={identity!s:.60}")
            return Done(num_labelled, pool_size, identity)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise RunDirectoryError(f"{path / DONE} cannot be read ({error}); delete it to go on") from error
    raise RunDirectoryError(
        f"{path} was written by another version of al_bench (schema {version!s:.20}, this one writes "
        f"{SCHEMA_VERSION}); give the run another name"
    )


def _count(values: Mapping[str, Any], key: str) -> int:
    value = values.get(key)
    if type(value) is not int or not 0 < value <= MOST:
        raise ValueError(f"{key}={value!s:.60} is no number of examples")
    return value


def error_of(path: Path) -> str | None:
    """The error that the last start ended with, `TypeError: its message`; None if it left none."""
    try:
        error = read_json(path / ERROR)
        return f"{error['type']}: {error['message']}"
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, LookupError, TypeError):
        return "unknown error: error.json cannot be read"


def _are_done(rounds: Columns, done: Done) -> bool:
    """Whether done.json was written after one of these rounds."""
    identity = {column: rounds[column][0] for column in IDENTITY_COLUMNS}
    return (
        done.num_labelled in rounds["num_labelled"]
        and rounds["num_labelled"][-1] <= done.pool_size
        and all(identity.get(key) == value for key, value in done.identity.items())
    )

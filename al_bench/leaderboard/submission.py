"""A submission: a folder with a card and an archive of runs, read without running or following anything in it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from al_bench.core.errors import ResultsError, UserError
from al_bench.core.rounds import Batch
from al_bench.leaderboard.cards import CARD, Card, read_card
from al_bench.records.archive.moving import restore
from al_bench.records.archive.runs import problem_of, read
from al_bench.records.archive.safety import Limits, regular_files
from al_bench.records.committed import found_in
from al_bench.records.identity import Identity
from al_bench.records.layout import (
    CONFIG,
    DRAWN,
    FILES,
    MEASURES,
    QUERIES,
    RESTART_WEIGHTS,
    ROUNDS,
    check_files,
    identity_of_path,
)
from al_bench.records.rounds_file import Columns
from al_bench.records.run_config import read_config
from al_bench.records.starts.told import Start
from al_bench.records.state import RunFiles

ARCHIVE = "runs.tar.xz"
MAX_ARCHIVE = 80_000_000  # bytes, of all that is in git
LIMITS = Limits(file=5_000_000, total=400_000_000)
KNOWN = {*FILES} - {MEASURES, *DRAWN.values(), *RESTART_WEIGHTS}


@dataclass(frozen=True)
class Run:
    """A finished run of a submission: what its files say, held against what a run can write.

    `name` is its path in the archive, `starts` what environment.json says.
    """

    name: str
    identity: Identity
    config: Mapping[str, Any] = field(repr=False)
    rounds: Columns = field(repr=False)
    batches: Sequence[Batch] = field(repr=False)
    starts: Sequence[Start] = field(repr=False)
    pool_size: int


@dataclass(frozen=True)
class Submission:
    """A card, the bytes of both files, and the runs, in order of their names."""

    card: Card
    card_bytes: bytes = field(repr=False)
    archive_bytes: bytes = field(repr=False)
    runs: Sequence[Run] = field(repr=False)

    @property
    def digest(self) -> str:
        """SHA-256 of the archive, in hexadecimal digits."""
        return sha256(self.archive_bytes).hexdigest()


def read_submission(folder: Path) -> Submission:
    """What is in a folder.

    Raises:
        ResultsError: with the file, for what is lacking, too large, a link, or not as a run writes it.
    """
    if not folder.is_dir():
        raise ResultsError(f"{folder}: there is no such folder; a submission is one, with {ARCHIVE} and {CARD}")
    archive = folder / ARCHIVE
    if archive.is_file() and (size := archive.stat().st_size) > MAX_ARCHIVE:
        raise ResultsError(f"{archive}: has {size:,} bytes; at most {MAX_ARCHIVE:,} are taken")
    files, problems = regular_files(folder, [CARD, ARCHIVE])
    if problems or len(files) < 2:
        lacking = [f"{folder / name}: is not there; it is due" for name in (CARD, ARCHIVE) if name not in files]
        raise ResultsError((problems or lacking)[0])
    card = read_card(folder / CARD)
    _check_files(archive)
    with TemporaryDirectory() as scratch, _called(scratch, archive):
        restore(archive, Path(scratch), LIMITS)
        paths = sorted(path.parent for path in Path(scratch).rglob(ROUNDS))
        runs = [_run(path, path.relative_to(scratch).as_posix()) for path in paths]
    return Submission(card, files[CARD], files[ARCHIVE], runs)


def _check_files(archive: Path) -> None:
    """ResultsError for files that nothing here reads, and for runs that are not finished."""
    for name, files in sorted(read(archive, LIMITS).items()):
        if unknown := sorted(files.keys() - KNOWN):
            raise ResultsError(
                f"{archive}: {name}/{unknown[0]}: is not taken, as nothing here reads it; pack the runs without it"
            )
        if problem := problem_of(files, is_finished=True):
            raise ResultsError(f"{archive}: {name}: {problem}; only finished runs are taken")


def _run(path: Path, name: str) -> Run:
    check_files(path)
    identity = Identity(**identity_of_path(path))  # type: ignore[arg-type]
    files = RunFiles(path)
    committed = found_in(path, identity).committed
    if (done := files.done) is None or not files.is_finished:
        raise ResultsError(f"{path}: its files do not agree that it is finished; pack it as al_bench wrote it")
    if (index := max(int(batch.indices.max()) for batch in committed.batches)) >= done.pool_size:
        raise ResultsError(f"{path / QUERIES}: pool_index={index}, where the pool has {done.pool_size} examples")
    config = read_config(path / CONFIG)
    if not isinstance(config, dict):
        raise ResultsError(f"{path / CONFIG}: holds no configuration of a run")
    return Run(name, identity, config, files.rounds, committed.batches, files.starts, done.pool_size)


@contextmanager
def _called(scratch: str, archive: Path) -> Iterator[None]:
    """Errors within it name the archive where they named a folder that is gone by then."""
    try:
        yield
    except UserError as error:
        raise ResultsError(str(error).replace(f"{scratch}/", f"{archive}: ")) from error
    except Exception as error:  # whatever a foreign file makes of a reader
        raise ResultsError(f"{archive}: cannot be read: {str(error).replace(scratch, '')}") from error

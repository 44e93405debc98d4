"""Finished runs in one compressed file, and out of it again: results that outlive the machine that made them."""

import csv
import fcntl
import lzma
import os
import shutil
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory

from al_bench.analysis.results import identity_of_path, is_finished, run_directories
from al_bench.errors import ResultsError
from al_bench.files import replace_bytes

Files = Mapping[str, bytes]
"""Of a run directory, by name."""

SCRATCH = ".restored-"
NEEDED = ("config.yaml", "done.json", "environment.json", "queries.csv", "rounds.csv")


@dataclass(frozen=True)
class Moved:
    """How many runs were added to an archive or a folder, and what was not, a line each."""

    num_added: int
    num_runs: int
    left: tuple[str, ...]


def pack(folder: Path, archive: Path) -> Moved:
    """Add the finished runs below a folder to an archive, which is made if it is not there.

    A run that the archive has stays as it is there, unless it is damaged or the folder's goes on from it. The same runs
    make the same bytes. Runs whose files are damaged, or whose path is not that of a run, are left.

    Raises:
        ResultsError: if a run has other results in the archive, the archive cannot be read, or there is nothing.
    """
    if not folder.is_dir():
        raise ResultsError(f"{folder}: there is no such folder")
    archive.parent.mkdir(parents=True, exist_ok=True)
    with _alone_in(archive.parent):
        packed = dict(_read(archive)) if archive.exists() else {}
        added: dict[str, Path] = {}
        left = []
        for path, _, file in run_directories(folder):
            name = _name(path)
            if not is_finished(path):
                continue
            if name in added:
                raise ResultsError(f"{path} and {added[name]} are the same run")
            if not name or file is None or file.problem:
                left.append(f"{path}: {file.problem if name and file else 'no rounds.csv at the path of a run'}")
                continue
            files = _files_in(path)
            is_wanted = name not in packed or _goes_on(files, packed[name], f"{path} and {name} in {archive}")
            if problem := _problem(files):
                left.append(f"{path}: {problem}")
            elif is_wanted or _problem(packed[name]):
                packed[name], added[name] = files, path
        if not packed:
            raise ResultsError(f"{folder}: there is no finished run in it")
        replace_bytes(archive, _archived(packed))
    return Moved(len(added), len(packed), tuple(left))


def restore(archive: Path, folder: Path) -> Moved:
    """Put the runs of an archive below a folder. Runs that are there stay as they are.

    Raises:
        ResultsError: if a run that is there has other results, or the archive cannot be read.
    """
    runs = _read(archive)
    folder.mkdir(parents=True, exist_ok=True)
    with _alone_in(folder):
        for abandoned in folder.glob(f"{SCRATCH}*"):  # by a process that was killed
            shutil.rmtree(abandoned)
        there = {name: _files_in(folder / name) for name in runs if (folder / name).exists()}
        is_longer = {
            name: _goes_on(runs[name], files, f"{name} in {archive} and {folder / name}")
            for name, files in there.items()
        }
        with TemporaryDirectory(dir=folder, prefix=SCRATCH) as scratch:
            for position, (name, files) in enumerate(runs.items()):
                if name in there:
                    continue
                whole = Path(scratch) / str(position)
                whole.mkdir()
                for file, content in files.items():
                    (whole / file).write_bytes(content)
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                whole.rename(folder / name)
    left = [
        f"{folder / name}: is there, {'with fewer rounds' if is_finished(folder / name) else 'and not finished'}"
        for name in there
        if is_longer[name] or not is_finished(folder / name)
    ]
    return Moved(len(runs) - len(there), len(runs), tuple(left))


def _archived(runs: Mapping[str, Files]) -> bytes:
    content = BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, files in sorted(runs.items()):
            for file, text in sorted(files.items()):
                member = tarfile.TarInfo(f"{name}/{file}")
                member.size = len(text)
                tar.addfile(member, BytesIO(text))
    return lzma.compress(content.getvalue())


def _read(archive: Path) -> Mapping[str, Files]:
    """All of the stream is decompressed, and so held against its checksum, before any of it is believed."""
    runs: dict[str, dict[str, bytes]] = {}
    try:
        content = lzma.decompress(archive.read_bytes())
        with tarfile.open(fileobj=BytesIO(content), mode="r:") as tar:
            for member in tar:
                path, file = Path(member.name), tar.extractfile(member)
                if file is None or _name(Path("/") / path.parent) != path.parent.as_posix():
                    raise ResultsError(f"{archive}: {member.name} is no file of a run")
                runs.setdefault(path.parent.as_posix(), {})[path.name] = file.read()
    except (OSError, KeyError, lzma.LZMAError, tarfile.TarError) as error:  # a KeyError of a link to nothing
        raise ResultsError(f"{archive}: cannot be read: {error}") from error
    return runs


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process packs or restores there."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _name(path: Path) -> str:
    """<dataset>/<model>/<strategy>/b<batch size>[/<variant>]/s<seed>, wherever that is; empty for other paths."""
    identity = identity_of_path(path)
    return Path(*path.absolute().parts[-6 if identity["variant"] else -5 :]).as_posix() if identity else ""


def _files_in(path: Path) -> Files:
    """Without the lock, and what a killed process left of a file."""
    files = [file for file in sorted(path.iterdir()) if file.is_file() and not file.name.startswith(".")]
    return {file.name: file.read_bytes() for file in files}


def _problem(files: Files) -> str:
    """What is wrong with the files of a finished run, so that it could not go on; empty if nothing."""
    if lacking := [name for name in NEEDED if not files.get(name, b"").strip()]:
        return f"{', '.join(lacking)}: missing or empty"
    if not (rounds := _rounds(files)):
        return "rounds.csv has no round"
    num_queried = int(rounds[-1]["num_labelled"]) - int(rounds[-1]["num_validation"])
    if files["queries.csv"].count(b"\n") - 1 != num_queried:
        return "queries.csv does not hold the labels that rounds.csv counts"
    states = files.get("strategy_state.jsonl")
    if states is not None and states.count(b"\n") != len(rounds):
        return "strategy_state.jsonl does not hold the rounds that rounds.csv has"
    return ""


def _goes_on(files: Files, others: Files, where: str) -> bool:
    """Whether the first of two directories of a run has more rounds; one has to begin with the other, seconds apart."""
    for first, second in zip_longest(_rounds(files), _rounds(others)):
        if first is not None and second is not None and first != second:
            raise ResultsError(f"{where}: two runs of the same identity with different results; nothing was changed")
    queries, other_queries = (each.get("queries.csv", b"") for each in (files, others))
    if not queries.startswith(other_queries) and not other_queries.startswith(queries):
        raise ResultsError(f"{where}: two runs of the same identity with different queries; nothing was changed")
    return len(_rounds(files)) > len(_rounds(others))


def _rounds(files: Files) -> Sequence[Mapping[str, str]]:
    rows = csv.DictReader(files.get("rounds.csv", b"").decode(errors="replace").splitlines())
    return [{name: value for name, value in row.items() if not str(name).endswith("_seconds")} for row in rows]

"""Runs in compressed files, and out of them again: results that outlive the machine that made them.

A folder of archives has one file a setting (`runs_mnist_mlp_b100.tar.xz`), so that a new setting leaves the others as
they are, and `unfinished.tar.xz` with the committed rounds of runs that are not finished.
"""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from al_bench.core.errors import ResultsError
from al_bench.files.locks import alone_in
from al_bench.files.writing import replace_bytes
from al_bench.records.archive.runs import (
    Files,
    archived,
    committed_part,
    files_in,
    goes_on,
    is_saved,
    name_of,
    problem_of,
    read,
    with_kept,
)
from al_bench.records.archive.safety import USUAL, Limits
from al_bench.records.layout import DONE, identity_of_path, setting_parts
from al_bench.records.reading import RoundsFile, run_directories
from al_bench.records.state import RunFiles, is_finished

SUFFIX = ".tar.xz"
UNFINISHED = f"unfinished{SUFFIX}"
OF_FINISHED = f"runs*{SUFFIX}"
SCRATCH = ".restored-"
MAX_STEM = 180  # letters of an archive's name


@dataclass(frozen=True)
class Moved:
    """How many runs were added to archives or a folder, how many there are, and what was not, a line each."""

    num_added: int
    num_runs: int
    left: tuple[str, ...]
    num_unfinished: int = 0


class _Archives:
    """Archives of runs, read whole; `write` replaces those that have changed."""

    def __init__(self, target: Path, limits: Limits) -> None:
        self.is_folder = not target.name.endswith(SUFFIX)
        self.folder = target if self.is_folder else target.parent
        self._target = target
        files = sorted(target.glob(OF_FINISHED)) if self.is_folder else [target] if target.exists() else []
        self._runs = {file: read(file, limits) for file in files}
        self._of_run = {name: file for file, runs in self._runs.items() for name in runs}
        self._unfinished = self.folder / UNFINISHED
        self.unfinished = read(self._unfinished, limits) if self._unfinished.exists() else {}
        self._changed: set[Path] = set()

    def __len__(self) -> int:
        return len(self._of_run)

    def get(self, name: str) -> Files | None:
        """A finished run."""
        file = self._of_run.get(name)
        return None if file is None else self._runs[file][name]

    def put(self, name: str, files: Files, path: Path) -> None:
        """A finished run, which is of a setting as its path says."""
        files = with_kept(files, self.get(name) or self.unfinished.get(name, {}))
        file = self._of_run.setdefault(name, self.folder / _archive_of(path) if self.is_folder else self._target)
        self._runs.setdefault(file, {})[name] = files
        self._changed.add(file)

    def put_unfinished(self, name: str, files: Files) -> None:
        """The committed rounds of a run that is not finished."""
        self.unfinished[name] = with_kept(files, self.unfinished.get(name, {}))
        self._changed.add(self._unfinished)

    def write(self) -> None:
        """What has changed; runs that are finished by now leave `unfinished.tar.xz` last."""
        for name in [name for name in self.unfinished if name in self._of_run]:
            if not goes_on(self.unfinished[name], self.get(name) or {}, f"{name} in {self._unfinished}"):
                del self.unfinished[name]
                self._changed.add(self._unfinished)
        for file in sorted(self._changed - {self._unfinished}):
            replace_bytes(file, archived(self._runs[file]))
        if self._unfinished in self._changed and self.unfinished:
            replace_bytes(self._unfinished, archived(self.unfinished))
        elif self._unfinished in self._changed:
            self._unfinished.unlink(missing_ok=True)


def pack(
    folder: Path, target: Path, *, with_unfinished: bool = False, with_predictions: bool = False, limits: Limits = USUAL
) -> Moved:
    """Add the finished runs below a folder to an archive, or to a folder of archives; both are made if need be.

    A run that is there stays as it is, unless it is damaged or the folder's goes on from it. The same runs make the
    same bytes, and an archive to which nothing is added is not touched. Runs whose files are damaged, or whose path is
    not that of a run, are left.

    Args:
        folder: with run directories.
        target: `....tar.xz`, or a folder.
        with_unfinished: keep the committed rounds of other runs, in `unfinished.tar.xz` of the same folder.
        with_predictions: keep saved predictions; those that an archive has stay there without it, too.
        limits: of the archives that are there.

    Raises:
        ResultsError: if a run has other results in an archive, an archive cannot be read, or there is nothing.
    """
    if not folder.is_dir():
        raise ResultsError(f"{folder}: there is no such folder")
    (target.parent if target.name.endswith(SUFFIX) else target).mkdir(parents=True, exist_ok=True)
    seen: dict[str, Path] = {}
    added, left = 0, []
    with alone_in(target.parent if target.name.endswith(SUFFIX) else target):
        archives = _Archives(target, limits)
        for path, file, is_done, is_damaged in _looked_at(folder, with_unfinished):
            name = name_of(path)
            if not name or file is None or (file.problem and (is_done or file.columns is None)):
                left.append(f"{path}: {file.problem if name and file else 'no rounds.csv at the path of a run'}")
                continue
            if (other := seen.setdefault(name, path)) is not path:
                raise ResultsError(f"{path} and {other} are the same run")
            files, problem, left_out = _to_pack(path, is_done, is_damaged, with_predictions)
            left += left_out
            if problem:
                left.append(f"{path}: {problem}")
            elif _is_wanted(archives, name, files, path, is_done):
                added += is_done
                archives.put(name, files, path) if is_done else archives.put_unfinished(name, files)
        if not len(archives) and not archives.unfinished:
            raise ResultsError(f"{folder}: there is no finished run in it")
        archives.write()
    return Moved(added, len(archives), tuple(left), len(archives.unfinished))


def _looked_at(folder: Path, with_unfinished: bool) -> Iterator[tuple[Path, RoundsFile | None, bool, bool]]:
    """The runs that may be packed, their rounds.csv, and whether they are finished, or say so and are damaged."""
    for path, _, told in run_directories(folder):
        is_damaged = not told.is_finished and RunFiles(path).says_finished
        if told.is_finished or is_damaged or with_unfinished:
            yield path, told.file, told.is_finished, is_damaged


def _to_pack(path: Path, is_done: bool, is_damaged: bool, with_predictions: bool) -> tuple[Files, str, list[str]]:
    """The files of a run, why it is not packed, which is empty if it is, and which of its files are not."""
    files, left_out = files_in(path, with_predictions=with_predictions)
    if not is_done and not is_damaged:
        files = committed_part(files)
    problem = problem_of(files, is_finished=is_done or is_damaged)
    return files, problem or "its files do not agree" * is_damaged, left_out


def _is_wanted(archives: _Archives, name: str, files: Files, path: Path, is_done: bool) -> bool:
    """Whether the archives lack these rounds of a run; ResultsError if they have other results of it."""
    finished, unfinished = archives.get(name), archives.unfinished.get(name)
    where = f"{path} and {name} in {archives.folder}"
    if finished is not None and not goes_on(files, finished, where) and not problem_of(finished, is_finished=True):
        return is_done and not goes_on(finished, files, where) and _has_more(files, finished)
    if unfinished is None:
        return True
    is_longer, is_shorter = goes_on(files, unfinished, where), goes_on(unfinished, files, where)
    is_more = is_longer or (not is_shorter and _has_more(files, unfinished))
    return is_done or is_more or bool(problem_of(unfinished, is_finished=False))


def _has_more(files: Files, others: Files) -> bool:
    """Whether there are predictions that the others lack."""
    return any(is_saved(name) and name not in others for name in files)


def restore(source: Path, folder: Path, limits: Limits = USUAL, *, with_unfinished: bool = True) -> Moved:
    """Put the runs of an archive, or of a folder of archives, below a folder. Runs that are there stay as they are.

    `limits` are those of the archives. A folder's runs that are not finished are left if that is not wanted.

    Raises:
        ResultsError: if a run that is there has other results, or an archive cannot be read.
    """
    runs = _longest(source, limits, with_unfinished)
    folder.mkdir(parents=True, exist_ok=True)
    with alone_in(folder):
        for abandoned in folder.glob(f"{SCRATCH}*"):  # by a process that was killed
            abandoned.unlink() if abandoned.is_symlink() else shutil.rmtree(abandoned)
        there = {name: files_in(folder / name)[0] for name in runs if (folder / name).exists()}
        is_longer = {
            name: goes_on(runs[name], files, f"{name} in {source} and {folder / name}") for name, files in there.items()
        }
        _put({name: files for name, files in runs.items() if name not in there}, folder)
    left = [
        f"{folder / name}: is there, {'with fewer rounds' if is_finished(folder / name) else 'and not finished'}"
        for name in there
        if is_longer[name] or (DONE in runs[name] and not is_finished(folder / name))
    ]
    num_unfinished = sum(DONE not in files for files in runs.values())
    return Moved(len(runs) - len(there), len(runs), tuple(left), num_unfinished)


def _longest(source: Path, limits: Limits, with_unfinished: bool) -> Mapping[str, Files]:
    """The runs of an archive; of a folder of archives those with the most rounds."""
    if not source.is_dir():
        return read(source, limits)
    archives = [*sorted(source.glob(OF_FINISHED)), *(source.glob(UNFINISHED) if with_unfinished else ())]
    if not archives:
        raise ResultsError(f"{source}: there is no {OF_FINISHED} in it")
    runs: dict[str, Files] = {}
    for archive in archives:
        for name, files in read(archive, limits).items():
            if name not in runs or goes_on(files, runs[name], f"{name} in {archive} and beside it"):
                runs[name] = files
    return runs


def _put(runs: Mapping[str, Files], folder: Path) -> None:
    """Each run whole or not at all, though this process is killed."""
    with TemporaryDirectory(dir=folder, prefix=SCRATCH) as scratch:
        for position, (name, files) in enumerate(runs.items()):
            whole = Path(scratch) / str(position)
            whole.mkdir()
            for file, content in files.items():
                (whole / file).parent.mkdir(exist_ok=True)
                (whole / file).write_bytes(content)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            whole.rename(folder / name)


def _archive_of(path: Path) -> str:
    """The name of the archive of a run's setting."""
    identity = identity_of_path(path)
    stem = "_".join(["runs", *setting_parts(identity)])
    if len(stem.encode()) > MAX_STEM:
        stem = f"{stem[: MAX_STEM // 2]}~{hashlib.sha256(stem.encode()).hexdigest()[:12]}"
    return f"{stem}{SUFFIX}"

"""Finished runs in one compressed file, and out of it again: results that outlive the machine that made them."""

import lzma
import tarfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from al_bench.analysis.results import is_finished, run_directories
from al_bench.errors import ResultsError

Files = Mapping[str, bytes]
"""Of a run directory, by name."""


def pack(folder: Path, archive: Path) -> int:
    """Add the finished runs below a folder to an archive, which is made if it is not there; returns how many it holds.

    A run that the archive has stays as it is there, unless the folder's goes on from it. The same runs make the same
    bytes.

    Raises:
        ResultsError: if a run has other results in the archive, the archive cannot be read, or there is nothing.
    """
    if not folder.is_dir():
        raise ResultsError(f"{folder}: there is no such folder")
    packed = dict(_read(archive)) if archive.exists() else {}
    for path, *_ in run_directories(folder):
        if is_finished(path):
            name, files = path.relative_to(folder).as_posix(), _files_in(path)
            if name not in packed or _goes_on(files, packed[name], f"{path} and {name} in {archive}"):
                packed[name] = files
    if not packed:
        raise ResultsError(f"{folder}: there is no finished run in it")
    archive.parent.mkdir(parents=True, exist_ok=True)
    partial = archive.with_name(f".{archive.name}.partial")
    with lzma.open(partial, "wb") as compressed, tarfile.open(fileobj=compressed, mode="w") as tar:
        for name, files in sorted(packed.items()):
            for file, content in sorted(files.items()):
                member = tarfile.TarInfo(f"{name}/{file}")
                member.size = len(content)
                tar.addfile(member, BytesIO(content))
    partial.replace(archive)
    return len(packed)


def restore(archive: Path, folder: Path) -> int:
    """Put the runs of an archive below a folder; returns how many. Runs that are there stay as they are.

    Raises:
        ResultsError: if a run that is there has other results, or the archive cannot be read.
    """
    runs = _read(archive)
    missing = {name: files for name, files in runs.items() if not (folder / name).exists()}
    for name in runs.keys() - missing.keys():
        _goes_on(_files_in(folder / name), runs[name], f"{folder / name} and {name} in {archive}")
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=".restored-") as scratch:
        for position, (name, files) in enumerate(missing.items()):
            whole = Path(scratch) / str(position)
            whole.mkdir()
            for file, content in files.items():
                (whole / file).write_bytes(content)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            whole.rename(folder / name)
    return len(missing)


def _read(archive: Path) -> Mapping[str, Files]:
    runs: dict[str, dict[str, bytes]] = {}
    try:
        with tarfile.open(archive, mode="r:xz") as tar:
            for member in tar:
                path = Path(member.name)
                content = tar.extractfile(member)
                if path.is_absolute() or ".." in path.parts or content is None:
                    raise ResultsError(f"{archive}: {member.name} is no file of a run")
                runs.setdefault(path.parent.as_posix(), {})[path.name] = content.read()
    except (OSError, EOFError, lzma.LZMAError, tarfile.TarError) as error:
        raise ResultsError(f"{archive}: cannot be read: {error}") from error
    return runs


def _files_in(path: Path) -> Files:
    """Without the lock, and what a killed process left of a file."""
    return {file.name: file.read_bytes() for file in sorted(path.iterdir()) if not file.name.startswith(".")}


def _goes_on(files: Files, others: Files, where: str) -> bool:
    """Whether the first of two directories of a run has more labels; one has to begin with what the other queried."""
    first, second = (each.get("queries.csv", b"") for each in (files, others))
    if not first.startswith(second) and not second.startswith(first):
        raise ResultsError(f"{where}: two runs of the same identity with different results; nothing was changed")
    return len(first) > len(second)

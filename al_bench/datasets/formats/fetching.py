"""Fetching the files of data sets: whole or not at all, and by one process at a time."""

import errno
import logging
import os
import shutil
import socket
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

from al_bench.core.errors import DataError
from al_bench.core.torchvision import torchvision_module
from al_bench.files.locks import exclusive
from al_bench.files.npz import md5_of
from al_bench.files.writing import open_regular

TIMEOUT_SECONDS = 60.0  # without a byte from the network
FAILURES = (OSError, HTTPException, RuntimeError, ValueError, EOFError, zlib.error, tarfile.TarError, AssertionError)
NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)
ELSEWHERE = "name another place with data_dir=... or the environment variable AL_BENCH_DATA"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """A data set that can be downloaded.

    Args:
        name: of the data set.
        files: paths below the folder of the data, with their md5.
        archives: what the files can be unpacked from, if it is there; the files themselves if they come unpacked.
        download: folder -> None: puts archives, unless they are there, and the files into that folder.
    """

    name: str
    files: Mapping[str, str]
    archives: Mapping[str, str]
    download: Callable[[Path], object]


def source_of(name: str, files: Mapping[str, str], addresses: Mapping[str, str]) -> Source:
    """A data set whose files lie on the web as they are used, each at an address."""

    def download(folder: Path) -> None:
        for file, md5 in files.items():
            place = folder / file
            torchvision_module("datasets.utils").download_url(addresses[file], place.parent, place.name, md5)

    return Source(name, files, files, download)


def ensure_files(source: Source, data_dir: Path) -> None:
    """Download the files of a data set to `data_dir` unless they are all there, and whole.

    They are fetched into a folder of their own and moved to their places once their checksums match, so that a start
    that was interrupted leaves nothing behind that the next one could take for data.

    Raises:
        DataError: if that fails; says what is missing or broken, and why it could not be fetched.
    """
    _check_files(source.name, data_dir, (*source.files, *source.archives))
    if not _problems(data_dir, source.files):
        return
    with exclusive(data_dir, source.name) as is_alone, network_times_out():
        if not (problems := _problems(data_dir, source.files)):  # fetched by another process in the meantime
            return
        log.warning("%s: fetching to %s", source.name, data_dir.absolute())
        try:
            if is_alone:
                _remove_left_overs(source.name, data_dir)
            _fetch(source, data_dir)
        except FAILURES as error:
            others = {path: md5 for path, md5 in source.archives.items() if path not in source.files}
            problems += _problems(data_dir, {path: others[path] for path in others if (data_dir / path).exists()})
            raise DataError(_message(source.name, data_dir, problems, error)) from error


@contextmanager
def network_times_out() -> Iterator[None]:
    """Within it, a connection that gives no byte for `TIMEOUT_SECONDS` is an error."""
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(timeout)


def _check_files(name: str, data_dir: Path, files: Iterable[str]) -> None:
    """DataError for a fifo, a socket, a device or a folder where a file of the data belongs."""
    for file in files:
        try:
            if (data_dir / file).exists():
                os.close(open_regular(data_dir / file, os.O_RDONLY))
        except OSError as error:
            raise DataError(f"{name}: {(data_dir / file).absolute()} cannot be read: {error.strerror}") from error


def _prefix(name: str) -> str:
    """Of the folder that a data set is fetched into."""
    return f".{name}.al_bench-fetching-"


def _remove_left_overs(name: str, data_dir: Path) -> None:
    """What a process that was killed has left."""
    for folder in data_dir.glob(f"{_prefix(name)}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _fetch(source: Source, data_dir: Path) -> None:
    with TemporaryDirectory(dir=data_dir, prefix=_prefix(source.name), ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        for path, md5 in source.archives.items():
            if is_whole(data_dir / path, md5):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).symlink_to((data_dir / path).absolute())
        source.download(folder)
        if problems := _problems(folder, source.files):
            raise ValueError(f"of what was downloaded, {'; '.join(problems)}")
        for file in source.files:
            if not (folder / file).is_symlink():  # what was whole before is an archive of itself
                (data_dir / file).parent.mkdir(parents=True, exist_ok=True)
                (folder / file).replace(data_dir / file)


def _problems(data_dir: Path, files: Mapping[str, str]) -> list[str]:
    """What is wrong with the files; nothing if they are there and whole."""
    missing = [file for file in files if not (data_dir / file).exists()]
    broken = [file for file in files if file not in missing and not is_whole(data_dir / file, files[file])]
    kinds = {"missing": missing, "of another checksum than published": broken}
    return [
        f"{', '.join(listed)} {'is' if len(listed) == 1 else 'are'} {kind}" for kind, listed in kinds.items() if listed
    ]


def is_whole(path: Path, md5: str) -> bool:
    """Whether a file is there and has this md5."""
    return path.is_file() and md5_of(path) == md5


def _message(name: str, data_dir: Path, problems: list[str], error: Exception) -> str:
    """Why a download failed, for people."""
    place = data_dir.absolute()
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{name} cannot be stored in {place}: the disk is full; make room, or {ELSEWHERE}"
    if isinstance(error, OSError) and error.errno in NOT_WRITABLE:
        return f"{name} cannot be stored in {place}: {error.strerror}; {ELSEWHERE}"
    reason = " ".join(str(error).split()) or type(error).__name__
    return (
        f"{name} was looked for in {place}: {'; '.join(problems)}. It could not be downloaded: {reason}. Start again "
        f"when the network is there, put the files in their places, or {ELSEWHERE}"
    )

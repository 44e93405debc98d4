"""Archives and run directories that may come from elsewhere: which files are taken out of them, and how much."""

import lzma
import os
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from al_bench.core.errors import ResultsError, described
from al_bench.files.writing import open_regular

PIECE = 64 * 1024
MAX_HEADER = 1024 * 1024  # bytes between the files of an archive
KINDS = {
    tarfile.SYMTYPE: "a link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a fifo",
    tarfile.DIRTYPE: "a folder",
}


@dataclass(frozen=True)
class Limits:
    """How many bytes are taken out of an archive: of a file, and in all."""

    file: int = 200_000_000
    total: int = 2_000_000_000

    def raised_to(self, num_bytes: int) -> "Limits":
        """For archives that are known to be larger."""
        return Limits(max(self.file, num_bytes), max(self.total, num_bytes))


USUAL = Limits()


def members_of(archive: Path, limits: Limits) -> Iterator[tuple[PurePosixPath, bytes]]:
    """The files of a `.tar.xz`, with their paths in it, which lead to nowhere else; unpacked in pieces.

    The checksum of the whole is known to be right once the last is given.

    Raises:
        ResultsError: if it cannot be read, is larger than the limits, or has a member that is no regular file, is there
            twice, or whose path is absolute or has `..` in it.
    """
    try:
        with (
            open(archive, "rb", opener=open_regular) as file,
            lzma.open(file) as unpacked,
            tarfile.open(fileobj=(pieces := _Pieces(archive, unpacked, limits)), mode="r|", bufsize=PIECE) as tar,  # type: ignore[call-overload]
        ):
            seen: set[PurePosixPath] = set()
            for member in tar:
                path = _checked(archive, member, limits)
                if path in seen:
                    raise ResultsError(f"{archive}: {path} is there twice")
                seen.add(path)
                pieces.expect(member.size)
                content = tar.extractfile(member)
                assert content is not None
                yield path, content.read()
                pieces.expect(0)
            pieces.expect(0)
            while rest := tar.fileobj.read(PIECE):  # to the checksum
                if rest.strip(b"\0"):
                    raise ResultsError(f"{archive}: cannot be read: it goes on after its end")
    except ResultsError:
        raise
    except Exception as error:  # whatever a damaged one makes of lzma and tarfile
        raise ResultsError(f"{archive}: cannot be read: {described(error)}") from error


def regular_files(folder: Path, names: Iterable[str]) -> tuple[dict[str, bytes], list[str]]:
    """What is in those files of a folder that are there, and of those that are no files, such as links, a line each."""
    contents, problems = {}, []
    for name in names:
        try:
            with os.fdopen(open_regular(folder / name, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
                contents[name] = file.read()
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.append(f"{folder / name}: {error.strerror}")
    return contents, problems


def _checked(archive: Path, member: tarfile.TarInfo, limits: Limits) -> PurePosixPath:
    """The path of a member that may be taken out."""
    path = PurePosixPath(member.name)
    if not member.isreg():
        kind = KINDS.get(member.type, "something else")
        raise ResultsError(f"{archive}: {member.name} is no file of a run, but {kind}")
    if path.is_absolute() or ".." in path.parts or not path.parts or path.as_posix() != member.name:
        raise ResultsError(f"{archive}: {member.name} is no file of a run: its path leads out of the folder")
    if not 0 <= member.size <= limits.file:
        raise ResultsError(
            f"{archive}: {member.name} has {member.size:,} bytes, more than {limits.file:,}; if that is right, say "
            f"--max-bytes {member.size}"
        )
    return path


class _Pieces:
    """A file that ends in an error where more comes out of it than is expected."""

    def __init__(self, archive: Path, file: IO[bytes], limits: Limits) -> None:
        self._archive = archive
        self._file = file
        self._limits = limits
        self._count = 0
        self.expect(0)

    def expect(self, num_bytes: int) -> None:
        """From here on, of a file; and a header."""
        self._expected = self._count + num_bytes + MAX_HEADER

    def read(self, size: int) -> bytes:
        """See `io.RawIOBase`."""
        piece = self._file.read(size)
        self._count += len(piece)
        if self._count > self._limits.total:
            raise ResultsError(
                f"{self._archive}: unpacks to more than {self._limits.total:,} bytes; if that is right, say a larger "
                "--max-bytes"
            )
        if self._count > self._expected:
            raise ResultsError(f"{self._archive}: cannot be read: more than {MAX_HEADER:,} bytes between two files")
        return piece

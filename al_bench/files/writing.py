"""Reading regular files alone, and writing so that a kill leaves whole files and whole lines, through no planted link.

What lies in a folder may come from elsewhere. So nothing is written through a link that lies there, and whatever is no
file is refused at once. Links above the folder are the user's, and followed.
"""

import errno
import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

MAX_DEPTH = 100  # of JSON
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a fifo",
    stat.S_IFLNK: "a link",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_regular(path: str | Path, flags: int) -> int:
    """A descriptor of a regular file, as `os.open` gives it, and as the `opener` of `open` is to.

    Raises:
        OSError: that says what it is, for anything else, which is neither waited for nor changed; with O_NOFOLLOW in
            the flags, for a link too.
    """
    with suppress(FileNotFoundError):  # which `os.open` tells, or makes
        status = os.stat(path, follow_symlinks=not flags & os.O_NOFOLLOW)  # noqa: PTH116 (in half the time)
        _check_regular(path, status)
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY, 0o666)  # another may lie there by now
    try:
        _check_regular(path, os.fstat(descriptor))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _check_regular(path: str | Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        code = {stat.S_IFDIR: errno.EISDIR, stat.S_IFLNK: errno.ELOOP}.get(stat.S_IFMT(status.st_mode), errno.EINVAL)
        kind = KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise OSError(code, f"{Path(path).name} is {kind}, not a file", str(path))


def open_own(path: str | Path, flags: int) -> int:
    """As `open_regular`, of a file that this process goes on writing: one that no other name leads to."""
    descriptor = open_regular(path, flags | os.O_NOFOLLOW)
    if os.fstat(descriptor).st_nlink > 1:
        os.close(descriptor)
        raise OSError(errno.EMLINK, f"{Path(path).name} has a second name (a hard link); put a copy there", str(path))
    return descriptor


def read_bytes(path: Path) -> bytes:
    """What is in a regular file; an OSError at once for anything else."""
    with open(path, "rb", opener=open_regular) as file:
        return file.read()


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """See `read_bytes`."""
    return read_bytes(path).decode(encoding)


def read_json(path: Path) -> Any:
    """What a JSON file holds; see `parsed_json`."""
    return parsed_json(read_bytes(path))


def parsed_json(text: str | bytes) -> Any:
    """What a JSON text says; ValueError if it is none, or nested deeper than anything that is written here."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(f"it is nested more than {MAX_DEPTH} deep") from None
    level, depth = [value], 0
    while level := [each for each in level if isinstance(each, list | dict)]:
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
        if (depth := depth + 1) > MAX_DEPTH:
            raise ValueError(f"it is nested more than {MAX_DEPTH} deep")
    return value


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A new file that takes the place of `path` at the end, in one step: there is the old one or the new one.

    For one writer at a time, who holds a lock (`alone_in`, or that of a run directory). So the new file's first name
    can be a fixed one, and the next writer removes what a killed one has left. No link that lies there is followed.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        descriptor = os.open(partial, NEW, 0o666)
    except FileExistsError:
        partial.unlink()
        descriptor = os.open(partial, NEW, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        partial.replace(path)
    except BaseException:  # Ctrl-C, too
        partial.unlink(missing_ok=True)
        raise


def replace_text(path: Path, text: str) -> None:
    """See `replacing`."""
    replace_bytes(path, text.encode())


def replace_bytes(path: Path, content: bytes) -> None:
    """See `replacing`."""
    with replacing(path) as file:
        file.write(content)


def check_link(folder: Path, is_own: Callable[[], bool], beginnings: tuple[str, ...] = ()) -> None:
    """OSError if a folder to be written to is a link to one that holds anything but what is ours.

    Args:
        folder: of any kind; if it is not there, or no link, all is well.
        is_own: whether what the link leads to is what would be written there.
        beginnings: names that a killed process leaves before that can be told.
    """
    if not folder.is_symlink():
        return
    if not folder.is_dir():
        raise OSError(errno.ELOOP, f"{folder.name} is a link that leads to no folder", str(folder))
    if not {entry.name for entry in folder.iterdir()} <= {*beginnings} and not is_own():
        raise OSError(
            errno.ELOOP, f"{folder.name} is a link to {folder.resolve()}, which holds something else", str(folder)
        )


def append_lines(path: Path, text: str) -> None:
    """Append whole lines in one write; if they do not fit on the disk, the file is left as it was."""
    content = text.encode()
    descriptor = open_own(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        size = os.fstat(descriptor).st_size
        try:
            if os.write(descriptor, content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)


def whole_lines(path: Path) -> list[str]:
    """The lines of a file, with their newlines; not a last one without, which was interrupted or is being written."""
    try:
        content = read_bytes(path)
    except FileNotFoundError:
        return []
    return [f"{line}\n" for line in content[: content.rfind(b"\n") + 1].decode().split("\n")[:-1]]


def keep_lines(path: Path, lines: list[str]) -> None:
    """Cut the file after these, its first lines."""
    size = sum(len(line.encode()) for line in lines)
    if path.exists() and path.stat().st_size > size:
        descriptor = open_own(path, os.O_WRONLY)
        try:
            os.ftruncate(descriptor, size)
        finally:
            os.close(descriptor)


def is_newer(path: Path, since: float) -> bool:
    """Whether a file was written after a time (seconds of the epoch), give or take what clocks differ by."""
    try:
        return path.stat().st_mtime >= since - 1
    except OSError:
        return False

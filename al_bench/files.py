"""Writing so that a kill at any instant leaves whole files and whole lines."""

import errno
import fcntl
import os
from pathlib import Path


def replace_text(path: Path, text: str) -> None:
    """Write a whole file in one step: afterwards it is the old one or the new one, never a part."""
    replace_bytes(path, text.encode())


def replace_bytes(path: Path, content: bytes) -> None:
    """See `replace_text`."""
    partial = path.with_name(f".{path.name}.partial")  # of one writer: a run directory is locked
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:  # Ctrl-C, too
        partial.unlink(missing_ok=True)
        raise


def append_lines(path: Path, text: str) -> None:
    """Append whole lines in one write; if they do not fit on the disk, the file is left as it was."""
    content = text.encode()
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
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
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    return [f"{line}\n" for line in content[: content.rfind(b"\n") + 1].decode().split("\n")[:-1]]


def mended_lines(path: Path) -> list[str]:
    """The whole lines of a file that this process alone writes; an interrupted last one is cut off the file."""
    lines = whole_lines(path)
    keep_lines(path, lines)
    return lines


def keep_lines(path: Path, lines: list[str]) -> None:
    """Cut the file after these, its first lines."""
    size = sum(len(line.encode()) for line in lines)
    if path.exists() and path.stat().st_size > size:
        os.truncate(path, size)


def is_newer(path: Path, since: float) -> bool:
    """Whether a file was written after a time (seconds of the epoch), give or take what clocks differ by."""
    try:
        return path.stat().st_mtime >= since - 1
    except OSError:
        return False


def is_locked(path: Path) -> bool:
    """Whether a process has the run directory open; a lock is taken for an instant to find out."""
    try:
        lock = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(lock)
    return False

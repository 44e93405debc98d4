"""Writing so that a kill at any instant leaves whole files and whole lines."""

import errno
import fcntl
import os
from pathlib import Path


def replace_text(path: Path, text: str) -> None:
    """Write a whole file in one step: afterwards it is the old one or the new one, never a part."""
    partial = path.with_name(f".{path.name}.partial")  # of one writer: a run directory is locked
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
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
    """The lines of a file, with their newlines; a last line without one was interrupted and is cut off the file."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    end = content.rfind(b"\n") + 1
    if end < len(content):
        os.truncate(path, end)
    return [f"{line}\n" for line in content[:end].decode().split("\n")[:-1]]


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

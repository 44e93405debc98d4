"""Locks between processes: flocks on files and folders, which the system gives back however a process ends."""

import fcntl
import logging
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from al_bench.core.errors import BusyError, RunDirectoryError
from al_bench.files.writing import open_own, open_regular, read_bytes

LOCK = ".lock"  # the name of the file, in each run directory
TRIES = 5  # who looks whether a run is going on holds its lock for an instant
LOOKS = 3  # at a file, to know whether its inode can be relied on

log = logging.getLogger(__name__)


def lock(descriptor: int) -> None:
    """Wait until this process alone has it locked; OSError where the file system cannot."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def is_free(descriptor: int) -> bool:
    """Whether nobody had it locked: now this process has; OSError where the file system cannot."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process is within this context for the folder; where it cannot be locked, go on."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):
            lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether a process has the run directory open; a lock is taken for an instant to find out."""
    try:
        lock = open_regular(path, os.O_RDONLY | os.O_NOFOLLOW)
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


class Lock:
    """The lock of a run directory, held from `acquire` to `release`.

    Whoever removes its file, or moves the folder, lets another process lock the one that is then made there. So the
    file in its place is compared with the open one (`check`): its device and inode, or a token in it where a file
    system gives other inodes at each look.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / LOCK
        self._token = b""
        self._descriptor = open_own(self._path, os.O_RDWR | os.O_CREAT)

    def acquire(self) -> None:
        """Lock the file; BusyError if another process has locked it, or has put another file there."""
        for _ in range(TRIES):
            try:
                if not is_free(self._descriptor):
                    time.sleep(0.02)
                    continue
            except OSError as error:
                raise RunDirectoryError(
                    f"{self._path} cannot be locked: {error.strerror}; choose an output_dir=... on a file system with "
                    "flock (a local disk, NFS 4, Lustre mounted with -o flock), or two processes could do one run"
                ) from error
            if not all(self._is_same_file() for _ in range(LOOKS)):
                self._mark()
            if self.is_held():
                return
            break
        raise BusyError(f"{self._folder} is in use by another process; wait for it, or give this run another name")

    def is_held(self) -> bool:
        """Whether the locked file is the one that others find."""
        try:
            return read_bytes(self._path) == self._token if self._token else self._is_same_file()
        except OSError:
            return False

    def check(self) -> None:
        """RunDirectoryError, after which nothing may be written, if another process may have the directory by now."""
        if not self.is_held():
            raise RunDirectoryError(
                f"{self._folder}: its .lock was removed or replaced, or the folder moved, while this process was "
                "writing to it, so another may be doing this run; this one has stopped, and writes nothing more there: "
                "the same command goes on from what is there"
            )

    def release(self) -> None:
        """Give the lock up: others may have it."""
        os.close(self._descriptor)

    def _is_same_file(self) -> bool:
        return os.path.samestat(os.fstat(self._descriptor), self._path.stat(follow_symlinks=False))

    def _mark(self) -> None:
        self._token = secrets.token_hex(16).encode()
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, self._token, 0)


@contextmanager
def exclusive(folder: Path, name: str) -> Iterator[bool]:
    """Wait until no other process is within this context for `name`.

    Gives false where the folder cannot be written or locked, so that others may be within. As whatever is made there is
    moved to its place in one step, that costs time, but no data.
    """
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = open_regular(folder / f".{name}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW)
            stack.callback(os.close, descriptor)
            if not is_free(descriptor):
                log.warning("%s: waiting for another process that is at it", name)
                lock(descriptor)
            is_alone = True
        except OSError:
            is_alone = False
        yield is_alone

"""Files of data sets: their checksums, and keeping what was read once."""

import hashlib
import logging
import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from al_bench.files import open_regular

UNREADABLE = (OSError, ValueError, EOFError, BadZipFile)  # what numpy raises for files that are not as they should be

log = logging.getLogger(__name__)


def md5_of(path: Path) -> str:
    """The md5 of a file, in hexadecimal."""
    with open(path, "rb", opener=open_regular) as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def npz_names(path: Path) -> list[str]:
    """The names of the arrays of a `.npz` file; one of `UNREADABLE` if it is none."""
    with _opened(path) as stored:
        return stored.files


def read_npz(path: Path, names: Collection[str] | None = None) -> dict[str, NDArray[Any]]:
    """The named arrays of a `.npz` file, None for all, in its order; one of `UNREADABLE` if it is none."""
    with _opened(path) as stored:
        return {name: _array(stored, name) for name in stored.files if names is None or name in names}


@contextmanager
def _opened(path: Path) -> Iterator[np.lib.npyio.NpzFile]:
    with open(path, "rb", opener=open_regular) as file:
        stored = np.load(file, allow_pickle=False)
        if not isinstance(stored, np.lib.npyio.NpzFile):
            raise ValueError("it holds a single array, without a name")
        yield stored


def _array(stored: np.lib.npyio.NpzFile, name: str) -> NDArray[Any]:
    try:
        return stored[name]
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def write_npz(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write a `.npz` file in one step: it is there whole or not at all. A folder that cannot be written is no error."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("xb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        partial.replace(path)
    except OSError as error:
        log.warning("%s is not kept (%s); the next start does that work again", path, error)
        with suppress(OSError):
            partial.unlink()


def remove_partial(path: Path) -> None:
    """What a process that was killed within `write_npz` has left."""
    for partial in path.parent.glob(f".{path.name}.*.partial"):
        partial.unlink(missing_ok=True)

"""Files of data sets: their checksums, and keeping what was read once."""

import hashlib
import logging
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

UNREADABLE = (OSError, ValueError, EOFError, BadZipFile)  # what numpy raises for files that are not as they should be

log = logging.getLogger(__name__)


def md5_of(path: Path) -> str:
    """The md5 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of a `.npz` file; one of `UNREADABLE` if it is none."""
    with path.open("rb") as file:
        stored = np.load(file, allow_pickle=False)
        if not isinstance(stored, np.lib.npyio.NpzFile):
            raise ValueError("it holds a single array, without a name")
        return {key: stored[key] for key in stored.files}


def write_npz(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write a `.npz` file in one step: it is there whole or not at all. A folder that cannot be written is no error."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
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

"""Arrays in files: what takes long to read or compute is kept, whole and with a checksum."""

import hashlib
import logging
import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np
from numpy.typing import NDArray

from al_bench.core.errors import described
from al_bench.files.writing import open_regular

UNREADABLE = (OSError, ValueError)  # what is raised here for files that are not as they should be
DIGEST = "digest of the other arrays"
MAX_TOLD = 200  # letters of what is wrong with a file

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
        with _telling():
            stored = np.load(file, allow_pickle=False)
        if not isinstance(stored, np.lib.npyio.NpzFile):
            raise ValueError("it holds a single array, without a name")
        yield stored


def _array(stored: np.lib.npyio.NpzFile, name: str) -> NDArray[Any]:
    with _telling(f"{name}: "):
        array = stored[name]
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{name} is no array")
    return array


@contextmanager
def _telling(what: str = "") -> Iterator[None]:
    """A damaged file may raise anything: of zip, of a compression, of Python's parser, or that memory is short."""
    try:
        yield
    except Exception as error:
        told = str(error) if isinstance(error, ValueError) else described(error)
        raise ValueError(shorten(f"{what}{told}", MAX_TOLD, placeholder=" ...")) from error


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


def write_kept(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """As `write_npz`, with a digest of them all."""
    write_npz(path, arrays | {DIGEST: np.array(_digest(arrays))})


def read_kept(path: Path) -> tuple[dict[str, NDArray[Any]], bool]:
    """What `write_kept` has written, and whether it is proved by a digest, which earlier versions did not write.

    Raises:
        OSError, ValueError: if it cannot be read, or the digest is not that of the arrays.
    """
    arrays = read_npz(path)
    known = arrays.pop(DIGEST, None)
    if known is not None and str(known) != _digest(arrays):
        raise ValueError("its digest is not that of its arrays")
    return arrays, known is not None


def _digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    hashed = hashlib.blake2b(digest_size=16)
    for name, array in arrays.items():
        hashed.update(repr((name, array.dtype.str, array.shape)).encode())
        hashed.update(np.ascontiguousarray(array).data)
    return hashed.hexdigest()


def remove_partial(path: Path) -> None:
    """What a process that was killed within `write_npz` has left."""
    for partial in path.parent.glob(f".{path.name}.*.partial"):
        partial.unlink(missing_ok=True)

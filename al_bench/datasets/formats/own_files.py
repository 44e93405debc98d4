"""A user's own files, as `dataset.path` and its like name them."""

from contextlib import suppress
from pathlib import Path

from al_bench.core.errors import DataError
from al_bench.files.writing import read_bytes


def expanded(path: str) -> Path:
    """The path, with the user's home written out: in `dataset.path=~/x.npz` no shell does it."""
    with suppress(RuntimeError):  # there is no such user
        return Path(path).expanduser()
    return Path(path)


def read_own(key: str, path: str) -> bytes:
    """What is in the file that a key names; DataError if there is none, or it is no file."""
    file = expanded(path)
    try:
        return read_bytes(file)
    except FileNotFoundError:
        raise DataError(f"{key}={path}: no such file (looked for {file.absolute()})") from None
    except (OSError, ValueError) as error:  # the latter of a zero byte in the path
        raise DataError(f"{key}={path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error

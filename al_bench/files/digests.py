"""Whether files and folders of a user's are still what they were."""

import os
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from al_bench.files.writing import open_regular

CHUNK = 1 << 22  # bytes


def digest_of_paths(paths: Sequence[str]) -> str | None:
    """A digest of what is in the files; of folders, of the names and sizes of what is in them.

    None without any, and where one of them is not there or cannot be read.
    """
    found = blake2b(digest_size=16)
    with suppress(OSError, ValueError):
        for named in paths:
            path = os.path.expanduser(named)  # noqa: PTH111 (which raises without a home)
            status = os.stat(path)  # noqa: PTH116
            found.update(_digest(path, status.st_size, status.st_mtime_ns, status.st_ctime_ns).encode())
        return found.hexdigest() if paths else None
    return None


@lru_cache(64)
def _digest(path: str, _size: int, _modified: int, _changed: int) -> str:
    """Read once in a process, as long as the file looks the same."""
    found = blake2b(digest_size=16)
    if Path(path).is_dir():
        for folder, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names):
                file = Path(folder, name)
                found.update(f"{file.relative_to(path)}\0{file.stat().st_size}\n".encode(errors="surrogateescape"))
        return found.hexdigest()
    with open(path, "rb", opener=open_regular) as opened:
        while part := opened.read(CHUNK):
            found.update(part)
    return found.hexdigest()

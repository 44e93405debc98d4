"""The files of a run directory: which there are, that they are its own, and the log among them."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path

from al_bench.files.writing import open_own, open_regular

APPENDED = ("rounds.csv", "queries.csv", "strategy_state.jsonl", "run.log")
REPLACED = ("config.yaml", "environment.json", "done.json", "error.json", "curve.png", "wandb_id")
FILES = (*APPENDED, *REPLACED)


def check_files(path: Path) -> None:
    """OSError if one of a run's files is not a file of its own: none is read or written through a link."""
    for name in FILES:
        opener = open_own if name in APPENDED else open_regular
        with suppress(FileNotFoundError):
            os.close(opener(path / name, os.O_RDONLY | os.O_NOFOLLOW))


class _Appending(logging.FileHandler):
    """A log that is appended to as the tables are."""

    def _open(self) -> TextIOWrapper:
        return open(self.baseFilename, "a", encoding=self.encoding, errors="backslashreplace", opener=open_own)


@contextmanager
def logging_to(path: Path, is_ours: Callable[[], bool]) -> Iterator[None]:
    """Within it, what al_bench logs is appended to a file, too, as long as that is ours."""
    handler = _Appending(path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handler.addFilter(lambda _: is_ours())
    logger = logging.getLogger("al_bench")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        with suppress(OSError):
            handler.close()

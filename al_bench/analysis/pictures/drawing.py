"""Many figures at once."""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

Drawing = Callable[[], list[Path]]


def drawn(drawings: Sequence[Drawing]) -> list[Path]:
    """Draw in parallel, as each figure takes some tenths of a second; returns the paths of the files."""
    with ProcessPoolExecutor() as executor:
        return [path for paths in executor.map(_call, drawings, chunksize=4) for path in paths]


def _call(drawing: Drawing) -> list[Path]:
    return drawing()

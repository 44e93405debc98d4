"""Keeping what was read once."""

import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)


def write_npz(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write a `.npz` file in one step: it is there whole or not at all. A folder that cannot be written is no error."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        partial.replace(path)
    except OSError as error:
        log.warning("%s is not kept (%s); the next start reads the data again", path, error)
        partial.unlink(missing_ok=True)

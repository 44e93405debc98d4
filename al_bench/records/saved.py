"""What a run saves beside its tables, if asked to (`save`): a folder for each kind, a file for each round in it.

A file is written before its round is committed, so a kill may leave one of a round that is not: opening the run
directory drops it, and nobody reads a file beyond rounds.csv.
"""

import errno
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from al_bench.files.npz import UNREADABLE, read_npz
from al_bench.files.writing import replace_bytes
from al_bench.records.run_config import SAVED as SAVED

PREDICTIONS, WEIGHTS, LAST_WEIGHTS = SAVED
ENDINGS = {PREDICTIONS: "npz", WEIGHTS: "pt", LAST_WEIGHTS: "pt"}
NAME = re.compile(r"round_(\d{3,})\.(npz|pt)")


@dataclass(frozen=True)
class Predictions:
    """What a round's network says of the test set, in its order: logits (N, C), float32; targets (N,), int64."""

    logits_NC: NDArray[np.float32]
    targets_N: NDArray[np.int64]

    def as_bytes(self) -> bytes:
        """The bytes of a compressed .npz file: the same predictions make the same bytes."""
        content = BytesIO()
        np.savez_compressed(content, logits=self.logits_NC, targets=self.targets_N)
        return content.getvalue()


def saved_path(folder: Path, kind: str, round: int) -> Path:
    """The file of a round: `predictions/round_003.npz` of a run directory."""
    return folder / kind / f"round_{round:03d}.{ENDINGS[kind]}"


def saved_rounds(folder: Path, kind: str) -> set[int]:
    """The rounds of which there is a file, committed or not."""
    return {int(match[1]) for name in _names(folder / kind) if (match := _matched(kind, name))}


def save(folder: Path, kind: str, round: int, content: bytes) -> None:
    """Write the file of a round, whole or not at all; OSError for a folder that leads elsewhere."""
    (folder / kind).mkdir(exist_ok=True)
    _check_folder(folder / kind)
    replace_bytes(saved_path(folder, kind, round), content)


def drop_uncommitted(folder: Path, num_rounds: int) -> None:
    """Remove what a kill has left: files of rounds that are not committed, halves of files, last weights of others."""
    for kind in SAVED:
        for name in _names(folder / kind):
            match = _matched(kind, name.removeprefix(".").removesuffix(".partial"))
            if match and (name.startswith(".") or int(match[1]) >= num_rounds):
                (folder / kind / name).unlink()
    drop_older(folder)


def drop_older(folder: Path) -> None:
    """Remove last weights but those of the last round."""
    for round in sorted(saved_rounds(folder, LAST_WEIGHTS))[:-1]:
        saved_path(folder, LAST_WEIGHTS, round).unlink()


def read_predictions(folder: Path, round: int) -> Predictions:
    """What a round has said; FileNotFoundError if there is no file, ValueError if the file is not as it was written."""
    path = saved_path(folder, PREDICTIONS, round)
    try:
        arrays = read_npz(path, ("logits", "targets"))
        found = Predictions(arrays["logits"], arrays["targets"])
    except KeyError as error:
        raise ValueError(f"{path}: it has no array {error}") from error
    except FileNotFoundError:
        raise
    except UNREADABLE as error:
        raise ValueError(f"{path}: {error}") from error
    logits_NC, targets_N = found.logits_NC, found.targets_N
    is_whole = logits_NC.dtype == np.float32 and logits_NC.ndim == 2 and np.isfinite(logits_NC).all()
    if not is_whole or targets_N.dtype != np.int64 or targets_N.shape != logits_NC.shape[:1] or not len(targets_N):
        raise ValueError(f"{path}: its arrays are no logits (N, C) and targets (N,)")
    if not 0 <= targets_N.min() <= targets_N.max() < logits_NC.shape[1]:
        raise ValueError(f"{path}: it has targets that are none of the {logits_NC.shape[1]} classes")
    return found


def _matched(kind: str, name: str) -> re.Match[str] | None:
    match = NAME.fullmatch(name)
    return match if match and match[2] == ENDINGS[kind] else None


def _names(folder: Path) -> Iterator[str]:
    """What is in a folder of saved files; nothing if there is none. OSError if it leads elsewhere."""
    if folder.exists() or folder.is_symlink():
        _check_folder(folder)
        yield from sorted(path.name for path in folder.iterdir())


def _check_folder(folder: Path) -> None:
    if not stat.S_ISDIR(folder.stat(follow_symlinks=False).st_mode):
        raise OSError(errno.ENOTDIR, f"{folder.name} is no folder of the run's own", str(folder))

"""Features by a frozen network, computed once for a set of rows and kept in files.

They lie in `<data_dir>/features`, in a folder named after all that they depend on: the rows, in whatever order they
come, so that splits drawn by different seeds share it; the values of the weights; the options. There is a file for each
5,000 rows, which is there whole or not at all, so a start that is killed loses no more than one of them. Each says what
it depends on: one that is not what is due is neither used nor overwritten.
"""

import hashlib
import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from al_bench.core.clock import duration
from al_bench.core.errors import DataError
from al_bench.core.features import Extractor, Rows
from al_bench.files.locks import exclusive
from al_bench.files.npz import UNREADABLE, read_kept, remove_partial, write_kept
from al_bench.job.features.extracting import extracted, watched

FOLDER = "features"
ROWS_OF_A_FILE = 5_000
NOT_KEPT = "{} cannot hold them ({}); say data_dir=..., a folder that can be written"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Distinct:
    """The distinct rows among some, in an order that does not depend on theirs.

    Args:
        firsts: a position of each in the rows.
        places: of each row, the place among the distinct ones (N,).
        digest: of them as a set.
    """

    firsts: Sequence[int]
    places: NDArray[np.int64]
    digest: str

    @classmethod
    def of(cls, rows: Rows) -> "Distinct":
        """Texts go by their length first: those of one batch are then padded little."""
        keys = [(len(row) if isinstance(rows, tuple) else 0, _hashed([row])) for row in _contents(rows)]
        firsts = {key: position for position, key in reversed([*enumerate(keys)])}
        place_of = {key: place for place, key in enumerate(sorted(firsts))}
        kind = "texts" if isinstance(rows, tuple) else f"{rows.dtype} {tuple(rows.shape[1:])}"
        return cls(
            firsts=[firsts[key] for key in place_of],
            places=np.array([place_of[key] for key in keys], dtype=np.int64),
            digest=_hashed([kind.encode(), *(key.encode() for _, key in place_of)]),
        )


def kept_features(
    name: str,
    extractor: Extractor,
    rows: Rows,
    depends_on: Mapping[str, Any],
    data_dir: Path,
    device: str,
    *,
    must_keep: bool = False,
) -> Tensor:
    """Features (N, D), float32, of the rows; those that no file holds are computed by one process, and kept.

    Args:
        name: of the extractor, for people.
        extractor: that makes them.
        rows: in any order.
        depends_on: plain values; what features depend on besides the rows.
        data_dir: where the folder of the files is.
        device: on which they are computed.
        must_keep: whether they are of no use unless files hold them.

    Raises:
        DataError: if a file is damaged, or of other features; if they cannot be kept, in this type or though they must.
        ConfigError: if they cannot be computed.
    """
    distinct = Distinct.of(rows)
    meta = {**depends_on, "rows": distinct.digest}
    folder = data_dir / FOLDER / f"{name}-{_hashed([json.dumps(meta, sort_keys=True).encode()])[:24]}"
    starts = range(0, len(distinct.firsts), ROWS_OF_A_FILE)
    files = {folder / f"{start:08}.npz": distinct.firsts[start : start + ROWS_OF_A_FILE] for start in starts}
    found = {path: _read(path, meta) for path in files}
    if any(each is None for each in found.values()):
        with exclusive(folder.parent, folder.name) as is_alone:
            found = {path: _read(path, meta) for path in files}  # by another process in the meantime
            lacking = {path: files[path] for path, each in found.items() if each is None}
            for path in lacking if is_alone else ():
                remove_partial(path)
            with _written(folder, lacking) if must_keep else nullcontext():
                found |= _made(name, extractor, rows, lacking, meta, device)
    else:
        log.info("features by %s: found in %s", name, folder)
    kept = np.concatenate([each for each in found.values() if each is not None])
    return torch.from_numpy(kept)[torch.from_numpy(distinct.places)].float()


def _made(
    name: str,
    extractor: Extractor,
    rows: Rows,
    lacking: Mapping[Path, Sequence[int]],
    meta: Mapping[str, Any],
    device: str,
) -> dict[Path, NDArray[Any]]:
    """What is lacking: it is computed and kept, file by file."""
    made = {}
    start = time.perf_counter()
    with watched(f"features by {name}", sum(map(len, lacking.values()))) as advance:
        for path, positions in lacking.items():
            made[path] = features = extracted(extractor, rows, positions, device, advance)
            write_kept(path, {"meta": np.array(json.dumps(_meta_of(path, meta))), "features": features})
    if made:
        where = f", kept in {path.parent}" if all(each.exists() for each in made) else ""
        log.info("features by %s: made in %s%s", name, duration(time.perf_counter() - start), where)
    return made


@contextmanager
def _written(folder: Path, files: Iterable[Path]) -> Iterator[None]:
    """DataError if the folder cannot hold files, before they are made, and unless all are there afterwards."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise DataError(NOT_KEPT.format(folder, error.strerror)) from error
    yield
    if any(not path.exists() for path in files):
        raise DataError(NOT_KEPT.format(folder, "not all were written"))


def digest_of(weights: Iterable[tuple[str, Tensor | Path]]) -> str:
    """A digest of the values of tensors, and of the bytes of files, with their names."""
    hashed = hashlib.blake2b(digest_size=16)
    for name, each in weights:
        if isinstance(each, Path):
            with each.open("rb") as file:
                content: Any = hashlib.file_digest(file, "blake2b").digest()
            hashed.update(repr((name, "file")).encode())
        else:
            content = each.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data
            hashed.update(repr((name, each.dtype, tuple(each.shape))).encode())
        hashed.update(content)
    return hashed.hexdigest()


def _contents(rows: Rows) -> Iterator[Any]:
    """The bytes of each row."""
    if isinstance(rows, tuple):
        return (text.encode() for text in rows)
    return iter(rows.contiguous().flatten(start_dim=1).numpy())


def _hashed(contents: Iterable[Any]) -> str:
    hashed = hashlib.blake2b(digest_size=16)
    for each in contents:
        hashed.update(each)
    return hashed.hexdigest()


def _meta_of(path: Path, meta: Mapping[str, Any]) -> dict[str, Any]:
    """What is written into a file: which features, and which of their rows."""
    return {**meta, "file": path.name}


def _read(path: Path, meta: Mapping[str, Any]) -> NDArray[np.floating] | None:
    """What is kept there; None if there is nothing."""
    try:
        arrays, is_proved = read_kept(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UNREADABLE as error:
        raise DataError(f"{path} is damaged ({error}), and is not used; delete it, and it is made again") from error
    try:
        there: dict[str, Any] = json.loads(str(arrays["meta"]))
    except (KeyError, ValueError):
        there = {}
    wanted = _meta_of(path, meta)
    if not is_proved or there != wanted:
        differing = [key for key in wanted if there.get(key) != wanted[key]] or ["another form"]
        raise DataError(
            f"{path} holds features of something else (they differ in: {', '.join(differing)}), and is not used; move "
            "it away, and those that belong there are made"
        )
    return arrays["features"]

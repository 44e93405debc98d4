"""The index of a folder of results: what its run directories say, as long as their files have not changed.

It is made again from the folders at any time, and believed of a run as long as each of its files has the size and the
times that it had before it was read. Times are those of the file system, which may be no finer than its clock ticks: a
file that was as young as the reading itself could change and look the same, so its run is read again, as git does it.
"""

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from al_bench import __version__
from al_bench.files.npz import read_kept, write_kept
from al_bench.records.index.shelf import Column, Kind, Shelf, ShelvedColumns, shelved
from al_bench.records.layout import CONFIG, DONE, DRAWN, ENVIRONMENT, ERROR, MEASURES, QUERIES, ROUNDS, STATES
from al_bench.records.reading import RoundsFile, Told, run_directories, told_of
from al_bench.records.starts.told import Start

FORMAT = f"1 {__version__}"
NAME = "index.npz"  # in FOLDER/analysis
READ = (  # of a run directory, for what is told of it
    *(ROUNDS, QUERIES, STATES, CONFIG, ENVIRONMENT, DONE),
    *(ERROR, MEASURES, *DRAWN.values()),
)
ELSEWHERE = 10**10  # nanoseconds that files of another file system, with another clock, have to be older
WORTH = 0.02  # share of the runs that were read anew from which on the index is written again
STALE = 3600  # seconds after which a file that was being written was left by a killed process


class Files(NamedTuple):
    """The files of a run directory: sizes and times of all in one word, and the youngest time, in nanoseconds."""

    word: str
    youngest: int


class Entry(NamedTuple):
    """A run in the index: the word of its files, what they say, and its place on the shelf, if it has rounds."""

    word: str
    is_finished: bool
    error: str | None
    starts: Sequence[Start]
    place: int | None


def indexed_runs(folder: Path) -> list[tuple[Path, Set[str], Told]]:
    """As `al_bench.records.reading.run_directories`, by way of the index of the folder, where one can be kept."""
    index = Index(folder)
    found = [*run_directories(folder, index.tell)]
    index.keep([(path, told) for path, _, told in found])
    return found


class Index:
    """The index of a folder: what is kept of it, and what was read anew."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._place = folder, folder / "analysis"
        self._prefix = len(str(folder)) if folder.parts else 0
        self._entries, self._shelf = _read(self._place)
        self._words: dict[Path, str] = {}
        self._num_new = 0
        self._now: os.stat_result | None = None

    def tell(self, path: Path, names: Set[str]) -> Told:
        """What the files of a run directory say, of which these names are there."""
        if path == self._folder:  # nothing of ours belongs in a run
            return told_of(path, names)
        if self._now is None:
            self._now = _now(self._place)
        files = _files(path, names, 0 if self._now is None else self._now.st_dev)
        entry = self._entries.get(self._name(path))
        if entry is not None and entry.word == files.word:
            self._words[path] = files.word
            return self._told(path, entry)
        told = told_of(path, names)
        is_older = self._now is not None and files.youngest < min(_times(self._now))
        if is_older and _is_lasting(path, names, told):
            self._words[path] = files.word
            self._num_new += 1
        return told

    def _name(self, path: Path) -> str:
        """Below the folder."""
        return str(path)[self._prefix :].lstrip("/")

    def _told(self, path: Path, entry: Entry) -> Told:
        file = None
        if entry.place is not None and self._shelf is not None:
            kind = self._shelf.kinds[self._shelf.runs[entry.place][0]]
            columns = ShelvedColumns(self._shelf, entry.place)
            file = RoundsFile(path / ROUNDS, columns, "", kind.lacking, kind.empty)
        return Told(file, entry.is_finished, entry.error, tuple(entry.starts))

    def keep(self, found: Iterable[tuple[Path, Told]]) -> None:
        """Write it, if enough was read anew."""
        runs = [(path, told) for path, told in found if path in self._words]
        if self._num_new and self._num_new >= WORTH * len(runs):
            shelf = shelved([told.file for _, told in runs if told.file is not None])
            places = iter(range(len(shelf.runs)))
            entries = {
                self._name(path): Entry(
                    self._words[path],
                    told.is_finished,
                    told.error,
                    told.starts,
                    None if told.file is None else next(places),
                )
                for path, told in runs
            }
            _write(self._place, entries, shelf)


def _now(place: Path) -> os.stat_result | None:
    """The status of a file that is made in a folder now, and not kept; None if it cannot be written, or is a link."""
    with suppress(OSError):
        place.mkdir(exist_ok=True)
        if not place.is_symlink():
            with TemporaryFile(dir=place) as file:
                return os.fstat(file.fileno())
    return None


def _files(path: Path, names: Set[str], device: int) -> Files:
    folder, known, youngest = str(path), [], 0
    for name in READ:
        if name in names:
            try:
                status = os.stat(f"{folder}/{name}")  # noqa: PTH116 (in half the time)
            except OSError:  # a link to nowhere
                known.append((name, 0, 0, 0, 0))
                continue
            times = _times(status)
            known.append((name, status.st_mode, status.st_size, *times))
            youngest = max(youngest, max(times) + ELSEWHERE * (status.st_dev != device))
    return Files(blake2b(repr(known).encode(), digest_size=16).hexdigest(), youngest)


def _times(status: os.stat_result) -> tuple[int, int]:
    """When what is in a file, and when it or what is told of it has changed; no file can set the second."""
    return status.st_mtime_ns, status.st_ctime_ns


def _is_lasting(path: Path, names: Set[str], told: Told) -> bool:
    """Whether a run will say the same as long as its files do not change: what cannot be read, others may read."""
    is_usable = told.file is None or (told.file.columns is not None and not told.file.problem)
    return is_usable and all(os.access(f"{path}/{name}", os.R_OK) for name in READ if name in names)


def _read(place: Path) -> tuple[dict[str, Entry], Shelf | None]:
    """What is kept; nothing of what is no index of this version, or is damaged."""
    path = place / NAME
    try:
        if place.is_symlink() or path.is_symlink():
            return {}, None
        arrays, is_proved = read_kept(path)
        if not is_proved or str(arrays["format"]) != FORMAT:
            return {}, None
        told = json.loads(arrays["told"].tobytes())
        kinds = [Kind.of(names, empty) for names, empty in told["kinds"]]
        runs = [(kind, length, values) for kind, length, values in told["runs"]]
        shelf = Shelf(
            kinds, runs, told["texts"], *(_columns(arrays, what, told[what]) for what in ("numbers", "words"))
        )
        shelf.check()
        return {name: Entry(*entry) for name, entry in told["entries"].items()}, shelf
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}, None


def _columns(arrays: Mapping[str, NDArray[Any]], what: str, names: Sequence[str]) -> dict[str, Column]:
    return {
        name: Column(arrays[f"{what}_{number}"], arrays[f"{what}_{number}_starts"]) for number, name in enumerate(names)
    }


def _write(place: Path, entries: Mapping[str, Entry], shelf: Shelf) -> None:
    told = {
        "kinds": [([*kind.names], sorted(kind.empty)) for kind in shelf.kinds],
        "runs": shelf.runs,
        "texts": shelf.texts,
        "numbers": [*shelf.numbers],
        "words": [*shelf.words],
        "entries": entries,
    }
    arrays: dict[str, NDArray[Any]] = {
        "format": np.array(FORMAT),
        "told": np.frombuffer(json.dumps(told).encode(), dtype=np.uint8),
    }
    for what, columns in (("numbers", shelf.numbers), ("words", shelf.words)):
        for number, column in enumerate(columns.values()):
            arrays |= {f"{what}_{number}": column.values_N, f"{what}_{number}_starts": column.starts_R}
    for partial in place.glob(f".{NAME}.*.partial"):
        with suppress(OSError):
            if partial.stat().st_mtime < time.time() - STALE:
                partial.unlink()
    write_kept(place / NAME, arrays)

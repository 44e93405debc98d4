"""The rounds of many runs in few arrays, and each run's part of them as its columns.

Shapes: R runs, N values of a column, of run after run.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from al_bench.records.columns import IDENTITY_COLUMNS, USUAL
from al_bench.records.reading import RoundsFile

OF_A_RUN = (*IDENTITY_COLUMNS, "is_finished")  # columns with one value in all rounds
PLACES = {name: place for place, name in enumerate(OF_A_RUN)}
NOWHERE = -1
NOTHING: NDArray[Any] = np.zeros(0)


@dataclass(frozen=True)
class Kind:
    """What runs can have in common: the names of their columns in order, of those without a number in any round, and
    of usual ones that they lack.
    """

    names: Mapping[str, None]
    empty: frozenset[str]
    lacking: tuple[str, ...]

    @classmethod
    def of(cls, names: Iterable[str], empty: Iterable[str]) -> "Kind":
        """With what follows from these."""
        known = dict.fromkeys(names)
        return cls(known, frozenset(empty), tuple(column for column in USUAL if column not in known))


@dataclass(frozen=True)
class Column:
    """The values of a column: numbers, or the places of texts in a list of all; and where those of each run begin,
    NOWHERE if it has none.
    """

    values_N: NDArray[Any]
    starts_R: NDArray[np.int64]


@dataclass(frozen=True)
class Shelf:
    """The rounds of R runs, by column.

    Attributes:
        kinds: of runs.
        runs: of each its kind, its number of rounds, and its values of `OF_A_RUN`.
        texts: each once.
        numbers, words: the other columns that hold anything, by name, but for `round`.
    """

    kinds: Sequence[Kind]
    runs: Sequence[tuple[int, int, Sequence[Any]]]
    texts: Sequence[str]
    numbers: Mapping[str, Column]
    words: Mapping[str, Column]

    def check(self) -> None:
        """ValueError if the columns do not hold what runs have."""
        lengths_R = np.array([length for _, length, _ in self.runs], dtype=np.int64)
        for column in (*self.numbers.values(), *self.words.values()):
            ends_R = np.where(column.starts_R == NOWHERE, 0, column.starts_R + lengths_R)
            if column.starts_R.min(initial=0) < NOWHERE or ends_R.max(initial=0) > len(column.values_N):
                raise ValueError("a run's values are beyond the end of a column")
        for column in self.words.values():
            if not 0 <= column.values_N.min(initial=0) <= column.values_N.max(initial=0) < len(self.texts):
                raise ValueError("there is no such text")


class ShelvedColumns(Mapping[str, Any]):
    """The columns of one run."""

    __slots__ = ("_kind", "_length", "_of_run", "place", "shelf")

    def __init__(self, shelf: Shelf, place: int) -> None:
        self.shelf, self.place = shelf, place
        kind, self._length, self._of_run = shelf.runs[place]
        self._kind = shelf.kinds[kind]

    @property
    def names(self) -> Mapping[str, None]:
        """The names of the columns; the same object for all runs of a kind."""
        return self._kind.names

    def of_run(self, name: str) -> Any:
        """The value of one of `OF_A_RUN`."""
        return self._of_run[PLACES[name]]

    def __getitem__(self, name: str) -> Any:
        if name in PLACES:
            return [self.of_run(name)] * self._length
        if name not in self._kind.names:
            raise KeyError(name)
        if name in self._kind.empty:
            return np.full(self._length, np.nan)
        if name == "round":
            return np.arange(self._length)
        shelf, run = self.shelf, self.place
        if name in shelf.words and (start := shelf.words[name].starts_R[run]) != NOWHERE:
            return [shelf.texts[place] for place in shelf.words[name].values_N[start : start + self._length].tolist()]
        start = shelf.numbers[name].starts_R[run]
        return shelf.numbers[name].values_N[start : start + self._length]

    def __contains__(self, name: object) -> bool:
        return name in self._kind.names

    def __iter__(self) -> Iterator[str]:
        return iter(self._kind.names)

    def __len__(self) -> int:
        return len(self._kind.names)


def value_of(run: Mapping[str, Any], name: str) -> Any:
    """The value of one of `OF_A_RUN`, without a list of as many as there are rounds."""
    return run.of_run(name) if isinstance(run, ShelvedColumns) else run[name][0]


def names_of(runs: Iterable[Mapping[str, Any]]) -> list[str]:
    """The names of the columns that any of the runs has, in the order in which they come."""
    names = (run.names if isinstance(run, ShelvedColumns) else run for run in runs)
    return [*dict.fromkeys(chain.from_iterable({id(each): each for each in names}.values()))]


class Gathered:
    """Runs of one shelf, one after another."""

    def __init__(self, runs: Sequence[ShelvedColumns]) -> None:
        self._shelf, self._place_R = runs[0].shelf, np.array([run.place for run in runs])
        self._length_R = np.array([self._shelf.runs[place][1] for place in self._place_R.tolist()])

    @classmethod
    def of(cls, runs: Sequence[Mapping[str, Any]]) -> "Gathered | None":
        """None if they are not of one shelf."""
        shelved = [run for run in runs if isinstance(run, ShelvedColumns)]
        return cls(shelved) if len(shelved) == len(runs) and len({id(run.shelf) for run in shelved}) == 1 else None

    def values(self, name: str) -> NDArray[Any] | None:
        """The values of a column: numbers, NaN where a run has none, or texts, empty where it has none.

        None of a column that has one value a run, or numbers in some runs and texts in others.
        """
        shelf = self._shelf
        if name in PLACES or name == "round" or (name in shelf.numbers and name in shelf.words):
            return None
        if name in shelf.numbers:
            return self._taken(shelf.numbers[name], np.nan)
        if name not in shelf.words:
            return np.full(self._length_R.sum(), np.nan)
        texts: NDArray[Any] = np.array([*shelf.texts, ""], dtype=object)
        texts_N: NDArray[Any] = texts[self._taken(shelf.words[name], NOWHERE)]
        return texts_N

    def _taken(self, column: Column, empty: float) -> NDArray[Any]:
        length_R = self._length_R
        start_R = column.starts_R[self._place_R]
        row_N = np.arange(length_R.sum()) + np.repeat(start_R - (length_R.cumsum() - length_R), length_R)
        is_there_N = np.repeat(start_R != NOWHERE, length_R)
        values_N: NDArray[Any] = column.values_N[np.where(is_there_N, row_N, 0)]
        return values_N if is_there_N.all() else np.where(is_there_N, values_N, empty)


def shelved(files: Sequence[RoundsFile]) -> Shelf:
    """The rounds of runs whose files can be used."""
    runs = [file.columns or {} for file in files]
    places = {(tuple(run), file.empty): place for place, (run, file) in enumerate(zip(runs, files, strict=True))}
    kinds = {key: place for place, key in enumerate(places)}
    texts: dict[str, int] = {}
    numbers: dict[str, Column] = {}
    words: dict[str, Column] = {}
    for name in dict.fromkeys(chain.from_iterable(names for names, _ in kinds)):
        if name in OF_A_RUN or name == "round":
            continue
        of_numbers, of_words = [NOTHING] * len(runs), [NOTHING] * len(runs)
        for number, (run, file) in enumerate(zip(runs, files, strict=True)):
            if name in run and name not in file.empty:
                part = run[name]
                if isinstance(part, np.ndarray):
                    of_numbers[number] = part
                else:
                    of_words[number] = np.array([texts.setdefault(text, len(texts)) for text in part])
        for columns, parts in ((numbers, of_numbers), (words, of_words)):
            if any(map(len, parts)):
                columns[name] = _column(parts)
    of_runs = [
        (kinds[tuple(run), file.empty], len(run["round"]), [run[name][0] for name in OF_A_RUN])
        for run, file in zip(runs, files, strict=True)
    ]
    return Shelf([Kind.of(*kind) for kind in kinds], of_runs, [*texts], numbers, words)


def _column(parts: Sequence[NDArray[Any]]) -> Column:
    lengths_R = np.array([len(part) for part in parts], dtype=np.int64)
    starts_R = np.where(lengths_R > 0, lengths_R.cumsum() - lengths_R, NOWHERE)
    return Column(np.concatenate([part for part in parts if len(part)]), starts_R)

"""The tables of a run directory: rounds.csv and queries.csv, appended to a row at a time; measures.csv, replaced."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from al_bench.core.rounds import RoundRecord
from al_bench.files.writing import append_lines, read_text, replace_text
from al_bench.records.columns import BY_NAME, COLUMNS
from al_bench.records.identity import Identity
from al_bench.records.layout import MEASURES


class Table:
    """A CSV file that grows at its end, with the columns that it began with."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path = path
        self._columns = columns

    def append(self, rows: Iterable[Mapping[str, object]]) -> str:
        """Add rows in one write; what was written."""
        is_new = not self.path.exists() or self.path.stat().st_size == 0
        text = io.StringIO()
        writer = csv.DictWriter(text, self._columns, extrasaction="ignore", lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerows(rows)
        append_lines(self.path, text.getvalue())
        return text.getvalue()


def round_row(identity: Identity, record: RoundRecord) -> dict[str, object]:
    """A row of rounds.csv but for `queries_digest`; only the seconds differ between two runs of one configuration."""
    values = {column.name: column.of(record) for column in COLUMNS if column.of is not None}
    return {**identity.as_dict(), **{name: value for name, value in values.items() if value is not None}}


def query_rows(record: RoundRecord) -> list[dict[str, int]]:
    """The rows of queries.csv: the labels that this round is the first to be trained on."""
    labels = zip(record.batch.indices.tolist(), record.batch.targets.tolist(), strict=True)
    return [
        {"round": record.round, "order": order, "pool_index": index, "target": target}
        for order, (index, target) in enumerate(labels)
    ]


def is_own_name(name: str) -> bool:
    """Whether a measure of a user's own may be called so: as a function is, and as nothing is that runs say."""
    return name.isidentifier() and name not in BY_NAME and not name.startswith("is_")


def read_measures(folder: Path, num_rounds: int) -> dict[str, list[float]]:
    """The columns of a run directory's measures.csv for its committed rounds, NaN where there is no value; none without
    the file.

    Raises:
        OSError, ValueError: if it is not as `write_measures` leaves it, with the line.
    """
    try:
        header, *rows = list(csv.reader(read_text(folder / MEASURES).splitlines())) or [[]]
    except FileNotFoundError:
        return {}
    except csv.Error as error:
        raise ValueError(str(error)) from error
    names = header[1:]
    if header[:1] != ["round"] or not all(map(is_own_name, names)) or len(set(names)) < len(names):
        raise ValueError(f"line 1: its columns are no round and measures: {','.join(header):.60}")
    columns: dict[str, list[float]] = {name: [math.nan] * num_rounds for name in names}
    for round, row in enumerate(rows):
        if len(row) != len(header) or row[0] != str(round):
            raise ValueError(f"line {round + 2}: it is not that of round {round}")
        for name, text in zip(names, row[1:] if round < num_rounds else [], strict=round < num_rounds):
            columns[name][round] = _measure(text, round)
    return columns


def _measure(text: str, round: int) -> float:
    try:
        value = float(text or "nan")
    except ValueError:
        value = math.inf
    if math.isinf(value) or (text and math.isnan(value)):
        raise ValueError(f"line {round + 2}: {text:.60} is no finite number")
    return value


def write_measures(folder: Path, columns: Mapping[str, Sequence[float]]) -> None:
    """Replace measures.csv by these columns, a value for each round; one that is NaN is left empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["round", *columns])
    for round, values in enumerate(zip(*columns.values(), strict=True)):
        writer.writerow([round, *("" if math.isnan(value) else value for value in values)])
    replace_text(folder / MEASURES, text.getvalue())

"""The tables of a run directory: rounds.csv and queries.csv, appended to a row at a time."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from al_bench.core.rounds import RoundRecord
from al_bench.files.writing import append_lines
from al_bench.records.columns import COLUMNS
from al_bench.records.identity import Identity


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

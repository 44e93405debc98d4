"""The tables of a run directory: rounds.csv and queries.csv, appended to a row at a time."""

import csv
import io
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from al_bench.columns import IDENTITY_COLUMNS
from al_bench.errors import RunDirectoryError
from al_bench.files import append_lines, keep_lines, mended_lines
from al_bench.identity import Identity
from al_bench.interfaces import Batch, PoolMetrics, RoundRecord

QUERY_COLUMNS = ("round", "order", "pool_index", "target")


class Table:
    """A CSV file that grows at its end; its header is written with the first rows."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path = path
        self.columns = columns

    def append(self, rows: Iterable[Sequence[object]]) -> None:
        """Add rows in one write."""
        is_new = not self.path.exists() or self.path.stat().st_size == 0
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.columns, *rows] if is_new else rows)
        append_lines(self.path, text.getvalue())

    def read(self) -> list[dict[str, str]]:
        """All whole rows; an interrupted last one is cut off the file. RunDirectoryError if they are not ours."""
        lines = mended_lines(self.path)
        header, *rows = csv.reader(lines) if lines else [list(self.columns)]
        if tuple(header) != tuple(self.columns) or any(len(row) != len(header) for row in rows):
            raise RunDirectoryError(
                f"{self.path} is damaged or was written by another version of al_bench (its columns are "
                f"{','.join(header)}); give the run another name, or delete its folder to start again"
            )
        return [dict(zip(header, row, strict=True)) for row in rows]

    def keep(self, num_rows: int) -> None:
        """Cut the file after this many rows."""
        keep_lines(self.path, mended_lines(self.path)[: num_rows + 1])


def round_row(identity: Identity, record: RoundRecord) -> list[object]:
    """A row of rounds.csv; only the seconds differ between two runs of one configuration."""
    of_run = identity.as_dict()
    return [
        *(of_run[column] for column in IDENTITY_COLUMNS),
        record.round,
        record.num_labelled,
        record.train_accuracy,
        record.test.accuracy,
        record.test.balanced_accuracy,
        record.test.loss,
        record.num_epochs,
        record.epoch_limit_hit,
        round(record.fit_seconds, 6),
        round(record.query_seconds, 6),
        " ".join(map(str, record.class_counts)),
        record.num_validation,
        *([record.validation.accuracy, record.validation.loss] if record.validation is not None else ["", ""]),
        *_pool_values(record.unlabelled),
    ]


def _pool_values(unlabelled: PoolMetrics | None) -> list[object]:
    if unlabelled is None:
        return ["", ""]
    return [unlabelled.mean_entropy, " ".join(map(str, unlabelled.class_marginals))]


def query_rows(record: RoundRecord) -> list[tuple[int, int, int, int]]:
    """The rows of queries.csv: the labels that this round is the first to be trained on."""
    labels = zip(record.batch.indices.tolist(), record.batch.targets.tolist(), strict=True)
    return [(record.round, order, index, target) for order, (index, target) in enumerate(labels)]


def batches_of(rows: Iterable[dict[str, Any]]) -> list[Batch]:
    """The batches of rows of queries.csv, in order of their rounds."""
    return [
        Batch(*np.array([(int(row["pool_index"]), int(row["target"])) for row in labels], dtype=np.int64).T)
        for _, labels in groupby(rows, key=lambda row: row["round"])
    ]

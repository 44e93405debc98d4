"""The tables of a run directory: rounds.csv and queries.csv, appended to a row at a time."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from al_bench.errors import RunDirectoryError
from al_bench.files import append_lines, keep_lines, mended_lines
from al_bench.identity import Identity
from al_bench.interfaces import Batch, RoundRecord

QUERY_COLUMNS = ("round", "order", "pool_index", "target")


class Table:
    """A CSV file that grows at its end, and keeps the header that it began with.

    Args:
        path: of the file.
        columns: in their order in a new file.
        required: those that a file of an earlier version has, too; others that it lacks stay left out.
    """

    def __init__(self, path: Path, columns: Sequence[str], required: Sequence[str]) -> None:
        self.path = path
        self.columns = tuple(columns)
        self.header = self.columns
        self._required = required

    def append(self, rows: Iterable[Mapping[str, object]]) -> str:
        """Add rows in one write; what was written."""
        is_new = not self.path.exists() or self.path.stat().st_size == 0
        text = io.StringIO()
        writer = csv.DictWriter(text, self.header, extrasaction="ignore", lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerows(rows)
        append_lines(self.path, text.getvalue())
        return text.getvalue()

    def read(self) -> list[dict[str, str]]:
        """All whole rows; an interrupted last one is cut off the file.

        Raises:
            RunDirectoryError: if a column is unknown, there twice or lacking, or a row is of another length.
        """
        lines = mended_lines(self.path)
        header, *rows = csv.reader(lines) if lines else [list(self.columns)]
        is_ours = set(self._required) <= set(header) <= set(self.columns) and len(set(header)) == len(header)
        if not is_ours or any(len(row) != len(header) for row in rows):
            raise RunDirectoryError(
                f"{self.path} is damaged or was written by another version of al_bench (its columns are "
                f"{','.join(header)}); give the run another name, or delete its folder to start again"
            )
        self.header = tuple(header)
        return [dict(zip(header, row, strict=True)) for row in rows]

    def keep(self, num_rows: int) -> None:
        """Cut the file after this many rows."""
        keep_lines(self.path, mended_lines(self.path)[: num_rows + 1])


def round_row(identity: Identity, record: RoundRecord) -> dict[str, object]:
    """A row of rounds.csv but for `queries_digest`; only the seconds differ between two runs of one configuration."""
    row: dict[str, object] = {
        **identity.as_dict(),
        "round": record.round,
        "num_labelled": record.num_labelled,
        "train_accuracy": record.train_accuracy,
        "test_accuracy": record.test.accuracy,
        "test_balanced_accuracy": record.test.balanced_accuracy,
        "test_loss": record.test.loss,
        "num_epochs": record.num_epochs,
        "epoch_limit_hit": record.epoch_limit_hit,
        "fit_seconds": round(record.fit_seconds, 6),
        "query_seconds": round(record.query_seconds, 6),
        "class_counts": " ".join(map(str, record.class_counts)),
        "num_validation": record.num_validation,
        "num_steps": record.num_steps,
        "fit_cpu_seconds": round(record.fit_cpu_seconds, 6),
        "query_cpu_seconds": round(record.query_cpu_seconds, 6),
        "num_copies": record.num_copies,
    }
    if record.validation is not None:
        row |= {"validation_accuracy": record.validation.accuracy, "validation_loss": record.validation.loss}
    if record.unlabelled is not None:
        row |= {
            "unlabelled_entropy": record.unlabelled.mean_entropy,
            "unlabelled_class_marginals": " ".join(map(str, record.unlabelled.class_marginals)),
        }
    return row


def query_rows(record: RoundRecord) -> list[dict[str, int]]:
    """The rows of queries.csv: the labels that this round is the first to be trained on."""
    labels = zip(record.batch.indices.tolist(), record.batch.targets.tolist(), strict=True)
    return [
        {"round": record.round, "order": order, "pool_index": index, "target": target}
        for order, (index, target) in enumerate(labels)
    ]


def batches_of(rows: Iterable[dict[str, Any]]) -> list[Batch]:
    """The batches of rows of queries.csv, in order of their rounds."""
    return [
        Batch(*np.array([(int(row["pool_index"]), int(row["target"])) for row in labels], dtype=np.int64).T)
        for _, labels in groupby(rows, key=lambda row: row["round"])
    ]

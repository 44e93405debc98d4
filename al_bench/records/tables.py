"""The tables of a run directory: rounds.csv and queries.csv, appended to a row at a time."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from al_bench.core.rounds import RoundRecord
from al_bench.files.writing import append_lines
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

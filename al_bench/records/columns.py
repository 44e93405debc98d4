"""The columns of rounds.csv: what each is, where its value comes from, and what its values can be."""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from al_bench.core.rounds import ABOUT, RoundRecord

MOST = 2**63 - 1  # of a whole number that tables hold
LARGEST = sys.float_info.max


@dataclass(frozen=True)
class Column:
    """A column of rounds.csv.

    Args:
        name: in the header.
        kind: of its values.
        of: the value for a round, None where there is none; without it, the run directory knows the value.
        low: the smallest number that it can be.
        high: the largest number; None for the largest of its kind.
        pattern: of a text that is no name, and what the pattern says.
        is_required: no file is read without it; the others were not always there.
        is_usual: a reader says that a file lacks it.
        is_optional: it may be empty.
    """

    name: str
    kind: type
    of: Callable[[RoundRecord], object] | None = None
    low: float = 0
    high: float | None = None
    pattern: tuple[str, str] | None = None
    is_required: bool = False
    is_usual: bool = False
    is_optional: bool = False

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and the largest number that it can be."""
        return self.low, (MOST if self.kind is int else LARGEST) if self.high is None else self.high


def _measures(part: Literal["test", "validation"]) -> tuple[Column, ...]:
    """A column of each measure on a part, `test_loss`; only the first ones of the test set were always there."""
    is_test = part == "test"
    return tuple(
        Column(
            f"{part}_{name}",
            float,
            partial(_measured, part, name),
            high=about.high,
            is_required=is_test and name == "accuracy",
            is_usual=is_test and name == "balanced_accuracy",
            is_optional=not is_test or name not in FIRST,
        )
        for name, about in ABOUT.items()
    )


def _measured(part: str, name: str, record: RoundRecord) -> object:
    metrics = getattr(record, part)
    return None if metrics is None else getattr(metrics, name)


FIRST = ("accuracy", "balanced_accuracy", "loss")
IDENTITY = (
    Column("dataset", str, is_required=True),
    Column("model", str, is_required=True),
    Column("strategy", str, is_required=True),
    Column("batch_size", int, low=1, is_required=True),
    Column("variant", str, is_required=True, is_optional=True),
    Column("seed", int, high=math.inf, is_required=True),
)
COLUMNS = (
    *IDENTITY,
    Column("round", int, lambda record: record.round, is_required=True),
    Column("num_labelled", int, lambda record: record.num_labelled, low=1, is_required=True),
    Column("train_accuracy", float, lambda record: record.train_accuracy, high=1),
    *_measures("test"),
    Column("num_epochs", int, lambda record: record.num_epochs, low=1),
    Column(
        "epoch_limit_hit",
        bool,
        lambda record: record.epoch_limit_hit,
        pattern=("True|False", "True or False"),
        is_usual=True,
    ),
    Column("fit_seconds", float, lambda record: round(record.fit_seconds, 6), is_usual=True),
    Column("query_seconds", float, lambda record: round(record.query_seconds, 6), is_usual=True),
    Column(
        "class_counts",
        str,
        lambda record: _joined(record.class_counts),
        pattern=(r"(?=.*[1-9])\d+( \d+)*", "a number of examples for each class"),
        is_usual=True,
    ),
    Column("num_validation", int, lambda record: record.num_validation),
    *_measures("validation"),
    Column(
        "unlabelled_entropy",
        float,
        lambda record: record.unlabelled and record.unlabelled.mean_entropy,
        low=-1e-6,  # of rounding
        is_optional=True,
    ),
    Column(
        "unlabelled_class_marginals",
        str,
        lambda record: record.unlabelled and _joined(record.unlabelled.class_marginals),
        pattern=(r"[0-9.e-]+( [0-9.e-]+)*", "a probability of each class"),
        is_optional=True,
    ),
    Column("num_steps", int, lambda record: record.num_steps),
    Column("fit_cpu_seconds", float, lambda record: round(record.fit_cpu_seconds, 6)),
    Column("query_cpu_seconds", float, lambda record: round(record.query_cpu_seconds, 6)),
    Column("num_copies", int, lambda record: record.num_copies),
    Column("queries_digest", str, pattern=("[0-9a-f]{16}", "16 hexadecimal digits")),
)
BY_NAME = {column.name: column for column in COLUMNS}
ROUND_COLUMNS = tuple(BY_NAME)
IDENTITY_COLUMNS = tuple(column.name for column in IDENTITY)
SETTING_COLUMNS = ("dataset", "model", "batch_size", "variant")
REQUIRED = tuple(column.name for column in COLUMNS if column.is_required)
USUAL = tuple(column.name for column in COLUMNS if column.is_usual)
NUMBERS = tuple(column.name for column in COLUMNS if column.kind in (int, float))


def _joined(values: tuple[float, ...]) -> str:
    return " ".join(map(str, values))

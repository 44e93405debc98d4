"""What benchmarks give, as rows: measured, kept in a JSON file, and compared with those of another time."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import torch
from rich.table import Table

from al_bench.core.errors import UserError
from al_bench.job.environment import describe

MACHINE = ("processor", "threads", "python", "versions")  # what ratios are not told apart from, where it differs


@dataclass(frozen=True)
class Row:
    """A median: of how many repetitions, in which unit."""

    name: str
    unit: str
    value: float
    repetitions: int


@dataclass(frozen=True)
class Measured:
    """The rows of one machine at one commit; `left_out` says what was not measured, and why."""

    about: Mapping[str, Any]
    rows: Sequence[Row]
    left_out: Mapping[str, str]

    def write(self, path: Path) -> None:
        """As JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Measured":
        """What `write` has written; a UserError of anything else."""
        try:
            plain = json.loads(path.read_text())
            named = {name: plain["about"][name] for name in ("date", "commit", *MACHINE)}
            return cls(named, [Row(**row) for row in plain["rows"]], dict(plain["left_out"]))
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise UserError(f"{path} cannot be read ({error}): --compare takes what --json has written") from error


def about() -> dict[str, Any]:
    """Date, processor, threads, versions and commit."""
    told = describe("cpu")
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "processor": told["device_name"],
        "threads": torch.get_num_threads(),
        "python": told["python"],
        "versions": told["versions"],
        "commit": told.get("commit"),
        "commit_clean": told.get("commit_clean"),
    }


def repeated(name: str, unit: str, measure: Callable[[], float], seconds: float = 4.0, most: int = 9) -> Row:
    """The median of repetitions, of which the last begins within these seconds of the clock."""
    start, values = time.perf_counter(), [measure()]
    while len(values) < most and time.perf_counter() - start < seconds:
        values.append(measure())
    return Row(name, unit, median(values), len(values))


def cpu_seconds(function: Callable[[], object]) -> Callable[[], float]:
    """What a call takes of the processor: a measure."""

    def measure() -> float:
        start = time.process_time()
        function()
        return time.process_time() - start

    return measure


def shown(measured: Measured) -> Table:
    """The rows."""
    table = Table(title=_title(measured.about))
    for column in ("benchmark", "median", "unit", "of"):
        table.add_column(column, justify="right" if column in ("median", "of") else "left")
    for row in measured.rows:
        table.add_row(row.name, _number(row.value), row.unit, str(row.repetitions))
    table.caption = "\n".join(_left_out(measured)) or None
    return table


def compared(old: Measured, new: Measured) -> Table:
    """Old, new and their ratio; what differs but for the code is named."""
    table = Table(title=f"{_title(old.about)}\nand {_title(new.about)}")
    for column in ("benchmark", "unit", "old", "new", "new / old"):
        table.add_column(column, justify="left" if column in ("benchmark", "unit") else "right")
    earlier = {(row.name, row.unit): row.value for row in old.rows}
    later = {(row.name, row.unit): row.value for row in new.rows}
    for key in dict.fromkeys([*later, *earlier]):
        values = earlier.get(key), later.get(key)
        ratio = f"{values[1] / values[0]:.2f}" if values[0] and values[1] is not None else ""
        table.add_row(*key, *("" if value is None else _number(value) for value in values), ratio)
    table.caption = "\n".join([*differences(old, new), *_left_out(new)]) or None
    return table


def differences(old: Measured, new: Measured) -> list[str]:
    """A sentence for each thing but the commit that is not the same: the ratios are of that, too."""
    return [
        f"Not the same {name}: {_told(old.about[name])} before, {_told(new.about[name])} now."
        for name in MACHINE
        if old.about[name] != new.about[name]
    ]


def _told(value: object) -> str:
    return ", ".join(f"{key} {each}" for key, each in value.items()) if isinstance(value, Mapping) else str(value)


def _title(of: Mapping[str, Any]) -> str:
    commit = (of["commit"] or "no commit")[:9]
    return f"{of['date']}, {of['processor']}, threads: {of['threads']}, torch {of['versions']['torch']}, {commit}"


def _left_out(measured: Measured) -> list[str]:
    names: dict[str, list[str]] = {}
    for name, why in measured.left_out.items():
        names.setdefault(why, []).append(name)
    return [f"Left out ({why}): {', '.join(each)}." for why, each in names.items()]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"

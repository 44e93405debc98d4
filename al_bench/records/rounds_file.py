"""What rounds.csv and strategy_state.jsonl can hold: whatever no run writes is refused with its line.

Resuming, skipping what is finished and all analysis read by way of this, and what is written has been held against it.
Imports neither torch nor numpy, so that skipping is quick.
"""

import csv
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import pairwise
from typing import Any

from al_bench.records.columns import BY_NAME, IDENTITY_COLUMNS, REQUIRED

Columns = dict[str, list[Any]]
"""The values of rounds.csv by column; a column that is not ours is text, an empty real number NaN."""

DIGEST_LENGTH = 16  # hexadecimal digits of the sha256 of queries.csv up to a round
MAX_SHOWN = 60  # letters of a value in a message
IN_REAL = b"0123456789.eE+-"


def parsed_rounds(lines: Iterable[str]) -> Columns:
    """The columns of rounds.csv, from its whole lines.

    Raises:
        ValueError: with the line, for what no run writes.
    """
    columns = {name: _column(name, values) for name, values in texts_of(lines).items()}
    _check_rows(columns)
    return columns


def texts_of(lines: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The columns of rounds.csv as written, from its whole lines; ValueError if they are no table of rounds."""
    reader = csv.reader(lines)
    try:
        header, *rows = list(reader) or [[]]
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from error
    _check_shape(header, rows)
    return dict(zip(header, zip(*rows, strict=True), strict=True))


def checked_row(row: Mapping[str, object]) -> None:
    """ValueError if a row, about to be written, holds what would be refused later."""
    for name, value in row.items():
        text = str(value)
        if problem := _problem(name, [text]):
            raise ValueError(f"{name}={_shown(text)} {problem}")


def num_queried(columns: Columns) -> list[int]:
    """After each round, how many rows of queries.csv are committed; ValueError if that does not grow."""
    num_validation = columns.get("num_validation", [0] * len(columns["round"]))
    counts = [labels - validation for labels, validation in zip(columns["num_labelled"], num_validation, strict=True)]
    if counts[0] < 1:
        raise ValueError(f"line 2: num_labelled={columns['num_labelled'][0]} with num_validation={num_validation[0]}")
    return counts


def digest_of(queries: bytes) -> str:
    """What `queries_digest` says of the bytes of queries.csv up to a round."""
    return sha256(queries).hexdigest()[:DIGEST_LENGTH]


def parsed_states(lines: Sequence[str], num_rounds: int) -> list[dict[str, Any] | None]:
    """The states of a strategy after its rounds, from the whole lines of strategy_state.jsonl; none without a state.

    There is one more than `num_rounds` where a kill left one of a round that was not committed.

    Raises:
        ValueError: with the line, if it is not that of its round, or holds a number that is not finite.
    """
    states = [parsed_state(line, round) for round, line in enumerate(lines)]
    if all(state is None for state in states):
        return []
    if not 0 <= len(states) - num_rounds <= 1:
        raise ValueError(f"line {len(states)} is its last, where rounds.csv has {num_rounds} rounds")
    return states


def parsed_state(line: str, round: int) -> dict[str, Any] | None:
    """The state in a line; ValueError, with the line, if it is of another round, or a number in it is not finite."""
    try:
        entry = json.loads(line, parse_constant=_finite, parse_float=_finite)
        if not isinstance(entry, dict) or not isinstance(entry.get("state"), dict | None):
            raise ValueError("no state of a round")
        if type(entry.get("round")) is not int or entry["round"] != round:
            raise ValueError(f"of round {json.dumps(entry.get('round'))}, where that of round {round} belongs")
    except (ValueError, RecursionError) as error:
        raise ValueError(f"line {round + 1}: {error}") from error
    state: dict[str, Any] | None = entry["state"]
    return state


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:MAX_SHOWN]} is no finite number")
    return number


def _check_shape(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if not header:
        raise ValueError("it is empty")
    if missing := [column for column in REQUIRED if column not in header]:
        raise ValueError(f"it has no column {missing[0]}")
    if len(set(header)) < len(header):
        raise ValueError(f"it has a column twice: {','.join(header)}")
    if not rows:
        raise ValueError("it has no rounds")
    for number, row in enumerate(rows):
        if len(row) != len(header):
            raise ValueError(f"line {number + 2} has {len(row)} values, not {len(header)}")


def _column(name: str, texts: Sequence[str]) -> list[Any]:
    if _problem(name, texts):
        line, text = next((line, text) for line, text in enumerate(texts, 2) if _problem(name, [text]))
        raise ValueError(f"line {line}: {name}={_shown(text)} {_problem(name, [text])}")
    kind = BY_NAME[name].kind if name in BY_NAME else str
    if kind is float:
        return [float(text) if text else math.nan for text in texts]
    return list(map(int, texts)) if kind is int else list(texts)


def _problem(name: str, texts: Sequence[str]) -> str:
    """What is wrong with a value among these of a column; empty if nothing is."""
    column = BY_NAME.get(name)
    if column is None:
        return ""
    given = list(filter(None, texts)) if column.is_optional else texts
    if column.pattern is not None and not all(map(re.compile(column.pattern[0]).fullmatch, given)):
        return f"is not {column.pattern[1]}"
    if column.kind not in (int, float) or not given:
        return ""
    try:
        numbers: list[float] = list(map(column.kind, given))
    except ValueError:
        return "is no number"
    if column.kind is int and list(map(str, numbers)) != list(given):
        return "is not written as a whole number"
    low, high = column.range
    if any(map(math.isnan, numbers)) or not low <= min(numbers) <= max(numbers) <= high:
        return f"is not between {low:g} and {high:g}"
    is_plain = column.kind is int or not "".join(given).encode(errors="surrogatepass").translate(None, IN_REAL)
    return "" if is_plain else "is not written as a number"


def _check_rows(columns: Columns) -> None:
    """What has to hold between the rows."""
    for column in IDENTITY_COLUMNS:
        if len(set(columns[column])) != 1:
            raise ValueError(f"its rows differ in {column}, so they are not of one run")
    for round, value in enumerate(columns["round"]):
        if value != round:
            raise ValueError(f"line {round + 2}: its rounds are not 0, 1, 2, ...: round {value} where {round} belongs")
    for line, (before, after) in enumerate(pairwise(columns["num_labelled"]), 3):
        if after <= before:
            raise ValueError(f"line {line}: its numbers of labels do not grow: {after} after {before}")
    if len(set(columns.get("num_validation", []))) > 1:
        raise ValueError("its rows differ in num_validation")
    num_queried(columns)
    for name in ("class_counts", "unlabelled_class_marginals"):
        if len({text.count(" ") for text in columns.get(name, []) if text}) > 1:
            raise ValueError(f"its {name} are not of as many classes in every row")


def _shown(text: str) -> str:
    return repr(text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}...")

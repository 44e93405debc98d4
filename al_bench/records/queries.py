"""What queries.csv can hold: each label once, in the order of the rounds; anything else is refused by its line."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from al_bench.records.rounds_file import DIGEST_LENGTH, Columns, num_queried

QUERY_COLUMNS = ("round", "order", "pool_index", "target")
ROW = re.compile(rb"\d{1,18},\d{1,18},\d{1,18},\d{1,18}")
TOO_LARGE = 10**18  # a number of more than 18 digits; the parser takes what an integer does not hold for the largest
MAX_SHOWN = 60  # letters of a line in a message


@dataclass(frozen=True)
class Queries:
    """The whole rows of queries.csv (N, 4): `QUERY_COLUMNS`; and the bytes of its whole lines, header included."""

    rows_N4: NDArray[np.int64]
    content: bytes

    def batches(self, num_rounds: int) -> list[NDArray[np.int64]]:
        """The rows of each of the first rounds."""
        cuts = np.searchsorted(self.rows_N4[:, 0], np.arange(num_rounds + 1))
        return [self.rows_N4[start:end] for start, end in pairwise(cuts.tolist())]


def parsed_queries(content: bytes) -> Queries:
    """The whole lines of queries.csv; a last one that is not whole is left out.

    Raises:
        ValueError: with the line, for what no run writes, such as an example that is bought twice.
    """
    content = content[: content.rfind(b"\n") + 1]
    header, _, body = content.partition(b"\n")
    if content and header != ",".join(QUERY_COLUMNS).encode():
        shown = header[:MAX_SHOWN].decode(errors="replace")
        raise ValueError(f"line 1: its columns are {shown} where {','.join(QUERY_COLUMNS)} were written")
    num_rows = body.count(b"\n")
    is_filled = not any(empty in b"\n" + body for empty in (b",,", b"\n,", b",\n"))
    numbers = np.zeros(0, dtype=np.int64)
    if is_filled and body.translate(None, b"0123456789") == b",,,\n" * num_rows:
        numbers = np.fromstring(body.replace(b"\n", b",").decode(), dtype=np.int64, sep=",")
    if len(numbers) != num_rows * len(QUERY_COLUMNS) or (num_rows and numbers.max() >= TOO_LARGE):
        lines = enumerate(body.split(b"\n")[:-1], 2)
        line, text = next((line, text) for line, text in lines if not ROW.fullmatch(text))
        shown = text[:MAX_SHOWN].decode(errors="replace")
        raise ValueError(f"line {line}: {shown!r} is no row of {','.join(QUERY_COLUMNS)}")
    rows_N4 = numbers.reshape(num_rows, len(QUERY_COLUMNS))
    _check_order(rows_N4)
    return Queries(rows_N4, content)


def check_queries(queries: Queries, rounds: Columns, pool_size: int | None = None) -> None:
    """Hold the rows against rounds.csv, and the digests that it has; rows beyond its rounds are not looked at.

    Raises:
        ValueError: with the round or the line.
    """
    ends = num_queried(rounds)
    in_rounds = np.bincount(queries.rows_N4[:, 0], minlength=len(ends)) if len(queries.rows_N4) else np.zeros(len(ends))
    for round, (found, counted) in enumerate(zip(accumulate(in_rounds.tolist()), ends, strict=False)):
        if found != counted:
            raise ValueError(
                f"it does not hold the labels that rounds.csv counts: {int(found)} up to round {round}, not {counted}"
            )
    committed_N4 = queries.rows_N4[: ends[-1]]
    counts = next((text for text in rounds.get("class_counts", []) if text), "")
    _check_below(committed_N4[:, 2], pool_size, "pool_index", "examples in the pool")
    _check_below(committed_N4[:, 3], counts.count(" ") + 1 if counts else None, "target", "classes")
    if "queries_digest" in rounds:
        _check_digests(queries.content, ends, rounds["queries_digest"])


def _check_order(rows_N4: NDArray[np.int64]) -> None:
    rounds_N, order_N = rows_N4[:, 0], rows_N4[:, 1]
    before = np.array([[-1, -1]])
    is_first_N, is_next_N = (
        (rounds_N == last[:, 0] + step) & (order_N == (0 if step else last[:, 1] + 1))
        for last in [np.concatenate([before, rows_N4[:-1, :2]])]
        for step in (1, 0)
    )
    if not (is_right_N := is_first_N | is_next_N).all():
        row = int(is_right_N.argmin())
        raise ValueError(
            f"line {row + 2}: order {order_N[row]} of round {rounds_N[row]} does not follow the line above"
        )
    index_N = rows_N4[:, 2]
    by_index = np.argsort(index_N, kind="stable")
    is_second = np.diff(index_N[by_index]) == 0
    if is_second.any():
        row = int(by_index[1:][is_second].min())
        raise ValueError(f"line {row + 2}: example {index_N[row]} of the pool was bought before")


def _check_below(numbers_N: NDArray[np.int64], bound: int | None, column: str, what: str) -> None:
    if bound is not None and len(numbers_N) and numbers_N.max() >= bound:
        row = int((numbers_N >= bound).argmax())
        raise ValueError(f"line {row + 2}: {column}={numbers_N[row]}, where there are {bound:,} {what}")


def _check_digests(content: bytes, ends: Sequence[int], digests: Sequence[str]) -> None:
    """Each is of the bytes up to the end of its round's batch."""
    lengths = np.flatnonzero(np.frombuffer(content, dtype=np.uint8) == ord("\n")) + 1
    hashed, start = sha256(), 0
    for round, (end, digest) in enumerate(zip(ends, digests, strict=True)):
        hashed.update(content[start : (start := int(lengths[end]))])
        if hashed.hexdigest()[:DIGEST_LENGTH] != digest:
            raise ValueError(
                f"it is not what was written: up to round {round} its digest is not {digest}, as rounds.csv says"
            )

"""A user's own table, with a line of column names: comma-separated, tab-separated (`.tsv`) or Parquet (`.parquet`)."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from al_bench.core.errors import DataError, nearest
from al_bench.datasets.formats.own_files import read_own

Cells = list[str]
"""Of a column; an empty one is missing."""


@dataclass(frozen=True)
class Table:
    """The cells of a table's file, as text.

    Args:
        place: the key and its value, for messages: `dataset.path=x.csv`.
        columns: cells by name, in the order of the file.
        lines: of each row, the number of its line in the file; of its row where there are no lines.
    """

    place: str
    columns: dict[str, Cells]
    lines: Sequence[int]

    def __len__(self) -> int:
        return len(self.lines)

    def column(self, key: str, name: str) -> Cells:
        """The cells of the column that a key names; DataError, with the columns there are, if there is none."""
        if name not in self.columns:
            alone = "; commas separate columns" if len(self.columns) == 1 else ""
            raise DataError(f"{key}={name}: {self.place} has no such column; {nearest(name, self.columns)}{alone}")
        return self.columns[name]


def read_table(key: str, path: str) -> Table:
    """The table in the file that a key names; DataError unless it is one, in UTF-8, with a row or more."""
    place, content = f"{key}={path}", read_own(key, path)
    names, rows, lines = _parquet(place, content) if path.endswith(".parquet") else _separated(place, path, content)
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{place}: {', '.join(map(repr, repeated))} is the name of more than one column; rename them")
    if not rows:
        raise DataError(f"{place}: there are no rows below the names of the columns")
    return Table(place, dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)), lines)


def _separated(place: str, path: str, content: bytes) -> tuple[list[str], list[Sequence[str]], list[int]]:
    """Names, rows and their lines; cells may be in quotation marks, and hold commas, line ends and doubled marks."""
    text = io.StringIO(_decoded(place, content), newline="")
    csv.field_size_limit(max(csv.field_size_limit(), len(content)))  # of the process; a text may be a book
    reader = csv.reader(text, delimiter="\t" if path.endswith(".tsv") else ",", strict=True)
    names: list[str] = []
    rows: list[Sequence[str]] = []
    lines: list[int] = []
    known: dict[str, str] = {}  # a text that stands in many cells is kept once
    next_line = 1
    try:
        for row in reader:
            line, next_line = next_line, reader.line_num + 1
            if not names:
                names = [name.strip() for name in row]
            elif len(row) == len(names):
                rows.append([known.setdefault(cell, cell) for cell in row])
                lines.append(line)
            elif row:
                raise DataError(
                    f"{place}: line {line} has {len(row)} cells, but the first names {len(names)} columns; a cell that "
                    'holds a comma must be in quotation marks, "like, this"'
                )
    except csv.Error as error:
        raise DataError(
            f"{place}: line {next_line} cannot be read ({error}); a cell in quotation marks ends with one, and those "
            'inside are doubled: "so ""called"" cells"'
        ) from error
    if not names:
        raise DataError(f"{place}: the file is empty")
    return names, rows, lines


def _decoded(place: str, content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{place}: line {line} is not UTF-8 (byte {content[error.start]:#04x}); save the file as UTF-8"
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{place}: line {line} holds a zero byte; take it out")
    return text


def _parquet(place: str, content: bytes) -> tuple[list[str], list[Sequence[str]], range]:
    try:
        frame = pd.read_parquet(io.BytesIO(content), engine="pyarrow")
    except ImportError as error:
        raise DataError(f"{place}: needs pyarrow (pip install pyarrow); a .csv does not") from error
    except Exception as error:  # whatever pyarrow says of what is no such file
        raise DataError(f"{place}: not a readable Parquet file ({' '.join(str(error).split())})") from error
    cells = frame.astype(object).where(frame.notna(), "").to_numpy(dtype=object)
    return [*map(str, frame.columns)], [[*map(str, row)] for row in cells], range(1, len(frame) + 1)

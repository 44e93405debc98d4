"""Reading ARFF files: lines and quotation marks here, numbers by pandas."""

import csv
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn, TextIO

import numpy as np
import pandas as pd

from al_bench.core.errors import DataError
from al_bench.datasets.formats.arff_header import (
    BLANKS,
    NUMBER,
    QUOTED,
    WEIGHT,
    ArffError,
    Column,
    UnsupportedError,
    decoded,
    read_header,
    shown,
)

LINES_AT_ONCE = 4096
ENCODINGS = ("utf-8-sig", "latin-1")  # the second reads everything
MISSING = ("?", "")
END_OF_FILE = "\x1a"  # Ctrl-Z
SPECIAL = re.compile(r"""['"{ \t\r\f\v\0]""")
# A cell is quoted or bare, and a bare one does not begin with a quotation mark.
AFTER_COMMAS = re.compile(rf"""[ \t\r\f\v]*({QUOTED}[ \t\r\f\v]*|(?:[^,'" \t\r\f\v][^,]*)?)(?:,|$)""")
AFTER_BLANKS = re.compile(rf"""[ \t\r\f\v]*({QUOTED}|[^'" \t\r\f\v][^ \t\r\f\v]*)(?:[ \t\r\f\v]+|$)""")


def read_arff(path: Path) -> tuple[pd.DataFrame, str]:
    """A dense ARFF file: numeric columns as float64, nominal ones as categories; and the name of the target.

    The categories are the texts that the header lists, as far as they occur. The target is the column called `class` in
    any case, else the last.

    Raises:
        DataError: if the file is not such a file.
    """
    try:
        columns, frame = _read(path)
    except UnsupportedError as error:
        raise DataError(f"{path.absolute()}: {error}") from error
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise DataError(
            f"{path.absolute()}: not a readable ARFF file ({error}); mend it, fetch it again from "
            f"https://www.openml.org/search?type=data&id={path.stem}, or delete it"
        ) from error
    named = [column.name for column in columns if column.name.lower() == "class"]
    return frame, named[0] if named else columns[-1].name


def _read(path: Path) -> tuple[list[Column], pd.DataFrame]:
    for encoding in ENCODINGS[:-1]:
        try:
            return _read_as(path, encoding)
        except UnicodeDecodeError:
            continue
    return _read_as(path, ENCODINGS[-1])


def _read_as(path: Path, encoding: str) -> tuple[list[Column], pd.DataFrame]:
    with path.open(encoding=encoding) as file:
        lines = _lines(file)
        columns = read_header(lines)
        rows = _Rows(lines, columns)
        try:
            texts = pd.read_csv(
                rows,  # type: ignore[call-overload]
                header=None,
                names=range(len(columns)),
                index_col=False,
                na_values=list(MISSING),
                keep_default_na=False,
                quoting=csv.QUOTE_NONE,
                dtype={place: "float64" if column.listed is None else "object" for place, column in enumerate(columns)},
            )
        except UnicodeDecodeError:
            raise
        except pd.errors.EmptyDataError:
            raise ArffError("there are no rows after @data") from None
        except (ValueError, pd.errors.ParserError) as error:
            if rows.problem is None:
                _refuse_cell(path, encoding, str(error))
            raise rows.problem from None
    if texts.empty:
        raise ArffError("there are no rows after @data")
    named: dict[str, Any] = {}
    for place, column in enumerate(columns):
        values = texts[place]
        named[column.name] = values if column.listed is None else _categories(values)
        if column.listed is not None and not column.listed.issuperset(named[column.name].categories):
            _refuse_cell(path, encoding, f"column {shown(column.name)} has a value that its header does not list")
    return columns, pd.DataFrame(named)


def _lines(file: TextIO) -> Iterator[tuple[int, str]]:
    """The lines with their numbers, without comments, empty ones and the newline; as far as a final Ctrl-Z.

    A `%` is a comment at the start of a line only.
    """
    for number, line in enumerate(file, start=1):
        text = line.strip(BLANKS + "\n")
        if END_OF_FILE in text:
            text, _, rest = text.partition(END_OF_FILE)
            if any(each.strip(f"{BLANKS}\n{END_OF_FILE}") for each in (rest, *file)):
                raise ArffError(f"line {number}: Ctrl-Z, the end of a file, though more follows")
            text = text.strip(BLANKS)
        if text and not text.startswith("%"):
            yield number, text


class _Rows:
    """The rows as a file for pandas, all in one form: a million of them are never in memory at once.

    In that form commas separate cells and are nowhere else; a quoted cell is quoted if the column is nominal. What is
    wrong with a line is raised, and kept as the `problem`, as pandas may raise something else.
    """

    def __init__(self, lines: Iterator[tuple[int, str]], columns: list[Column]) -> None:
        self.problem: ArffError | UnsupportedError | None = None
        self._is_nominal = [column.listed is not None for column in columns]
        self._rows = self._written(lines)

    def __iter__(self) -> Iterator[str]:
        return self._rows

    def read(self, size: int = -1) -> str:  # noqa: ARG002
        """Some lines; none at the end."""
        try:
            return "".join(islice(self._rows, LINES_AT_ONCE))
        except (ArffError, UnsupportedError) as error:
            self.problem = error
            raise

    def _written(self, lines: Iterator[tuple[int, str]]) -> Iterator[str]:
        num_commas = len(self._is_nominal) - 1
        cell = None
        for number, line in lines:
            if cell is None:
                cell = _cell_of(line, num_commas)
            if cell is AFTER_COMMAS and line.count(",") == num_commas and not SPECIAL.search(line):
                yield f"{line}\n"
                continue
            cells = split_row(number, line, cell, num_commas + 1)
            yield ",".join(map(_rewritten, cells, self._is_nominal)) + "\n"


def _cell_of(first_row: str, num_commas: int) -> re.Pattern[str]:
    """What separates the cells of a file: blanks, if its first row has no comma but the right number of texts."""
    is_blank = num_commas > 0 and "," not in re.sub(QUOTED, "", first_row)
    return AFTER_BLANKS if is_blank and len(AFTER_BLANKS.findall(first_row)) == num_commas + 1 else AFTER_COMMAS


def split_row(number: int, line: str, cell: re.Pattern[str], num_columns: int) -> list[str]:
    """The cells of a row, as they are written."""
    if line.startswith("{"):
        raise UnsupportedError(
            f"line {number} is sparse data ({shown(line)}); only dense data can be used, with a value of every column "
            "in every row"
        )
    if "\0" in line:
        raise ArffError(f"line {number} holds a zero byte")
    cells, position = [], 0
    while position < len(line):
        match = cell.match(line, position)
        if not match:
            raise ArffError(f"line {number}: quotation marks that do not enclose a value, at {shown(line[position:])}")
        cells.append(match[1].strip(BLANKS))
        position = match.end()
    cells += [""] * (cell is AFTER_COMMAS and line.endswith(","))
    if re.fullmatch(WEIGHT, cells[-1]) and len(cells) > num_columns:
        _refuse_weight(number, cells[-1])
    if len(cells) != num_columns:
        raise ArffError(f"line {number} has {len(cells)} values, but the header names {num_columns} columns")
    return cells


@lru_cache(maxsize=65_536)
def _rewritten(cell: str, is_nominal: bool) -> str:
    if cell[:1] not in ("'", '"'):
        return cell
    text = decoded(cell)
    if not is_nominal and NUMBER.fullmatch(text.strip()):
        return text.strip()
    escaped = text.replace("\\", "\\\\").replace(",", "\\u002c").replace("'", "\\'")
    return f"'{escaped}'".replace("\n", "\\n").replace("\r", "\\r").replace("\0", "\\u0000")


def _text(cell: str) -> str | None:
    """What a cell of a nominal column says; None if it is missing."""
    if cell.startswith("'"):
        return decoded(cell)
    return None if cell in MISSING else cell


def _categories(cells: "pd.Series[Any]") -> pd.Categorical:
    """Each distinct text is decoded once."""
    codes, written = pd.factorize(cells)
    texts = [_text(cell) for cell in written]
    distinct = list(dict.fromkeys(text for text in texts if text is not None))
    code_of: dict[str | None, int] = {text: code for code, text in enumerate(distinct)}
    code_of_written = np.array([*(code_of.get(text, -1) for text in texts), -1])
    return pd.Categorical.from_codes(code_of_written[codes], categories=pd.Index(distinct, dtype=object))


def _refuse_cell(path: Path, encoding: str, problem: str) -> NoReturn:
    """Name the first cell that is no number, or no value of its column; else the problem."""
    with path.open(encoding=encoding) as file:
        lines = _lines(file)
        columns = read_header(lines)
        cell = None
        for number, line in lines:
            cell = cell or _cell_of(line, len(columns) - 1)
            for written, column in zip(split_row(number, line, cell, len(columns)), columns, strict=True):
                _check_cell(number, written, column)
    raise ArffError(problem)


def _check_cell(number: int, written: str, column: Column) -> None:
    if written in MISSING:
        return
    text = decoded(written) if written[0] in "'\"" else written
    if NUMBER.fullmatch(text.strip()) if column.listed is None else text in column.listed:
        return
    if weight := re.search(rf"[ \t]({WEIGHT})$", written):
        _refuse_weight(number, weight[1])
    what = "is no number" if column.listed is None else "its header does not list"
    raise ArffError(f"line {number}: column {shown(column.name)} has the value {shown(text)}, which {what}")


def _refuse_weight(number: int, weight: str) -> NoReturn:
    raise UnsupportedError(f"line {number} has an instance weight, {weight}; rows count alike here: take it out")

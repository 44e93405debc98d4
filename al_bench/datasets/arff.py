"""Reading ARFF files: the header here, the rows with pandas."""

import csv
import re
import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TextIO

import pandas as pd

from al_bench.errors import DataError

ATTRIBUTE = re.compile(r"""@attribute\s+('[^']*'|"[^"]*"|\S+)\s+(.+)""", re.IGNORECASE)
LINES_AT_ONCE = 4096
NOMINAL = re.compile(r"""\{('[^']*'|"[^"]*"|[^}'"])*\}""")
NUMERIC = {"numeric", "real", "integer"}


def read_arff(path: Path) -> tuple[pd.DataFrame, str]:
    """A dense ARFF file: numeric columns as float64, nominal ones as categories; and the name of the target.

    The target is the column called `class` in any case, else the last.

    Raises:
        DataError: if the file is not such a file.
    """
    try:
        with path.open(encoding="utf-8") as file, warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header
            attributes, quote = _read_header(file)
            frame = pd.read_csv(
                _Rows(file),  # type: ignore[call-overload]
                header=None,
                names=list(attributes),
                index_col=False,
                na_values=["?", ""],
                keep_default_na=False,
                quotechar=quote,
                skipinitialspace=True,
                dtype={name: "float64" if kind in NUMERIC else "category" for name, kind in attributes.items()},
            )
            if frame.empty:
                raise ValueError("there are no rows after @data")
            _check_declared(frame, attributes, quote)
    except (OSError, ValueError, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise DataError(
            f"{path.absolute()}: not a readable ARFF file ({error}); fetch it again from "
            f"https://www.openml.org/search?type=data&id={path.stem}, or delete it"
        ) from error
    named = [name for name in attributes if name.lower() == "class"]
    return frame, named[0] if named else list(attributes)[-1]


def _read_header(file: TextIO) -> tuple[dict[str, str], str]:
    """Column names with their types, as far as `@data`, and the quotation mark that nominal values use."""
    attributes: dict[str, str] = {}
    for line in file:
        if line.strip().lower().startswith("@data"):
            break
        match = ATTRIBUTE.match(line.strip())
        if match:
            kind = match[2].strip()
            listed = NOMINAL.match(kind)
            attributes[match[1].strip("'\"")] = listed[0] if listed else kind.split()[0].lower()
    else:
        raise ValueError("there is no @data line")
    unusable = {name: kind for name, kind in attributes.items() if kind not in NUMERIC and not kind.startswith("{")}
    if unusable:
        raise ValueError(f"only numeric and nominal columns can be used, but these are {unusable}")
    if not attributes:
        raise ValueError("there is no @attribute line")
    return attributes, "'" if any("'" in kind for kind in attributes.values()) else '"'


def _check_declared(frame: pd.DataFrame, attributes: dict[str, str], quote: str) -> None:
    """ValueError for a nominal value that the header does not list: a file that was cut off may end in one."""
    for name, kind in attributes.items():
        if kind not in NUMERIC:
            (declared,) = csv.reader([kind.strip("{} ")], quotechar=quote, skipinitialspace=True)
            known = {_bare(value) for value in declared}
            unknown = [value for value in frame[name].cat.categories if _bare(value) not in known]
            if unknown:
                raise ValueError(f"column {name!r} has the value {unknown[0]!r}, which its header does not list")


def _bare(value: str) -> str:
    return str(value).strip(" '\"").replace("\\", "")


class _Rows:
    """The rows of an open file, without comments, as a file for pandas: a million of them are never in memory at once.

    A `%` is a comment at the start of a line only, which pandas has no option for.
    """

    def __init__(self, file: TextIO) -> None:
        self._lines = (line for line in file if not line.startswith("%"))

    def __iter__(self) -> Iterator[str]:
        return self._lines

    def read(self, size: int = -1) -> str:  # noqa: ARG002
        """Some lines; none at the end."""
        return "".join(islice(self._lines, LINES_AT_ONCE))

"""The header of an ARFF file: the names and types of the columns; and what a quoted text stands for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

BLANKS = " \t\r\f\v"
QUOTED = r"""(?:'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")"""
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|[-+]?inf(inity)?", re.IGNORECASE | re.ASCII)
WEIGHT = r"\{\s*[-+.\deE]+\s*\}"

ESCAPED = {quote: re.compile(rf"\\(?:u([0-9a-fA-F]{{4}})|([0-7]{{1,3}})|(.))|{quote}({quote})") for quote in "'\""}
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
ATTRIBUTE = re.compile(rf"@attribute\s+(?:({QUOTED})\s*|([^\s{{]+)(?:\s+|(?=\{{)))(\S.*)", re.IGNORECASE)
NUMERIC = re.compile(r"(?:numeric|real|integer)\s*(?:\[[^\]]*\]\s*)?", re.IGNORECASE)
VALUE = re.compile(rf"""\s*(?:({QUOTED})\s*|([^\s,}}'"][^,}}]*)?)([,}}])""")
MAX_SHOWN = 40  # characters of a text in a message
KNOWN = ("@relation", "@attribute", "@end")


class ArffError(ValueError):
    """A file that is not as the format has it."""


class UnsupportedError(ValueError):
    """A file as the format has it, but with what cannot be used here."""


@dataclass(frozen=True)
class Column:
    """The name of a column and the values that the header lists for it; None for numbers."""

    name: str
    listed: frozenset[str] | None


def read_header(lines: Iterator[tuple[int, str]]) -> list[Column]:
    """The columns, from numbered lines as far as `@data`."""
    columns: list[Column] = []
    for number, line in lines:
        keyword = line.split(maxsplit=1)[0].lower()
        if keyword.startswith("@data"):
            break
        if keyword.startswith("@attribute"):
            columns.append(_column(number, line))
            if columns[-1].name in (column.name for column in columns[:-1]):
                raise UnsupportedError(f"line {number}: there is a column {shown(columns[-1].name)} above; rename one")
        elif keyword.startswith("@") and not keyword.startswith(KNOWN):
            raise ArffError(f"line {number}: {shown(keyword)} is nothing that a header holds")
    else:
        raise ArffError("there is no @data line")
    if not columns:
        raise ArffError("there is no @attribute line")
    return columns


def decoded(quoted: str) -> str:
    """The text that a quoted one stands for: blanks and other quotation marks inside are part of it."""
    return ESCAPED[quoted[0]].sub(_unescaped, quoted[1:-1])


def shown(text: str) -> str:
    """A text for messages; the start of a long one."""
    return repr(text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}...")


def _unescaped(match: re.Match[str]) -> str:
    hexadecimal, octal, character, quote = match.groups()
    if hexadecimal or octal:
        return chr(int(hexadecimal, 16) if hexadecimal else int(octal, 8))
    return quote or ESCAPES.get(character, character)


def _column(number: int, line: str) -> Column:
    match = ATTRIBUTE.match(line)
    if not match:
        raise ArffError(f"line {number}: not @attribute with a name and a type")
    name, kind = decoded(match[1]) if match[1] else match[2], match[3]
    if kind.startswith("{"):
        values, rest = _values(number, kind)
        kind = kind[: len(kind) - len(rest)]
    else:
        values, numeric = None, NUMERIC.match(kind)
        if not numeric:
            _refuse_type(number, name, kind)
        rest = kind[len(numeric[0]) :] if numeric else ""
    if re.match(WEIGHT, rest.strip()):
        raise UnsupportedError(
            f"line {number}: column {shown(name)} has a weight, {rest.strip()}; take it out of the file"
        )
    if rest.strip() and not rest.strip().startswith("%"):
        raise ArffError(f"line {number}: {shown(rest.strip())} after the type of column {shown(name)}")
    return Column(name, values)


def _refuse_type(number: int, name: str, kind: str) -> None:
    word = kind.split()[0].lower()
    if word in ("date", "string", "relational"):
        raise UnsupportedError(
            f"line {number}: column {shown(name)} is of the type {word}; only numeric and nominal columns can be used: "
            "take it out of the file"
        )
    raise ArffError(f"line {number}: column {shown(name)} is of no type of the format: {shown(kind)}")


def _values(number: int, kind: str) -> tuple[frozenset[str], str]:
    """The texts of a list in braces, and what follows it."""
    values: list[str] = []
    position, end = 1, ","
    while end == ",":
        match = VALUE.match(kind, position)
        if not match:
            raise ArffError(
                f"line {number}: a list of values without its end, from {shown(kind[position:].strip())} on"
            )
        values += [decoded(match[1])] if match[1] else [match[2].strip()] if match[2] else []
        position, end = match.end(), match[3]
    return frozenset(values), kind[position:]

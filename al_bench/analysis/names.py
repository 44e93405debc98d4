"""Names that people gave, shown as they are: in sentences, figures, pages, terminals, and as names of files."""

import hashlib
import html
import re
import sys
import unicodedata
from collections.abc import Mapping

MAX_FILE_NAME = 200  # bytes, without its ending
UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")  # in a file's name for LaTeX, a shell or a URL
RIGHT_TO_LEFT = {"R", "AL", "AN", "RLE", "RLO", "RLI"}
MEANS_SOMETHING = str.maketrans({each: f"&#{ord(each)};" for each in "$%{}"})  # to plotly.js


def file_name(start: str, group: Mapping[str, object]) -> str:
    """Without its ending: `penalty_batch_size_100_model_mlp`; a hash stands at the end for what was left out of it."""
    parts = [f"{key}_{value}" for key, value in group.items() if value != ""]
    name = "_".join([start, *(parts or ["overall"])])
    safe = UNSAFE.sub("-", name)
    if safe == name and len(name) <= MAX_FILE_NAME:
        return name
    return f"{safe[: MAX_FILE_NAME // 2]}-{hashlib.sha256(name.encode(errors='surrogateescape')).hexdigest()[:12]}"


def isolated(name: str) -> str:
    """A name within a sentence: one written from right to left does not pull along the numbers that follow it."""
    if RIGHT_TO_LEFT.isdisjoint(map(unicodedata.bidirectional, name)):
        return name
    return f"\N{FIRST STRONG ISOLATE}{name}\N{POP DIRECTIONAL ISOLATE}"


def for_plotly(name: object) -> str:
    """A name as plotly shows it: neither tags, nor templates, nor mathematics."""
    return html.escape(str(name), quote=False).translate(MEANS_SOMETHING)  # plotly.js does not know &quot;


def encodable(text: str) -> str:
    r"""What of a text is no character, as in the name of a folder that is no UTF-8, as `\udcff`."""
    return text.encode(errors="backslashreplace").decode()


def print_any_name() -> None:
    """From here on, what the terminal or the pipe has no letter for is printed as its number, and stops nothing."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]

"""Malformed files: every kind that the runner reads, damaged in a way that is drawn."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

RUN_FILES = (
    *("config.yaml", "rounds.csv", "queries.csv", "done.json", "environment.json", "strategy_state.jsonl", ".lock"),
    *("run.log", "error.json", "wandb_id", "curve.png", ".environment.json.partial", ".rounds.csv.partial"),
)
YAML = (
    *(
        "- a\n- b\n",
        "text\n",
        "",
        "1: 2\n",
        "a: [1\n",
        "a: 1\na: 2\n",
        "\ta: 1\n",
        "defaults: 3\n",
        "# @package 3 4\na: 1\n",
    ),
    *(
        "!!python/object/apply:os.system [touch pwned]\n",
        "_target_: os.system\n",
        "_target_: [x]\n",
        "_target_: ${nope}\n",
    ),
    "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
)
JSON = ("null", "[]", "{}", '"text"', "7" * 23, "[null]", "[[]]", '{"schema_version": 1}', "NaN", "[" * 100_000, "{")
CELLS = ("", "x", "nan", "-1", "2", "1e400", "7" * 23, '"', "0.5.1", "\0")


def damage(rng: Random, path: Path, secret: Path) -> str:
    """Damage the file, or put something else in its place; what was done."""
    if path.exists() and path.stat().st_size and rng.random() < 0.6:
        content = path.read_bytes()
        how = rng.choice((_cut, _flipped, _without_a_line, _twice_a_line, _swapped, _another_cell))
        path.write_bytes(how(rng, content))
        return how.__name__.strip("_").replace("_", " ")
    what = rng.choice(("written", "written", "written", "a folder", "a fifo", "a link", "a link to nowhere", "gone"))
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    if what == "written":
        text = _text(rng, path.suffix)
        path.write_bytes(text.encode(errors="surrogateescape"))
        return f"written: {json.dumps(text[:30])}"
    if what == "a folder":
        path.mkdir()
    elif what == "a fifo":
        os.mkfifo(path)
    elif what != "gone":
        path.symlink_to(secret if what == "a link" else path.parent / "nowhere")
    return what


def _text(rng: Random, suffix: str) -> str:
    of_kind = {".yaml": YAML, ".json": JSON, ".jsonl": JSON}.get(suffix, (*YAML, *JSON))
    return rng.choice((*of_kind, "\0\1\2", "\udcff", "x" * 200_000, "a,b\n1,2\n"))


def _cut(rng: Random, content: bytes) -> bytes:
    return content[: rng.randrange(len(content))]


def _flipped(rng: Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 3, 50))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _lines(change: Callable[[Random, list[bytes], int], list[bytes]]) -> Callable[[Random, bytes], bytes]:
    def changed(rng: Random, content: bytes) -> bytes:
        lines = content.splitlines(keepends=True)
        return b"".join(change(rng, lines, rng.randrange(len(lines))))

    changed.__name__ = change.__name__
    return changed


@_lines
def _without_a_line(rng: Random, lines: list[bytes], place: int) -> list[bytes]:
    return lines[:place] + lines[place + rng.choice((1, 1, 5)) :]


@_lines
def _twice_a_line(rng: Random, lines: list[bytes], place: int) -> list[bytes]:  # noqa: ARG001
    return lines[: place + 1] + lines[place:]


@_lines
def _swapped(rng: Random, lines: list[bytes], place: int) -> list[bytes]:
    other = rng.randrange(len(lines))
    lines[place], lines[other] = lines[other], lines[place]
    return lines


@_lines
def _another_cell(rng: Random, lines: list[bytes], place: int) -> list[bytes]:
    cells = lines[place].split(b",")
    cells[rng.randrange(len(cells))] = rng.choice(CELLS).encode()
    lines[place] = b",".join(cells)
    return lines

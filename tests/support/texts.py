"""Texts, made small, and a function of features for them."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

WORDS = ["card", "cash", "lost", "rate", "pin", "new", "the", "a", "is", "my", "where", "when", "how", "7", "30", ","]


class Letters:
    """How often each letter of a text stands in it, as a share of all: the same whatever is beside it."""

    def __call__(self, inputs: Sequence[str]) -> torch.Tensor:
        counts = [[text.lower().count(chr(ord("a") + each)) / len(text) for each in range(26)] for text in inputs]
        return torch.tensor(counts, dtype=torch.float32)


def made(num_rows: int = 90, num_classes: int = 3, seed: int = 0) -> list[tuple[str, str]]:
    """Texts, all different, and names of classes with a blank; every class is among the first rows."""
    rng = np.random.default_rng(seed)
    kinds = [row if row < num_classes else int(rng.integers(num_classes)) for row in range(num_rows)]
    return [
        (f"{' '.join(rng.choice(WORDS, size=6))} {'abc'[kind % 3] * 9} {row}", f"class {kind}")
        for row, kind in enumerate(kinds)
    ]


def as_csv(rows: Sequence[Sequence[str]], header: str = "text,label") -> str:
    """Every cell in quotation marks."""
    cells = (",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)
    return "\r\n".join([header, *cells]) + "\r\n"


def published(option: str, num_classes: int = 3) -> dict[str, bytes]:
    """The files of a data set of the format of `option`, by their paths."""
    train, test = made(20 * num_classes, num_classes), [(f"{text} again", kind) for text, kind in made(20)]
    if option == "banking77":
        parts = {"train": train, "test": test}
        return {f"banking77/{part}.csv": as_csv(rows, "text,category").encode() for part, rows in parts.items()}
    others = {part: [["nothing of that kind", "oos"]] for part in ("oos_train", "oos_val", "oos_test")}
    stored = {"val": made(5), "train": train, "test": test, **others}
    return {"clinc150/data_full.json": json.dumps(stored).encode()}


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)

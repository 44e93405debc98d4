"""Reading the config.yaml of a run directory, which may come from elsewhere: nothing in it is resolved or executed."""

from io import StringIO
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf

from al_bench.files.writing import MAX_DEPTH, read_text

MAX_NODES = 20_000  # of a file, each counted as often as aliases repeat it
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_config(path: Path) -> Any:
    """What the file holds, as plain values.

    Raises:
        OSError, ValueError, yaml.YAMLError: if it cannot be read; ValueError too for what would take long to read.
    """
    text = read_text(path)
    _check_nodes(text)
    return OmegaConf.to_container(OmegaConf.load(StringIO(text)))


def _check_nodes(text: str) -> None:
    """ValueError for too many nodes, or too deep ones: aliases to aliases multiply, though they are a line each."""
    sizes: dict[str | None, int] = {}  # of the nodes that have an anchor
    anchors, numbers = [None], [0]  # of the collections that are open: their names, and what they hold so far
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            anchors.append(event.anchor)
            numbers.append(1)
        elif isinstance(event, yaml.CollectionEndEvent):
            sizes[anchors.pop()] = number = numbers.pop()
            numbers[-1] += number
        elif isinstance(event, yaml.ScalarEvent):
            sizes[event.anchor] = 1
            numbers[-1] += 1
        elif isinstance(event, yaml.AliasEvent):
            numbers[-1] += sizes.get(event.anchor, MAX_NODES)  # of a collection that is open: it would hold itself
        if numbers[-1] > MAX_NODES or len(numbers) > MAX_DEPTH:
            raise ValueError(f"it has more than {MAX_NODES:,} nodes, or is nested more than {MAX_DEPTH} deep")

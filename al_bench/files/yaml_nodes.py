"""How much there is in a yaml file, before anything is made of it."""

from typing import Any

import yaml

from al_bench.files.writing import MAX_DEPTH

MAX_NODES = 20_000  # of a file, each counted as often as aliases repeat it
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def check_nodes(text: str) -> None:
    """Aliases to aliases multiply, though they are a line each.

    Raises:
        ValueError: for too many nodes, or too deep ones.
        yaml.YAMLError: if it is no yaml.
    """
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

"""Code of a user's that a configuration names: which it is, as runs go on, and are skipped, whatever it says by now."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from al_bench.config.reading.sources import file_of

OURS = "al_bench."


def own_code(config: Mapping[str, Any]) -> dict[str, str]:
    """A digest of each module of a user's that a `_target_` of the configuration is in, by its name.

    None of what is installed, whose version says what it is. What such a module imports is not looked at.
    """
    modules = {_module(target) for target in _targets(config) if not target.startswith(OURS)}
    digests = {name: None if file is None else _digest(file) for name, file in modules}
    return {name: digest for name, digest in sorted(digests.items()) if digest is not None}


def _targets(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if isinstance(node.get("_target_"), str):
            yield node["_target_"]
        for value in node.values():
            yield from _targets(value)
    elif isinstance(node, list):
        for value in node:
            yield from _targets(value)


@cache
def _module(target: str) -> tuple[str, Path | None]:
    """The module that a target is in, which may be a class in a class, and its file; None if there is none."""
    parts = target.split(".")
    names = [".".join(parts[:last]) for last in range(len(parts) - 1, 0, -1)]
    return next(((name, file) for name in names if (file := file_of(name)) is not None), (target, None))


@cache
def _digest(file: Path) -> str | None:
    path = file.resolve()
    with suppress(OSError):
        if not any(path.is_relative_to(place) for place in _installed()):
            return blake2b(path.read_bytes(), digest_size=16).hexdigest()
    return None


@cache
def _installed() -> tuple[Path, ...]:
    """Where Python and what is installed lie."""
    installed = [place for place in sys.path if place.endswith(("site-packages", "dist-packages"))]
    return tuple(Path(place).resolve() for place in (*installed, f"{sys.base_prefix}/lib"))

"""Code of a user's that a configuration names: which it is, as runs go on, and are skipped, whatever it says by now."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Any

OURS = "al_bench."


def own_code(config: Mapping[str, Any]) -> dict[str, str]:
    """A digest of each module of a user's that a `_target_` of the configuration is in, by its name.

    None of what is installed, whose version says what it is. What such a module imports is not looked at.
    """
    modules = {_module(target) for target in _targets(config) if not target.startswith(OURS)}
    return {name: digest for name, file in sorted(modules) if file and (digest := _digest(file)) is not None}


def changed_code(config: Mapping[str, Any], starts: Sequence[Mapping[str, Any]]) -> list[str]:
    """The modules that are not as they were when the run of the configuration was last started."""
    known = starts[-1].get("own_code") if starts else None
    there = own_code(config) if isinstance(known, Mapping) else {}
    return [module for module, digest in there.items() if known and known.get(module, digest) != digest]


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
def _module(target: str) -> tuple[str, str]:
    """The name and the file of the module that a target is in, without importing it; no file if there is none."""
    top, *parts = target.split(".")[:-1] or [""]
    with suppress(ImportError, ValueError):
        spec = find_spec(top) if top else None
        folders = list(spec.submodule_search_locations or ()) if spec is not None else []
        name, file = top, (spec.origin if spec is not None else None) or ""
        for part in parts:
            places = (Path(folder, part) for folder in folders)
            found = [each for place in places for each in (place.with_suffix(".py"), place / "__init__.py")]
            there = next((each for each in found if each.is_file()), None)
            if there is None:
                break
            name, file, folders = f"{name}.{part}", str(there), [str(there.parent)] * (there.stem == "__init__")
        return name, file
    return target, ""


@cache
def _digest(file: str) -> str | None:
    path = Path(file).resolve()
    if any(path.is_relative_to(place) for place in _installed()):
        return None
    with suppress(OSError):
        return blake2b(path.read_bytes(), digest_size=16).hexdigest()
    return None


@cache
def _installed() -> tuple[Path, ...]:
    """Where Python and what is installed lie."""
    installed = [place for place in sys.path if place.endswith(("site-packages", "dist-packages"))]
    return tuple(Path(place).resolve() for place in (*installed, f"{sys.base_prefix}/lib"))

"""Where conf/ lies, and what the source of a class says, whose module is found but not imported."""

import ast
import re
from collections.abc import Sequence
from functools import cache
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path

CONF = next(folder for folder in (parent / "conf" for parent in Path(__file__).parents[2:4]) if folder.is_dir())


@cache
def file_of(module: str) -> Path | None:
    """The file of a module, None if there is none; it is not imported, nor is a package that it is in."""
    spec, parts = None, module.split(".")
    for last in range(len(parts)):
        try:
            if last == 0:
                spec = find_spec(parts[0])  # which imports nothing for a name without a dot
            else:
                places = None if spec is None else spec.submodule_search_locations
                spec = PathFinder.find_spec(".".join(parts[: last + 1]), places or [])
        except (ImportError, ValueError):  # no name of a module, or one that Python has not found by itself
            return None
    return Path(spec.origin) if spec is not None and spec.origin else None


@cache
def source_of(module: str) -> ast.Module:
    """The syntax of a module, empty if it has no source."""
    file = file_of(module)
    try:
        return ast.Module([], []) if file is None else ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return ast.Module([], [])


def definition(target: str) -> ast.ClassDef | ast.FunctionDef | None:
    """The syntax of the class or function `module.name`; None if it has no source."""
    module, _, name = target.rpartition(".")
    body = source_of(module).body if module else []
    definitions = (each for each in body if isinstance(each, ast.ClassDef | ast.FunctionDef))
    return next((each for each in definitions if each.name == name), None)


def bases(target: str) -> list[str]:
    """The classes that a class derives from, each as `module.name`."""
    found = definition(target)
    module = target.rpartition(".")[0]
    names = [ast.unparse(each) for each in found.bases] if isinstance(found, ast.ClassDef) else []
    return [_imported(source_of(module).body, module, name) for name in names]


def constant(target: str, name: str) -> object:
    """What a class says of itself by `name = ...`, or else a class that it derives from: a text or another constant."""
    found = definition(target)
    for each in found.body if isinstance(found, ast.ClassDef) else ():
        if isinstance(each, ast.Assign) and [ast.unparse(named) for named in each.targets] == [name]:
            said: object = ast.literal_eval(each.value)
            return said
    of_bases = (constant(base, name) for base in bases(target))
    return next((value for value in of_bases if value is not None), None)


def targets(group: str) -> dict[str, str]:
    """What is behind each option of a group of conf/, in order of their names."""
    files = sorted((CONF / group).rglob("*.yaml"), key=lambda file: file.stem)
    found = ((file, re.search(r"^_target_: ([\w.]+)", file.read_text("utf-8"), re.MULTILINE)) for file in files)
    return {file.stem: target[1] for file, target in found if target}


def _imported(body: Sequence[ast.stmt], module: str, name: str) -> str:
    """Where a class comes from that a module knows by this name."""
    for each in body:
        known = {alias.asname or alias.name: alias.name for alias in getattr(each, "names", ())}
        if isinstance(each, ast.ImportFrom) and each.module and name in known:
            return f"{each.module}.{known[name]}"
    return f"{module}.{name}"

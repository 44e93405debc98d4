"""The house stays one whose rooms one knows: sizes of folders, modules and functions of our own code."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLACES = ("al_bench", "hydra_plugins", "scripts")
MODULES = sorted(path for place in PLACES for path in (ROOT / place).rglob("*.py"))
MAX_MODULES, MAX_LINES, MAX_LINES_OF_A_FUNCTION, MAX_PARAMETERS = 12, 250, 45, 8
CATALOGUES = ("datasets", "features", "models", "strategies", "hydra_plugins")  # of parts: a file for each
PART_FACTORIES = ("datasets",)  # a data set is a function: the constructor of a part


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def num_parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    given = function.args
    names = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_read_in_one_go(path):
    assert len(path.read_text().splitlines()) <= MAX_LINES
    is_factory = path.parent.name in PART_FACTORIES
    for function in functions(path):
        length = (function.end_lineno or 0) - function.lineno + 1
        assert length <= MAX_LINES_OF_A_FUNCTION, f"{function.name} has {length} lines"
        if function.name != "__init__" and not (is_factory and function.name == path.stem):
            assert num_parameters(function) <= MAX_PARAMETERS, f"{function.name} has {num_parameters(function)}"


def test_a_folder_has_few_modules():
    counts = Counter(path.parent for path in MODULES if path.name != "__init__.py")
    too_full = {
        str(folder.relative_to(ROOT)): count
        for folder, count in counts.items()
        if count > MAX_MODULES and folder.name not in CATALOGUES
    }
    assert too_full == {}

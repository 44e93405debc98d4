"""docs/architecture.md is true, and the lint that holds the floors would see what it forbids."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from al_bench.cli.commands import COMMANDS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
FLOORS = next(contract["layers"] for contract in CONTRACTS if contract["type"] == "layers")
PACKAGES = sorted(path.parent.name for path in (ROOT / "al_bench").glob("*/__init__.py"))
PARTS = re.split(r"\*\*([\w, ]+)\*\*", PAGE.partition("## The floors")[2].partition("\n## ")[0])[1:]
SAID = {name: text for names, text in zip(PARTS[::2], PARTS[1::2], strict=True) for name in names.split(", ")}
CATALOGUES = ("datasets", "features", "models", "strategies")  # a module for each part
FORBIDDEN = [
    ("loop/pool.py", "from al_bench.job.built import Parts", "Floors"),
    ("models/mlp.py", "from al_bench.records.layout import FILES", "Floors"),
    ("sweeps/jobs.py", "import hydra_plugins.al_bench.sweeper", "does not know Hydra's plugins"),
    ("loop/querying.py", "from hydra import compose", "Hydra: run and config"),
    ("records/tables.py", "import pandas", "pandas"),
    ("job/built.py", "import wandb", "wandb"),
    ("records/state.py", "from al_bench.core.strategy import Needs", "No torch, not even by way of others"),
    ("analysis/results.py", "import torch", "No torch, not even by way of others"),
    ("cli/status.py", "from al_bench.core.devices import to_device", "No torch, not even by way of others"),
    ("sweeps/order.py", "import torch", "No torch of its own"),
]


def test_the_picture_has_the_floors_of_the_lint():
    picture = PAGE.split("```")[1]
    shown = [line[:27].split() for line in picture.splitlines() if line and not line.startswith(("hydra_plugins", "─"))]
    floors = [[*re.findall(r"\w+", floor)] for floor in FLOORS]
    catalogues = next(line for line in picture.splitlines() if line.startswith("datasets |"))
    names = [re.findall(r"\w+", catalogues.split("  ")[0]) if "datasets" in words else words for words in shown]
    assert [sorted({*words} - {"|"}) for words in names] == [sorted(floor) for floor in floors]


def test_every_package_is_on_a_floor_and_nothing_is_ignored():
    on_floors = {name for floor in FLOORS for name in re.findall(r"\w+", floor)}
    assert {*PACKAGES} <= on_floors
    assert not [contract for contract in CONTRACTS if contract.get("ignore_imports")]


def test_every_package_has_a_floor_on_the_page():
    assert {*PACKAGES} == SAID.keys() - {"run"}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_and_every_folder_is_named_on_its_floor(package):
    folder = ROOT / "al_bench" / package
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    if package == "cli":  # a module for each word
        modules -= {word.replace("-", "_") for word in COMMANDS}
    if package not in CATALOGUES:
        assert modules - {*re.findall(r"`(\w+)(?:\.\w+)?`", SAID[package])} == set()
    folders = {path.parent.name for path in folder.glob("*/__init__.py")}
    assert folders - {*re.findall(r"\b(\w+)/", SAID[package])} == set()


def test_what_is_named_by_its_path_is_there():
    """`core/ranges.py`, `job/features/files`, `records.state.is_finished`, `strategies/maths/`."""
    num_found = 0
    for code in re.findall(r"`([\w./]+)`", PAGE):
        first, *rest = re.split(r"[./]", code.removeprefix("al_bench/").removesuffix(".py").rstrip("/"))
        if first not in PACKAGES or not rest:
            continue
        place = ROOT / "al_bench" / first
        while rest and place.is_dir():
            place /= rest.pop(0)
            place = place if place.is_dir() else place.with_suffix(".py")
        assert place.exists(), code
        for name in rest[:1]:
            assert re.search(rf"^(?:def |class )?{name}\b", place.read_text(), flags=re.MULTILINE), code
        num_found += 1
    assert num_found > 10


def test_commands_that_torch_may_be_in_reach_of_are_named():
    (contract,) = [each for each in CONTRACTS if each["name"].startswith("No torch, not even")]
    without = {word for word, command in COMMANDS.items() if command.module in contract["source_modules"]}
    row = next(line for line in PAGE.splitlines() if line.startswith("| torch |"))
    (excepted,) = re.findall(r"nor the commands but (.*) reach it", row)
    assert {*re.findall(r"`(\w+)`", excepted)} == COMMANDS.keys() - without


@pytest.mark.slow
@pytest.mark.parametrize(("file", "planted", "contract"), FORBIDDEN)
def test_a_planted_import_turns_the_lint_red(tmp_path, file, planted, contract):
    for folder in ("al_bench", "hydra_plugins"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    path = tmp_path / "al_bench" / file
    path.write_text(f"{path.read_text()}\n\ndef planted():\n    {planted}\n")
    told = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
    )
    broken = re.findall(r"^(.+) BROKEN", told.stdout, re.MULTILINE)
    assert told.returncode == 1
    assert any(contract in name for name in broken), told.stdout

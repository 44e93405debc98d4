"""What stands in examples/ does what its README says."""

import json
import re
import shlex
import shutil
from pathlib import Path

import matplotlib
import pandas as pd
import pytest

from tests.conftest import run_command
from tests.support.forks import python

EXAMPLES = Path(__file__).parents[2] / "examples"
PAGE = (EXAMPLES / "README.md").read_text()
COMMANDS = re.search(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[1].splitlines()
MADE = {  # by the last word of a command: run directories, and the accuracy that the last round of all has at least
    "budget=500": (1, 0.9),
    "budget=90": (1, 0.85),
    "experiment=probe": (9, 0.75),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    made = tmp_path / "examples"
    shutil.copytree(EXAMPLES, made, ignore=shutil.ignore_patterns("outputs", "__pycache__"))
    monkeypatch.chdir(made)
    return made


def test_each_file_has_a_line():
    files = {path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.iterdir() if path.is_file()}
    assert files - {"README.md", "curves.png"} <= {*re.findall(r"[\w/]+\.\w+", PAGE)}


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_its_page(folder, command):
    program, *arguments = shlex.split(command)
    if program == "python":
        told = python(*arguments, "-p", "no:cacheprovider", cwd=folder)
        assert "4 passed" in told.stdout, told.stdout
        return
    assert program == "al-bench"
    result = run_command(*arguments, cwd=folder)
    assert result.code == 0, result.err
    rounds = [pd.read_csv(path) for path in (folder / "outputs").rglob("rounds.csv")]
    num_runs, accuracy = MADE[arguments[-1]]
    assert len(rounds) == num_runs
    assert min(each["test_accuracy"].iloc[-1] for each in rounds) > accuracy


@pytest.mark.slow
def test_the_notebook(folder, monkeypatch):
    matplotlib.use("agg")
    monkeypatch.setattr("subprocess.run", lambda command, **_: python(*command[1:], cwd=folder, check=True))
    cells = json.loads((folder / "curves.ipynb").read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    names: dict[str, object] = {}
    for cell in code:
        exec(cell, names)
    assert (folder / "curves.png").stat().st_size > 10_000
    curves = names["curves"]
    assert sorted(curves["strategy"].unique()) == ["density", "margin", "random"]
    assert set(curves["num_seeds"]) == {3}
    assert names["gains"].loc[20].abs().to_numpy().max() == 0, "one network for all, at one seed"
    names["plt"].close("all")

"""What the same commands gave before: golden runs, equal to the byte but for seconds."""

import csv
import itertools
import json
import re
import subprocess
from pathlib import Path

import pytest

from al_bench.config.schema import CONF
from tests.golden.made import COMMANDS, GOLDEN, ROOT, machine, made, results_of, write_data

DEFAULTS = {"model": {"mlp"}, "training": {"paper", "probe"}, "initial": {"random"}}  # what nothing need be said for


def stored() -> dict[str, list[list[str]]]:
    files = sorted((GOLDEN / "runs").rglob("*.csv"))
    return {str(file.relative_to(GOLDEN / "runs")): list(csv.reader(file.read_text().splitlines())) for file in files}


def golden(folder: Path) -> dict[str, list[list[str]]]:
    """The files, if they are of this machine; else what their commits give here."""
    known = json.loads((GOLDEN / "machine.json").read_text())
    commits = known.pop("commits")
    if known == machine():
        return stored()
    found = {}
    for name, commit in commits.items():
        tree = folder / f"tree {name}"
        added = subprocess.run(["git", "-C", ROOT, "worktree", "add", "--detach", tree, commit], capture_output=True)
        if added.returncode:
            pytest.skip(f"GOLDEN RUNS ARE OF ANOTHER MACHINE, {known}, AND {commit} IS NOT HERE TO MAKE THEM")
        try:
            (folder / name).mkdir()
            found |= made(folder / name, tree, COMMANDS[name])
        finally:
            subprocess.run(["git", "-C", ROOT, "worktree", "remove", "--force", tree], check=True)
    return found


def of_columns(table: list[list[str]], columns: list[str]) -> list[list[str]]:
    """Those that there were before; later ones are no change."""
    places = [table[0].index(column) for column in columns]
    return [[row[place] for place in places] for row in table]


def named(group: str) -> set[str]:
    """The options of a group that the commands name."""
    words = [word.partition("=") for command in itertools.chain(*COMMANDS.values()) for word in command]
    return {
        option for key, _, options in words if re.fullmatch(rf"{group}(@\w+)?", key) for option in options.split(",")
    }


@pytest.mark.parametrize("group", ["strategy", "model", "training", "initial"])
def test_every_option_is_in_some_run(group):
    options = {str(path.relative_to(CONF / group).with_suffix("")) for path in (CONF / group).rglob("*.yaml")}
    assert options - named(group) - DEFAULTS.get(group, set()) == set()


@pytest.mark.slow
def test_runs_are_as_they_were(cli, tmp_path, tmp_path_factory):
    write_data(tmp_path)
    for command in itertools.chain(*COMMANDS.values()):
        assert cli(*command).code == 0, command
    found, expected = results_of(tmp_path), golden(tmp_path_factory.mktemp("golden"))
    assert found.keys() == expected.keys()
    assert [file for file in expected if of_columns(found[file], expected[file][0]) != expected[file]] == []
    assert len(expected) >= 112

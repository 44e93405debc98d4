"""The attack of kills would see a difference, and its kills are where it says."""

import csv
import os
import shutil
import sys
from pathlib import Path

import pytest
from attacks import kills as attack_kills

from al_bench.files.writing import append_lines
from al_bench.records.identity import Identity
from tests.support.made_results import write_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_run(tmp_path / "one" / "outputs", Identity("digits", "mlp", "albl", 10, "", 0), {20: 0.5, 30: 0.6})
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    return tmp_path


def changed(folder: Path, name: str, column: str) -> bool:
    """Whether a change of a value in the last row makes a difference."""
    (path,) = (folder / "other").rglob(name)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    rows[-1][column] = "1"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return attack_kills.results(folder / "one") != attack_kills.results(folder / "other")


def test_seconds_make_no_difference_and_all_else_does(folder):
    assert not changed(folder, "rounds.csv", "fit_seconds")
    assert not changed(folder, "rounds.csv", "query_cpu_seconds")
    assert changed(folder, "rounds.csv", "test_accuracy")


@pytest.mark.parametrize("name", ["queries.csv", "done.json"])
def test_a_byte_makes_a_difference(folder, name):
    (path,) = (folder / "other").rglob(name)
    path.write_bytes(path.read_bytes() + b" ")
    assert attack_kills.results(folder / "one") != attack_kills.results(folder / "other")


@pytest.mark.parametrize("name", ["error.json", ".done.json.partial"])
def test_litter_makes_a_difference(folder, name):
    (path,) = (folder / "other").rglob("done.json")
    path.with_name(name).touch()
    assert attack_kills.results(folder / "one") != attack_kills.results(folder / "other")


def traced(kill_at: int | None, which: int, file: Path) -> list[int]:
    numbers, before = [0, 0], sys.gettrace()
    sys.settrace(attack_kills._counting(numbers, which, kill_at))
    try:
        append_lines(file, "a\n")
    finally:
        sys.settrace(before)
    return numbers


def test_a_kill_comes_before_a_line_of_what_writes(tmp_path, monkeypatch):
    killed = []
    monkeypatch.setattr(os, "kill", lambda *_: killed.append((tmp_path / "file").exists()))
    lines, writing_lines = traced(None, 1, tmp_path / "measured")
    assert lines == writing_lines > 5
    assert not killed
    for at in range(writing_lines):
        traced(at, 1, tmp_path / "file")
        (tmp_path / "file").unlink()
    assert len(killed) == writing_lines
    assert not killed[0]
    assert killed[-1]


def test_every_configuration_is_attacked():
    assert len({configuration.name for configuration in attack_kills.CONFIGURATIONS}) == 14


@pytest.mark.slow
def test_a_raised_budget_is_of_the_same_run(cli, tmp_path):
    (commands,) = (each.commands for each in attack_kills.CONFIGURATIONS if each.name == "raised budget")
    lengths = []
    for command in commands:
        assert cli(*command).code == 0
        (path,) = tmp_path.rglob("rounds.csv")
        lengths.append(len(path.read_text().splitlines()))
    assert lengths == sorted(set(lengths))


def test_what_writes_is_there():
    for name in attack_kills.WRITERS:
        assert Path(attack_kills.PACKAGE, name).exists()

"""What the TAB key completes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from al_bench.cli.commands import COMMANDS

QUERY = ("-sc", "query=bash")
OPTIONS = "--help --all"
IN_BASH = """eval "$(al-bench -sc install=bash)"
COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=($1) COMP_CWORD=$2
hydra_bash_completion
echo "${COMPREPLY[@]}"
"""


@pytest.fixture
def completed(cli, monkeypatch):
    def complete(line: str, point: int | None = None) -> list[str]:
        monkeypatch.setenv("COMP_LINE", line)
        monkeypatch.setenv("COMP_POINT", str(len(line.encode()) if point is None else point))
        monkeypatch.setattr("tests.conftest.untracked", list)  # a shell adds nothing
        told = cli(*QUERY)
        assert told.err == ""
        return told.out.split()

    return complete


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("al-bench rep", "report"),
        ("al-bench pen", "penalty-matrix"),
        ("/bin/al-bench  up", "upload"),
        ("al-bench status -", OPTIONS),
        ("al-bench status outputs --a", "--all"),
        ("al-bench status ", ""),
        ("al-bench status out", ""),
        ("al-bench status out ", ""),
        ("al-bench report out --out ", ""),
        ("al-bench report --definition ", "paper reference"),
        ("al-bench report out --wandb on", "online"),
        ("al-bench archive ", "pack restore"),
        ("al-bench archive --unfinished p", "pack"),
        ("al-bench archive pack ", ""),
        ("al-bench archive pack r", ""),
        ("al-bench report --mode ", ""),
        ("al-bench new", "new"),
        ("al-bench new ", "strategy"),
        ("al-bench new strategy ", ""),
        ("al-bench features fash", "fashion_mnist"),
        ("al-bench features mnist p", "pca"),
        ("al-bench features mnist pca ", ""),
        ("al-bench features --c", "--config-dir"),
    ],
)
def test_words_and_options_are_completed_and_files_are_left_to_the_shell(completed, line, words):
    assert completed(line) == words.split()


def test_the_first_word_may_be_a_command_or_a_key(completed):
    words = completed("al-bench ")
    assert words[: len(COMMANDS)] == [*COMMANDS]
    assert {"seed=", "strategy=", "model."} <= {*words}
    of_hydra = ["save=", "schedule=", "seed=", "setting", "storage_device=", "strategy", "strategy."]
    assert completed("al-bench s") == ["status", "setting=", "strategy=", *of_hydra]
    assert completed("al-bench strategy=bad") == ["strategy=badge"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("save", "save="),
        ("save=", "save=predictions save=weights save=last_weights"),
        ("seed=1 save=p", "save=predictions"),
        ("sche", "schedule="),
        ("trai", "training@model="),
        ("seed=1 training@model=pa", "training@model=paper"),
        ("schedule=low sche", "schedule. schedule="),
        ("schedule=low schedule.num", "schedule.num_rounds="),
    ],
)
def test_what_is_offered_leads_on(completed, line, words):
    assert completed(f"al-bench {line}") == words.split()


def test_options_in_a_folder_of_their_group(completed):
    oracles = ["strategy=oracle/balanced_oracle", "strategy=oracle/boss", "strategy=oracle/greedy_oracle"]
    assert completed("al-bench strategy=oracle/") == oracles
    assert completed("al-bench seed=1 strategy=oracle/g") == oracles[2:]
    assert completed("al-bench seed=1 strategy=oracle/greedy_oracle ")[:1] != oracles[2:]


def test_it_is_the_word_at_the_cursor(completed):
    assert completed("al-bench rep outputs", len("al-bench rep")) == ["report"]
    assert completed("al-bench status é --", len("al-bench status é --".encode())) == OPTIONS.split()


@pytest.mark.parametrize("line", ["al-bench reprot ", "al-bench seed=1 report ", "al-bench --nonsense "])
def test_a_mistake_before_the_cursor_is_not_told_while_one_types(completed, line):
    assert completed(line) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "position", "words"),
    [("al-bench rep", 1, "report"), ("al-bench report o", 2, "outputs"), ("al-bench report --w", 2, "--wandb")],
)
def test_bash(tmp_path, line, position, words):
    (tmp_path / "outputs").mkdir()
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = ["bash", "--norc", "-c", IN_BASH, "bash", line, str(position)]
    told = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (told.stdout.split(), told.stderr) == ([words], "")

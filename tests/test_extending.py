"""What the README promises to those who bring their own parts, done as it says."""

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import Result, run_command

README = (Path(__file__).parents[1] / "README.md").read_text()
BLOCKS = dict(re.findall(r'^```\w+ title="(.+?)"\n(.*?)^```', README, flags=re.MULTILINE | re.DOTALL))
FILES = [name for name in BLOCKS if "." in name]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(BLOCKS[name])
    return tmp_path


def al_bench(folder: Path, *arguments: str) -> Result:
    return run_command(*arguments, cwd=folder)


def test_each_part_is_one_file_and_one_yaml():
    assert [
        *("norm.py", "conf/strategy/norm.yaml"),
        *("rings.py", "conf/dataset/rings.yaml"),
        *("deep.py", "conf/model/deep.yaml"),
    ] == FILES


def test_a_strategy_a_data_set_and_a_model_from_outside_the_package(folder):
    program, *arguments = shlex.split(BLOCKS["run"])
    assert program == "al-bench"
    result = al_bench(folder, *arguments)
    assert result.code == 0, result.err
    (path,) = (folder / "outputs").rglob("rounds.csv")
    assert path.parent.relative_to(folder / "outputs").as_posix() == "default/rings/deep/norm/b10/num_initial=20/s0"
    rounds = pd.read_csv(path)
    assert rounds["num_labelled"].tolist() == [20, 30, 40, 50, 60]
    assert rounds["test_accuracy"].iloc[-1] > 0.6


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.depht=2", "model.depht=2: there is no such key; did you mean 'depth'?"),
        ("+model.depht=2", "model.depht=2: there is no such key; did you mean 'depth'?"),
        ("model.depth=two", "model.depth=two: input should be a valid integer"),
        ("strategy=nrom", "strategy=nrom: there is no such option; did you mean 'norm'?"),
    ],
)
def test_a_users_own_parts_are_checked_like_ours(folder, override, message):
    result = al_bench(folder, "--config-dir", "conf", "dataset=rings", "model=deep", "strategy=norm", override)
    assert result.code == 1
    assert message in result.err


def test_the_notebook_runs(capsys):
    exec(compile(BLOCKS["notebook"], "notebook", "exec"), {})
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [int(labels) for labels, _ in printed] == [100, 200, 300, 400, 500]
    assert float(printed[-1][1]) > 0.9

"""What docs/your_own.md promises to those who bring their own parts, done as it says."""

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import Result, run_command
from tests.support.forks import python

ROOT = Path(__file__).parents[2]


def blocks(page: str) -> dict[str, str]:
    """By their titles; those of one title are one, in the order of the page."""
    found: dict[str, str] = {}
    text = (ROOT / page).read_text()
    for title, block in re.findall(r'^```\w+ title="(.+?)"\n(.*?)^```', text, flags=re.MULTILINE | re.DOTALL):
        found[title] = found.get(title, "") + block
    return found


BLOCKS = blocks("docs/your_own.md")
FILES = [name for name in BLOCKS if "." in name]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("own")
    for name in FILES:
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(BLOCKS[name])
    return made


def al_bench(folder: Path, *arguments: str) -> Result:
    return run_command(*arguments, cwd=folder)


def done(folder: Path, block: str) -> None:
    """Do the command of a block; it must end well."""
    program, *arguments = shlex.split(BLOCKS[block].replace("\\\n", " "))
    assert program == "al-bench"
    result = al_bench(folder, *arguments)
    assert result.code == 0, result.err


def test_each_part_is_one_file_and_one_yaml():
    assert [
        *("norm.py", "conf/strategy/norm.yaml", "test_norm.py"),
        *("rings.py", "conf/dataset/rings.yaml"),
        *("deep.py", "conf/model/deep.yaml"),
        "two_modalities.py",
    ] == FILES


def test_the_readme_shows_the_same_strategy_of_ten_lines():
    of_readme = blocks("README.md")
    assert list(of_readme) == ["norm.py", "conf/strategy/norm.yaml"]
    assert of_readme.items() <= BLOCKS.items()
    assert len(BLOCKS["norm.py"].splitlines()) == 10


def test_its_test_holds_it_against_the_contract(folder, monkeypatch):
    monkeypatch.syspath_prepend(str(folder))
    exec(BLOCKS["test_norm.py"], names := {})
    names["test_it_keeps_the_contract_of_a_strategy"]()


@pytest.mark.slow
def test_a_strategy_a_data_set_and_a_model_from_outside_the_package(folder):
    done(folder, "run")
    (path,) = (folder / "outputs" / "default").rglob("rounds.csv")
    assert path.parent.relative_to(folder / "outputs").as_posix() == "default/rings/deep/norm/b10/num_initial=20/s0"
    rounds = pd.read_csv(path)
    assert rounds["num_labelled"].tolist() == [20, 30, 40, 50, 60]
    assert rounds["test_accuracy"].iloc[-1] > 0.6


@pytest.mark.slow
def test_a_sweep_against_badge_its_matrix_and_its_report(folder):
    done(folder, "sweep")
    assert len(list((folder / "outputs" / "mine").rglob("done.json"))) == 15
    lines = BLOCKS["analysis"].splitlines()
    assert [line.split()[1] for line in lines] == ["status", "penalty-matrix", "report"]
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "al-bench"
        python("-m", "al_bench.run", *arguments, cwd=folder, check=True)
    analysis = folder / "outputs" / "mine" / "analysis"
    matrix = pd.read_csv(analysis / "penalty_overall.csv", index_col=0)
    assert {"badge", "norm", "random"} <= set(matrix.columns)
    assert matrix.loc["badge", "norm"] > matrix.loc["norm", "badge"]
    assert "norm" in (analysis / "report.html").read_text()


@pytest.mark.slow
def test_several_kinds_of_inputs(folder):
    python("two_modalities.py", cwd=folder, check=True)
    done(folder, "modalities")
    results = folder / "outputs" / "default"
    runs = [path.relative_to(results).parts for path in results.rglob("done.json")]
    assert len([parts for parts in runs if parts[1] == "fusion"]) == 6
    assert len({parts[0] for parts in runs if parts[1] == "fusion"}) == 3


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_notebook_gives_the_numbers_of_the_command_line(folder, capsys, monkeypatch):
    done(folder, "run")
    monkeypatch.syspath_prepend(str(folder))
    exec(compile(BLOCKS["notebook"], "notebook", "exec"), {})
    printed = [line.rsplit(maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    assert [(name, int(labels)) for name, labels, _ in printed] == [
        *((name, labels) for name in ("SmallestNorm", "Badge") for labels in range(20, 70, 10)),
        *(("went on", labels) for labels in (50, 60)),
    ]
    assert [each[1:] for each in printed[-2:]] == [each[1:] for each in printed[8:10]], "as without a break"
    (path,) = (folder / "outputs" / "default" / "rings").rglob("rounds.csv")
    accuracies = [float(accuracy) for name, _, accuracy in printed if name == "SmallestNorm"]
    assert accuracies == pd.read_csv(path)["test_accuracy"].tolist()

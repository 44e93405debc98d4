"""`al-bench new strategy NAME`: its files run at once, and nothing is overwritten."""

from pathlib import Path

import pytest

from al_bench.cli.new import strategy
from al_bench.cli.new.strategy import class_of, files, written
from al_bench.cli.parsing import Called
from al_bench.config.reading import sources
from tests.conftest import run_directory
from tests.support.forks import python

SHORT = ("model.width=8", "model.max_epochs=2", "budget=110", "batch_size=b10")


def tree(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.slow
def test_what_it_writes_runs_at_once(cli, tmp_path):
    told = cli("new", "strategy", "my_margin")
    assert (told.code, told.err) == (0, "")
    assert tree(tmp_path) == ["conf/strategy/my_margin.yaml", "my_margin.py", "test_my_margin.py"]
    assert "\n  al-bench strategy=my_margin " in told.out
    assert max(map(len, told.out.splitlines())) <= 80
    told = cli("strategy=my_margin", *SHORT)
    assert (told.code, told.err) == (0, "")
    ours = run_directory(tmp_path)
    assert ours.parts[-4:-1] == ("mlp,max_epochs=2,width=8", "my_margin", "b10")
    assert cli("strategy=margin", *SHORT).code == 0
    theirs = ours.parents[2] / "margin" / "b10" / "s0"
    assert (ours / "queries.csv").read_text() == (theirs / "queries.csv").read_text()
    told = cli("strategy=my_margin", "strategy.temperature=0")
    assert told.err == "al-bench: strategy.temperature=0: input should be greater than 0\n"
    told = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_margin.py", cwd=tmp_path)
    assert "2 passed" in told.stdout, told.stdout


@pytest.mark.parametrize(
    ("name", "named"), [("my_margin", "MyMargin"), ("CLASS_of_NAME", "CLASSOfNAME"), ("a_1", "A1")]
)
def test_names_are_those_of_the_module_and_its_class(name, named):
    assert class_of(name) == named
    strategy, options, test = files(name).values()
    assert f"class {named}(Strategy):" in strategy
    assert options.startswith(f"_target_: {name}.{named}\n")
    assert f"from {name} import {named}\n" in test


@pytest.mark.parametrize("kind", ["model", "dataset", "Strategy"])
def test_nothing_but_a_strategy_is_written_and_who_asks_is_told_where_the_rest_stands(kind, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        strategy.main([kind, "mine", "--folder", str(tmp_path)], Called.as_command("new"))
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert f"{kind}: only strategies are written; of models, data sets and measures docs/your_own.md has" in told
    page = (Path(__file__).parents[2] / "docs" / "your_own.md").read_text()
    assert {"## A data set", "## A model", "## A measure"} <= {*page.splitlines()}
    assert tree(tmp_path) == []


def test_the_test_that_goes_with_the_query_says_so():
    *_, test = files("mine").values()
    above = test[: test.index("def test_it_takes_the_smallest_margins_first")].splitlines()[-1]
    assert above == "# This one says what `query` of Mine chooses: rewrite it together with that."


def test_another_folder_is_made_and_named(cli, tmp_path):
    told = cli("new", "strategy", "mine", "--folder", "deep/er")
    assert told.code == 0
    assert "deep/er/mine.py: " in told.out
    assert "  cd deep/er\n" in told.out
    assert tree(tmp_path) == ["deep/er/conf/strategy/mine.yaml", "deep/er/mine.py", "deep/er/test_mine.py"]


@pytest.mark.parametrize("there", ["mine.py", "conf/strategy/mine.yaml", "test_mine.py"])
@pytest.mark.parametrize("is_link", [False, True])
def test_nothing_is_overwritten_and_nothing_written_beside_it(cli, tmp_path, there, is_link):
    (tmp_path / there).parent.mkdir(parents=True, exist_ok=True)
    if is_link:
        (tmp_path / there).symlink_to("nowhere")
    else:
        (tmp_path / there).write_text("mine")
    told = cli("new", "strategy", "mine")
    assert (told.code, told.err) == (1, f"al-bench new: {there} is there already; nothing was written\n")
    assert tree(tmp_path) == ([] if is_link else [there])
    assert is_link or (tmp_path / there).read_text() == "mine"


def test_one_that_is_there_already_in_a_clone_is_not_called_one_of_ours(tmp_path, monkeypatch, capsys):
    (tmp_path / "conf" / "strategy").mkdir(parents=True)
    monkeypatch.setattr(sources, "CONF", tmp_path / "conf")
    monkeypatch.setattr(strategy, "CONF", tmp_path / "conf")
    monkeypatch.chdir(tmp_path)
    strategy.main(["strategy", "mine"], Called.as_command("new"))
    with pytest.raises(SystemExit, match="mine.py is there already; nothing was written"):
        strategy.main(["strategy", "mine"], Called.as_command("new"))


def test_a_file_that_cannot_be_written_leaves_none(cli, tmp_path):
    (tmp_path / "conf").write_text("a file")
    told = cli("new", "strategy", "mine")
    assert told.code == 1
    assert told.err.endswith("; nothing was written\n")
    assert tree(tmp_path) == ["conf"]
    with pytest.raises(UnicodeEncodeError):
        written({"a.py": "whole", "b.py": "\ud800"}, tmp_path)
    assert tree(tmp_path) == ["conf"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("badge", "badge: al_bench has a strategy of this name; take another, as my_badge"),
        ("oracle", "oracle: al_bench has a strategy of this name; take another, as my_oracle"),
        *(
            (name, f"{name}: there is a module of this name (")
            for name in ("numpy", "json", "sys", "al_bench", "taken")
        ),
        *(
            (name, f"{name}: is no name for a module of Python; letters, digits and _, as in my_margin")
            for name in ("1st", "my-margin", "class", "a.b", "../up", "true", "größe", "", "_hidden")
        ),
    ],
)
def test_a_name_that_will_not_do_is_one_message(cli, tmp_path, name, message):
    (tmp_path / "taken").mkdir()
    told = cli("new", "strategy", name)
    assert told.code == 1
    assert told.err.startswith(f"al-bench new: {message}")
    assert tree(tmp_path) == []


def test_yaml_files_are_found_in_conf_of_the_working_directory_unless_another_folder_is_named(cli, tmp_path):
    for folder, size in (("conf", 11), ("other", 12)):
        (tmp_path / folder / "batch_size").mkdir(parents=True)
        (tmp_path / folder / "batch_size" / "mine.yaml").write_text(f"size: {size}\n")
    assert "\n  size: 11\n" in cli("--cfg", "job", "batch_size=mine").out
    assert "\n  size: 12\n" in cli("--config-dir", "other", "--cfg", "job", "batch_size=mine").out
    (tmp_path / "conf").rename(tmp_path / "elsewhere")
    assert "batch_size=mine: there is no such option" in cli("--cfg", "job", "batch_size=mine").err

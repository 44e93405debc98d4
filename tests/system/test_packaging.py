"""A wheel, installed in an empty folder, is all of it."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.mark.one_of_its_kind
def test_the_wheel_holds_every_config_and_module(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    configs = {
        f"al_bench/conf/{path.relative_to(ROOT / 'conf').as_posix()}" for path in (ROOT / "conf").rglob("*.yaml")
    }
    modules = {
        path.relative_to(ROOT).as_posix()
        for folder in ("al_bench", "hydra_plugins")
        for path in (ROOT / folder).rglob("*.py")
    }
    others = {
        *("al_bench/py.typed", "al_bench/analysis/published_costs.csv", "al_bench/analysis/page/report.html.jinja"),
        "al_bench/leaderboard/published.csv",
    }
    assert configs | modules | others <= names
    assert not [name for name in names if name.startswith(("tests", "scripts", "outputs"))]


@pytest.mark.slow
def test_al_bench_works_from_the_wheel_in_an_empty_folder(wheel, tmp_path):
    target, work = tmp_path / "installed", tmp_path / "work"
    work.mkdir()
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(wheel)]
    subprocess.run(command, check=True)

    def told(*arguments: object) -> str:
        environment = {**os.environ, "PYTHONPATH": str(target)}
        done = subprocess.run([*map(str, arguments)], cwd=work, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    program = target / "bin" / "al-bench"
    told(program, "-m", "strategy=random,margin", "seed=0,1", "model.width=8", "model.max_epochs=2", "budget=300")
    assert len(list(work.rglob("done.json"))) == 4
    assert "digits · mlp,max_epochs=2,width=8 · b100" in told(program, "status", "outputs/default")
    assert told(program, "report", "outputs/default").strip() == "outputs/default/analysis/report.html"
    told(program, "penalty-matrix", "outputs/default")
    assert (work / "outputs" / "default" / "analysis" / "penalty_overall.csv").exists()
    assert "as in docs/results: measured on" in told(program, "experiment=badge/small", "seed=0", "dry_run=true")
    told(program, "new", "strategy", "mine")
    told(program, "strategy=mine", "model.width=8", "model.max_epochs=2", "budget=200")
    code = (
        "import sys, test_mine as t; t.test_it_keeps_the_contract_of_a_strategy(); assert 'pytest' not in sys.modules"
    )
    told(sys.executable, "-c", code)
    where = told(sys.executable, "-c", "import al_bench.config.schema; print(al_bench.config.schema.CONF)")
    assert Path(where.strip()) == target / "al_bench" / "conf"


def test_every_requirement_is_pinned():
    pinned = {
        line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
    }
    required = re.findall(r'^    "([A-Za-z][\w-]*)[>=\[]', (ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE)
    assert len(required) > 15
    assert {name.lower() for name in required if name != "al-bench"} <= pinned


def test_batch_sizes_are_named_by_their_size():
    for path in (ROOT / "conf" / "batch_size").glob("*.yaml"):
        assert path.read_text() == f"size: {path.stem.removeprefix('b')}\n"

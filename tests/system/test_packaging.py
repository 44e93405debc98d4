"""A wheel is all of it, in an environment of its own, which `make test-wheel` makes."""

import os
import re
import shlex
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from al_bench.config.explain import EXTRAS

ROOT = Path(__file__).parents[2]
INSTALLED = os.environ.get("AL_BENCH_WHEEL", "")  # an environment with the wheel, and `dist`, what it is from
MEASURE = """
def share_of_first(logits, targets):
    return float((logits.argmax(1) == 0).mean())
"""
EXTRACTOR = """
from al_bench import Extractor


class Halved(Extractor):
    def check(self, inputs):
        pass

    def weights(self):
        return []

    def __call__(self, rows, device):
        return rows.flatten(1) / 2
"""
SCRIPT = """
import numpy as np
from torch import Tensor

from al_bench import Needs, QueryContext, Strategy
from al_bench.analysis import load_results
from pathlib import Path


class Norm(Strategy):
    needs = Needs.EMBEDDING

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        rows: Tensor = context.unlabelled.embedding_ND.norm(dim=1).argsort()[:batch_size]
        return rows


print(load_results(Path("outputs/default")).rounds["test_accuracy"].max(), Norm().needs)
"""


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


@pytest.mark.one_of_its_kind
def test_extras_are_named_as_the_wheel_names_them(wheel):
    with zipfile.ZipFile(wheel) as files:
        (metadata,) = (name for name in files.namelist() if name.endswith("/METADATA"))
        provided = set(re.findall(r"^Provides-Extra: (\S+)$", files.read(metadata).decode(), flags=re.MULTILINE))
    told = set(EXTRAS) | {
        extra
        for path in [*ROOT.glob("docs/*.md"), *ROOT.glob("conf/*/*.yaml"), ROOT / "README.md"]
        for extras in re.findall(r"al-bench\[([\w,-]+)\]", path.read_text())
        for extra in extras.split(",")
    }
    assert {"efficientnet-lite0", "minilm", "slurm"} <= told
    assert told <= provided  # pip 23, which Python 3.11 brings, takes no other spelling


@pytest.fixture
def told(tmp_path: Path) -> Callable[..., str]:
    """What a program of the installed wheel says, in an empty folder, by its name; and how it ends, where not well."""
    if not INSTALLED:
        pytest.skip("THE WHEEL IS NOT INSTALLED BY ITSELF: make test-wheel")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

    def of(program: str, *arguments: object, code: int = 0) -> str:
        command = [str(Path(INSTALLED, "bin", program).absolute()), *map(str, arguments)]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, f"{shlex.join(command)}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    return of


TINY = ("model.width=8", "model.max_epochs=2", "budget=300")


@pytest.mark.slow
def test_the_installed_wheel_runs_sweeps_and_says_what_came_out(told, tmp_path):
    sweep = ("-m", "strategy=random,margin", "seed=0,1", "save=predictions", *TINY)
    assert "4 runs: 4 finished" in told("al-bench", *sweep)
    assert len(list(tmp_path.rglob("done.json"))) == 4
    assert "4 runs: 0 finished, 4 skipped" in told("al-bench", *sweep)
    (tmp_path / "mine.py").write_text(
        "def share_of_first(logits, targets):\n    return float((logits.argmax(1) == 0).mean())\n"
    )
    told("al-bench", "evaluate", "outputs/default", "--measure", "mine:share_of_first")
    assert "digits · mlp,max_epochs=2,width=8 · b100" in told("al-bench", "status", "outputs/default")
    assert "default/analysis/report.html" in told("al-bench", "report", "outputs/default")
    of_own = told("al-bench", "report", "outputs/default", "--measure", "share_of_first")
    assert "default/analysis/share_of_first_report.html" in of_own
    told("al-bench", "penalty-matrix", "outputs/default")
    where = told("python", "-c", "import al_bench.config.schema; print(al_bench.config.schema.CONF)")
    assert Path(where.strip()).is_relative_to(Path(INSTALLED).absolute())
    assert (tmp_path / "outputs" / "default" / "analysis" / "penalty_overall.csv").exists()
    told("al-bench", "archive", "pack", "outputs/default", "runs.tar.xz")
    assert "as in docs/results: measured on" in told("al-bench", "experiment=badge/small", "seed=0", "dry_run=true")


@pytest.mark.slow
def test_the_installed_wheel_computes_features_and_reads_tables(told, tmp_path):
    (tmp_path / "conf" / "features").mkdir(parents=True)
    (tmp_path / "conf" / "features" / "halved.yaml").write_text("_target_: halved.Halved\n")
    (tmp_path / "halved.py").write_text(EXTRACTOR)
    told("al-bench", "features", "digits", "halved")
    told("al-bench", "features=halved", "model=linear", "schedule=low", "schedule.num_rounds=2")
    rows = [f"{number},{number % 7},{'ab'[number % 2]}" for number in range(60)]
    (tmp_path / "own.csv").write_text("\n".join(["x,y,label", *rows]) + "\n")
    table = ("dataset=csv", "dataset.path=own.csv", "dataset.target=label")
    told("al-bench", *table, "num_initial=4", "batch_size.size=2", "budget=8", *TINY[:2])
    assert len(list(tmp_path.rglob("done.json"))) == 2


@pytest.mark.slow
def test_the_installed_wheel_helps_to_write_a_strategy_and_checks_submissions(told, tmp_path):
    told("al-bench", "new", "strategy", "mine")
    told("al-bench", "-m", "strategy=mine", "seed=range(10)", *TINY, "budget=200", "name=mine")
    told(
        "python",
        "-c",
        "import sys, test_mine as t; t.test_it_keeps_the_contract_of_a_strategy(); assert 'pytest' not in sys.modules",
    )
    told("al-bench", "archive", "pack", "outputs/mine", "submission/runs.tar.xz")
    (tmp_path / "submission" / "card.yaml").write_text(
        "authors: [A]\ncommit: '0123abc'\ndeviations: []\ntuning_trials: 0\ncpu_hours: 1\n"
    )
    refusal = told("al-bench", "leaderboard", "check", "submission", code=1)
    assert "digits" in refusal
    assert "Traceback" not in refusal


@pytest.mark.slow
def test_types_of_the_installed_wheel_are_those_that_a_script_is_checked_by(told, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    where = told("python", "-c", "import sys; print(sys.executable)").strip()
    check = [sys.executable, "-m", "mypy", "--strict", "--python-executable", where, "script.py"]
    right = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert right.returncode == 0, right.stdout
    (tmp_path / "script.py").write_text(SCRIPT.replace("batch_size: int", "batch_size: str"))
    wrong = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "incompatible with supertype" in wrong.stdout


def test_the_source_distribution_holds_what_the_wheel_is_made_of(told):
    """`make test-wheel` makes the wheel from it."""
    (path,) = Path(INSTALLED, "dist").glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "conf/config.yaml", "al_bench/run.py"} <= names
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert names <= {*tracked.splitlines(), "PKG-INFO"}


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

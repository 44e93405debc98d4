"""Fixtures: the command line in this process and in others, small data sets, and where real data is."""

import csv
import gc
import logging
import os
import resource
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from al_bench.cli.commands import COMMANDS
from al_bench.core.data import Dataset, Examples
from al_bench.models.mlp import MLP
from al_bench.training.learner import Learner
from al_bench.training.options import TrainingOptions
from tests.support.forks import python

NUM_THREADS = 1
torch.set_num_threads(NUM_THREADS)
COMMAND_FOLDERS = ("cli", "system", "papers", "tracking")
COMMAND_FIXTURES = {"cli", "site"}
CPU_SECONDS = pytest.StashKey[float]()
MAX_CPU_SECONDS = 1.5  # of a test without the mark `slow`
# A process inherits its parent's peak memory: a small one in between, and what is measured is the last one's alone.
BETWEEN = "import subprocess, sys; subprocess.run(sys.argv[1:], check=True)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever types a command or opens a connection is marked, by the fixture it asks for or by its folder."""
    for item in items:
        asked_for = getattr(item, "fixturenames", ())
        if item.path.parent.name in COMMAND_FOLDERS or not COMMAND_FIXTURES.isdisjoint(asked_for):
            item.add_marker("command")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Reports say what a test took of the processor, with the processes that it waited for."""
    used = _cpu_seconds()
    report = yield
    since = item.stash.get(CPU_SECONDS, used)
    item.stash[CPU_SECONDS] = used
    if call.when == "call" and not {"slow", "one_of_its_kind", "cluster"} & {mark.name for mark in item.iter_markers()}:
        report.user_properties.append(("cpu_seconds", used - since))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tests that would have to be marked as slow."""
    known = [
        (seconds, report.nodeid)
        for report in terminalreporter.getreports("passed")
        for name, seconds in report.user_properties
        if name == "cpu_seconds" and report.when == "call" and seconds > MAX_CPU_SECONDS
    ]
    if known:
        terminalreporter.section(f"above {MAX_CPU_SECONDS} CPU seconds, and not marked as slow")
        for seconds, name in sorted(known, reverse=True):
            terminalreporter.line(f"{seconds:6.1f}  {name}")


def _cpu_seconds() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


@pytest.fixture(autouse=True)
def _no_service_of_wandb_outlives_its_test() -> Iterator[None]:
    """Later tests, and their processes, would use it, and it writes where the folder of that test was."""
    yield
    if "WANDB_SERVICE" in os.environ:
        import wandb

        wandb.teardown()


@pytest.fixture(autouse=True)
def _as_many_threads_as_before() -> Iterator[None]:
    yield
    torch.set_num_threads(NUM_THREADS)


@pytest.fixture(autouse=True)
def _no_module_of_a_users_folder_outlives_its_test(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Another test's file of the same name would not be read."""
    known = set(sys.modules)
    yield
    below = str(tmp_path_factory.getbasetemp())
    for name in sys.modules.keys() - known:
        if str(vars(sys.modules[name]).get("__file__")).startswith(below):
            del sys.modules[name]


@pytest.fixture
def no_connection_is_left_to_another_test() -> Iterator[None]:
    """torchvision leaves the connections of failed downloads to the garbage collector."""
    gc.freeze()  # what is there already is not looked through
    yield
    with warnings.catch_warnings(action="ignore"):
        gc.collect()
    gc.unfreeze()


@dataclass(frozen=True)
class Result:
    """What a command did."""

    code: int
    out: str
    err: str


def run_command(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> Result:
    """`python -m al_bench.run` in a process of its own; without a tracker, unless one is named."""
    completed = python("-m", "al_bench.run", *untracked(arguments), cwd=cwd, environment={**os.environ, **(env or {})})
    return Result(completed.returncode, completed.stdout, completed.stderr)


@pytest.fixture
def cli(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Result]]:
    """`al-bench` in this process, in an empty folder; without a tracker, unless one is named."""
    from al_bench.config import parts
    from al_bench.job import loading
    from al_bench.job.features import replacing as features
    from al_bench.run import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    monkeypatch.setattr(sys, "path", [*sys.path])

    def call(*arguments: str) -> Result:
        loading._read.cache_clear()  # a call stands for a process
        features._on_kept.cache_clear()
        parts._target.cache_clear()
        monkeypatch.setattr(sys, "argv", ["al-bench", *untracked(arguments)])
        monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
        code: object = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        finally:
            forget_handlers()
        message = ""
        if isinstance(code, str):  # what the interpreter does with it
            message, code = f"{code}\n", 1
        out, err = capfd.readouterr()
        return Result(int(code or 0), out, err + message)

    yield call
    forget_handlers()


def untracked(arguments: Sequence[str]) -> list[str]:
    is_run = not arguments or arguments[0] not in COMMANDS
    return [*arguments, *(["tracker=none"] if is_run and not any("tracker" in each for each in arguments) else [])]


def forget_handlers() -> None:
    logger = logging.getLogger("al_bench")
    for handler in [each for each in logger.handlers if each.get_name() == "al_bench"]:
        logger.removeHandler(handler)
    logger.propagate = True


def run_directory(root: Path) -> Path:
    """The only run directory below a folder."""
    (found,) = root.rglob("config.yaml")
    return found.parent


def rounds_without_seconds(path: Path) -> list[list[str]]:
    """rounds.csv but for the columns that are timings."""
    header, *rows = csv.reader((path / "rounds.csv").read_text().splitlines())
    kept = [position for position, column in enumerate(header) if not column.endswith("_seconds")]
    assert len(header) - len(kept) == 4
    return [[row[position] for position in kept] for row in [header, *rows]]


def assert_same_results(path: Path, other: Path) -> None:
    """Byte for byte, timings apart."""
    assert (path / "queries.csv").read_bytes() == (other / "queries.csv").read_bytes()
    assert rounds_without_seconds(path) == rounds_without_seconds(other)


def real_data(*parts: str) -> Path:
    """The folder with the real data sets; skips, saying which file is missing."""
    folder = Path(os.environ.get("AL_BENCH_DATA", "data")).absolute()
    if not folder.joinpath(*parts).exists():
        pytest.skip(f"REAL DATA MISSING: {folder.joinpath(*parts)} (set AL_BENCH_DATA)")
    return folder


def blobs(num_examples: int = 300, num_classes: int = 4, num_inputs: int = 5, seed: int = 0) -> Dataset:
    """Gaussian clusters, one per class: easy, and trained in milliseconds."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(num_classes, size=num_examples)
    targets[:num_classes] = np.arange(num_classes)
    inputs = rng.normal(size=(num_classes, num_inputs))[targets] * 2 + rng.normal(size=(num_examples, num_inputs))
    examples = Examples(torch.tensor(inputs, dtype=torch.float32), torch.from_numpy(targets))
    cut = num_examples * 2 // 3
    return Dataset(examples.take(torch.arange(cut)), examples.take(torch.arange(cut, num_examples)), num_classes)


def small_learner(dataset: Dataset, **training: object) -> Learner:
    """A small network for `blobs`."""
    arguments = {"optimizer": partial(torch.optim.Adam, lr=1e-2), "minibatch_size": 32, "max_epochs": 20} | training
    return Learner(partial(MLP, dataset.input_shape, dataset.num_classes, 16), TrainingOptions(**arguments))  # type: ignore[arg-type]

"""A run that is killed at any instant and started again ends as if nothing had happened."""

import json
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from al_bench.records.saved import SAVED
from tests.conftest import assert_same_results, real_data, run_directory
from tests.support import killable
from tests.support.forks import Process, python

NUM_ATTEMPTS = 15
NUM_PARTS = 4
STRATEGIES = {"albl": killable.ALBL, "saving": killable.SAVING}


def started(
    folder: Path, strategy: tuple[str, ...] = killable.COUNTING, *, states: Path | str | None = None
) -> Process:
    """`al-bench` in a folder, whose states are kept in another."""
    program = ("al_bench.run",) if states is None else ("tests.support.killable", str(states))
    return Process(["-m", *program, *killable.SETTINGS, *strategy], cwd=folder, out=Path(os.devnull))


def finished(folder: Path, strategy: tuple[str, ...] = killable.COUNTING, *, states: Path | str | None = None) -> int:
    return started(folder, strategy, states=states).wait(120)


@pytest.fixture(scope="module")
def undisturbed_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[tuple[str, ...]], tuple[Path, list[Path]]]:
    """Of a strategy: the run directory, and the folders that a kill could have left."""

    @cache
    def made(strategy: tuple[str, ...]) -> tuple[Path, list[Path]]:
        folder, states = tmp_path_factory.mktemp("undisturbed"), tmp_path_factory.mktemp("states")
        assert finished(folder, strategy, states=states) == 0
        path = run_directory(folder)
        assert len((path / "rounds.csv").read_text().splitlines()) == 5
        assert len((path / "strategy_state.jsonl").read_text().splitlines()) == 4
        assert ('"credits"' in (path / "strategy_state.jsonl").read_text()) == (strategy == killable.ALBL)
        return path, sorted(states.iterdir(), key=lambda state: int(state.name))

    return made


@pytest.fixture
def undisturbed(undisturbed_of) -> Path:
    path, _ = undisturbed_of(killable.COUNTING)
    return path


def saved_files(path: Path) -> dict[str, bytes]:
    """Of all kinds, hidden ones too."""
    files = [file for kind in SAVED for file in (path / kind).glob("*")]
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


def assert_ended_as(undisturbed: Path, folder: Path) -> None:
    path = run_directory(folder)
    assert_same_results(path, undisturbed)
    assert (path / "strategy_state.jsonl").read_bytes() == (undisturbed / "strategy_state.jsonl").read_bytes()
    drawn, expected = (
        [(of / name).read_bytes() for name in ("validation.csv", "flips.csv") if (of / name).exists()]
        for of in (path, undisturbed)
    )
    assert drawn == expected
    assert drawn[0].count(b"\n") == 11
    assert saved_files(path) == saved_files(undisturbed)
    assert json.loads((path / "done.json").read_text())["num_labelled"] == 70
    assert not (path / "error.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("part", range(NUM_PARTS))
@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_it_goes_on_from_whatever_a_kill_leaves(undisturbed_of, tmp_path: Path, strategy: tuple[str, ...], part: int):
    """At each step on the disk, and half-way through each write; the next choices depend on all states so far."""
    undisturbed, states = undisturbed_of(strategy)
    assert len(states) >= 50
    for state in states[part::NUM_PARTS]:
        folder = shutil.copytree(state, tmp_path / state.name)
        is_drawing = next(folder.rglob("*curve*"), None) is not None
        assert finished(folder, strategy, states=None if is_drawing else killable.UNSEEN) == 0
        assert_ended_as(undisturbed, folder)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_what_a_kill_leaves_has_every_number_of_rounds(undisturbed_of, strategy: tuple[str, ...]):
    _, states = undisturbed_of(strategy)
    lines = [(path.read_text().count("\n") for path in state.rglob("rounds.csv")) for state in states]
    assert {next(each, 0) for each in lines} == {0, 2, 3, 4, 5}
    assert any(not path.read_text().endswith("\n") for state in states for path in state.rglob("queries.csv"))
    assert any(path for state in states for path in state.rglob(".*.partial"))
    is_noisy = strategy == killable.SAVING
    assert any(path for state in states for path in state.rglob(".flips.csv.partial")) == is_noisy
    assert any(path for state in states for path in state.rglob(".validation.csv.partial"))


@pytest.mark.slow
def test_what_a_kill_leaves_has_predictions_of_a_round_that_is_not_committed(undisturbed_of):
    undisturbed, states = undisturbed_of(killable.SAVING)
    assert sorted(saved_files(undisturbed)) == [
        "last_weights/round_003.pt",
        *(f"predictions/round_00{round}.npz" for round in range(4)),
    ]
    lacking = []
    for state in states:
        num_rounds = max(0, sum(path.read_text().count("\n") - 1 for path in state.rglob("rounds.csv")))
        lacking.append(num_rounds - len([*state.rglob("round_*.npz")]))
    assert set(lacking) == {0, -1}  # more than there are rounds, and never fewer
    assert {len([*state.rglob("round_*.pt")]) for state in states} == {0, 1, 2}


@pytest.mark.slow
def test_killed_at_random_instants_again_and_again(undisturbed: Path, tmp_path: Path):
    timings = []
    for timed in ("first", "second"):  # the first waits for the process that forks the others
        clock = time.perf_counter()
        assert finished(tmp_path_of(tmp_path, timed)) == 0
        timings.append(time.perf_counter() - clock)
    seconds = min(timings)
    instants, num_kills = random.Random(0), 0
    for attempt in range(NUM_ATTEMPTS):
        folder = tmp_path_of(tmp_path, str(attempt))
        while True:
            process = started(folder)
            with suppress(subprocess.TimeoutExpired):  # then it is killed
                process.wait(instants.uniform(0, 1.2 * seconds))
            if process.wait(60) == 0:
                break
            num_kills += 1
        assert_ended_as(undisturbed, folder)
    assert num_kills >= NUM_ATTEMPTS / 3


@pytest.mark.slow
def test_a_command_killed_from_outside_goes_on_when_repeated(undisturbed: Path, tmp_path: Path):
    """The real command, killed as soon as it has committed a round."""
    command = [sys.executable, "-m", "al_bench.run", *killable.ARGUMENTS]
    kill_when(command, tmp_path, lambda: any(tmp_path.rglob("rounds.csv")), signal.SIGKILL)
    python(*command[1:], cwd=tmp_path, check=True)
    assert_ended_as(undisturbed, tmp_path)


@pytest.mark.one_of_its_kind
def test_ctrl_c_leaves_a_run_that_resumes(undisturbed: Path, tmp_path: Path):
    command = [sys.executable, "-m", "al_bench.run", *killable.ARGUMENTS]
    code, errors = kill_when(command, tmp_path, lambda: any(tmp_path.rglob("rounds.csv")), signal.SIGINT)
    if code != 0:  # it may have finished before the signal came
        assert code == 130
        assert errors.strip() == "al-bench: interrupted; the same command goes on where it stopped"
    python(*command[1:], cwd=tmp_path, check=True)
    assert_ended_as(undisturbed, tmp_path)


def kill_when(command: list[str], folder: Path, is_time: Callable[[], bool], with_signal: int) -> tuple[int, str]:
    root = Path(__file__).parents[2]
    (folder / "tests").symlink_to(root / "tests")  # the strategy is found from the working directory
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not is_time() and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(with_signal)
    _, errors = process.communicate(timeout=120)
    return process.returncode, errors


def tmp_path_of(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder


@pytest.mark.slow
def test_a_convolutional_network_on_real_images_goes_on_where_it_was_killed(tmp_path: Path):
    with (real_data("cifar-10-batches-py") / "cifar-10-batches-py" / "data_batch_1").open("rb") as file:
        batch = pickle.load(file, encoding="bytes")
    inputs = batch[b"data"][:2000].reshape(-1, 3, 32, 32).astype(np.float32) / 255
    np.savez(tmp_path / "images.npz", inputs=inputs, targets=batch[b"labels"][:2000])
    arguments = ("dataset=arrays", "dataset.name=images", f"dataset.path={tmp_path}/images.npz", "model=resnet")
    more = ("model.width=8", "model.max_epochs=5", "strategy=badge", "budget=300", "tracker=none")
    command = ["-m", "al_bench.run", *arguments, *more]
    killed, whole = tmp_path_of(tmp_path, "killed"), tmp_path_of(tmp_path, "whole")
    kill_when([sys.executable, *command], killed, lambda: any(killed.rglob("rounds.csv")), signal.SIGKILL)
    assert not list(killed.rglob("done.json"))
    for each in (killed, whole):
        python(*command, cwd=each, check=True)
    assert_same_results(run_directory(killed), run_directory(whole))
    assert len(json.loads((run_directory(killed) / "environment.json").read_text())) == 2

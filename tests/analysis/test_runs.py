"""How runs stand, told from their folders."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from al_bench.analysis.everything import everything
from al_bench.analysis.runs import Run, State, described, misplaced, runs_in, runs_table
from al_bench.cli.commands import COMMANDS
from al_bench.core.errors import ResultsError, RunDirectoryError
from al_bench.records.directory import RunDirectory
from al_bench.records.identity import Identity
from tests.support.forks import python
from tests.support.made_results import START, write_run

SCRIPT = Path(__file__).parents[2] / "scripts" / "status.py"
CURVE = {100: 0.5, 200: 0.6}


def identity(strategy: str = "badge", seed: int = 0, variant: str = "") -> Identity:
    return Identity("digits", "mlp", strategy, 100, variant, seed)


def only(folder: Path) -> Run:
    (run,) = runs_in(folder)
    return run


def test_a_finished_run(tmp_path):
    write_run(tmp_path, identity(), CURVE)
    run = only(tmp_path)
    assert (run.state, run.message, run.num_labelled) == (State.FINISHED, "", 200)
    assert run.identity == identity().as_dict()
    assert run.name == identity().title
    assert run.starts == (START,)


def test_a_run_asked_for_more_labels_than_it_has_is_interrupted(tmp_path):
    path = write_run(tmp_path, identity(), CURVE)
    done = json.loads((path / "done.json").read_text())
    (path / "done.json").write_text(json.dumps(done | {"pool_size": 1000}))
    assert only(tmp_path).state is State.INTERRUPTED
    (path / "environment.json").write_text(json.dumps([START, START | {"budget": 200}]))
    assert only(tmp_path).state is State.FINISHED
    (path / "environment.json").write_text(json.dumps([START | {"budget": 200}, START | {"budget": 201}]))
    assert only(tmp_path).state is State.INTERRUPTED


def test_a_killed_run_is_interrupted(tmp_path):
    (write_run(tmp_path, identity(), CURVE) / "done.json").unlink()
    run = only(tmp_path)
    assert run.state is State.INTERRUPTED
    assert run.message == "200 labels so far"


def test_a_failed_run_says_why(tmp_path):
    path = write_run(tmp_path, identity(), CURVE)
    (path / "error.json").write_text(json.dumps({"type": "TrainingError", "message": "round 3:\n diverged"}))
    run = only(tmp_path)
    assert run.state is State.FAILED
    assert run.message == "TrainingError: round 3: diverged"


def test_a_run_that_failed_before_its_first_round_is_known_by_its_path(tmp_path):
    for variant in ("", "num_initial=20"):
        path = tmp_path / "name" / identity(variant=variant).path
        path.mkdir(parents=True)
        (path / "error.json").write_text("{}")
    assert [run.identity for run in runs_in(tmp_path)] == [
        identity().as_dict(),
        identity(variant="num_initial=20").as_dict(),
    ]
    assert {run.state for run in runs_in(tmp_path)} == {State.FAILED}


def test_a_running_run_holds_its_lock(tmp_path):
    path = write_run(tmp_path, identity(), CURVE)
    (path / ".lock").touch()
    assert only(tmp_path).state is State.FINISHED
    with (path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert only(tmp_path).state is State.RUNNING
    assert only(tmp_path).state is State.FINISHED


@pytest.mark.command
def test_who_looks_for_an_instant_does_not_stop_a_run_that_starts(tmp_path):
    """Another process takes the lock for 30 ms, again and again; one that keeps it is in the way."""
    lock = tmp_path / ".lock"
    code = (
        "import fcntl, os, sys, time\n"
        "lock = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)\n"
        "fcntl.flock(lock, fcntl.LOCK_SH); print('held', flush=True)\n"
        "time.sleep(float(sys.argv[2]))"
    )
    for seconds, is_in_the_way in (("0.03", False), ("30", True)):
        with subprocess.Popen([sys.executable, "-c", code, lock, seconds], stdout=subprocess.PIPE, text=True) as looker:
            assert looker.stdout is not None
            assert looker.stdout.readline() == "held\n"
            if is_in_the_way:
                with (
                    pytest.raises(RunDirectoryError, match="in use by another process"),
                    RunDirectory.opened(tmp_path, identity(), {}, {}),
                ):
                    pass
            else:
                with RunDirectory.opened(tmp_path, identity(), {}, {}):
                    pass
            looker.kill()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("rounds.csv", "", "rounds.csv: it is empty"),
        ("rounds.csv", "a,b\n1,2\n", "rounds.csv: it has no column dataset"),
        ("done.json", "{", "done.json cannot be read"),
        ("done.json", "[]", "done.json cannot be read"),
        ("done.json", '{"schema_version": 99}', "(schema 99,"),
    ],
)
def test_a_broken_run_says_what_is_broken(tmp_path, name, text, message):
    path = write_run(tmp_path, identity(), CURVE)
    (path / name).write_text(text)
    run = only(tmp_path)
    assert run.state is State.BROKEN
    assert message in run.message
    assert run.identity == identity().as_dict(), "its path tells"


def test_a_finished_run_without_rounds_is_broken(tmp_path):
    (write_run(tmp_path, identity(), CURVE) / "rounds.csv").unlink()
    assert only(tmp_path).message == "it is marked as finished and has no rounds.csv"


def test_a_folder_that_is_no_runs_is_named(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "rounds.csv").write_text("x\n1\n")
    run = only(tmp_path)
    assert run.state is State.BROKEN
    assert run.name == str(tmp_path / "other")


def test_what_is_missing_of_the_product(tmp_path):
    for strategy, seed in (("badge", 0), ("badge", 1), ("random", 0)):
        write_run(tmp_path, identity(strategy, seed), CURVE)
    write_run(tmp_path, Identity("mnist", "mlp", "random", 100, "", 0), CURVE)
    runs = runs_in(tmp_path)
    missing = [run.name for run in runs if run.state is State.MISSING]
    assert missing == [
        "digits · mlp · random · b100 · seed 1",
        "mnist · mlp · badge · b100 · seed 0",
        "mnist · mlp · badge · b100 · seed 1",
        "mnist · mlp · random · b100 · seed 1",
    ]
    assert runs_table(runs)["state"].value_counts().to_dict() == {"finished": 4, "missing": 4}
    assert "mnist · mlp · badge · b100 · seeds 0, 1" in described([run for run in runs if run.state is State.MISSING])


def test_what_trackers_keep_inside_a_run_is_not_taken_for_a_run(tmp_path):
    path = write_run(tmp_path, identity(), CURVE)
    (path / "wandb" / "files").mkdir(parents=True)
    (path / "wandb" / "files" / "rounds.csv").write_text("a\n")
    assert only(tmp_path).state is State.FINISHED


def test_two_directories_of_one_run_are_told(tmp_path):
    for name in ("a", "b"):
        write_run(tmp_path / name, identity(), CURVE)
    first, second = runs_in(tmp_path)
    assert (first.state, second.state) == (State.FINISHED, State.BROKEN)
    assert str(first.path) in second.message


def test_folders_that_cannot_be_told_are_named_each(tmp_path):
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rounds.csv").write_text("a\n1\n")
    lines = described(runs_in(tmp_path))
    assert [line.partition(":")[0] for line in lines] == [str(tmp_path / name) for name in ("x", "y")]


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ResultsError, match="there are no runs in it"):
        runs_in(tmp_path)
    with pytest.raises(ResultsError, match="there is no such folder"):
        runs_in(tmp_path / "nowhere")


def run_script(*arguments: object) -> subprocess.CompletedProcess[str]:
    return python(SCRIPT, *arguments, environment=os.environ | {"COLUMNS": "80"})


@pytest.mark.command
def test_the_script_says_it_at_a_glance(tmp_path):
    for seed in range(4):
        write_run(tmp_path, identity(seed=seed), CURVE)
    for seed in range(3):
        (write_run(tmp_path, identity("random", seed), CURVE) / "done.json").unlink()
    failed = tmp_path / identity("random", 2).path
    (failed / "error.json").write_text(json.dumps({"type": "DataError", "message": "no [bold]data[/bold]"}))
    finished = run_script(tmp_path)
    assert finished.returncode == 0, finished.stderr
    lines = finished.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert ["all", "4", "1", "2", "1"] in [line.replace("│", " ").split() for line in lines]
    assert "  digits · mlp · random · b100 · seeds 0, 1: 200 labels so far" in lines
    assert "  digits · mlp · random · b100 · seed 2: DataError: no [bold]data[/bold]" in lines
    assert "  digits · mlp · random · b100 · seed 3" in lines


@pytest.mark.command
def test_a_folder_whose_runs_have_no_round_yet(tmp_path):
    path = write_run(tmp_path, identity(), CURVE)
    (path / "done.json").unlink()
    header = (path / "rounds.csv").read_text().splitlines()[0]
    (path / "rounds.csv").write_text(f"{header}\n")
    with (path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        finished = run_script(tmp_path)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert "running" in finished.stdout


@pytest.mark.command
def test_the_script_refuses_without_a_stack_trace(tmp_path):
    finished = run_script(tmp_path / "nowhere")
    assert finished.returncode == 1
    assert finished.stderr == f"status: {tmp_path / 'nowhere'}: there is no such folder\n"


def test_many_states_are_counted(tmp_path):
    for seed in range(3):
        write_run(tmp_path, identity(seed=seed), CURVE)
    (tmp_path / identity(seed=1).path / "done.json").unlink()
    assert Counter(run.state for run in runs_in(tmp_path)) == {State.FINISHED: 2, State.INTERRUPTED: 1}


def sweep(folder: Path) -> None:
    for strategy in ("badge", "random"):
        for seed in range(3):
            write_run(folder, identity(strategy, seed), {100 + 100 * step: 0.5 + 0.05 * step for step in range(9)})


@pytest.mark.command
def test_a_run_in_a_folder_of_another_name_is_said_as_it_is(tmp_path):
    sweep(tmp_path)
    path = tmp_path / identity("badge", 0).path
    moved = path.rename(path.with_name("s9"))
    runs = runs_in(tmp_path)
    assert Counter(run.state for run in runs) == {State.FINISHED: 6}
    told = f"{moved}: holds the run digits · mlp · badge · b100 · seed 0, and is counted as that"
    assert [line.startswith(told) for line in misplaced(runs)] == [True]
    assert told in run_script(tmp_path).stdout
    assert any(told in line for line in everything(tmp_path).problems)
    shutil.move(tmp_path / identity("badge", 1).path, tmp_path / "any name")
    assert len(misplaced(runs_in(tmp_path))) == 1, "that is no name of a run"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda path: path.write_text(path.read_text().replace("0.65", "x", 1)), "test_accuracy='x' is no number"),
        (lambda path: path.write_text(""), "it is empty"),
        (lambda path: path.unlink(), "it is marked as finished and has no rounds.csv"),
        (
            lambda path: (
                [path.unlink(), (path.parent / "done.json").unlink()]
                and (path.parent / "error.json").write_text('{"type": "DataError", "message": "gone"}')
            ),
            "failed, and left out: DataError: gone",
        ),
    ],
    ids=["cell", "empty", "none", "failed"],
)
def test_a_run_that_is_left_out_is_not_called_missing(tmp_path, change, told, monkeypatch, capsys):
    sweep(tmp_path)
    change(tmp_path / identity("badge", 1).path / "rounds.csv")
    refusal = everything(tmp_path).comparison
    assert isinstance(refusal, str)
    assert "digits · mlp · b100 · badge · seed 1: " in refusal
    assert told in refusal
    assert "there is no such run" not in refusal
    with pytest.raises(SystemExit) as refused:
        COMMANDS["penalty-matrix"].main([str(tmp_path)])
    assert told in str(refused.value)
    assert "there is no such run" not in str(refused.value)
    monkeypatch.setattr("al_bench.analysis.pictures.drawing.drawn", lambda _: [])
    COMMANDS["penalty-matrix"].main([str(tmp_path), "--partial"])
    assert told in capsys.readouterr().err

"""What people see."""

import logging
import os
import pty
import re
import select
import time
from io import StringIO
from itertools import accumulate
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from al_bench.cli import display
from al_bench.cli.display import Plan, RunDisplay
from al_bench.core.clock import Clock, duration
from al_bench.records.identity import Identity
from tests.support.forks import Process

QUICK = ("model.width=8", "model.max_epochs=3", "num_initial=20", "batch_size.size=20", "budget=60")


def in_a_terminal(folder: Path, *arguments: str) -> str:
    """What a terminal of 80 columns gets, without the codes for colours and cursor."""
    parent, child = pty.openpty()
    environment = {**os.environ, "COLUMNS": "80", "TERM": "xterm"}
    command = ["-m", "al_bench.run", *arguments]
    process = Process(command, cwd=folder, out=Path(os.ttyname(child)), environment=environment)
    received, is_over, deadline = b"", False, time.monotonic() + 240
    while not is_over:
        is_over = process.poll() is not None
        assert time.monotonic() < deadline, received.decode()
        while select.select([parent], [], [], 0.02)[0]:
            received += os.read(parent, 4096)
    os.close(parent)
    os.close(child)
    assert process.returncode == 0, received.decode()
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", received.decode())


@pytest.mark.slow
def test_a_terminal_shows_what_runs_a_line_per_round_and_the_curve(tmp_path):
    shown = in_a_terminal(tmp_path, *QUICK)
    for fact in (
        "digits: pool 1,437, test set 360, inputs 64, 10 classes",
        "mlp,max_epochs=3,width=8: 600 parameters",
        "badge: 20 initial labels, 20 a round, up to 60",
        "cpu, 1 thread",
        "round    labels    epochs   seconds   test accuracy   time left",
        "test accuracy │ balanced │ test loss",
    ):
        assert fact.replace("│", "┃") in shown or fact in shown, fact
    rounds = re.findall(r" (\d) +(\d+) +(\d+)\* +\d+\.\d\d +0\.\d{4} +\d+ s", shown)
    assert rounds == [("0", "20", "3"), ("1", "40", "3"), ("2", "60", "3")]
    assert "* stopped by model.max_epochs, not by the stopping rule" in shown
    assert "curve.png" in shown
    assert all(len(line) <= 80 for line in shown.splitlines() if "outputs/" not in line and "\r" not in line)
    assert "goes on after" not in shown
    assert "goes on after 60 labels" in in_a_terminal(tmp_path, *QUICK, "budget=100")
    again = in_a_terminal(tmp_path, *QUICK)
    assert "finished before" in again
    assert "curve.png" in again


@pytest.mark.slow
def test_brackets_in_names_are_shown_as_they_are(tmp_path):
    shown = in_a_terminal(tmp_path, *QUICK, "output_dir='out[bold]'")
    assert "directory  out[bold]/default" in shown
    assert "results  out[bold]/default" in shown


def test_without_a_terminal_there_is_one_line_per_round(cli, tmp_path):
    lines = cli(*QUICK).out.splitlines()
    rounds = [line for line in lines if ": round " in line]
    assert len(rounds) == 3
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d s0 badge digi…: round 1, 40 labels, 3 epochs\*, 0\.\d{4}, \d+ s left",
        rounds[1],
    ), rounds[1]
    assert ": * stopped by model.max_epochs, not by the stopping rule" in "\n".join(lines)
    (log,) = tmp_path.rglob("run.log")
    assert sum(": round " in line for line in log.read_text().splitlines()) == 3
    assert "…" not in log.read_text()
    assert log.read_text().count(" INFO s0 badge digits b20 mlp,max_epochs=3,width=8 num_initial=20: ") == 4


def test_the_name_of_a_run_is_cut_alike_in_all_its_lines(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("al_bench"), "propagate", True)
    identity = Identity("digits", "mlp,width=8", "power_confidence", 10, "", 0)
    plan = Plan(identity, Path("o"), {}, 10**4, 10, (4,), 3, 100, 0, 10**4, "cpu", 1, 10, 0)
    told_of = RunDisplay()
    with caplog.at_level("INFO"):
        told_of.start(plan)
        for round, epochs in ((0, 9), (9, 120), (99, 4000), (990, 9999)):
            measured = SimpleNamespace(accuracy=0.5)
            labels = 100 + 10 * round
            told_of.round(
                SimpleNamespace(
                    round=round, num_labelled=labels, num_epochs=epochs, epoch_limit_hit=epochs > 100, test=measured
                )
            )
        told_of.finish(0)
    lines = [display._Short("00:00:00 %(message)s").format(each) for each in caplog.records[1:]]
    assert len({line.partition(": ")[0] for line in lines}) == 1, lines
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("00:00:00 s0 power_c…: round 0, ")


@pytest.mark.parametrize(
    ("strategy", "seed", "num_labelled", "num_epochs"),
    [("badge", 0, 100, 3), ("joint,entropy_weight=0.1,query=badge", 123, 1100, 1204), ("a" * 200, 10**9, 10**6, 10**5)],
)
def test_lines_of_rounds_fit_80_columns(caplog, monkeypatch, strategy, seed, num_labelled, num_epochs):
    monkeypatch.setattr(logging.getLogger("al_bench"), "propagate", True)
    identity = Identity("openml_156", "mlp,width=8", strategy, 100, "num_initial=20", seed)
    plan = Plan(identity, Path("o"), {}, 10**6, 10, (4,), 3, 100, 0, 10**6, "cpu", 1, 10, 0)
    measured = SimpleNamespace(accuracy=0.51234)
    record = SimpleNamespace(
        round=1000, num_labelled=num_labelled, num_epochs=num_epochs, epoch_limit_hit=True, test=measured
    )
    told_of = RunDisplay()
    with caplog.at_level("INFO"):
        told_of.start(plan)
        told_of.round(record)
        told_of.finish(0)
    _, *whole = (each.getMessage() for each in caplog.records)
    assert all(each.startswith(f"s{seed} {strategy} openml_156 b100 mlp,width=8 num_initial=20: ") for each in whole)
    told, limit = (display._Short("00:00:00 %(message)s").format(each) for each in caplog.records[1:])
    assert len(told) <= 80
    assert len(limit) <= 80
    assert ": round 1000, " in told
    assert "0.5123" in told
    assert f"s{seed} {strategy}"[:8] in told or seed == 10**9


@pytest.mark.slow
def test_the_picture_is_a_picture_and_drawn_again_when_it_is_missing_or_old(cli, tmp_path):
    cli(*QUICK)
    (picture,) = tmp_path.rglob("curve.png")
    picture.unlink()
    assert "finished before" in cli(*QUICK).out
    os.utime(picture, (0, 0))
    cli(*QUICK)
    assert picture.stat().st_mtime > 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 10_000


def estimates(seconds_of, num_initial: int, batch_size: int, budget: int) -> list[tuple[float, float]]:
    """Of what is left after each round, and what was."""
    labels = [*range(num_initial, budget, batch_size), budget]
    ends = list(accumulate(seconds_of(number, each) for number, each in enumerate(labels)))
    times = iter([0.0, *ends])
    clock, told = Clock(budget, batch_size, now=lambda: next(times)), []
    for end, each in zip(ends, labels, strict=True):
        clock.lap(each)
        told.append((clock.seconds_left, ends[-1] - end))
    return told


PACES = {
    "as long whatever the labels": lambda number, labels: 0.1,
    "in proportion": lambda number, labels: labels / 1000,
    "some of both": lambda number, labels: 0.05 + labels / 5000,
    "by chance": lambda number, labels: 0.08 + 0.04 * (number * 7 % 5) / 5,
    "after a slow start": lambda number, labels: 2.0 * (number == 0) + 0.1,
}


@pytest.mark.parametrize("pace", PACES)
def test_the_time_left_is_within_a_factor_of_three_from_the_sixth_round_on(pace):
    """From 10 labels to 1,437 by tens: 16 s may be left where proportion to the labels says 17 minutes."""
    for told, true in estimates(PACES[pace], num_initial=10, batch_size=10, budget=1437)[5:-1]:
        assert true / 3 <= told <= true * 3, (told, true)


@pytest.mark.parametrize("pace", [pace for pace in PACES if pace != "after a slow start"])
def test_the_time_left_is_never_wildly_too_long(pace):
    for told, true in estimates(PACES[pace], num_initial=10, batch_size=10, budget=1437)[:-1]:
        assert told <= true * 3, (told, true)


def test_no_time_is_left_in_the_end():
    for pace in PACES.values():
        assert estimates(pace, num_initial=20, batch_size=30, budget=95)[-1][0] == 0


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (99, "99 s"), (100, "2 min"), (5999, "100 min"), (9000, "2.5 h")]
)
def test_durations_are_short(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_bar_is_shown_in_a_terminal_alone(is_terminal, monkeypatch):
    screen = StringIO()
    monkeypatch.setattr(display, "console", Console(file=screen, force_terminal=is_terminal, width=80))
    assert [*display.with_bar(iter("abc"), "checks what each run is", 3)] == ["a", "b", "c"]
    assert ("checks what each run is" in screen.getvalue()) is is_terminal
    assert max(map(len, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue()).splitlines() or [""])) <= 80

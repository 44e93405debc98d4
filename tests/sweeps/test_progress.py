"""How far a sweep is."""

import fcntl
import logging
import os
from pathlib import Path

import pytest

from al_bench.sweeps import progress
from al_bench.sweeps.progress import Progress


def write(path: Path, name: str, age: float = 0) -> Path:
    path.mkdir(exist_ok=True)
    (path / name).write_text("{}")
    mtime = (path / name).stat().st_mtime - age
    os.utime(path / name, (mtime, mtime))
    return path / name


def test_done_running_failed_and_what_is_from_before(tmp_path, monkeypatch):
    monkeypatch.setattr(progress.time, "perf_counter", iter([0.0, *range(60, 1000, 60)]).__next__)
    monkeypatch.setattr(Progress, "_watch", lambda self: None)
    paths = [tmp_path / str(number) for number in range(8)]
    write(paths[0], "error.json", age=20)  # of an earlier sweep
    write(paths[1], "environment.json", age=20)
    with Progress(paths, 4, 12) as told:
        assert told.line() == "4 of 12 runs done"
        write(paths[0], "environment.json")
        with write(paths[0], ".lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            assert told.line() == "4 of 12 runs done, 1 running"
            write(paths[2], "environment.json")  # of a process that was killed
            write(paths[3], "error.json")
            assert told.line() == "4 of 12 runs done, 1 running, 1 failed"
            write(paths[4], "done.json")
            assert told.line() == "5 of 12 runs done, 1 running, 1 failed, about 9 min left"
        for path in (paths[0], paths[1], paths[2], *paths[5:]):
            write(path, "done.json")
        assert told.line() == "11 of 12 runs done, 1 failed"


def test_the_start_of_a_launcher_is_not_counted(tmp_path, monkeypatch):
    """An hour in a queue, then a run in a minute."""
    monkeypatch.setattr(progress.time, "perf_counter", iter([0.0, 0.0, 3600.0, 3660.0]).__next__)
    monkeypatch.setattr(Progress, "_watch", lambda self: None)
    paths = [tmp_path / str(number) for number in range(4)]
    with Progress(paths, 0, 4) as told:
        assert told.line() == "0 of 4 runs done"
        write(paths[0], "environment.json")
        write(paths[0], "done.json")
        assert told.line() == "1 of 4 runs done, about 3 min left"


def test_lines_come_as_runs_end(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LOOKS", 0.01)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0)
    monkeypatch.setattr(logging.getLogger("al_bench"), "propagate", True)
    paths = [tmp_path / str(number) for number in range(2)]
    with caplog.at_level("INFO"), Progress(paths, 0, 2) as told:
        for number, path in enumerate(paths, 1):
            write(path, "done.json")
            for _ in range(500):
                if any(record.getMessage().startswith(f"sweep: {number} of 2") for record in caplog.records):
                    break
                told._is_over.wait(0.01)
            else:
                pytest.fail("no line")
    assert [record.getMessage().partition(", about")[0] for record in caplog.records] == [
        "sweep: 1 of 2 runs done",
        "sweep: 2 of 2 runs done",
    ]

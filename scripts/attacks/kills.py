"""Kills at random lines and times: runs that are killed and started again have to end as if nothing had happened.

Every configuration is run once undisturbed, which tells how many lines and seconds it takes; then again and again in
an empty folder, where its process is killed at a line of the package, at a line of what writes, or at an instant, and
its command repeated until it has ended. Results are compared byte for byte, seconds apart.
"""

import atexit
import csv
import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import al_bench.analysis.pictures.run_curve
import al_bench.datasets.digits
import al_bench.job.one_run  # all are imported once, before the processes that use them are forked
from al_bench.records.archive.moving import pack, restore
from al_bench.records.saved import SAVED
from al_bench.run import main
from attacks.configurations import CONFIGURATIONS, Configuration

PACKAGE = str(Path(al_bench.__file__).parent)
WRITERS = (  # modules of the package
    *("files/writing.py", "files/locks.py", "files/npz.py", "records/directory.py", "records/tables.py"),
    *("records/state.py", "records/saved.py", "records/archive/moving.py", "job/pretraining.py", "datasets/openml.py"),
    *("records/committed.py", "records/starts/noted.py", "job/weights.py"),
    *("job/features/files.py", "job/features/extracting.py"),
)
COMPARED = (
    *("queries.csv", "strategy_state.jsonl", "done.json", "optimization_results.yaml", "flips.csv"),
    *("validation.csv", "weights_even.bin", "weights_odd.bin"),
)
PATIENCE = 300.0  # seconds of a command
MOST_TRIES = 4  # folders per kill: a process may end before it is hit
MOST_IN_A_ROW = 3  # kills in a folder
AT_ONCE = 2  # configurations

Trace = Callable[[FrameType, str, Any], Any]


def kills(num: int, seed: int) -> int:
    """Strike `num` kills at all configurations; returns the number of differences, and prints a table."""
    here = str(Path(__file__).parents[1])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))  # of the preloading
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["attacks.kills"])
    with TemporaryDirectory(prefix="attack-") as scratch, ThreadPoolExecutor(AT_ONCE) as threads:
        attacks = [
            Attack(configuration, Path(scratch, str(number)), Random(f"{seed} {number}"), processes)
            for number, configuration in enumerate(CONFIGURATIONS)
        ]
        quotas = [num // len(attacks) + (number < num % len(attacks)) for number in range(len(attacks))]
        counts: list[tuple[int, int, int]] = list(threads.map(Attack.struck, attacks, quotas))
    names = [*(configuration.name for configuration in CONFIGURATIONS), "all"]
    sums: list[int] = [sum(column) for column in zip(*counts, strict=True)]
    print(f"{'configuration':<20} {'kills':>6} {'folders':>8} {'differences':>12}")
    for name, (num_kills, num_folders, num_different) in zip(names, [*counts, sums], strict=True):
        print(f"{name:<20} {num_kills:>6} {num_folders:>8} {num_different:>12}")
    return int(sums[-1])


class Attack:
    """Kills at one configuration; it is run undisturbed first."""

    def __init__(self, configuration: Configuration, scratch: Path, rng: Random, processes: Any) -> None:
        self.configuration = configuration
        self._scratch = scratch
        self._rng = rng
        self._processes = processes
        self._undisturbed: Mapping[str, object] = {}
        self._lengths: list[tuple[int, int, float]] = []  # of each command: lines, lines of what writes, seconds
        self._num_folders = 0

    def struck(self, num: int) -> tuple[int, int, int]:
        """Strike so many kills, if they hit; how many did, in how many folders, and how many of those are different."""
        if num:
            folder = self._folder()
            self._lengths = [self._measured(folder, command) for command in self.configuration.commands]
            self._undisturbed = results(folder)
        num_kills, num_folders, num_different = 0, 0, 0
        while num_kills < num and num_folders < num * MOST_TRIES:
            num_here, difference = self._strike()
            num_kills, num_folders = num_kills + num_here, num_folders + 1
            if difference:
                num_different += 1
                print(f"{self.configuration.name}: {difference}", flush=True)
        return num_kills, num_folders, num_different

    def _strike(self) -> tuple[int, str]:
        """In a new folder, kill one process or more, if they are hit; how many were, and what is different then."""
        folder = self._folder()
        victim = self._rng.randrange(len(self._lengths))
        num_kills = 0
        for number, command in enumerate(self.configuration.commands):
            while number == victim and num_kills < MOST_IN_A_ROW and (num_kills == 0 or self._rng.random() < 0.5):
                if self._killed(folder, command, self._lengths[number]) != -signal.SIGKILL:
                    break
                num_kills += 1
            if code := self._ended(self._started(folder, command), PATIENCE):
                return num_kills, f"{folder} ends with {code}: {told(folder)}"
        found, expected = results(folder), self._undisturbed
        different = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
        shutil.rmtree(folder, ignore_errors=True)
        return num_kills, f"after {num_kills} kills: {', '.join(different)}" if different else ""

    def _killed(self, folder: Path, command: tuple[str, ...], length: tuple[int, int, float]) -> int | None:
        lines, writing_lines, seconds = length
        kind = self._rng.choice(["line", "write", "time"])
        if kind == "time":
            return self._ended(self._started(folder, command), self._rng.uniform(0, 1.1 * seconds))
        at = self._rng.randrange(max(1, writing_lines if kind == "write" else lines))
        return self._ended(self._started(folder, command, kill_at=at, is_writing=kind == "write"), PATIENCE)

    def _measured(self, folder: Path, command: tuple[str, ...]) -> tuple[int, int, float]:
        began = time.perf_counter()
        if code := self._ended(self._started(folder, command, count_in="lines"), PATIENCE):
            raise SystemExit(f"attack: {self.configuration.name} ends with {code} undisturbed: {told(folder)}")
        lines, writing_lines = map(int, (folder / "lines").read_text().split())
        return lines, writing_lines, time.perf_counter() - began

    def _folder(self) -> Path:
        folder = self._scratch / f"{self._num_folders}"
        self._num_folders += 1
        folder.mkdir(parents=True)
        self.configuration.prepare(folder)
        return folder

    def _started(self, folder: Path, command: tuple[str, ...], **arguments: Any) -> BaseProcess:
        process: BaseProcess = self._processes.Process(target=done, args=(str(folder), command), kwargs=arguments)
        process.start()
        return process

    def _ended(self, process: BaseProcess, seconds: float) -> int | None:
        """The exit code, after a kill if it takes longer."""
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            process.join()
        return process.exitcode


def done(
    folder: str, command: tuple[str, ...], kill_at: int | None = None, is_writing: bool = False, count_in: str = ""
) -> None:
    """A command in a folder, in a process of its own, which is killed at a line if one is given."""
    os.setsid()
    setattr(multiprocessing.process, "_parent_process", None)  # noqa: B010  a command, no worker that ends with a parent
    os.chdir(folder)
    os.environ["WANDB_SILENT"] = "true"
    out = os.open("out.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for descriptor in (1, 2):
        os.dup2(out, descriptor)
    numbers = [0, 0]
    if kill_at is not None or count_in:
        sys.settrace(_counting(numbers, int(is_writing), kill_at))
    try:
        if command[0] == "pack":
            pack(Path("outputs"), Path("packed"), with_predictions=True)
        elif command[0] == "restore":
            restore(Path("packed"), Path("restored"))
        else:
            sys.argv = ["al-bench", *command]
            main()
    finally:
        sys.settrace(None)
        if count_in:
            Path(count_in).write_text(" ".join(map(str, numbers)))
        threading._shutdown()  # type: ignore[attr-defined]  # an interpreter ends joblib's workers before it waits
        atexit._run_exitfuncs()


def _counting(numbers: list[int], which: int, kill_at: int | None) -> Trace:
    """Counts lines of the package, and those of what writes; kills before the given one."""

    def of_frame(is_writer: bool) -> Trace:
        def traced(_: FrameType, event: str, __: Any) -> Trace:
            if event == "line":
                numbers[0] += 1
                numbers[1] += is_writer
                if numbers[which] - 1 == kill_at and (is_writer or not which):
                    os.kill(os.getpid(), signal.SIGKILL)
            return traced

        return traced

    tracers = {is_writer: of_frame(is_writer) for is_writer in (False, True)}

    def called(frame: FrameType, _: str, __: Any) -> Trace | None:
        file = frame.f_code.co_filename
        return tracers[file.endswith(WRITERS)] if file.startswith(PACKAGE) else None

    return called


def results(folder: Path) -> dict[str, object]:
    """Of all runs in a folder: what has to be the same, by its path."""
    found: dict[str, object] = {}
    for path in _files(folder):
        name = str(path.relative_to(folder))
        if path.name == "rounds.csv":
            header, *rows = csv.reader(path.read_text().splitlines())
            kept = [position for position, column in enumerate(header) if not column.endswith("_seconds")]
            found[name] = [[row[position] for position in kept] for row in [header, *rows]]
        elif path.name == "study.db":
            found[name] = _trials(path)
        elif path.name in COMPARED or path.parent.name in SAVED or path.parent.parent.name == "features":
            found[name] = path.read_bytes()
        elif path.name == "error.json" or path.name.endswith(".partial"):
            found[name] = "litter"
    return found


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "wandb" not in path.parts:
            yield path


def _trials(path: Path) -> list[tuple[object, ...]]:
    """State, parameters and value of every trial of a search."""
    import optuna

    url = f"sqlite:///{path}"
    names = [summary.study_name for summary in optuna.get_all_study_summaries(url)]
    trials = [trial for name in sorted(names) for trial in optuna.load_study(study_name=name, storage=url).trials]
    return [(trial.number, trial.state.name, trial.params, trial.values) for trial in trials]


def told(folder: Path) -> str:
    """The end of what the commands have printed."""
    with suppress(OSError):
        return (folder / "out.txt").read_text(errors="replace")[-2000:]
    return ""

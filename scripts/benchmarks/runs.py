"""Seconds and memory of whole runs, and of what is over at once."""

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median

from rich.table import Table

from al_bench.records.reading import rows_of

DATA_DIR = Path(os.environ.get("AL_BENCH_DATA", "data"))
# Seconds of the first three rounds of letter, batch size 100, width 256, learning rate 1e-3, on two CPU cores, by the
# code that Ash et al. (2020) published: as it is, and with the same steps but without its data-loader workers.
REFERENCE_ROUNDS = {"published code": (7.9, 12.4, 23.6), "its steps alone": (0.12, 0.33, 0.86)}

# A process inherits its parent's peak memory: a small one in between measures the command alone.
MEASURED = """
import resource, subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def al_bench(*arguments: str, folder: str) -> tuple[float, float]:
    """Wall seconds and peak memory in GB of a command in a process of its own."""
    completed = subprocess.run(
        [sys.executable, "-c", MEASURED, sys.executable, "-m", "al_bench.run", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        env={**os.environ, "AL_BENCH_DATA": str(DATA_DIR.absolute())},
        text=True,
        check=True,
    )
    seconds, maxrss = completed.stdout.split()
    return float(seconds), int(maxrss) * (1 if platform.system() == "Darwin" else 1024) / 1e9  # there bytes, here KiB


def rounds() -> Table:
    """Seconds per round of real runs: training, and querying for the next round."""
    table = Table(title="Seconds per round (training + query), 1 thread")
    for column in ("run", "first rounds", "last round", "peak memory"):
        table.add_column(column, justify="right" if column != "run" else "left")
    letter = ("dataset=openml_6", "model.width=256", "model.optimizer.lr=1e-3", "budget=300")
    runs: list[tuple[str, Path, tuple[str, ...]]] = [
        (f"letter, {name}, B=100", DATA_DIR / "openml" / "6.arff", (*letter, f"strategy={name}"))
        for name in ("random", "badge")
    ]
    mnist = ("dataset=mnist", "strategy=margin", "batch_size=b1000", "budget=10100")
    runs += [
        ("MNIST, margin, B=1000, 10,100 labels", DATA_DIR / "MNIST", mnist),
        ("digits, badge, B=100, 1,437 labels", Path(), ()),
    ]
    for name, needed, arguments in runs:
        if not needed.exists():
            table.add_row(name, f"no {needed}", "", "")
            continue
        with tempfile.TemporaryDirectory() as folder:
            _, gigabytes = al_bench(*arguments, folder=folder)
            (path,) = Path(folder).rglob("rounds.csv")
            seconds = [row["fit_seconds"] + row["query_seconds"] for row in rows_of(path.parent)]
        first = " ".join(f"{value:.2f}" for value in seconds[:3])
        table.add_row(name, first, f"{seconds[-1]:.2f}", f"{gigabytes:.2f} GB")
    for name, published in REFERENCE_ROUNDS.items():
        table.add_row(f"letter, random, B=100: {name}", " ".join(f"{value:.2f}" for value in published), "", "")
    return table


def startup() -> Table:
    """Seconds until an answer."""
    table = Table(title="Start-up, median of 5")
    for column in ("command", "seconds", "peak memory"):
        table.add_column(column, justify="right" if column != "command" else "left")
    smallest = ("budget=100", "model.max_epochs=1")
    with tempfile.TemporaryDirectory() as folder:
        al_bench(*smallest, "name=done", folder=folder)
        commands: dict[str, Callable[[int], Iterable[str]]] = {
            "al-bench --help": lambda _: ("--help",),
            "al-bench --cfg job": lambda _: ("--cfg", "job"),
            "a finished run, skipped": lambda _: (*smallest, "name=done"),
            "a run of one round and one epoch": lambda repeat: (*smallest, f"name=new{repeat}"),
        }
        for name, arguments in commands.items():
            measured = [al_bench(*arguments(repeat), folder=folder) for repeat in range(5)]
            seconds, gigabytes = (median(values) for values in zip(*measured, strict=True))
            table.add_row(name, f"{seconds:.2f}", f"{gigabytes:.2f} GB")
    return table

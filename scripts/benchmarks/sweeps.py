"""What a sweep costs beside its runs: the table `sweeps` of benchmark.py."""

import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import pandas as pd
from hydra import compose, initialize_config_dir
from rich.table import Table

from al_bench.config.schema import CONF

FEW, MANY, REPEATS = 5, 25, 3
SMALL = ("strategy=random", "budget=300", "model.max_epochs=5")
LAUNCHERS = {
    "basic": (),
    "ray": ("hydra/launcher=ray", "hydra.launcher.ray.init.num_cpus=1"),
}


def sweeps() -> Table:
    """Seconds per run beyond training and querying: the slope between sweeps of few and many runs, one at a time."""
    table = Table(title=f"Sweeps of runs of three rounds: seconds per run, median of {REPEATS}")
    for column in ("launcher", "tracker", "a run", "its rounds", "composition", "overhead", "a skipped run"):
        table.add_column(column, justify="left" if column in ("launcher", "tracker") else "right")
    composition = _composition()
    for launcher, arguments in LAUNCHERS.items():
        if find_spec(f"hydra_plugins.hydra_{launcher}_launcher") is None and launcher != "basic":
            table.add_row(launcher, "not installed")
            continue
        for tracker in ("none", "wandb"):
            measured = [_measured(*arguments, f"tracker={tracker}") for _ in range(REPEATS)]
            run, rounds, skipped = (median(values) for values in zip(*measured, strict=True))
            overhead = run - rounds - composition
            told = [f"{value:.3f}" for value in (run, rounds, composition, overhead, skipped)]
            table.add_row(launcher, tracker, *told)
    return table


def _measured(*arguments: str) -> tuple[float, float, float]:
    """Seconds of a run, of its training and querying, and of a skipped run."""
    seconds: dict[int, float] = {}
    skipped: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in (FEW, MANY):
            command = [sys.executable, "-m", "al_bench.run", "-m", f"seed=range({number})", f"name=of{number}"]
            for measured in (seconds, skipped):
                start = time.perf_counter()
                subprocess.run([*command, *SMALL, *arguments], cwd=folder, capture_output=True, check=True)
                measured[number] = time.perf_counter() - start
        rounds = pd.concat(pd.read_csv(path) for path in Path(folder, "outputs", f"of{MANY}").rglob("rounds.csv"))
    of_rounds = (rounds["fit_seconds"] + rounds["query_seconds"]).sum() / MANY
    return (
        (seconds[MANY] - seconds[FEW]) / (MANY - FEW),
        float(of_rounds),
        (skipped[MANY] - skipped[FEW]) / (MANY - FEW),
    )


def _composition() -> float:
    """Seconds of Hydra to compose a job."""
    measured = []
    with initialize_config_dir(str(CONF), version_base="1.3"):
        for seed in range(10):
            start = time.perf_counter()
            compose("config", [f"seed={seed}", *SMALL], return_hydra_config=True)
            measured.append(time.perf_counter() - start)
    return median(measured)

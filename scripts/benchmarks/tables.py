"""How fast al_bench is here, as tables: training against a bare PyTorch loop, queries, rounds, start-up,
sweeps, analysis.

    python scripts/benchmark.py [TABLE ...] [--device cuda]

Timings are medians; what is compared alternates within one run. Rounds of letter need <data_dir>/openml/6.arff, those
of MNIST <data_dir>/MNIST (the environment variable AL_BENCH_DATA, else `data`), and are left out without them.
"""

import argparse
import logging
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import torch
from rich.console import Console
from rich.table import Table

from al_bench.job.one_run import set_up_torch
from benchmarks.analysis import analysis
from benchmarks.passes import passes
from benchmarks.profile import late_rounds, proofs
from benchmarks.runs import DATA_DIR, rounds, startup
from benchmarks.strategies import strategies
from benchmarks.sweeps import sweeps
from benchmarks.training import steps, training

TABLES = (
    "steps",
    "late_rounds",
    "proofs",
    "training",
    "passes",
    "strategies",
    "rounds",
    "startup",
    "sweeps",
    "analysis",
)

console = Console(width=100)


def main() -> None:
    """Print the tables that are asked for, all by default."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", choices=[*TABLES, []], help="which tables (all by default)")
    parser.add_argument(
        "--device", default="cpu", choices=["cpu", "cuda"], help="of `training`, `passes`, `strategies` (cpu)"
    )
    arguments = parser.parse_args()
    tables: dict[str, Callable[[], Table]] = {
        "steps": steps,
        "late_rounds": late_rounds,
        "proofs": proofs,
        "training": partial(training, arguments.device),
        "passes": partial(passes, DATA_DIR, arguments.device),
        "strategies": partial(strategies, DATA_DIR, arguments.device),
        "rounds": rounds,
        "startup": startup,
        "sweeps": sweeps,
        "analysis": analysis,
    }
    set_up_torch(1, arguments.device)
    logging.getLogger("al_bench").setLevel(logging.ERROR)
    console.print(
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.processor() or platform.machine()}, torch {torch.__version__}"
    )
    for name in arguments.tables or TABLES:
        console.print(tables[name]())

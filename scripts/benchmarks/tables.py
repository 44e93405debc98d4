"""How fast al_bench is here, as tables: training against a bare PyTorch loop, queries, rounds, start-up,
sweeps, analysis.

    python scripts/benchmark.py [TABLE ...] [--device cuda]
    python scripts/benchmark.py all [--json FILE] [--compare OLD.json]

`all` is one table of everything, smaller, within a quarter of an hour: CPU seconds, in a file with --json, and beside
those of such a file with --compare.

Timings are medians; what is compared alternates within one run. Rounds of letter need <data_dir>/openml/6.arff, those
of MNIST <data_dir>/MNIST (the environment variable AL_BENCH_DATA, else `data`), and are left out without them.
"""

import argparse
import logging
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from al_bench.core.errors import UserError
from al_bench.job.one_run import set_up_torch
from benchmarks.analysis import analysis
from benchmarks.bounded import benchmarks, measured
from benchmarks.passes import passes
from benchmarks.profile import late_rounds, proofs
from benchmarks.rows import Measured, compared, shown
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
    parser.add_argument("tables", nargs="*", choices=[*TABLES, "all", []], help="which tables (each by default)")
    parser.add_argument(
        "--device", default="cpu", choices=["cpu", "cuda"], help="of `training`, `passes`, `strategies` (cpu)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="of `all`: write what was measured")
    parser.add_argument(
        "--compare", type=Path, metavar="OLD.json", help="of `all`: print ratios to what that file says"
    )
    arguments = parser.parse_args()
    if "all" in arguments.tables and len(arguments.tables) > 1:
        parser.error("`all` stands alone")
    if (arguments.json or arguments.compare) and arguments.tables != ["all"]:
        parser.error("--json and --compare are of `all`: python scripts/benchmark.py all --json FILE")
    set_up_torch(1, arguments.device)
    logging.getLogger("al_bench").setLevel(logging.ERROR)
    if arguments.tables == ["all"]:
        try:
            everything(arguments.json, arguments.compare)
        except UserError as error:
            parser.error(str(error))
        return
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
    console.print(
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.processor() or platform.machine()}, torch {torch.__version__}"
    )
    for name in arguments.tables or TABLES:
        console.print(tables[name]())


def everything(to: Path | None, compared_with: Path | None) -> None:
    """Measure all; files that cannot be read or written are told before."""
    old = None if compared_with is None else Measured.read(compared_with)
    if to is not None and not to.parent.is_dir():
        raise UserError(f"--json {to}: there is no folder {to.parent}")
    new = measured(benchmarks())
    if to is not None:
        new.write(to)
    console.print(shown(new) if old is None else compared(old, new))

"""How fast al_bench is here, as tables: training steps against a bare PyTorch loop, rounds, start-up, memory.

    python scripts/benchmark.py [steps] [rounds] [startup]

Timings are medians; what is compared alternates within one run. Rounds of letter need <data_dir>/openml/6.arff, those
of MNIST <data_dir>/MNIST (the environment variable AL_BENCH_DATA, else `data`), and are left out without them.
"""

import argparse
import logging
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch.nn import functional

from al_bench.analysis.curves import load_rounds
from al_bench.interfaces import Examples, Normalisation, cross_entropy
from al_bench.learner import Learner
from al_bench.models.mlp import MLP
from al_bench.seeding import Stream, generator, torch_seeded
from al_bench.training import Training

REPEATS = 15
EPOCHS = 100
ADAM = partial(torch.optim.Adam, lr=1e-3, fused=True)
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

console = Console(width=100)


def random_examples(num_examples: int, shape: tuple[int, ...], num_classes: int, is_image: bool) -> Examples:
    """Examples whose values do not matter: the steps are the same."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(256, size=(num_examples, *shape)) if is_image else rng.normal(size=(num_examples, *shape))
    inputs = torch.tensor(drawn, dtype=torch.uint8 if is_image else torch.float32)
    inputs[1] = inputs[0]  # with another target: no network gets all right, so no fit stops early
    targets = torch.tensor(rng.integers(num_classes, size=num_examples))
    targets[1] = (targets[0] + 1) % num_classes
    return Examples(inputs, targets)


def bare_loop(examples: Examples, width: int, num_classes: int, minibatch_size: int) -> float:
    """Seconds of the same steps in a loop that does nothing else: no accuracy, no stopping rule, floats at hand."""
    with torch_seeded(0, Stream.WEIGHTS, 0):
        network = MLP(tuple(examples.inputs.shape[1:]), num_classes, width)
    optimizer, rng = ADAM(network.parameters()), generator(0, Stream.MINIBATCH)
    inputs, targets = examples.inputs, examples.targets
    start = time.perf_counter()
    for _ in range(EPOCHS):
        for rows in torch.from_numpy(rng.permutation(len(targets))).split(minibatch_size):
            optimizer.zero_grad(set_to_none=True)
            functional.cross_entropy(network(inputs[rows]), targets[rows]).backward()
            optimizer.step()
    return time.perf_counter() - start


def steps() -> Table:
    """Seconds per training step, and their ratio to the bare loop's.

    With one step per epoch the stopping rule's accuracy, which the bare loop does without, is fetched at every step.
    """
    table = Table(title=f"Training steps, median of {REPEATS} alternating repeats, 1 thread")
    for column in ("shape", "mini-batch", "steps per epoch", "bare loop", "al_bench", "ratio"):
        table.add_column(column, justify="right")
    letter, mnist = ((16,), 26, False), ((1, 28, 28), 10, True)
    settings = [
        ("letter 16-256-26", letter, 256, 128, 10),
        ("letter 16-256-26", letter, 256, 128, 1),
        ("letter 16-1024-26", letter, 1024, 128, 10),
        ("MNIST 784-256-10", mnist, 256, 64, 10),
    ]
    for name, (shape, num_classes, is_image), width, minibatch_size, steps_per_epoch in settings:
        stored = random_examples(steps_per_epoch * minibatch_size, shape, num_classes, is_image)
        floats = replace(stored, inputs=(stored.inputs.float() / 255 - 0.5) / 0.5) if is_image else stored
        learner = Learner(
            partial(MLP, shape, num_classes, width),
            Training(ADAM, minibatch_size, stop_at_train_accuracy=1.0, max_epochs=EPOCHS),
            normalisation=Normalisation((0.5,), (0.5,)) if is_image else None,
        )
        ours: list[float] = []
        bare: list[float] = []
        for _ in range(REPEATS):
            bare.append(bare_loop(floats, width, num_classes, minibatch_size))
            ours.append(learner.fit(stored, cross_entropy, seed=0, round=0).fit_seconds)
        per_step = [1e6 * median(seconds) / (EPOCHS * steps_per_epoch) for seconds in (bare, ours)]
        cells = (minibatch_size, steps_per_epoch, *(f"{value:.0f} us" for value in per_step))
        table.add_row(name, *map(str, cells), f"{per_step[1] / per_step[0]:.2f}")
    return table


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
            seconds = load_rounds(path)[["fit_seconds", "query_seconds"]].sum(axis=1)
        first = " ".join(f"{value:.2f}" for value in seconds[:3])
        table.add_row(name, first, f"{seconds.iloc[-1]:.2f}", f"{gigabytes:.2f} GB")
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


def main() -> None:
    """Print the tables that are asked for, all by default."""
    tables = {"steps": steps, "rounds": rounds, "startup": startup}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", choices=[*tables, []], help="which tables (all by default)")
    chosen = parser.parse_args().tables or list(tables)
    torch.set_num_threads(1)
    logging.getLogger("al_bench").setLevel(logging.ERROR)
    console.print(
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.processor() or platform.machine()}, torch {torch.__version__}"
    )
    for name in chosen:
        console.print(tables[name]())


if __name__ == "__main__":
    main()

"""All in one table, within a quarter of an hour on one thread: `benchmark.py all`.

Smaller than in the tables of their own: queries are from made-up outputs, analysis is of two thousand made runs,
networks take one mini-batch, and what is repeated has few seconds. What has not begun when the time is over is left
out, and named.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from al_bench.core.data import Examples, Normalisation
from al_bench.core.errors import UserError
from al_bench.core.network import Network, cross_entropy
from al_bench.core.strategy import Needs, QueryContext
from al_bench.models.mlp import MLP
from al_bench.models.resnet import ResNet
from al_bench.models.vgg import VGG
from al_bench.testing.contexts import made_context
from al_bench.training.learner import Learner
from al_bench.training.options import TrainingOptions
from benchmarks.made import RUNS_OF_A_SEED, made_sweep
from benchmarks.plain import skactiveml
from benchmarks.rows import Measured, Row, about, cpu_seconds, repeated
from benchmarks.strategies import STRATEGIES
from benchmarks.training import ADAM, bare_loop, normalised, random_examples

LIMIT = 14 * 60  # seconds, after which nothing begins
NUM_STEPS = 500
NUM_RUNS = 2 * RUNS_OF_A_SEED  # two seeds, or nothing can be compared
SIZES = ((1_400, 64, 10), (5_000, 64, 100))  # of queries by all strategies: n, D, B
MANY, FAST = (50_000, 256, 100), ("random", "margin", "power_margin", "badge", "coreset")
PEERS = ("badge", "coreset", "clue")
MLPS = {  # inputs, classes, width, mini-batch, and whether they are images
    "16-256-26": ((16,), 26, 256, 128, False),
    "16-1024-26": ((16,), 26, 1024, 128, False),
    "784-256-10": ((1, 28, 28), 10, 256, 64, True),
}
IMAGES: dict[str, Callable[..., Network]] = {"VGG-11": VGG, "ResNet-18, width 16": partial(ResNet, width=16)}
HALF = Normalisation((0.5,), (0.5,))
COMMANDS = {"making the index": "status"} | {word: word for word in ("status", "penalty-matrix", "report")}
DIGITS = ("dataset=digits", "budget=300", "model.max_epochs=20")


def measured(benchmarks: Mapping[str, Callable[[], Iterable[Row]]], limit: float = LIMIT) -> Measured:
    """The rows of benchmarks, one after another, with those that the time or the installation leaves out."""
    start, rows, left_out = time.perf_counter(), list[Row](), dict[str, str]()
    for name, benchmark in benchmarks.items():
        if time.perf_counter() - start >= limit:
            left_out[name] = f"{limit:.0f} seconds were over"
            continue
        try:
            rows += benchmark()
        except ImportError as error:
            left_out[name] = f"not installed: {error.name}"
        except UserError as error:
            left_out[name] = str(error)
    return Measured(about(), rows, left_out)


def benchmarks() -> dict[str, Callable[[], Iterable[Row]]]:
    """All, by name, those first that the others are read with."""
    of_queries = {
        f"query of {name}, n={n}": partial(queries, name, n, dimensions, batch_size)
        for n, dimensions, batch_size, names in (*((*sizes, STRATEGIES) for sizes in SIZES), (*MANY, FAST))
        for name in names
    }
    of_peers = {f"query of {name} by scikit-activeml": partial(peer, name) for name in PEERS}
    return {
        "start-up": startup,
        **{f"training of an MLP {name}": partial(training, name) for name in MLPS},
        **{f"{name}": partial(images, name) for name in IMAGES},
        "sweeps": sweeps,
        "analysis": analysis,
        **of_peers,
        **of_queries,
    }


def startup() -> Iterator[Row]:
    """Processes, of which the first is Python's own."""
    with tempfile.TemporaryDirectory() as folder:
        done = (sys.executable, "-m", "al_bench.run", *DIGITS, "name=done", "strategy=random")
        of_command(done, folder)
        commands = {
            "python -c pass": (sys.executable, "-c", "pass"),
            "import al_bench": (sys.executable, "-c", "import al_bench"),
            "al-bench --help": (sys.executable, "-m", "al_bench.run", "--help"),
            "a finished run, skipped": done,
        }
        for name, command in commands.items():
            yield repeated(name, "s", partial(of_command, command, folder))


def training(name: str) -> Iterator[Row]:
    """A step of ours, and of a bare PyTorch loop."""
    shape, num_classes, width, minibatch_size, is_image = MLPS[name]
    stored = random_examples(10 * minibatch_size, shape, num_classes, is_image)
    floats = normalised(stored) if is_image else stored
    options = TrainingOptions(ADAM, minibatch_size, stop_at_train_accuracy=1.0, max_epochs=NUM_STEPS // 10)
    learner = Learner(partial(MLP, shape, num_classes, width), options, normalisation=HALF if is_image else None)
    yield repeated(f"training step of an MLP {name}", "us", scaled(lambda: fit(learner, stored), 1e6 / NUM_STEPS))
    bare = scaled(lambda: bare_loop(learner.build, floats, options), 1e6 / NUM_STEPS)
    yield repeated(f"training step of an MLP {name}, bare PyTorch loop", "us", bare)


def images(name: str) -> Iterator[Row]:
    """A step of 128 images, and a pass over them."""
    stored = random_examples(128, (3, 32, 32), 10, is_image=True)
    options = TrainingOptions(ADAM, 128, stop_at_train_accuracy=None, max_epochs=1, recompute_batch_norm=False)
    build = partial(IMAGES[name], (3, 32, 32), 10)
    learner = Learner(build, options, normalisation=Normalisation((0.5,) * 3, (0.5,) * 3))
    yield repeated(f"training step of {name}, 128 images", "ms", scaled(lambda: fit(learner, stored), 1e3))
    trained = learner.fit(stored, cross_entropy, seed=0, round=0)
    a_pass = partial(trained.outputs, stored.inputs, stored.targets.argsort(), Needs.LOGITS | Needs.EMBEDDING)
    yield repeated(f"pass of {name}, 128 images", "ms", scaled(a_pass, 1e3))


def queries(name: str, num_unlabelled: int, num_dimensions: int, batch_size: int) -> Iterator[Row]:
    """Of a strategy, from made-up outputs of ten classes and 100 labelled examples."""
    of = made(STRATEGIES[name]().needs, num_unlabelled, num_dimensions)

    def query() -> float:
        strategy = STRATEGIES[name]()
        return 1e3 * cpu_seconds(lambda: strategy.query(of, batch_size, np.random.default_rng(0)))()

    yield repeated(titled(name, num_unlabelled, num_dimensions, batch_size), "ms", query, seconds=1.5)


def peer(name: str) -> Iterator[Row]:
    """Of the same strategy in another package."""
    num_unlabelled, num_dimensions, batch_size = SIZES[0]
    of = made(Needs.LOGITS | Needs.EMBEDDING | Needs.LABELLED, num_unlabelled, num_dimensions)
    query = scaled(skactiveml(name, of, batch_size), 1e3)
    title = titled(f"{name} by scikit-activeml", num_unlabelled, num_dimensions, batch_size)
    yield repeated(title, "ms", query, seconds=1.5)


def sweeps() -> Iterator[Row]:
    """A run of a sweep: the slope between few and many."""
    few, many = 3, 23
    with tempfile.TemporaryDirectory() as folder:
        taken = [of_command(sweep_of(number), folder) for number in (few, many)]
    value = 1e3 * (taken[1] - taken[0]) / (many - few)
    yield Row("a run of a sweep, digits, 3 rounds of random", "ms", value, many - few)


def sweep_of(number: int) -> Sequence[str]:
    """Its command."""
    seeds = (f"seed=range({number})", f"name=of{number}")
    return (sys.executable, "-m", "al_bench.run", "-m", *DIGITS, *seeds, "strategy=random", "tracker=none")


def analysis() -> Iterator[Row]:
    """Commands that read runs of 20 rounds."""
    with tempfile.TemporaryDirectory() as folder:
        made_sweep(Path(folder, "runs"), NUM_RUNS)
        time.sleep(0.1)  # files as young as their reading are not kept in the index
        for name, word in COMMANDS.items():
            command = (sys.executable, "-m", "al_bench.run", word, "runs")
            most = 1 if name == "making the index" else 3
            yield repeated(f"{name} of {NUM_RUNS:,} runs", "s", partial(of_command, command, folder), most=most)


def made(needs: Needs, num_unlabelled: int, num_dimensions: int) -> QueryContext:
    """Outputs."""
    return made_context(needs, num_unlabelled, num_classes=10, num_dimensions=num_dimensions, num_labelled=100)


def titled(name: str, num_unlabelled: int, num_dimensions: int, batch_size: int) -> str:
    """What a query is called."""
    return f"query of {name}, n={num_unlabelled}, D={num_dimensions}, B={batch_size}"


def fit(learner: Learner, examples: Examples) -> object:
    """From scratch."""
    return learner.fit(examples, cross_entropy, seed=0, round=0)


def scaled(function: Callable[[], object], factor: float) -> Callable[[], float]:
    """CPU seconds in another unit."""
    measure = cpu_seconds(function)
    return lambda: factor * measure()


def of_command(command: Sequence[str], folder: str) -> float:
    """CPU seconds of a process and of those that it has waited for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    completed = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if completed.returncode:
        raise UserError(f"{' '.join(command[1:])} failed: {completed.stderr.strip().splitlines()[-1:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

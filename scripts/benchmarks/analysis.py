"""How fast a large folder of results is read: the table `analysis` of benchmark.py."""

import csv
import json
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from statistics import median

import numpy as np
from rich.table import Table

from al_bench.records.columns import COLUMNS, ROUND_COLUMNS
from al_bench.records.identity import Identity
from al_bench.records.state import SCHEMA_VERSION

STRATEGIES = ("badge", "albl", "coreset", "confidence", "margin", "entropy", "random")
DATASETS = ("mnist", "svhn", "cifar10", "openml_6", "openml_155", "openml_156", "openml_184")
SETTINGS = tuple(product(DATASETS, ("mlp", "resnet", "vgg"), (100, 1000, 10_000)))[:57]
NUM_SEEDS, NUM_ROUNDS, NUM_CLASSES, REPEATS = 5, 100, 10, 3
ACCURACIES = [column.name for column in COLUMNS if column.name.startswith(("train_", "test_")) and column.high == 1]
PLAIN = {"test_loss": 0.5, "num_epochs": 10, "epoch_limit_hit": False, "query_seconds": 0.25, "num_validation": 0}
PLAIN |= {"num_steps": 40, "fit_cpu_seconds": 1.5, "query_cpu_seconds": 0.25, "num_copies": 0}


def analysis() -> Table:
    """Seconds of the scripts on 1,995 made runs of 100 rounds, and until Chromium shows the report."""
    num_runs = len(SETTINGS) * len(STRATEGIES) * NUM_SEEDS
    table = Table(title=f"{num_runs:,} runs of {NUM_ROUNDS} rounds, median of {REPEATS}")
    table.add_column("what")
    table.add_column("seconds", justify="right")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for (dataset, model, batch_size), strategy, seed in product(SETTINGS, STRATEGIES, range(NUM_SEEDS)):
            _write_run(folder, Identity(dataset, model, strategy, batch_size, "", seed))
        scripts = Path(__file__).parents[1]
        for arguments in (
            ["penalty_matrix.py"],
            ["report.py"],
            ["report.py", "--figures", str(folder / "figures")],
            ["status.py"],
        ):
            script, *options = arguments
            command = [sys.executable, str(scripts / script), name, *options]
            table.add_row(" ".join([script, *options[:1]]), f"{_seconds(command):.1f}")
        if (seconds := _opening(folder / "analysis" / "report.html")) is not None:
            table.add_row("report.html in Chromium, until it is loaded", f"{seconds:.1f}")
    return table


def _write_run(folder: Path, identity: Identity) -> None:
    """A finished run with noise around a curve that depends on the strategy."""
    path = folder / identity.path
    path.mkdir(parents=True)
    rng = np.random.default_rng([identity.seed, identity.batch_size, len(identity.strategy)])
    share = np.arange(1, NUM_ROUNDS + 1) / NUM_ROUNDS
    lead = 0.002 * STRATEGIES.index(identity.strategy) * (1 - share)
    accuracies = np.round(0.95 - 0.5 * 0.02**share - lead + 0.004 * rng.standard_normal(NUM_ROUNDS), 4)
    counts = rng.multinomial(identity.batch_size, [1 / NUM_CLASSES] * NUM_CLASSES, size=NUM_ROUNDS)
    with (path / "rounds.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ROUND_COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        for round, (accuracy, of_classes) in enumerate(zip(accuracies.tolist(), counts.tolist(), strict=True)):
            row = PLAIN | identity.as_dict() | {"round": round, "num_labelled": 100 + round * identity.batch_size}
            row |= dict.fromkeys(ACCURACIES, accuracy)
            writer.writerow(row | {"fit_seconds": 1.5, "class_counts": " ".join(map(str, of_classes))})
    last = 100 + (NUM_ROUNDS - 1) * identity.batch_size
    done = {"schema_version": SCHEMA_VERSION, "num_labelled": last, "pool_size": last, "identity": identity.as_dict()}
    (path / "done.json").write_text(json.dumps(done))
    (path / "environment.json").write_text(json.dumps([{"command": ["al-bench", "-m"], "device_name": "CPU"}]))


def _seconds(command: list[str]) -> float:
    measured = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        measured.append(time.perf_counter() - start)
    return median(measured)


def _opening(path: Path) -> float | None:
    """Until the page is loaded; None without Chromium and playwright."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    chromium, measured = shutil.which("chromium"), []
    if chromium is None:
        return None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for _ in range(REPEATS):
            page = browser.new_page()
            start = time.perf_counter()
            page.goto(path.as_uri())
            measured.append(time.perf_counter() - start)
            page.close()
    return median(measured)

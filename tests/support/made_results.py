"""Made results: curves with a known truth, in the folders and files of real runs."""

import csv
import json
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from al_bench.records.columns import COLUMNS, ROUND_COLUMNS
from al_bench.records.identity import Identity
from al_bench.records.rounds_file import digest_of
from al_bench.records.state import SCHEMA_VERSION

STRATEGIES = ("badge", "albl", "coreset", "confidence", "margin", "entropy", "random")
SETTINGS = (
    ("mnist", "mlp", 100, 40),
    ("mnist", "mlp", 1000, 12),
    ("openml_6", "mlp", 100, 25),
    ("cifar10", "resnet", 1000, 20),
    ("cifar10", "vgg", 1000, 20),
    ("svhn", "vgg", 10_000, 2),  # as good as it gets after one batch
)


START = {
    "time": "2026-11-22T12:00:00+00:00",
    "command": ["/somewhere/al-bench", "-m", "strategy=glob(*)", "seed=range(5)"],
    "host": "a",
    "device": "cpu",
    "device_name": "Some CPU",
    "python": "3.11.7",
    "al_bench": "0.1.0",
    "versions": {"torch": "2.13.0+cpu", "numpy": "2.4.6"},
    "budget": None,
}


ACCURACIES = [column.name for column in COLUMNS if column.name.startswith("test_") and column.high == 1]


def write_run(folder: Path, identity: Identity, accuracies: dict[int, float], **columns: object) -> Path:
    """A run with these accuracies by number of labels; other columns are the same in every row."""
    path = folder / identity.path
    path.mkdir(parents=True)
    plain = dict.fromkeys(ROUND_COLUMNS, "") | {
        "train_accuracy": 1.0,
        "test_loss": 0.5,
        "num_epochs": 10,
        "epoch_limit_hit": False,
        "fit_seconds": 1.5,
        "query_seconds": 0.25,
        "class_counts": "50 50",
        "num_validation": 0,
        "num_steps": 40,
        "fit_cpu_seconds": 1.25,
        "query_cpu_seconds": 0.25,
        "num_copies": 0,
    }
    queries, digests = queries_of(tuple(accuracies), int(str(columns.get("num_validation", 0))))
    (path / "queries.csv").write_text(queries)
    with (path / "rounds.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ROUND_COLUMNS, lineterminator="\n")
        writer.writeheader()
        for round, (num_labelled, accuracy) in enumerate(accuracies.items()):
            row = plain | identity.as_dict() | columns
            row |= {"round": round, "num_labelled": num_labelled, "queries_digest": digests[round]}
            row |= dict.fromkeys(ACCURACIES, accuracy)
            writer.writerow(row)
    last = max(accuracies)
    done = {"schema_version": SCHEMA_VERSION, "num_labelled": last, "pool_size": last, "identity": identity.as_dict()}
    (path / "done.json").write_text(json.dumps(done))
    (path / "environment.json").write_text(json.dumps([START]))
    (path / "config.yaml").write_text("seed: 0\n")
    return path


def call_otherwise(path: Path, **identity: str) -> None:
    """Other values in columns of the identity, as no folder could be called."""
    header, *rows = csv.reader((path / "rounds.csv").read_text().splitlines())
    for row in rows:
        for column, value in identity.items():
            row[header.index(column)] = value
    with (path / "rounds.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    done = json.loads((path / "done.json").read_text())
    done["identity"] |= identity
    (path / "done.json").write_text(json.dumps(done))


@cache
def queries_of(counts: tuple[int, ...], num_validation: int) -> tuple[str, list[str]]:
    """A queries.csv with these numbers of labels after its rounds, in the order of the pool, and its digests."""
    text, digests = "round,order,pool_index,target\n", []
    for round, (before, count) in enumerate(pairwise((num_validation, *counts))):
        text += "".join(f"{round},{order},{before + order},0\n" for order in range(count - before))
        digests.append(digest_of(text.encode()))
    return text, digests


def write_sweep(
    folder: Path,
    accuracy: Callable[[str, int, float], float],
    settings=SETTINGS,
    strategies=STRATEGIES,
    num_seeds: int = 5,
) -> None:
    """`accuracy(strategy, seed, share of the labels)` for every setting, strategy and seed."""
    for dataset, model, batch_size, num_rounds in settings:
        for strategy in strategies:
            for seed in range(num_seeds):
                counts = [100 + round * batch_size for round in range(num_rounds)]
                accuracies = {count: accuracy(strategy, seed, count / counts[-1]) for count in counts}
                write_run(folder, Identity(dataset, model, strategy, batch_size, "", seed), accuracies)


def noisy(strategy: str, seed: int, share: float) -> float:
    """Curves that rise and cross, with ties and constant differences between some strategies, rounded to 1/10,000."""
    rng = np.random.default_rng([seed, round(share * 1e6), len(strategy)])
    noise = 0.004 * rng.standard_normal()
    lead = {"badge": 0.012, "margin": 0.009, "coreset": -0.01, "entropy": -0.004}.get(strategy, 0.0)
    if strategy in ("confidence", "albl"):  # albl ties with random, confidence is better by the same at every seed
        rng = np.random.default_rng([seed, round(share * 1e6), len("random")])
        noise, lead = 0.004 * rng.standard_normal(), 0.005 if strategy == "confidence" else 0.0
    return round(0.95 - 0.5 * 0.02**share + lead * (1 - share) + noise, 4)

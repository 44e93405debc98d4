"""Made results of any number of runs, in the folders and files of real ones, written in about a millisecond each."""

import csv
import io
import json
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from itertools import islice, product
from pathlib import Path

import numpy as np

from al_bench.records.columns import COLUMNS, ROUND_COLUMNS
from al_bench.records.identity import Identity
from al_bench.records.queries import QUERY_COLUMNS
from al_bench.records.rounds_file import DIGEST_LENGTH
from al_bench.records.state import SCHEMA_VERSION

STRATEGIES = (
    *("badge", "albl", "coreset", "confidence", "margin", "entropy", "random", "power_margin", "power_entropy"),
    *("power_confidence", "kmeans", "typiclust", "facility_location", "maxherding", "probcover", "kdpp", "uherding"),
    *("lcmd", "clue", "cal", "falcun", "bait", "alfamix", "dropquery", "bald"),
)
DATASETS = tuple(f"openml_{number}" for number in range(1, 21))
SETTINGS = tuple(product(DATASETS, (10, 100)))  # data set, batch size
RUNS_OF_A_SEED = len(SETTINGS) * len(STRATEGIES)
NUM_SEEDS, NUM_ROUNDS, NUM_INITIAL, NUM_CLASSES = 100, 20, 100, 10
SHARES = np.arange(1, NUM_ROUNDS + 1) / NUM_ROUNDS
PLAIN = {"epoch_limit_hit": False, "num_epochs": 10, "num_validation": 0, "num_steps": 40, "num_copies": 0}
MEASURES = [column.name for column in COLUMNS if column.name.startswith(("train_", "test_")) and column.kind is float]
CONFIG = "seed: {seed}\nnum_initial: 100\nbudget: null\nmodel:\n  minibatch_size: 32\n  width: 256\n"
START = {
    "time": "2026-11-22T12:00:00+00:00",
    "command": ["al-bench", "-m", "strategy=glob(*)", "seed=range(100)"],
    "host": "made",
    "device": "cpu",
    "device_name": "CPU",
    "python": "3.11.7",
    "al_bench": "0.2.0",
    "versions": {"torch": "2.13.0+cpu", "numpy": "2.4.6", "pandas": "3.1.1", "scikit-learn": "1.9.1"},
    "torch_build": "2.13.0+cpu",
    "commit": "0" * 40,
    "commit_clean": True,
    "budget": None,
    "family": None,
}


def made_sweep(folder: Path, num_runs: int) -> None:
    """Finished runs with noise around curves that depend on the strategy: up to 100,000 of 20 rounds.

    25 strategies in 40 settings of 20 data sets, with one seed after another: 1,000 runs each.
    """
    for seed, (dataset, batch_size), strategy in islice(product(range(NUM_SEEDS), SETTINGS, STRATEGIES), num_runs):
        write_run(folder, Identity(dataset, "mlp", strategy, batch_size, "", seed))


def write_run(folder: Path, identity: Identity) -> None:
    """One of them."""
    path = folder / identity.path
    path.mkdir(parents=True)
    queries, digests = _queries(identity.batch_size, identity.seed)
    text = io.StringIO()
    writer = csv.DictWriter(text, ROUND_COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    of_run = PLAIN | identity.as_dict()
    writer.writerows(
        of_run | row | {"queries_digest": digest}
        for row, digest in zip(_rows(identity, digests[-1]), digests, strict=True)
    )
    last = NUM_INITIAL + (NUM_ROUNDS - 1) * identity.batch_size
    done = {"schema_version": SCHEMA_VERSION, "num_labelled": last, "pool_size": 2 * last}
    (path / ".lock").write_bytes(b"")
    (path / "config.yaml").write_text(CONFIG.format(seed=identity.seed))
    (path / "environment.json").write_text(json.dumps([START | {"budget": last, "data": identity.dataset}], indent=1))
    (path / "queries.csv").write_bytes(queries)
    (path / "rounds.csv").write_text(text.getvalue())
    (path / "done.json").write_text(json.dumps(done | {"identity": identity.as_dict()}, indent=1))


def _rows(identity: Identity, key: str) -> Iterator[dict[str, object]]:
    """What differs from round to round."""
    strategy, dataset = STRATEGIES.index(identity.strategy), DATASETS.index(identity.dataset)
    rng = np.random.default_rng([identity.seed, identity.batch_size, strategy, dataset, int(key, 16)])
    hardness = 0.3 + 0.02 * dataset
    lead = 0.004 * ((7 * strategy + 3 * dataset) % len(STRATEGIES)) / len(STRATEGIES)
    curve_R = 0.95 - hardness * 0.02**SHARES + lead * SHARES
    values_RM = np.clip(curve_R[:, None] + 0.006 * rng.standard_normal((NUM_ROUNDS, len(MEASURES))), 0, 1).tolist()
    seconds_RS = np.round(rng.uniform(0.5, 1.5, (NUM_ROUNDS, 2)), 6).tolist()
    counts_RC = rng.multinomial(identity.batch_size, [1 / NUM_CLASSES] * NUM_CLASSES, size=NUM_ROUNDS).tolist()
    for round, (values, (fit, query), counts) in enumerate(zip(values_RM, seconds_RS, counts_RC, strict=True)):
        yield {
            "round": round,
            "num_labelled": NUM_INITIAL + round * identity.batch_size,
            **dict(zip(MEASURES, values, strict=True)),
            "class_counts": " ".join(map(str, counts)),
            "fit_seconds": fit,
            "query_seconds": query,
            "fit_cpu_seconds": fit,
            "query_cpu_seconds": query,
        }


@cache
def _queries(batch_size: int, seed: int) -> tuple[bytes, list[str]]:
    """A queries.csv, and its digest after each round."""
    last = NUM_INITIAL + (NUM_ROUNDS - 1) * batch_size
    rng = np.random.default_rng([seed, batch_size])
    order, targets = iter(rng.permutation(2 * last).tolist()), iter(rng.integers(NUM_CLASSES, size=last).tolist())
    text, digests = (",".join(QUERY_COLUMNS) + "\n").encode(), []
    for round in range(NUM_ROUNDS):
        size = batch_size if round else NUM_INITIAL
        text += "".join(f"{round},{each},{next(order)},{next(targets)}\n" for each in range(size)).encode()
        digests.append(sha256(text).hexdigest()[:DIGEST_LENGTH])
    return text, digests

"""How diverse and how uncertain the batches of k-means++, a k-DPP, k-means and k-centres are, and what they cost.

    python scripts/batch_diversity.py batches.csv [--seeds 0 1 2 3 4] [--budget 2100]

On MNIST with the MLP of Ash et al. (2020) and batches of 100 every strategy runs its own active learning. Of each batch
the file gets, in terms of the gradient embeddings of BADGE, the log-determinant of its Gram matrix (nats) and its mean
norm; the CPU seconds of the choice alone, without the pass over the pool; and the test accuracy that it was chosen
with. What the file has is not computed again.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from al_bench.core.data import Dataset
from al_bench.core.errors import UserError
from al_bench.core.strategy import Needs, QueryContext, Strategy
from al_bench.datasets.mnist import mnist
from al_bench.files.locks import alone_in
from al_bench.files.writing import replace_text
from al_bench.job.one_run import set_up_torch
from al_bench.loop.rounds_of import active_learning
from al_bench.models.mlp import MLP
from al_bench.strategies.badge import Badge
from al_bench.strategies.coreset import Coreset
from al_bench.strategies.kdpp import KDPP
from al_bench.strategies.kmeans import KMeans
from al_bench.strategies.maths.gradients import GradientEmbedding
from al_bench.strategies.random import Random
from al_bench.training.learner import Learner
from al_bench.training.options import TrainingOptions

STRATEGIES = {"badge": Badge, "kdpp": KDPP, "kmeans": KMeans, "coreset": Coreset, "random": Random}
NUM_INITIAL = BATCH_SIZE = 100
DATA_DIR = Path(os.environ.get("AL_BENCH_DATA", "data"))


class Measured(Strategy):
    """A strategy whose batches are measured."""

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy
        self.needs = strategy.needs | Needs.LOGITS | Needs.EMBEDDING
        self.log_det = self.mean_norm = self.cpu_seconds = float("nan")

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """See `Strategy.query`."""
        start = time.process_time()
        rows = self.strategy.query(context, batch_size, rng)
        self.cpu_seconds = time.process_time() - start
        self.log_det, self.mean_norm = diversity(
            context.unlabelled.logits_NC[rows], context.unlabelled.embedding_ND[rows]
        )
        return rows


def diversity(logits_BC: Tensor, embedding_BD: Tensor) -> tuple[float, float]:
    """The log-determinant of the Gram matrix of a batch's gradient embeddings, and their mean norm."""
    gradients = GradientEmbedding.of(logits_BC, embedding_BD)
    errors_BC, embeddings_BD = gradients.error_NC.double(), gradients.embedding_ND.double()
    gram_BB = (errors_BC @ errors_BC.T) * (embeddings_BD @ embeddings_BD.T)
    return torch.linalg.slogdet(gram_BB).logabsdet.item(), gradients.square_N.sqrt().mean().item()


def batches(dataset: Dataset, strategy: Strategy, seed: int, budget: int) -> Iterator[dict[str, float]]:
    """A row per batch."""
    training = TrainingOptions(partial(torch.optim.Adam, lr=1e-3, fused=True), minibatch_size=64)
    learner = Learner(
        partial(MLP, dataset.input_shape, dataset.num_classes, 256), training, normalisation=dataset.normalisation
    )
    measured = Measured(strategy)
    records = active_learning(
        dataset, learner, measured, seed=seed, batch_size=BATCH_SIZE, budget=budget, num_initial=NUM_INITIAL
    )
    before = next(records)
    for record in records:
        yield {
            "num_labelled": before.num_labelled,
            "test_accuracy": before.test.accuracy,
            "log_det": measured.log_det,
            "mean_norm": measured.mean_norm,
            "cpu_seconds": measured.cpu_seconds,
        }
        before = record


def main() -> None:
    """Add to the file what it lacks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--budget", type=int, default=2100, help="labels in all (2100)")
    arguments = parser.parse_args()
    file, last = arguments.file, arguments.budget - BATCH_SIZE
    if last < NUM_INITIAL or last % BATCH_SIZE:
        sys.exit(
            f"batch_diversity: --budget {arguments.budget}: must be a multiple of {BATCH_SIZE} above {NUM_INITIAL}"
        )
    set_up_torch(1, "cpu")
    try:
        table = pd.read_csv(file) if file.exists() else pd.DataFrame(columns=["strategy", "seed", "num_labelled"])
        if len(table) and table["num_labelled"].max() != last:
            sys.exit(f"batch_diversity: {file} is of --budget {table['num_labelled'].max() + BATCH_SIZE}")
        dataset = mnist(DATA_DIR)
        file.parent.mkdir(parents=True, exist_ok=True)
        for seed, (name, strategy) in product(arguments.seeds, STRATEGIES.items()):
            if ((table["strategy"] == name) & (table["seed"] == seed)).any():
                continue
            rows = pd.DataFrame(batches(dataset, strategy(), seed, arguments.budget))
            rows.insert(0, "seed", seed)
            rows.insert(0, "strategy", name)
            table = pd.concat([table, rows]) if len(table) else rows
            with alone_in(file.parent):
                replace_text(file, table.to_csv(index=False))
            print(f"{name}, seed {seed}: {rows['cpu_seconds'].sum():.0f} CPU s of choosing")
    except (UserError, OSError, ValueError, KeyError) as error:
        sys.exit(f"batch_diversity: {file}: {error}")

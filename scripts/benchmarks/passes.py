"""What passes in bfloat16 win, and what they change: the table `passes` of benchmark.py.

Networks are trained on 300 images of CIFAR-10, in float32, and pass over 5,000 others, of which strategies choose 100.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.table import Table

from al_bench.core.data import Dataset
from al_bench.core.network import Network, cross_entropy
from al_bench.core.seeding import Stream, generator
from al_bench.core.strategy import Needs, QueryContext
from al_bench.datasets.cifar10 import cifar10
from al_bench.models.resnet import ResNet
from al_bench.models.vgg import VGG
from al_bench.training.learner import Learner
from al_bench.training.options import TrainingOptions
from al_bench.training.trained import Trained
from benchmarks.strategies import strategy_of

NUM_LABELLED, NUM_UNLABELLED, BATCH_SIZE = 300, 5_000, 100
CHOOSING = ("margin", "entropy", "coreset", "badge")
NETWORKS: dict[str, tuple[Callable[..., Network], bool]] = {  # and whether channels come last in memory
    "VGG-11": (VGG, False),
    "VGG-11, channels last": (VGG, True),
    "ResNet-18": (ResNet, True),
}


def passes(data_dir: Path, device: str) -> Table:
    """Seconds of a pass, and how many choices are the same."""
    title = (
        f"Passes over {NUM_UNLABELLED:,} images of CIFAR-10 after training on {NUM_LABELLED}, {device}, 1 thread. Of "
        f"{BATCH_SIZE} choices, how many are the same in bfloat16; in brackets, by another network, trained from seed 1"
    )
    table = Table(title=title)
    for column in ("network", "float32", "bfloat16", "ratio", "same class", *CHOOSING):
        table.add_column(column, justify="left" if column == "network" else "right")
    dataset = cifar10(data_dir).to(device)
    order = torch.from_numpy(generator(0, Stream.INITIAL).permutation(len(dataset.train))).to(device)
    labelled, unlabelled = order[:NUM_LABELLED], order[NUM_LABELLED : NUM_LABELLED + NUM_UNLABELLED]
    for name, (network, channels_last) in NETWORKS.items():
        training = TrainingOptions(partial(torch.optim.Adam, lr=1e-3, fused=True), channels_last=channels_last)
        learner = Learner(partial(network, (3, 32, 32), 10), training, device, dataset.normalisation)
        plain, another = (
            learner.fit(dataset.train.take(labelled), cross_entropy, seed=seed, round=0) for seed in (0, 1)
        )
        rounded = replace(plain, passes=replace(plain.passes, precision="bfloat16"))
        exact, ours, other = (context(each, dataset, unlabelled, labelled) for each in (plain, rounded, another))
        seconds = [seconds_of_a_pass(each, dataset, unlabelled) for each in (plain, rounded)]
        classes = [of.unlabelled.logits_NC.argmax(dim=1) for of in (exact, ours)]
        table.add_row(
            name,
            *(f"{each:.1f} s" for each in seconds),
            f"{seconds[1] / seconds[0]:.2f}",
            f"{classes[0].eq(classes[1]).double().mean().item():.1%}",
            *(f"{num_equal(option, exact, ours)} ({num_equal(option, exact, other)})" for option in CHOOSING),
        )
    return table


def context(trained: Trained, dataset: Dataset, unlabelled: torch.Tensor, labelled: torch.Tensor) -> QueryContext:
    """What strategies see."""
    first, second = (
        trained.outputs(dataset.train.inputs, rows, Needs.LOGITS | Needs.EMBEDDING) for rows in (unlabelled, labelled)
    )
    return QueryContext(first, second, dataset.train.targets[labelled], len(unlabelled), dataset.num_classes, 0)


def seconds_of_a_pass(trained: Trained, dataset: Dataset, rows: torch.Tensor) -> float:
    """Of the processor, or of the clock on a GPU."""
    now = time.process_time if trained.passes.device == "cpu" else time.perf_counter
    start = now()
    trained.outputs(dataset.train.inputs, rows, Needs.LOGITS).logits_NC.sum().item()  # which waits for the GPU
    return now() - start


def num_equal(option: str, of: QueryContext, other: QueryContext) -> int:
    """How many choices of a strategy, with the same random numbers, are in both."""
    strategy = strategy_of(option)
    chosen = [
        strategy.query(each.declared(strategy.needs), BATCH_SIZE, np.random.default_rng(0)).tolist()
        for each in (of, other)
    ]
    return len(set(chosen[0]) & set(chosen[1]))

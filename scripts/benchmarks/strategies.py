"""How fast one query is: the table `strategies` of benchmark.py.

Each strategy chooses from the outputs of a network that was really trained, in a process of its own, next to a plain
PyTorch version of the same algorithm.
"""

import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf
from rich import box
from rich.table import Table
from torch import Tensor

from al_bench.config.schema import CONF
from al_bench.core.data import Dataset, Examples
from al_bench.core.errors import StrategyError
from al_bench.core.network import cross_entropy
from al_bench.core.seeding import Stream, generator
from al_bench.core.strategy import Needs, Outputs, QueryContext, Strategy
from al_bench.datasets.cifar10 import cifar10
from al_bench.datasets.openml import openml
from al_bench.job.built import checked_strategy
from al_bench.job.one_run import set_up_torch
from al_bench.models.mlp import MLP
from al_bench.strategies.badge import kmeans_plus_plus
from al_bench.strategies.coreset import KCentre
from al_bench.strategies.maths.gradients import GradientEmbedding
from al_bench.strategies.maths.nearest_centre import NearestCentre
from al_bench.training.learner import Learner
from al_bench.training.options import TrainingOptions
from benchmarks.plain import plain_badge, plain_coreset

WIDTH = 256
FOLDER = CONF / "strategy"


def strategy_of(option: str, **changed: object) -> Strategy:
    """A new one, of its yaml."""
    node: Any = OmegaConf.to_container(OmegaConf.load(FOLDER / f"{option}.yaml"))
    return checked_strategy(node | changed, batch_size=1)


STRATEGIES: dict[str, "partial[Strategy]"] = {
    path.stem: partial(strategy_of, path.stem)
    for path in sorted(FOLDER.glob("*.yaml"))
    if path.stem not in ("joint", "joint_random", "refine", "replay")  # which go by others
} | {
    "albl, original": partial(strategy_of, "albl", variant="original"),
    "bait, multinomial": partial(strategy_of, "bait", likelihood="multinomial"),
}
OF_A_MILLION = [
    "random",
    "confidence",
    "margin",
    "entropy",
    "power_margin",
    "badge",
    "coreset",
    "albl",
    "kmeans",
    "kdpp",
]
PARTS = ("unlabelled", "labelled")
EXACT = ("badge", "coreset")
REPEATED_BELOW, NUM_REPEATS = 20.0, 3  # seconds; what takes longer is measured once


@dataclass(frozen=True)
class Workload:
    """A data set, labels to train on, labels to buy, and who buys them."""

    name: str
    load: Callable[[], Dataset]
    num_labelled: int
    num_unlabelled: int
    batch_sizes: dict[int, tuple[str, ...]]


def workloads(data_dir: Path) -> Iterator[Workload]:
    """Those whose data is there."""
    if (data_dir / "openml" / "6.arff").exists():
        letter = partial(openml, 6, data_dir, generator(0, Stream.SPLIT))
        yield Workload("letter", letter, 100, 15_000, {1000: EXACT})
        yield Workload("letter", letter, 3_000, 15_000, {1000: tuple(STRATEGIES)})
    if (data_dir / "cifar-10-batches-py").exists():
        batch_sizes = {100: tuple(STRATEGIES), 1000: (*EXACT, "bait", "albl", "falcun"), 10_000: EXACT}
        yield Workload("CIFAR-10", partial(cifar10, data_dir), 2_000, 50_000, batch_sizes)
    yield Workload("made", made, 1_000, 1_000_000, {100: tuple(OF_A_MILLION)})


def made() -> Dataset:
    """Ten overlapping classes of a million and a thousand examples, each a mixture of three normal distributions."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(30, 10))
    parts = rng.integers(30, size=1_002_000)
    inputs = torch.from_numpy(centres[parts] + rng.normal(scale=0.8, size=(len(parts), 10))).float()
    examples = Examples(inputs, torch.from_numpy(parts % 10))
    return Dataset(examples.take(torch.arange(1_001_000)), examples.take(torch.arange(1_001_000, 1_002_000)), 10)


def save_outputs(workload: Workload, device: str, path: str) -> tuple[int, ...]:
    """Of an MLP of width 256, learning rate 1e-3, trained until 99 %: n, C, D and the number of labelled examples.

    The labelled examples are among the n only where the pool has not enough others.
    """
    set_up_torch(1, device)
    dataset = workload.load().to(device)
    build = partial(MLP, dataset.input_shape, dataset.num_classes, width=WIDTH)
    training = TrainingOptions(partial(torch.optim.Adam, lr=1e-3, fused=True), minibatch_size=128)
    learner = Learner(build, training, device, dataset.normalisation)
    order = torch.from_numpy(generator(0, Stream.INITIAL).permutation(len(dataset.train))).to(device)
    labelled, rest = order[: workload.num_labelled], order[workload.num_labelled :]
    unlabelled = (rest if len(rest) >= workload.num_unlabelled else order)[: workload.num_unlabelled].sort().values
    network = learner.fit(dataset.train.take(labelled), cross_entropy, seed=0, round=0)
    both = Needs.LOGITS | Needs.EMBEDDING
    outputs = [network.outputs(dataset.train.inputs, rows, both) for rows in (unlabelled, labelled)]
    names = ("unlabelled_logits", "unlabelled_embedding", "labelled_logits", "labelled_embedding")
    values = [tensor.cpu() for each in outputs for tensor in (each.logits_NC, each.embedding_ND)]
    weight_CD, bias_C = network.head(dataset.train.inputs, unlabelled)
    others = {"targets": dataset.train.targets[labelled].cpu(), "weight": weight_CD.cpu(), "bias": bias_C.cpu()}
    torch.save(dict(zip(names, values, strict=True)) | others, path)
    return (*values[0].shape, WIDTH, len(labelled))


def restricted(saved: dict[str, Tensor], needs: Needs) -> QueryContext:
    """What a strategy would see of saved outputs."""
    unlabelled, labelled = (Outputs(saved[f"{part}_logits"], saved[f"{part}_embedding"]) for part in PARTS)
    (num_unlabelled, num_classes), head = saved["unlabelled_logits"].shape, (saved["weight"], saved["bias"])
    whole = QueryContext(unlabelled, labelled, saved["targets"], num_unlabelled, num_classes, 0, head=head)
    return whole.declared(needs)


def share_evaluated(name: str, of: QueryContext, batch_size: int) -> float | None:
    """Distances evaluated, as a share of those between all rows and all centres."""
    num_rows = of.num_unlabelled
    if name == "badge":
        nearest = NearestCentre(GradientEmbedding.of(of.unlabelled.logits_NC, of.unlabelled.embedding_ND))
        kmeans_plus_plus(nearest, np.random.default_rng(0).random(batch_size).tolist())
        return nearest.num_evaluated / (num_rows * batch_size)
    if name == "coreset":
        cover = KCentre(of.unlabelled.embedding_ND, of.labelled.embedding_ND, batch_size)
        cover.chosen()
        return cover.num_evaluated / (num_rows * (batch_size + len(of.labelled.embedding_ND)))
    return None


def measure(path: str, name: str, batch_size: int, device: str) -> dict[str, float | str | None]:
    """Median seconds of a query, peak memory with its outputs, and the share of distances."""
    set_up_torch(1, device)
    saved = {key: value.to(device) for key, value in torch.load(path).items()}
    is_plain, strategy_name = name.startswith("plain "), name.removeprefix("plain ")
    of = restricted(saved, STRATEGIES[strategy_name]().needs)
    plain = {"badge": plain_badge, "coreset": plain_coreset}
    seconds: list[tuple[float, float]] = []
    while not seconds or (len(seconds) < NUM_REPEATS and seconds[0][0] < REPEATED_BELOW):
        strategy, rng = STRATEGIES[strategy_name](), np.random.default_rng(0)
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            if is_plain:
                plain[strategy_name](of, batch_size)
            else:
                strategy.query(of, batch_size, rng)
        except StrategyError as error:  # a refusal is a result
            return {"refused": str(error)}
        if device != "cpu":
            torch.cuda.synchronize()
        seconds.append((time.perf_counter() - wall, time.process_time() - cpu))
    in_bytes = 1 if platform.system() == "Darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * in_bytes
    if device != "cpu":
        peak = torch.cuda.max_memory_allocated()
    wall, cpu = (median(values) for values in zip(*seconds, strict=True))
    share = 1.0 if is_plain else share_evaluated(strategy_name, of, batch_size)
    return {"wall": wall, "cpu": cpu, "peak": peak / 1e9, "share": share}


def strategies(data_dir: Path, device: str) -> Table:
    """Seconds per query, memory, and the share of distances that were evaluated."""
    title = (
        f"One query on {device}, 1 thread, median of {NUM_REPEATS} (of 1 above {REPEATED_BELOW:.0f} s); peak memory "
        "with the outputs; distances: the share evaluated, for badge those that its bounds leave"
    )
    table = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in ("outputs", "n", "C", "D", "labelled", "B", "strategy", "wall s", "CPU s", "peak GB", "distances"):
        table.add_column(column, justify="left" if column in ("outputs", "strategy") else "right", no_wrap=True)
    refusals: list[str] = []
    for workload in workloads(data_dir):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/outputs.pt"
            sizes = in_its_own_process(save_outputs, workload, device, path)
            for batch_size, names in workload.batch_sizes.items():
                for name in [*names, *(f"plain {name}" for name in EXACT)]:
                    found = in_its_own_process(measure, path, name, batch_size, device)
                    shown = [workload.name, *(f"{size:,}" for size in sizes), f"{batch_size:,}", name]
                    sys.stderr.write(f"{' '.join(shown)}: {found}\n")  # the table takes half an hour
                    if "refused" in found:
                        table.add_row(*shown, "refused")
                        refusals.append(found["refused"])
                        continue
                    share = "" if found["share"] is None else f"{100 * found['share']:.1f} %"
                    table.add_row(*shown, *(f"{found[key]:.2f}" for key in ("wall", "cpu", "peak")), share)
    table.caption = "\n".join(refusals)
    return table


def in_its_own_process(function: Callable[..., Any], *arguments: object) -> Any:
    """A new one, so that its peak memory is that of this call."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        return executor.submit(function, *arguments).result()

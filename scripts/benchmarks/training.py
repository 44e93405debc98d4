"""Training against a bare PyTorch loop, and against what the device's arithmetic allows."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from statistics import median
from typing import Literal

import numpy as np
import torch
from rich.table import Table
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from al_bench.core.data import Examples, Normalisation
from al_bench.core.network import Network, cross_entropy
from al_bench.core.seeding import Stream, generator, torch_seeded
from al_bench.models.mlp import MLP
from al_bench.models.resnet import ResNet
from al_bench.models.vgg import VGG
from al_bench.training.learner import Learner
from al_bench.training.options import TrainingOptions

REPEATS = 15
EPOCHS = 100
ADAM = partial(torch.optim.Adam, lr=1e-3, fused=True)


def random_examples(num_examples: int, shape: tuple[int, ...], num_classes: int, is_image: bool) -> Examples:
    """Examples whose values do not matter: the steps are the same."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(256, size=(num_examples, *shape)) if is_image else rng.normal(size=(num_examples, *shape))
    inputs = torch.tensor(drawn, dtype=torch.uint8 if is_image else torch.float32)
    inputs[1] = inputs[0]  # with another target: no network gets all right, so no fit stops early
    targets = torch.tensor(rng.integers(num_classes, size=num_examples))
    targets[1] = (targets[0] + 1) % num_classes
    return Examples(inputs, targets)


def bare_loop(build: Callable[[], Network], examples: Examples, training: TrainingOptions) -> float:
    """Seconds of the same steps in a loop that does nothing else: no accuracy, no stopping rule, floats at hand."""
    device, is_last = examples.inputs.device.type, training.channels_last
    memory_format = torch.channels_last if is_last else torch.preserve_format
    with torch_seeded(0, Stream.WEIGHTS, 0):
        network = build().to(device)
    network.to(memory_format=memory_format)  # type: ignore[call-overload]
    inputs, targets = examples.inputs.contiguous(memory_format=memory_format), examples.targets
    optimizer, rng = training.optimizer_of(network), generator(0, Stream.MINIBATCH)
    start = time.perf_counter()
    for _ in range(training.max_epochs):
        for rows in torch.from_numpy(rng.permutation(len(targets))).to(device).split(training.minibatch_size):
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(device, torch.bfloat16, enabled=training.precision == "bfloat16"):
                loss = functional.cross_entropy(network(inputs[rows]), targets[rows])
            loss.backward()
            optimizer.step()
    loss.item()  # the work is done when its result is there
    return time.perf_counter() - start


def alternating(learner: Learner, stored: Examples, floats: Examples, num_repeats: int) -> tuple[float, float]:
    """Median seconds of the bare loop and of ours, in turns."""
    bare, ours = [], []
    for _ in range(num_repeats):
        bare.append(bare_loop(learner.build, floats, learner.training))
        ours.append(learner.fit(stored, cross_entropy, seed=0, round=0).fit_seconds)
    return median(bare), median(ours)


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
        floats = normalised(stored) if is_image else stored
        learner = Learner(
            partial(MLP, shape, num_classes, width),
            TrainingOptions(ADAM, minibatch_size, stop_at_train_accuracy=1.0, max_epochs=EPOCHS),
            normalisation=Normalisation((0.5,), (0.5,)) if is_image else None,
        )
        per_step = [
            1e6 * seconds / (EPOCHS * steps_per_epoch) for seconds in alternating(learner, stored, floats, REPEATS)
        ]
        cells = (minibatch_size, steps_per_epoch, *(f"{value:.0f} us" for value in per_step))
        table.add_row(name, *map(str, cells), f"{per_step[1] / per_step[0]:.2f}")
    return table


def training(device: str) -> Table:
    """Images per second in training, against a bare loop and against what the device's arithmetic allows.

    The limit is that of one large matrix product, measured here, divided by the operations of a forward and a
    backward pass. The one pass at the end that batch norm is evaluated with is left out on both sides.
    """
    num_minibatches, num_repeats = (2, 3) if device == "cpu" else (50, 5)
    table = Table(title=f"Training on 32x32 colour images, mini-batches of 128, median of {num_repeats}, {device}")
    for column in ("network", "precision", "in memory", "bare loop", "al_bench", "ratio", "limit", "of it"):
        table.add_column(column, justify="right")
    stored = random_examples(128 * num_minibatches, (3, 32, 32), 10, is_image=True).to(device)
    floats = normalised(stored)
    networks: dict[str, Callable[..., Network]] = {
        "ResNet-18": ResNet,
        "ResNet-18, width 16": partial(ResNet, width=16),
        "VGG-11": VGG,
    }
    peaks: dict[Literal["float32", "bfloat16"], float] = {
        "float32": peak_operations(torch.float32, device),
        "bfloat16": peak_operations(torch.bfloat16, device),
    }
    for name, network in networks.items():
        build = partial(network, (3, 32, 32), 10)
        operations = operations_per_image(build)
        for precision, peak in peaks.items():
            for channels_last in (False, True):
                options = TrainingOptions(
                    *(ADAM, 128),
                    stop_at_train_accuracy=None,
                    max_epochs=1,
                    recompute_batch_norm=False,
                    precision=precision,
                    channels_last=channels_last,
                )
                learner = Learner(build, options, device, Normalisation((0.5,) * 3, (0.5,) * 3))
                learner.fit(stored, cross_entropy, seed=0, round=0)  # what is set up once
                bare, ours = (len(stored) / seconds for seconds in alternating(learner, stored, floats, num_repeats))
                table.add_row(
                    *(name, precision, "channels last" if channels_last else "first"),
                    *(f"{bare:,.0f}/s", f"{ours:,.0f}/s", f"{bare / ours:.2f}"),
                    *(f"{peak / operations:,.0f}/s", f"{ours * operations / peak:.0%}"),
                )
    return table


def normalised(stored: Examples) -> Examples:
    """Images as the network takes them, with mean and deviation .5."""
    return replace(stored, inputs=(stored.inputs.float() / 255 - 0.5) / 0.5)


def operations_per_image(build: Callable[[], Network]) -> float:
    """Multiplications and additions of a forward and a backward pass."""
    counter = FlopCounterMode(display=False)
    with counter:
        build().eval()(torch.zeros(1, 3, 32, 32)).sum().backward()
    return float(counter.get_total_flops())


def peak_operations(dtype: torch.dtype, device: str) -> float:
    """Operations per second of a large matrix product, the best of some."""
    size = 2048 if device == "cpu" else 8192
    a, b = torch.randn(2, size, size, device=device).to(dtype).unbind()
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        (a @ b)[0, 0].item()
        seconds.append(time.perf_counter() - start)
    return float(2 * size**3 / min(seconds))

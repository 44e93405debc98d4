"""Where the time of late rounds goes: thousands of labels, so training is nearly all of it."""

from collections import Counter
from functools import partial
from statistics import median
from unittest.mock import patch

import torch
from rich.table import Table
from torch.profiler import ProfilerActivity, profile

from al_bench.core.data import Examples, Normalisation
from al_bench.core.network import cross_entropy
from al_bench.models.mlp import MLP
from al_bench.training import mlp_step
from al_bench.training.learner import Learner
from al_bench.training.mlp_step import MLPStep
from al_bench.training.options import TrainingOptions

REPEATS = 5
EPOCHS = 5
SHARES = {  # of PyTorch's operators, by what they are for
    "products": ("aten::mm", "aten::addmm"),
    "Adam": ("aten::_fused_adam_", "aten::_foreach_add_"),
    "gathering": ("aten::index_select", "aten::index", "aten::copy_", "aten::_to_copy", "aten::mul_", "aten::add_"),
    "ReLU": ("aten::clamp_min_", "aten::threshold_backward", "aten::clamp_min"),
}
LATE_ROUNDS = {  # inputs, classes, whether they are images, width, mini-batch, learning rate, labels
    "letter": ((16,), 26, False, 1024, 128, 1e-4, 8_100),
    "RandomRBF": ((10,), 5, False, 1024, 128, 1e-4, 16_100),
    "MNIST": ((1, 28, 28), 10, True, 256, 64, 1e-3, 30_100),
}
PROVED = ((64, 256, 10, 64), (16, 1024, 26, 128), (784, 1024, 10, 64))  # inputs, width, classes, mini-batch


def late_rounds() -> Table:
    """Microseconds of a training step by autograd and as `MLPStep`, and shares of the latter's time.

    Operators take a little longer where they are profiled, at the cost of the rest, which is Python.
    """
    table = Table(title=f"Training steps of late rounds, median of {REPEATS} alternating repeats, 1 thread")
    for column in ("round", "labels", "autograd", "al_bench", *SHARES, "others", "the rest"):
        table.add_column(column, justify="right")
    for name, (shape, num_classes, is_image, width, minibatch_size, lr, num_labels) in LATE_ROUNDS.items():
        rng = torch.Generator().manual_seed(0)
        inputs = torch.randint(256, (num_labels, *shape), dtype=torch.uint8, generator=rng)
        examples = Examples(
            inputs if is_image else inputs.float() / 16, torch.randint(num_classes, (num_labels,), generator=rng)
        )
        learner = Learner(
            partial(MLP, shape, num_classes, width),
            TrainingOptions(
                partial(torch.optim.Adam, lr=lr, fused=True),
                minibatch_size,
                stop_at_train_accuracy=None,
                max_epochs=EPOCHS,
            ),
            normalisation=Normalisation((0.5,), (0.5,)) if is_image else None,
        )
        num_steps = EPOCHS * -(-num_labels // minibatch_size)
        by_autograd, ours = (1e6 * seconds / num_steps for seconds in _alternating(learner, examples))
        shares = [share / (ours * num_steps) for share in _microseconds(learner, examples)]
        cells = [f"{share:.0%}" for share in (*shares, 1 - sum(shares))]
        table.add_row(name, f"{num_labels:,}", f"{by_autograd:.0f} us", f"{ours:.0f} us", *cells)
    return table


def proofs() -> Table:
    """Milliseconds of the processor that the first fit of its kind in a process takes more, for its proof."""
    repeats = 10 * REPEATS
    table = Table(title=f"Proof of the written-out steps, median of {repeats} alternating repeats, 1 thread")
    for column in ("shape", "mini-batch", "proof"):
        table.add_column(column, justify="right")
    for num_inputs, width, num_classes, minibatch_size in PROVED:
        rng = torch.Generator().manual_seed(0)
        targets = torch.randint(num_classes, (minibatch_size,), generator=rng)
        examples = Examples(torch.randn(minibatch_size, num_inputs, generator=rng), targets)
        training = TrainingOptions(partial(torch.optim.Adam, lr=1e-4, fused=True), minibatch_size, max_epochs=1)
        learner = Learner(partial(MLP, (num_inputs,), num_classes, width), training)
        first, later = [], []
        for _ in range(repeats):
            with patch.dict(mlp_step._is_right, clear=True):
                first.append(learner.fit(examples, cross_entropy, seed=0, round=0).fit_cpu_seconds)
                later.append(learner.fit(examples, cross_entropy, seed=0, round=0).fit_cpu_seconds)
        cost = f"{1e3 * (median(first) - median(later)):.1f} ms"
        table.add_row(f"{num_inputs}-{width}-{num_classes}", str(minibatch_size), cost)
    return table


def _alternating(learner: Learner, examples: Examples) -> tuple[float, float]:
    """Median seconds of a fit by autograd, and by the steps that are written out."""
    by_autograd, ours = [], []
    for _ in range(REPEATS):
        ours.append(learner.fit(examples, cross_entropy, seed=0, round=0).fit_seconds)
        with patch.object(MLPStep, "is_for", return_value=False):
            by_autograd.append(learner.fit(examples, cross_entropy, seed=0, round=0).fit_seconds)
    return median(by_autograd), median(ours)


def _microseconds(learner: Learner, examples: Examples) -> list[float]:
    """Of a fit, in the operators of each kind, and in all others."""
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        learner.fit(examples, cross_entropy, seed=0, round=0)
    of_operators = Counter({each.key: each.self_cpu_time_total for each in profiled.key_averages()})
    of_kinds = [float(sum(of_operators[name] for name in names)) for names in SHARES.values()]
    return [*of_kinds, float(sum(of_operators.values())) - sum(of_kinds)]

"""Steps of training that are written out are those of autograd and the optimizer, to the bit."""

import re
from functools import partial

import pytest
import torch
from torch.nn import functional

from al_bench.core.data import Examples, Normalisation
from al_bench.core.errors import TrainingError
from al_bench.core.network import cross_entropy
from al_bench.models.mlp import MLP
from al_bench.training import learner as learning
from al_bench.training.learner import Learner
from al_bench.training.options import TrainingOptions
from al_bench.training.steps import AutogradStep, MLPStep
from tests.conftest import blobs

ADAM = partial(torch.optim.Adam, lr=1e-2, fused=True)
DATASET = blobs()
IMAGES = Examples(
    torch.randint(256, (150, 3, 4, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)),
    torch.randint(7, (150,), generator=torch.Generator().manual_seed(1)),
)
NORMALISATION = Normalisation((0.4, 0.5, 0.6), (0.2, 0.3, 0.1))


def name_of(options) -> str:
    """Without addresses: every worker has to give a test the same name."""
    return re.sub(r" at 0x\w+", "", str(options))


def used_steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of steps that fits take from now on."""
    used = []
    for kind in (MLPStep, AutogradStep):
        monkeypatch.setattr(learning, kind.__name__, _Spy(kind, used))
    return used


class _Spy:
    def __init__(self, kind, used):
        self.kind, self.used, self.is_for = kind, used, MLPStep.is_for

    def __call__(self, *args):
        self.used.append(self.kind.__name__)
        return self.kind(*args)


def fit(training: TrainingOptions, examples: Examples = DATASET.train, objective=cross_entropy, network=MLP, **learner):
    build = partial(network, tuple(examples.inputs.shape[1:]), int(examples.targets.max()) + 1, 50)
    return Learner(build, training, **learner).fit(examples, objective, seed=3, round=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"minibatch_size": 1},
        {"minibatch_size": 10_000},
        {"gradient_clamp": 1e-3},
        {"optimizer": partial(ADAM, lr=0.3)},
        {"optimizer": partial(ADAM, weight_decay=0.1, betas=(0.7, 0.8), eps=1e-3)},
        {"stop_at_train_accuracy": 0.8},
        {"channels_last": True},
    ],
    ids=name_of,
)
@pytest.mark.parametrize("examples", [DATASET.train, IMAGES], ids=["vectors", "images"])
def test_steps_written_out_are_autograds_to_the_bit(options, examples, monkeypatch):
    training = TrainingOptions(**{"optimizer": ADAM, "minibatch_size": 32, "max_epochs": 30} | options)
    used = used_steps(monkeypatch)
    written_out = fit(training, examples, normalisation=NORMALISATION)
    monkeypatch.setattr(learning.MLPStep, "is_for", lambda *_: False)
    autograds = fit(training, examples, normalisation=NORMALISATION)
    assert used == ["MLPStep", "AutogradStep"]
    assert all(map(torch.equal, written_out.network.parameters(), autograds.network.parameters()))
    assert written_out.train_accuracy == autograds.train_accuracy
    assert written_out.num_epochs == autograds.num_epochs
    assert written_out.num_epochs > 1


def adam_of_several_groups(parameters):
    return ADAM([{"params": [each]} for each in parameters])


def other_objective(logits_NC, targets):
    return functional.cross_entropy(logits_NC, targets)


class Wider(MLP):
    """Another network, whose steps nobody knows."""

    def embed(self, inputs):
        return 2 * super().embed(inputs)


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": partial(torch.optim.Adam, lr=1e-2)},
        {"optimizer": partial(ADAM, amsgrad=True)},
        {"optimizer": partial(ADAM, maximize=True)},
        {"optimizer": partial(ADAM, capturable=True)},
        {"optimizer": partial(ADAM, weight_decay=0.1, decoupled_weight_decay=True)},
        {"optimizer": partial(torch.optim.AdamW, lr=1e-2, fused=True)},
        {"precision": "bfloat16"},
        {"lr_schedule": partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=30)},
        {"optimizer": adam_of_several_groups},
        {"objective": other_objective},
        {"network": Wider},
    ],
    ids=name_of,
)
def test_what_is_not_written_out_is_left_to_autograd(options, monkeypatch):
    used = used_steps(monkeypatch)
    given = {name: options[name] for name in options if name in ("objective", "network")}
    options = {name: options[name] for name in options.keys() - given.keys()}
    fit(TrainingOptions(**{"optimizer": ADAM, "max_epochs": 1} | options), **given)
    assert used == ["AutogradStep"]


def test_a_loss_that_is_not_finite_ends_training():
    with pytest.raises(TrainingError, match="the training loss is (nan|inf)"):
        fit(TrainingOptions(partial(ADAM, lr=1e30), max_epochs=5))

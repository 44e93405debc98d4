"""The choices of conf/training are the loops that they name, as they read in a textbook."""

import math
import warnings
from functools import partial

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch.nn import functional

from al_bench.config.schema import CONF
from al_bench.core.data import Examples
from al_bench.core.errors import ConfigError
from al_bench.core.network import cross_entropy
from al_bench.core.seeding import Stream, generator, torch_seeded
from al_bench.job.built import checked_model
from al_bench.models.linear import Linear
from al_bench.models.mlp import MLP
from al_bench.training.augmentation import crop_flip
from al_bench.training.learner import Learner
from al_bench.training.options import TrainingOptions
from al_bench.training.stopping import LowestLoss
from tests.conftest import blobs

DATASET = blobs()


def options_of(training: str, *overrides: str, model: str = "mlp", dataset: str = "digits") -> TrainingOptions:
    given = [f"dataset={dataset}", f"model={model}", f"training@model={training}", *overrides]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return checked_model(OmegaConf.to_container(compose("config", given).model, resolve=True))[1]


def assert_same_weights(network: torch.nn.Module, other: torch.nn.Module) -> None:
    for ours, theirs in zip(network.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)


def orders(num: int, size: int, num_epochs: int) -> list[list[torch.Tensor]]:
    rng = generator(1, Stream.MINIBATCH, 2)
    return [list(torch.from_numpy(rng.permutation(num)).split(size)) for _ in range(num_epochs)]


def new(build) -> torch.nn.Module:
    with torch_seeded(1, Stream.WEIGHTS, 2):
        return build()


def test_probe_sgd_is_sgd_with_nesterov_momentum_and_a_cosine_to_zero():
    training = options_of("probe_sgd", "model.max_epochs=12", model="linear")
    build = partial(Linear, (5,), 4, "none", bias=True)
    trained = Learner(build, training).fit(DATASET.train, cross_entropy, seed=1, round=2)
    network = new(build)
    velocities = [torch.zeros_like(weight) for weight in network.parameters()]
    for epoch, minibatches in enumerate(orders(len(DATASET.train), 64, 12)):
        lr = 0.01 * (1 + math.cos(math.pi * epoch / 12)) / 2
        for rows in minibatches:
            loss = functional.cross_entropy(network(DATASET.train.inputs[rows]), DATASET.train.targets[rows])
            gradients = torch.autograd.grad(loss, list(network.parameters()))
            for weight, gradient, velocity in zip(network.parameters(), gradients, velocities, strict=True):
                step = gradient + 5e-4 * weight.detach()
                velocity.mul_(0.9).add_(step)
                weight.data -= lr * (step + 0.9 * velocity)
    assert_same_weights(trained.network, network)
    assert (trained.course.num_epochs, trained.course.epoch_limit_hit) == (12, False)


def test_probe_sgd_is_what_was_published():
    training = options_of("probe_sgd", model="linear")
    assert (training.minibatch_size, training.max_epochs, training.stop_at_train_accuracy) == (64, 200, None)
    assert training.optimizer.func is torch.optim.SGD


@pytest.mark.parametrize("max_epochs", [400, 7])
def test_probe_adamw_drops_out_normalises_and_goes_back_to_the_lowest_training_loss(max_epochs):
    training = options_of("probe_adamw", f"model.max_epochs={max_epochs}", model="linear")
    build = partial(Linear, (5,), 4, "none", bias=True, dropout=0.75, batch_norm=True)
    trained = Learner(build, training).fit(DATASET.train, cross_entropy, seed=1, round=2)
    network = new(build).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2, weight_decay=1e-2)
    lowest, counted, since, best, num_epochs = math.inf, math.inf, 0, {}, 0
    with torch_seeded(1, Stream.LAYERS, 2):
        for (rows,) in orders(len(DATASET.train), 4096, max_epochs):
            dropped = functional.dropout(DATASET.train.inputs[rows], 0.75)
            loss = functional.cross_entropy(network.head(network.batch_norm(dropped)), DATASET.train.targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            since, num_epochs = since + 1, num_epochs + 1
            if loss.item() < lowest:
                lowest, best = loss.item(), {name: each.clone() for name, each in network.state_dict().items()}
            if loss.item() < counted - 1e-3:
                counted, since = loss.item(), 0
            if since == 20:
                break
    network.load_state_dict(best)
    assert_same_weights(trained.network, network)
    assert trained.course.num_epochs == num_epochs
    assert trained.course.epoch_limit_hit == (max_epochs == 7)
    assert not torch.equal(trained.network.batch_norm.running_var, torch.ones(5))


def test_regularised_is_adamw_with_a_cosine_to_zero_and_the_learning_rate_of_the_data_set():
    for dataset, lr in (("digits", 1e-3), ("openml_6", 1e-4)):
        training = options_of("regularised", dataset=dataset)
        assert training.optimizer.func is torch.optim.AdamW
        assert training.optimizer.keywords["lr"] == lr
        assert training.optimizer.keywords["weight_decay"] == 5e-4
        assert (training.minibatch_size, training.max_epochs, training.stop_at_train_accuracy) == (64, 200, None)
    training = options_of("regularised", "model.max_epochs=9")
    with warnings.catch_warnings(action="error"):  # of a schedule whose optimizer takes no step
        for _ in range(2):
            trained = Learner(partial(MLP, (5,), 4, 16), training).fit(DATASET.train, cross_entropy, seed=1, round=2)
    network = new(partial(MLP, (5,), 4, 16))
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=5e-4)
    for epoch, minibatches in enumerate(orders(len(DATASET.train), 64, 9)):
        optimizer.param_groups[0]["lr"] = 1e-3 * (1 + math.cos(math.pi * epoch / 9)) / 2
        for rows in minibatches:
            optimizer.zero_grad()
            functional.cross_entropy(network(DATASET.train.inputs[rows]), DATASET.train.targets[rows]).backward()
            optimizer.step()
    assert_same_weights(trained.network, network)


@pytest.mark.parametrize("shape", [(1, 6, 6), (3, 6, 6)])
def test_images_are_cropped_and_flipped_and_tables_are_not(shape):
    examples = Examples(
        torch.randint(256, (40, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)),
        torch.arange(40) % 4,
    )

    def weights(examples: Examples, augmentation: str) -> torch.Tensor:
        training = options_of("regularised", "model.max_epochs=2", f"model.augmentation={augmentation}")
        build = partial(MLP, tuple(examples.inputs.shape[1:]), 4, 16)
        return Learner(build, training).fit(examples, cross_entropy, seed=1, round=2).network.head.weight

    assert torch.equal(weights(examples, "auto"), weights(examples, "crop_flip"))
    assert not torch.equal(weights(examples, "auto"), weights(examples, "none"))
    flat = Examples(examples.inputs.flatten(1).float(), examples.targets)
    assert torch.equal(weights(flat, "auto"), weights(flat, "none"))
    Learner(partial(MLP, (5,), 4, 16), options_of("regularised")).tried(torch.zeros(2, 5))
    assert crop_flip(examples.inputs, np.random.default_rng(0)).shape == examples.inputs.shape


def test_a_loss_that_is_hardly_lower_does_not_count_but_its_weights_are_taken():
    network = torch.nn.Linear(1, 1, bias=False)
    rule = LowestLoss(patience=2, loss_of=lambda _, loss: loss, min_delta=0.5)
    seen = []
    for value, loss in enumerate([9.0, 8.0, 7.8, 7.6]):
        network.weight.data.fill_(value)
        seen.append(rule.is_met(network, 0.0, loss))
    network.weight.data.fill_(100)
    rule.finish(network)
    assert seen == [False, False, False, True]
    assert network.weight.item() == 3


@pytest.mark.parametrize("given", [{"patience_on": "training"}, {"min_delta": 0.1}])
def test_what_is_said_of_a_patience_that_there_is_not_is_refused(given):
    with pytest.raises(ValueError, match=f"{next(iter(given))}=.*: goes with patience"):
        TrainingOptions(partial(torch.optim.Adam, lr=1e-3), **given)


@pytest.mark.parametrize("probe", ["probe_sgd", "probe_adamw"])
@pytest.mark.parametrize("model", ["mlp", "resnet"])
def test_a_probe_by_steps_of_what_is_no_linear_model_is_refused_by_its_name(probe, model):
    with pytest.raises(
        ConfigError, match=r"^training@model=probe_sgd and probe_adamw are for model=linear.*(MLP|ResNet)"
    ):
        options_of(probe, model=model)

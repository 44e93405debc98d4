"""Samples of the weights: one mask for all examples, however they pass, and of nothing but dropout modules."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional

from al_bench.core.errors import ConfigError, StrategyError
from al_bench.core.network import Network, cross_entropy
from al_bench.core.strategy import Needs
from al_bench.models.dropout import check_dropout, dropout_samples
from al_bench.models.mlp import MLP
from al_bench.strategies.bald import Bald
from al_bench.training import outputs
from al_bench.training.learner import Learner
from al_bench.training.mlp_step import MLPStep
from al_bench.training.options import TrainingOptions
from tests.conftest import blobs

DATASET = blobs()
ADAM = partial(torch.optim.Adam, lr=1e-2, fused=True)
SHORT = TrainingOptions(ADAM, 32, max_epochs=3, stop_at_train_accuracy=None)


class Dropping(Network):
    """Its logits are its inputs, dropped out, so that masks can be read off."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.head = nn.Identity()

    def embed(self, inputs):
        return self.layers(inputs)


def ones(network: Network, *shape: int, num: int = 3, seed: int = 0, round: int = 0) -> torch.Tensor:
    """Samples (S, N, ...) for inputs of ones."""
    return torch.stack([sample(torch.ones(shape)) for sample in dropout_samples(network.eval(), num, seed, round)])


def test_a_mask_is_the_same_for_all_examples_and_another_in_each_sample():
    found = ones(Dropping(nn.Dropout(0.5)), 7, 50)
    assert set(found.unique().tolist()) == {0, 2}
    assert torch.equal(found, found[:, :1].expand(-1, 7, -1))
    assert len(found[:, 0].unique(dim=0)) == 3


def test_as_many_are_dropped_as_the_module_says():
    """Of 40,000 entries; the bounds are five deviations wide."""
    found = ones(Dropping(nn.Dropout(0.2)), 1, 10_000, num=4)
    assert (found == 0).double().mean().item() == pytest.approx(0.2, abs=0.01)
    assert found.unique().tolist() == [0, 1.25]
    assert ones(Dropping(nn.Dropout(1.0)), 2, 5).eq(0).all()


@pytest.mark.parametrize(
    ("module", "shape"),
    [(nn.Dropout1d, (5,)), (nn.Dropout2d, (5, 3)), (nn.Dropout3d, (5, 3, 2))],
    ids=["1d", "2d", "3d"],
)
def test_channels_are_dropped_whole(module, shape):
    found = ones(Dropping(module(0.5)), 4, 30, *shape).flatten(start_dim=3)
    assert torch.equal(found, found[:, :1, :, :1].expand_as(found))
    assert set(found.unique().tolist()) == {0, 2}


def test_each_module_and_each_of_its_calls_has_masks_of_its_own():
    first, second = nn.Dropout(0.5), nn.Dropout(0.5)
    once = ones(Dropping(first), 1, 200)
    assert torch.equal(once, ones(Dropping(first), 1, 200))
    twice, two = ones(Dropping(first, first), 1, 200), ones(Dropping(first, second), 1, 200)
    assert torch.equal(twice[once == 0], twice[once == 0] * 0)
    for found in (twice, two):
        assert (found == 4).double().mean().item() == pytest.approx(0.25, abs=0.1)


def test_masks_change_with_seed_and_round_and_with_nothing_else():
    network = Dropping(nn.Dropout(0.5))
    before = torch.get_rng_state()
    found = [ones(network, 1, 60, seed=seed, round=round) for seed, round in ((0, 0), (0, 0), (0, 1), (1, 0))]
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(found[0], found[1])
    assert len({tuple(each.flatten().tolist()) for each in found}) == 3
    assert torch.equal(ones(network, 1, 60, num=5)[:3], found[0]), "more samples are those before, and more"


def test_nothing_but_dropout_is_in_training_mode_and_nothing_is_left_behind():
    network = Dropping(nn.BatchNorm1d(6), nn.Dropout(0.5))
    network.layers[0].running_mean.fill_(-1.0)
    statistics = network.layers[0].running_mean.clone()
    (sample,) = dropout_samples(network.eval(), 1, 0, 0)
    assert sample(torch.ones(4, 6)).amax().item() == pytest.approx(4, abs=1e-3)
    assert torch.equal(statistics, network.layers[0].running_mean)
    with pytest.raises(ValueError, match="expected 2D or 3D input"):
        sample(torch.ones(4, 6, 3, 2))
    assert not any(module._forward_hooks for module in network.modules())
    assert not network.training
    assert torch.equal(network.layers[1](torch.ones(3)), torch.ones(3))


def test_masks_that_depend_on_the_number_of_examples_are_refused():
    class Transposed(Dropping):
        def embed(self, inputs):
            return super().embed(inputs.T).T

    (sample,) = dropout_samples(Transposed(nn.Dropout(0.5)).eval(), 1, 0, 0)
    sample(torch.ones(4, 6))
    with pytest.raises(StrategyError, match=r"Transposed has outputs of shape \(3,\) for some examples and \(4,\)"):
        sample(torch.ones(3, 6))


@pytest.mark.parametrize("network", [MLP((5,), 3, 8), Dropping(nn.Dropout(0.0)), Dropping(nn.AlphaDropout(0.5))])
def test_a_network_without_dropout_is_refused_with_what_to_do(network):
    with pytest.raises(ConfigError, match=r"has no dropout to draw samples by .* say model.dropout=0.5 for model=mlp"):
        check_dropout(network)


def test_dropout_that_is_not_called_in_evaluation_is_refused():
    class Skipping(Dropping):
        def embed(self, inputs):
            return super().embed(inputs) if self.training else inputs

    (sample,) = dropout_samples(Skipping(nn.Dropout(0.5)).eval(), 1, 0, 0)
    with pytest.raises(StrategyError, match="Skipping calls none of its dropout modules in evaluation mode"):
        sample(torch.ones(4, 6))


def fit(dropout: float, **arguments: int):
    learner = Learner(partial(MLP, (5,), 4, 16, dropout), SHORT)
    return learner.fit(DATASET.train, cross_entropy, **({"seed": 0, "round": 0} | arguments))


def test_outputs_under_samples_are_those_of_one_network_however_many_pass_at_once(monkeypatch):
    trained = fit(0.5)
    masks = [sample(DATASET.train.inputs[:1]) for sample in dropout_samples(trained.network, 4, 0, 3)]
    object.__setattr__(trained, "samples", dropout_samples(trained.network, 4, 0, 3))
    rows = torch.arange(50)
    found = trained.outputs(DATASET.train.inputs, rows, Needs.SAMPLES | Needs.EMBEDDING)
    monkeypatch.setitem(outputs.FORWARD_SIZE, "cpu", 7)
    again = trained.outputs(DATASET.train.inputs, rows, Needs.SAMPLES)
    assert found.samples_SNC.shape == (4, 50, 4)
    assert found.samples.shape == (50, 4, 4)
    assert torch.allclose(found.samples_SNC, again.samples_SNC, atol=1e-5)
    weight_CD = trained.network.head.weight
    for logits_NC, of_first in zip(found.samples_SNC, masks, strict=True):
        assert torch.allclose(logits_NC[:1], of_first, atol=1e-5)
        solved = torch.linalg.lstsq(found.embedding_ND.double(), logits_NC.double()).solution.T
        ratio_CD = solved[:, found.embedding_ND.any(dim=0)] / weight_CD.double()[:, found.embedding_ND.any(dim=0)]
        assert torch.allclose(ratio_CD, ratio_CD[:1].round().expand_as(ratio_CD), atol=1e-2)
        assert set(ratio_CD.round().unique().abs().tolist()) == {0, 2}


def test_members_of_an_ensemble_have_random_numbers_of_their_own():
    members = [fit(0.5, member=member) for member in (0, 1, 2, 1)]
    weights = [each.network.head.weight for each in members]
    assert torch.equal(weights[0], fit(0.5).network.head.weight)
    assert torch.equal(weights[1], weights[3])
    assert not torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[1], weights[2])


def test_mini_batches_of_a_member_have_an_order_of_their_own(monkeypatch):
    """With equal initial weights and nothing dropped out, it is all that differs."""
    monkeypatch.setattr(Learner, "_new_network", lambda *_: MLP((5,), 4, 16))
    weights = []
    for member in (0, 1):
        torch.manual_seed(0)
        weights.append(fit(0.0, member=member).network.head.weight)
    assert not torch.equal(*weights)


class TestDropoutOfTheMLP:
    def test_without_it_nothing_has_changed(self):
        assert [name for name, _ in MLP((5,), 4, 16).named_modules()] == ["", "hidden", "head"]

    def test_in_training_entries_of_the_embedding_are_dropped_by_autograd(self, monkeypatch):
        def refused(*_):
            raise AssertionError("these steps know no dropout")

        monkeypatch.setattr(MLPStep, "__call__", refused)
        torch.manual_seed(0)
        network = MLP((5,), 4, 2000, dropout=0.3)
        inputs = torch.ones(1, 5)
        whole = functional.relu(network.hidden(inputs))
        ratio = (network.embed(inputs) / whole)[whole > 0]
        assert torch.allclose(ratio[ratio > 0], torch.tensor(1 / 0.7))
        assert (ratio == 0).double().mean().item() == pytest.approx(0.3, abs=0.08)
        assert torch.equal(network.eval().embed(inputs), whole)
        assert not torch.equal(fit(0.3).network.head.weight, fit(0.6).network.head.weight)


def test_a_learner_is_asked_before_anything_is_trained():
    Learner(partial(MLP, (5,), 4, 16), SHORT).check(Bald(3, samples="ensemble"))
    Learner(partial(MLP, (5,), 4, 16, 0.5), SHORT).check(Bald(3, samples="network"))
    with pytest.raises(ConfigError, match="model.dropout=0.5"):
        Learner(partial(MLP, (5,), 4, 16), SHORT).check(Bald(3, samples="network"))

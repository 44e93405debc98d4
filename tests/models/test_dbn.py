"""Restricted Boltzmann machines against their definition, the deep belief network, and pre-training once per seed."""

import itertools
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from al_bench.core.data import Dataset
from al_bench.core.errors import TrainingError
from al_bench.core.network import cross_entropy
from al_bench.core.seeding import Stream, torch_seeded
from al_bench.loop.rounds_of import active_learning
from al_bench.models.dbn import DBN
from al_bench.models.rbm import RBM, Pretraining, trained_on
from al_bench.strategies.random import Random
from al_bench.strategies.uncertainty import Entropy
from al_bench.training.learner import Learner
from tests.conftest import blobs
from tests.support.networks import SHORT, learner

ENOUGH = Pretraining(num_epochs=40, lr=0.5, real_lr=0.05, minibatch_size=20)  # for examples to differ


def machine(num_visible: int = 3, num_hidden: int = 2, *, is_real: bool = False, seed: int = 0) -> RBM:
    """With weights that are not small."""
    made = RBM(nn.Linear(num_visible, num_hidden), is_real=is_real)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in (made.layer.weight, made.layer.bias, made.visible_bias):
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return made


def states(num_units: int) -> Tensor:
    """All states of some binary units."""
    return torch.tensor(list(itertools.product([0.0, 1.0], repeat=num_units)), dtype=torch.float64)


def energy(of: RBM, visible: Tensor, hidden: Tensor) -> Tensor:
    """E(v, h) of rows of v and h, as the module's docstring has it."""
    W, c, b = (p.detach().double() for p in (of.layer.weight, of.layer.bias, of.visible_bias))
    product = ((hidden @ W) * visible).sum(-1)
    if of.is_real:
        return ((visible - b) ** 2).sum(-1) / 2 - hidden @ c - product
    return -visible @ b - hidden @ c - product


def log_likelihood(of: RBM, visible: Tensor) -> float:
    """The exact mean over rows; the partition function is a sum, of Gaussian integrals if the units are real-valued."""
    hidden = states(of.layer.out_features)
    free = torch.stack([-energy(of, visible, h.expand(len(visible), -1)) for h in hidden]).logsumexp(0)
    W, c, b = (p.detach().double() for p in (of.layer.weight, of.layer.bias, of.visible_bias))
    if of.is_real:
        means = b + hidden @ W
        constant = len(b) / 2 * np.log(2 * np.pi)
        log_partition = (hidden @ c + (means**2 - b**2).sum(1) / 2).logsumexp(0) + constant
    else:
        log_partition = (hidden @ c + (hidden @ W + b).exp().log1p().sum(1)).logsumexp(0)
    return float((free - log_partition).mean())


@pytest.mark.parametrize("is_real", [False, True])
def test_conditionals_are_those_of_the_energy(is_real):
    of = machine(is_real=is_real)
    visible, hidden = torch.rand(1, 3, generator=torch.Generator().manual_seed(1)), states(2)
    weights = (-energy(of, visible.double().expand(4, -1), hidden)).softmax(0)
    assert torch.allclose(of.hidden(visible)[0].double(), weights @ hidden, atol=1e-6)
    if is_real:
        values = torch.linspace(-12, 12, 4001, dtype=torch.float64)
        for unit in range(3):  # they are independent given h
            rows = torch.zeros(4001, 3, dtype=torch.float64)
            rows[:, unit] = values
            density = (-energy(of, rows, hidden[1].expand(4001, -1))).softmax(0)
            mean = of.visible(hidden[1:2].float())[0, unit].item()
            assert (density * values).sum().item() == pytest.approx(mean, abs=1e-5)
    else:
        rows = states(3)
        weights = (-energy(of, rows, hidden[1].expand(8, -1))).softmax(0)
        assert torch.allclose(of.visible(hidden[1:2].float())[0].double(), weights @ rows, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("is_real", [False, True])
def test_the_exact_log_likelihood_is_normalised(is_real):
    """Of the reference: the probabilities of all v sum to 1."""
    of = machine(1, 2, is_real=is_real)
    rows = torch.linspace(-15, 15, 20_001, dtype=torch.float64)[:, None] if is_real else states(1)
    probabilities = torch.tensor([np.exp(log_likelihood(of, row[None])) for row in rows])
    assert probabilities.sum() * (30 / 20_000 if is_real else 1) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("is_real", [False, True])
@pytest.mark.parametrize("num_gibbs_steps", [1, 3])
def test_contrastive_divergence_is_that_of_a_loop(is_real, num_gibbs_steps):
    of = machine(is_real=is_real)
    visible = torch.rand(5, 3, generator=torch.Generator().manual_seed(1))
    W, c, b = (p.detach().numpy() for p in (of.layer.weight, of.layer.bias, of.visible_bias))

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    torch.manual_seed(7)  # here and below, for the same draws
    expected = [np.zeros_like(each) for each in (W, c, b)]
    data = [sigmoid(W @ v + c) for v in visible.numpy()]
    model_v, model_h = [*visible.numpy()], [*data]
    for _ in range(num_gibbs_steps):
        drawn = torch.rand(5, 2).numpy() < np.stack(model_h)
        model_v = [b + h @ W if is_real else sigmoid(b + h @ W) for h in drawn]
        model_h = [sigmoid(W @ v + c) for v in model_v]
    for v0, h0, v1, h1 in zip(visible.numpy(), data, model_v, model_h, strict=True):
        for total, term in zip(expected, (np.outer(h1, v1) - np.outer(h0, v0), h1 - h0, v1 - v0), strict=True):
            total += term / 5
    torch.manual_seed(7)
    of.set_gradients(visible, num_gibbs_steps)
    for ours, theirs in zip((of.layer.weight, of.layer.bias, of.visible_bias), expected, strict=True):
        assert np.allclose(ours.grad.numpy(), theirs, atol=1e-5)


@pytest.mark.moderate
@pytest.mark.parametrize("is_real", [False, True])
def test_training_raises_the_likelihood(is_real):
    rng = np.random.default_rng(0)
    prototypes = np.array([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]])
    rows = prototypes[rng.integers(2, size=400)]
    rows = np.where(rng.random(rows.shape) < 0.05, 1 - rows, rows) * 1.0
    if is_real:
        rows = (rows - 0.5) * 4 + rng.normal(size=rows.shape)
    visible = torch.tensor(rows, dtype=torch.float32)
    torch.manual_seed(0)
    of = RBM(nn.Linear(6, 4), is_real=is_real)
    before = log_likelihood(of, visible.double())
    of.fit(visible, Pretraining(num_epochs=100, lr=0.1, real_lr=0.01, minibatch_size=20))
    independent = RBM(nn.Linear(6, 4), is_real=is_real)  # knows the mean of every unit, and nothing of the others
    with torch.no_grad():
        independent.layer.weight.zero_()
        mean = visible.mean(0)
        independent.visible_bias.copy_(mean if is_real else (mean / (1 - mean)).log())
    after = log_likelihood(of, visible.double())
    assert after > log_likelihood(independent, visible.double()) + 0.5
    assert after > before + 0.5


def test_training_is_gradient_descent_with_momentum_and_weight_decay():
    """By hand: mini-batches of a new order in every epoch, .5 of the last step kept for five epochs, then .9."""
    visible = torch.rand(50, 3, generator=torch.Generator().manual_seed(0)) * 4
    options = Pretraining(num_epochs=7, real_lr=0.03, minibatch_size=20, num_gibbs_steps=2, weight_decay=0.1)
    torch.manual_seed(5)
    of = RBM(nn.Linear(3, 2), is_real=True)
    of.fit(visible, options)
    torch.manual_seed(5)
    other = RBM(nn.Linear(3, 2), is_real=True)
    parameters = (other.layer.weight, other.layer.bias, other.visible_bias)
    steps = [torch.zeros_like(parameter) for parameter in parameters]
    for epoch in range(7):
        order = torch.randperm(50)
        for start in (0, 20, 40):
            other.set_gradients(visible[order[start : start + 20]], 2)
            for position, parameter in enumerate(parameters):
                decay = 0.1 * parameter.detach() if position == 0 else 0.0
                steps[position] = (0.5 if epoch < 5 else 0.9) * steps[position] + parameter.grad + decay
            with torch.no_grad():
                for parameter, step in zip(parameters, steps, strict=True):
                    parameter -= 0.03 * step
    for ours, theirs in zip((of.layer.weight, of.layer.bias, of.visible_bias), parameters, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)
        assert ours.abs().max() > 0.03


def inputs_of(dataset: Dataset) -> Tensor:
    return dataset.train.inputs


def network(**options: object) -> DBN:
    with torch_seeded(0, Stream.WEIGHTS, 0):
        return DBN({"a": 2, "b": 3}, 4, [6, 5, 7], **options)


class TestTheNetwork:
    def test_each_modality_has_two_layers_and_all_share_the_third(self):
        made = network()
        inputs = torch.randn(8, 5, generator=torch.Generator().manual_seed(0))
        (a, b), joint = made.encoders, made.joint
        encoded = [
            torch.sigmoid(each.second(torch.sigmoid(each.first(part))))
            for each, part in ((a, inputs[:, :2]), (b, inputs[:, 2:]))
        ]
        assert torch.allclose(made.embed(inputs), torch.sigmoid(joint(torch.cat(encoded, 1))))
        shapes = [tuple(layer.weight.shape) for layer in (a.first, a.second, b.first, b.second, joint, made.head)]
        assert shapes == [(6, 2), (5, 6), (6, 3), (5, 6), (7, 10), (4, 7)]

    @pytest.mark.moderate
    def test_it_is_pretrained_greedily_from_below(self):
        """Each layer as it would be if it were trained alone on what the finished one below says."""
        made, inputs = network(pretraining=ENOUGH), inputs_of(blobs()) * torch.tensor([1.0, 2, 30, 40, 50]) + 3
        torch.manual_seed(1)
        made.pretrain(inputs)
        layers = [nn.Linear(2, 6), nn.Linear(6, 5), nn.Linear(3, 6), nn.Linear(6, 5), nn.Linear(10, 7)]
        torch.manual_seed(1)
        encoded = []
        for columns, (first, second) in ((slice(0, 2), layers[:2]), (slice(2, 5), layers[2:4])):
            centred = inputs[:, columns] - inputs[:, columns].mean(0)
            assert torch.allclose(made.mean[columns], inputs[:, columns].mean(0), rtol=1e-5)
            assert torch.allclose(made.std[columns], centred.square().mean().sqrt(), rtol=1e-5)
            part = (inputs[:, columns] - made.mean[columns]) / made.std[columns]  # to the bit: draws depend on it
            below = trained_on(part, first, ENOUGH, is_real=True)
            encoded.append(trained_on(below, second, ENOUGH, is_real=False))
        top = trained_on(torch.cat(encoded, 1), layers[4], ENOUGH, is_real=False)
        assert top.std(0).mean() > 0.1, "all examples are the same, whatever was done"
        assert torch.allclose(made.embed(inputs), top, atol=1e-4)
        (a, b) = made.encoders
        for ours, theirs in zip((a.first, a.second, b.first, b.second, made.joint), layers, strict=True):
            assert torch.allclose(ours.weight, theirs.weight, atol=1e-4)
            assert torch.allclose(ours.bias, theirs.bias, atol=1e-4)

    @pytest.mark.slow
    def test_the_embedding_does_not_depend_on_the_scale_of_a_modality(self):
        inputs, embeddings = inputs_of(blobs()), []
        for factor in (1.0, 1024.0):  # a power of two changes no other bit
            made = network(pretraining=ENOUGH)
            torch.manual_seed(1)
            scaled = torch.cat([inputs[:, :2], inputs[:, 2:] * factor], 1)
            made.pretrain(scaled)
            embeddings.append(made.embed(scaled))
        assert embeddings[0].std(0).mean() > 0.1
        assert torch.allclose(*embeddings, atol=1e-5)

    def test_a_constant_modality_is_no_division_by_zero(self):
        made, inputs = network(pretraining=SHORT), inputs_of(blobs()).clone()
        inputs[:, :2] = 3
        made.pretrain(inputs)
        assert made.embed(inputs).isfinite().all()

    def test_weights_that_grow_without_bound_are_an_error(self):
        made = network(pretraining=replace(SHORT, real_lr=1e6, num_epochs=30))
        with pytest.raises(TrainingError, match=r"pre-training: .*smaller model.pretraining.real_lr than 1000000"):
            made.pretrain(inputs_of(blobs()) * 1.0)


class TestOncePerSeed:
    def test_a_run_of_many_rounds_is_pretrained_once_on_the_whole_pool(self):
        seen: list[Tensor] = []
        dataset = blobs()
        rounds = list(active_learning(dataset, learner(seen), Random(), seed=0, num_initial=10, batch_size=40))
        assert len(rounds) == 6
        assert len(seen) == 1
        assert torch.equal(seen[0], dataset.train.inputs)

    def test_without_pretraining_there_is_none(self):
        seen: list[Tensor] = []
        run = active_learning(blobs(), learner(seen, None), Random(), seed=0, num_initial=10, batch_size=40, budget=50)
        assert len(list(run)) == 2
        assert not seen

    def test_every_round_starts_from_what_was_learned_but_for_the_head(self):
        pretrained = learner().pretrained(inputs_of(blobs()), 3)
        first, second, other = (pretrained._new_network(3, round) for round in (0, 1, 1))
        again = learner().pretrained(inputs_of(blobs()), 3)._new_network(3, 1)
        for name, weight in first.state_dict().items():
            assert torch.equal(weight, second.state_dict()[name]) is not (name == "head.weight")
            assert torch.equal(other.state_dict()[name], again.state_dict()[name])
        another_seed = learner().pretrained(inputs_of(blobs()), 4)._new_network(4, 0)
        assert not torch.equal(first.joint.weight, another_seed.joint.weight)

    def test_another_seed_or_pool_is_another_pretraining(self):
        inputs, others = inputs_of(blobs()), inputs_of(blobs()) + 1
        made = learner().pretrained(inputs, 0)
        assert made.pretrained(inputs.clone(), 0) is made
        for given, seed in ((inputs, 1), (others, 0), (others[:9], 0)):
            expected = learner().pretrained(given, seed).weights
            weights = made.pretrained(given, seed).weights
            assert all(torch.equal(weights[name], expected[name]) for name in expected)
            assert not torch.equal(weights["joint.weight"], made.weights["joint.weight"])

    def test_another_pretraining_does_not_start_from_the_one_before(self):
        class Halving(DBN):
            def pretrain(self, inputs: Tensor) -> None:
                self.joint.weight.data.div_(2)

        made = Learner(partial(Halving, {"inputs": 5}, 4, [8, 8, 8], SHORT), learner().training)
        inputs = inputs_of(blobs())
        again = made.pretrained(inputs, 0).pretrained(inputs, 1)
        assert torch.equal(again.weights["joint.weight"], made.pretrained(inputs, 1).weights["joint.weight"])

    def test_weights_from_elsewhere_stay(self):
        weights = dict(learner().pretrained(inputs_of(blobs()), 5).weights)
        made = replace(learner(), weights=weights)
        assert made.pretrained(inputs_of(blobs()), 0) is made

    def test_its_random_numbers_are_of_a_stream_of_their_own(self):
        ours, network = learner().pretrained(inputs_of(blobs()), 3), learner()._new_network(3, 0)
        with torch_seeded(3, Stream.PRETRAIN, 0):
            network.pretrain(inputs_of(blobs()))
        assert torch.equal(ours.weights["joint.weight"], network.joint.weight)

    def test_it_cannot_change_the_pool(self):
        class Rude(DBN):
            def pretrain(self, inputs: Tensor) -> None:
                super().pretrain(inputs)
                inputs.zero_()

        data = blobs()
        made = Learner(partial(Rude, {"inputs": 5}, 4, [8, 8, 8], SHORT), learner().training)
        made.pretrained(data.train.inputs, 0)
        assert torch.equal(data.train.inputs, blobs().train.inputs)

    def test_training_a_network_leaves_what_was_learned_as_it_is(self):
        pretrained = learner().pretrained(inputs_of(blobs()), 0)
        before = {name: weight.clone() for name, weight in pretrained.weights.items()}
        trained = pretrained.fit(blobs().train, cross_entropy, seed=0, round=0).network
        assert all(torch.equal(pretrained.weights[name], before[name]) for name in before)
        assert not torch.equal(trained.joint.weight, before["joint.weight"])

    def test_strategies_share_it(self):
        accuracies = [
            next(active_learning(blobs(), learner(), strategy, seed=0, num_initial=10)).test.accuracy
            for strategy in (Random(), Entropy())
        ]
        assert accuracies[0] == accuracies[1]

    def test_touches_no_global_generator(self):
        torch.manual_seed(5)
        expected = torch.rand(3)
        torch.manual_seed(5)
        learner().pretrained(inputs_of(blobs()), 0)
        assert torch.equal(torch.rand(3), expected)

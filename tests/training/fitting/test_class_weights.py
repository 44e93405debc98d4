"""Balanced classes: the cross-entropy with the weights that scikit-learn gives them."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from al_bench.core.data import Examples
from al_bench.core.errors import ConfigError
from al_bench.core.network import Network, TrainedWith, cross_entropy
from al_bench.core.seeding import Stream, generator, torch_seeded
from al_bench.models.linear import Linear
from al_bench.models.mlp import MLP
from al_bench.strategies.joint import Joint
from al_bench.strategies.random import Random
from al_bench.strategies.uncertainty import Entropy
from al_bench.training import mlp_step
from al_bench.training.fitting.checks import check_wanted
from al_bench.training.fitting.class_weights import BalancedCrossEntropy
from al_bench.training.learner import Learner
from al_bench.training.mlp_step import MLPStep
from al_bench.training.options import TrainingOptions

ADAM = partial(torch.optim.Adam, lr=1e-2, fused=True)
BALANCED = TrainingOptions(ADAM, 16, stop_at_train_accuracy=None, max_epochs=5, class_weights="balanced")


def long_tailed(num_classes: int = 5) -> Examples:
    """Classes 0, 1, 3 of 80, 12 and 3 examples; none of 2 and 4."""
    rng = np.random.default_rng(0)
    targets = np.repeat([0, 1, 3], [80, 12, 3])
    inputs = rng.normal(size=(num_classes, 6))[targets] + rng.normal(size=(95, 6))
    return Examples(torch.tensor(inputs, dtype=torch.float32), torch.from_numpy(targets))


def test_weights_are_those_of_scikit_learn_and_0_without_labels():
    examples = long_tailed()
    weights = BalancedCrossEntropy(examples.targets).weights_C(5)
    expected = compute_class_weight("balanced", classes=np.array([0, 1, 3]), y=examples.targets.numpy())
    assert weights[[0, 1, 3]].numpy() == pytest.approx(expected)
    assert weights[[2, 4]].tolist() == [0, 0]
    assert weights[examples.targets].mean().item() == pytest.approx(1)


def bare_loop(build, examples: Examples) -> Network:
    with torch_seeded(3, Stream.WEIGHTS, 2):
        network = build()
    counts = [80, 12, 0, 3, 0]
    weights = torch.tensor([1 / count if count else 0.0 for count in counts])
    optimizer, rng = torch.optim.Adam(network.parameters(), lr=1e-2), generator(3, Stream.MINIBATCH, 2)
    for _ in range(5):
        for rows in torch.from_numpy(rng.permutation(95)).split(16):
            targets = examples.targets[rows]
            losses = functional.cross_entropy(network(examples.inputs[rows]), targets, reduction="none")
            optimizer.zero_grad()
            ((losses * weights[targets]).sum() / weights[targets].sum()).backward()
            optimizer.step()
    return network


@pytest.mark.parametrize("build", [partial(MLP, (6,), 5, 16), partial(Linear, (6,), 5)])
def test_steps_are_those_of_a_bare_loop(build):
    examples = long_tailed()
    trained = Learner(build, BALANCED).fit(examples, cross_entropy, seed=3, round=2)
    for ours, theirs in zip(trained.network.parameters(), bare_loop(build, examples).parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)
    plain = Learner(build, TrainingOptions(ADAM, 16, stop_at_train_accuracy=None, max_epochs=5))
    unweighted = plain.fit(examples, cross_entropy, seed=3, round=2)
    assert not torch.allclose(trained.network.head.weight, unweighted.network.head.weight, atol=1e-3)


def test_the_steps_of_an_mlp_that_are_written_out_are_autograds_to_the_bit(monkeypatch):
    monkeypatch.setattr(mlp_step, "_is_right", {})
    calls = []
    step = MLPStep.__call__
    monkeypatch.setattr(MLPStep, "__call__", lambda *of: (calls.append(1), step(*of))[1])
    learner, examples = Learner(partial(MLP, (6,), 5, 16), BALANCED), long_tailed()
    ours = learner.fit(examples, cross_entropy, seed=3, round=2)
    assert len(calls) == ours.course.num_steps
    monkeypatch.setattr(MLPStep, "is_for", lambda *_: False)
    theirs = learner.fit(examples, cross_entropy, seed=3, round=2)
    assert len(calls) == ours.course.num_steps
    assert all(map(torch.equal, ours.network.parameters(), theirs.network.parameters()))


def test_the_probe_is_that_of_scikit_learn():
    examples = long_tailed()
    examples = replace(examples, targets=examples.targets.clamp(max=2))  # it knows no class without labels
    probe = TrainingOptions(ridge=1e-2, class_weights="balanced")
    trained = Learner(partial(Linear, (6,), 3), probe).fit(examples, cross_entropy, seed=3, round=2)
    rows = trained.network.embed(examples.inputs).double().numpy()
    theirs = LogisticRegression(
        C=1 / (95 * 1e-2), fit_intercept=False, class_weight="balanced", tol=1e-10, max_iter=10_000
    ).fit(rows, examples.targets)
    assert trained.network.head.weight.detach().numpy() == pytest.approx(theirs.coef_, abs=1e-2)


def test_strategies_with_an_objective_of_their_own_are_refused_and_those_with_a_term_are_not():
    class OwnObjective(Random):
        trained_with = TrainedWith(objective=lambda logits, targets: cross_entropy(2 * logits, targets))

    with pytest.raises(ConfigError, match=r"model.class_weights=balanced: .* OwnObjective trains with an objective"):
        check_wanted(BALANCED, OwnObjective())
    check_wanted(BALANCED, Joint(Entropy()))

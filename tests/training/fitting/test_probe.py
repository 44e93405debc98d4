"""The probe: the optimum of a linear head, by nothing but the labelled examples."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax

from al_bench.core.data import Dataset, Examples
from al_bench.core.errors import ConfigError, InputsError, TrainingError
from al_bench.core.network import Network, TrainedWith, UnlabelledTerm, cross_entropy
from al_bench.loop.rounds_of import active_learning
from al_bench.models.linear import Linear
from al_bench.models.mlp import MLP
from al_bench.strategies.bald import Bald
from al_bench.strategies.joint import Joint
from al_bench.strategies.random import Random
from al_bench.strategies.uncertainty import Margin
from al_bench.training.learner import Learner
from al_bench.training.options import TrainingOptions

PROBE = TrainingOptions(ridge=1e-2)
ADAM = partial(torch.optim.Adam, lr=1e-2)


def features(num_classes: int = 12, num_dimensions: int = 40, num_examples: int = 2400, seed: int = 0) -> Dataset:
    """Like frozen ones: directions, far from the origin; as hard as those of sentences."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(num_classes, size=num_examples)
    centres = rng.normal(size=(num_classes, num_dimensions))
    rows = centres[targets] + 2 * rng.normal(size=(num_examples, num_dimensions)) + 3 * rng.normal(size=num_dimensions)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    examples = Examples(torch.tensor(rows, dtype=torch.float32), torch.from_numpy(targets))
    cut = num_examples // 2
    pool, test = (examples.take(torch.arange(*ends)) for ends in ((0, cut), (cut, num_examples)))
    return Dataset(pool, test, num_classes)


def probe_of(dataset: Dataset, training: TrainingOptions = PROBE, **options: object) -> Learner:
    learner = Learner(partial(Linear, dataset.input_shape, dataset.num_classes, **options), training)
    return learner.pretrained(dataset.train.inputs, 0)


def labelled_of(dataset: Dataset, num: int) -> Examples:
    return dataset.train.take(torch.arange(num))


def by_scipy(network: Network, labelled: Examples, ridge: float, has_bias: bool) -> tuple[np.ndarray, np.ndarray]:
    """The objective as the page says it, by its values and gradients, to a gradient a thousand times smaller."""
    rows = network.embed(labelled.inputs).double().numpy()
    rows = np.column_stack([rows, np.ones(len(rows)) if has_bias else np.zeros(len(rows))])
    num_classes, targets = network.head.out_features, labelled.targets.numpy()

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        layer = flat.reshape(num_classes, -1)
        log_p = log_softmax(rows @ layer.T, axis=1)
        loss = -np.mean([log_p[row, target] for row, target in enumerate(targets)])
        weight = np.column_stack([layer[:, :-1], np.zeros(num_classes)])
        gradient = (np.exp(log_p) - np.eye(num_classes)[targets]).T @ rows / len(rows) + ridge * weight
        return loss + ridge / 2 * (weight**2).sum(), gradient.ravel()

    start = np.zeros(num_classes * rows.shape[1])
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options={"gtol": 1e-7, "ftol": 0, "maxiter": 10**5})
    layer = found.x.reshape(num_classes, -1)
    return layer[:, :-1], layer[:, -1]


@pytest.mark.moderate
@pytest.mark.parametrize(
    ("num_labels", "has_bias"), [(3, False), (12, False), (60, False), (600, False), (60, True), (600, True)]
)
def test_it_predicts_what_scipys_solution_predicts(num_labels, has_bias):
    dataset = features()
    labelled = labelled_of(dataset, num_labels)
    trained = probe_of(dataset, bias=has_bias).fit(labelled, cross_entropy, seed=0, round=0)
    weight, bias = by_scipy(trained.network, labelled, 1e-2, has_bias)
    inputs = dataset.test.inputs
    expected = (trained.network.embed(inputs).double().numpy() @ weight.T + bias).argmax(axis=1)
    with torch.no_grad():
        found = trained.network(inputs).argmax(dim=1).numpy()
    assert (found == expected).mean() >= 0.995
    assert trained.network.head.weight.detach().numpy() == pytest.approx(weight, abs=2e-2)


@pytest.mark.moderate
@pytest.mark.parametrize("num_labels", [24, 120])
def test_four_decades_of_the_ridge_are_one_accuracy(num_labels):
    """To within four standard errors of a difference of paired predictions that disagree on a tenth."""
    dataset = features(num_dimensions=200)
    accuracies = [
        probe_of(dataset, TrainingOptions(ridge=ridge))
        .fit(labelled_of(dataset, num_labels), cross_entropy, seed=0, round=0)
        .evaluate(dataset.test)
        .accuracy
        for ridge in (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
    ]
    assert max(accuracies) - min(accuracies) < 4 * (0.1 / len(dataset.test)) ** 0.5
    assert min(accuracies) > 2 / dataset.num_classes


def test_nothing_is_drawn_and_nothing_survives():
    dataset = features()
    learner = probe_of(dataset)
    fit = partial(learner.fit, labelled_of(dataset, 60), cross_entropy)
    first = fit(seed=0, round=0).network.head.weight
    learner.fit(labelled_of(dataset, 90), cross_entropy, seed=0, round=1)
    torch.rand(3)
    assert torch.equal(first, fit(seed=5, round=3, member=2).network.head.weight)


def test_epochs_are_iterations_and_steps_are_evaluations(monkeypatch):
    from al_bench.strategies.maths import linear_fit

    calls = []
    objective = linear_fit._Objective.__call__
    monkeypatch.setattr(linear_fit._Objective, "__call__", lambda *of: (calls.append(1), objective(*of))[1])
    dataset = features()
    trained = probe_of(dataset).fit(labelled_of(dataset, 60), cross_entropy, seed=0, round=0)
    assert trained.course.num_steps == len(calls) >= trained.course.num_epochs > 1
    assert not trained.course.epoch_limit_hit
    logits = trained.network(dataset.train.inputs[:60])
    assert trained.course.train_accuracy == (logits.argmax(1) == dataset.train.targets[:60]).double().mean()


def test_a_fit_that_does_not_end_is_an_error_that_names_the_round():
    noise = 1e9 * torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
    far = Examples(noise, torch.arange(30) % 3)
    learner = probe_of(Dataset(far, far, 3), preprocess="none")
    with pytest.raises(TrainingError, match="round 4, the linear layer, fitted to 30 examples, still has a gradient"):
        learner.fit(far, cross_entropy, seed=0, round=4)


def test_a_pool_of_equal_inputs_is_learned_from():
    inputs = torch.full((40, 3), 0.1)
    examples = Examples(inputs, torch.arange(40) % 2)
    dataset = Dataset(examples, examples, 2)
    (first, *_) = active_learning(dataset, probe_of(dataset), Margin(), seed=0, num_initial=4, budget=4)
    assert (first.num_epochs, first.test.accuracy) == (1, 0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": ADAM}, "optimizer=.*: a probe"),
        ({"max_epochs": 5}, r"max_epochs=5: a probe \(ridge=0.01\) is fitted to its optimum"),
        ({"patience": 3}, "patience=3: a probe"),
        ({"ridge": None}, "optimizer is missing; say which, or training@model=paper, or ridge=0.01"),
    ],
)
def test_options_of_another_way_of_training_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TrainingOptions(**{"ridge": 1e-2} | options)


class OwnObjective(Random):
    trained_with = TrainedWith(objective=lambda logits, targets: cross_entropy(2 * logits, targets))


class OwnTerm(Random):
    trained_with = TrainedWith(unlabelled_term=UnlabelledTerm(lambda logits: logits.sum(1), lambda _: 1.0, 8))


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (Joint(Margin()), "Joint trains with a term of the unlabelled examples"),
        (OwnTerm(), "OwnTerm trains with a term of the unlabelled examples"),
        (OwnObjective(), "OwnObjective trains with an objective of its own"),
        (Bald(samples="ensemble"), "Bald wants an ensemble, .* draws nothing: all members would be the same"),
        (Bald(samples="network"), "Linear has no dropout to draw samples by"),
    ],
)
def test_strategies_that_want_another_training_are_refused_before_it(strategy, message, monkeypatch):
    dataset = features()
    monkeypatch.setattr(Learner, "fit", lambda *_, **__: pytest.fail("trained"))
    with pytest.raises(ConfigError, match=message):
        list(active_learning(dataset, probe_of(dataset), strategy, seed=0, num_initial=12, budget=36))


@pytest.mark.parametrize("strategy", [Joint(Margin(), entropy_weight=0.0), Bald(samples="head")])
def test_strategies_that_want_no_more_than_the_head_are_asked(strategy):
    dataset = features()
    records = list(
        active_learning(dataset, probe_of(dataset), strategy, seed=0, num_initial=12, batch_size=12, budget=36)
    )
    assert [record.num_labelled for record in records] == [12, 24, 36]


@pytest.mark.parametrize("options", [{"dropout": 0.5}, {"batch_norm": True}])
def test_a_network_that_is_another_one_in_training_is_refused(options):
    dataset = features()
    with pytest.raises(ConfigError, match="Linear has other parameters, or is another function in training"):
        probe_of(dataset, **options).tried(dataset.train.inputs[:2])
    with pytest.raises(ConfigError, match="MLP has other parameters") as caught:
        Learner(partial(MLP, (5,), 4, 8), PROBE).tried(torch.zeros(2, 5))
    assert not isinstance(caught.value, InputsError)

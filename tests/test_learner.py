from functools import partial

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss
from torch.nn import functional

from al_bench.errors import TrainingError
from al_bench.interfaces import Examples, Needs, Normalisation, cross_entropy
from al_bench.learner import FORWARD_SIZE, Learner, Preparation, Training
from al_bench.models.mlp import MLP
from al_bench.seeding import Stream, generator, torch_seeded
from tests.conftest import blobs, small_learner

DATASET = blobs()
ADAM = partial(torch.optim.Adam, lr=1e-2)


def bare_loop(examples: Examples, seed: int, round: int, num_epochs: int) -> tuple[MLP, list[float]]:
    """Training as it reads in a textbook, and the running accuracy of every epoch."""
    with torch_seeded(seed, Stream.WEIGHTS, round):
        network = MLP((5,), 4, 16)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    rng = generator(seed, Stream.MINIBATCH, round)
    accuracies = []
    for _ in range(num_epochs):
        hits = 0
        order = rng.permutation(len(examples))
        for start in range(0, len(order), 32):
            rows = torch.from_numpy(order[start : start + 32])
            logits = network(examples.inputs[rows])
            hits += int((logits.argmax(1) == examples.targets[rows]).sum())
            optimizer.zero_grad()
            functional.cross_entropy(logits, examples.targets[rows]).backward()
            optimizer.step()
        accuracies.append(hits / len(examples))
    return network, accuracies


def test_fit_equals_a_bare_loop_bit_for_bit():
    trained = small_learner(DATASET, stop_at_train_accuracy=1.0, max_epochs=7).fit(
        DATASET.train, cross_entropy, seed=3, round=2
    )
    network, accuracies = bare_loop(DATASET.train, 3, 2, trained.num_epochs)
    assert all(map(torch.equal, trained.network.parameters(), network.parameters()))
    assert trained.train_accuracy == accuracies[-1]


def test_training_stops_after_the_first_epoch_of_running_accuracy_at_the_threshold():
    trained = small_learner(DATASET, stop_at_train_accuracy=0.8).fit(DATASET.train, cross_entropy, seed=0, round=0)
    _, accuracies = bare_loop(DATASET.train, 0, 0, trained.num_epochs)
    assert trained.num_epochs > 1
    assert accuracies[-1] >= 0.8 > max(accuracies[:-1])
    assert not trained.epoch_limit_hit


def test_the_epoch_limit_is_hit_and_recorded():
    learner = small_learner(DATASET, stop_at_train_accuracy=1.0, max_epochs=2)
    trained = learner.fit(DATASET.train, cross_entropy, seed=0, round=5)
    assert (trained.num_epochs, trained.epoch_limit_hit) == (2, True)


def test_nothing_of_a_former_fit_survives():
    """A network with buffers and an optimizer with state: a second fit equals the first."""

    class WithBatchNorm(MLP):
        def __init__(self) -> None:
            super().__init__((5,), 4, 16)
            self.norm = torch.nn.BatchNorm1d(16)

        def embed(self, inputs):
            return self.norm(super().embed(inputs))

    learner = Learner(WithBatchNorm, Training(ADAM, 32, max_epochs=3, stop_at_train_accuracy=1.0))
    fit = partial(learner.fit, DATASET.train, cross_entropy, seed=0)
    first = {name: value.clone() for name, value in fit(round=0).network.state_dict().items()}
    fit(round=1)
    second = fit(round=0).network.state_dict()
    assert "norm.running_mean" in first
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_dropout_draws_from_the_seed_and_leaves_the_global_generator_alone():
    class WithDropout(MLP):
        def embed(self, inputs):
            return functional.dropout(super().embed(inputs), training=self.training)

    learner = Learner(partial(WithDropout, (5,), 4, 16), Training(ADAM, 32, max_epochs=3))
    before = torch.get_rng_state()
    first = learner.fit(DATASET.train, cross_entropy, seed=0, round=0)
    assert torch.equal(before, torch.get_rng_state())
    torch.rand(5)
    second = learner.fit(DATASET.train, cross_entropy, seed=0, round=0)
    other = learner.fit(DATASET.train, cross_entropy, seed=0, round=1)
    assert torch.equal(first.network.head.weight, second.network.head.weight)
    assert not torch.equal(first.network.head.weight, other.network.head.weight)


def test_weights_and_order_change_with_seed_and_round_and_with_nothing_else():
    def weights(seed: int, round: int) -> torch.Tensor:
        trained = small_learner(DATASET, max_epochs=1).fit(DATASET.train, cross_entropy, seed=seed, round=round)
        return next(trained.network.parameters())

    torch.rand(1)  # the global generator plays no part
    assert torch.equal(weights(0, 0), weights(0, 0))
    assert not torch.equal(weights(0, 0), weights(0, 1))
    assert not torch.equal(weights(0, 0), weights(1, 0))


def test_a_loss_that_is_not_finite_is_an_error_that_names_the_round():
    learner = small_learner(DATASET, optimizer=partial(torch.optim.SGD, lr=1e30))
    with pytest.raises(TrainingError, match=r"round 4, epoch \d+: the training loss is (nan|inf)"):
        learner.fit(DATASET.train, cross_entropy, seed=0, round=4)


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (partial(torch.optim.Adam, lr=0.0), r"optimizer.lr=0.0: must be above 0"),
        (partial(torch.optim.Adam, lr=-1.0), r"optimizer.lr=-1.0: must be above 0"),
        (partial(torch.optim.Adam, weight_decay=-1.0), "optimizer: Invalid weight_decay"),
    ],
)
def test_an_optimizer_that_cannot_work_is_refused_before_training(optimizer, message):
    with pytest.raises(ValueError, match=message):
        Training(optimizer)


@pytest.mark.parametrize("size", [1, FORWARD_SIZE, 2 * FORWARD_SIZE + 3])
def test_outputs_are_those_of_the_network_in_the_order_of_the_rows(size):
    trained = small_learner(DATASET).fit(DATASET.train, cross_entropy, seed=0, round=0)
    inputs = torch.randn(size + 5, 5, generator=torch.Generator().manual_seed(0))
    rows = torch.randperm(size + 5, generator=torch.Generator().manual_seed(1))[:size]
    outputs = trained.outputs(inputs, rows, Needs.LOGITS | Needs.EMBEDDING)
    assert torch.allclose(outputs.logits_NC, trained.network(inputs[rows]), atol=1e-6)
    assert torch.allclose(outputs.embedding_ND, trained.network.embed(inputs[rows]), atol=1e-6)
    assert not outputs.logits_NC.requires_grad


def test_only_what_is_needed_is_computed():
    trained = small_learner(DATASET).fit(DATASET.train, cross_entropy, seed=0, round=0)
    rows = torch.arange(10)
    assert trained.outputs(DATASET.train.inputs, rows, Needs.NONE).logits is None
    assert trained.outputs(DATASET.train.inputs, rows, Needs.LOGITS).embedding is None
    assert trained.outputs(DATASET.train.inputs, rows, Needs.EMBEDDING).logits is None


def test_metrics_equal_those_of_scikit_learn():
    trained = small_learner(DATASET, max_epochs=2).fit(DATASET.train, cross_entropy, seed=0, round=0)
    for kept in (DATASET.test, DATASET.test.take(torch.nonzero(DATASET.test.targets != 2).flatten())):
        metrics = trained.evaluate(kept)
        with torch.no_grad():
            probabilities = trained.network(kept.inputs).double().softmax(1).numpy()
        truth, predicted = kept.targets.numpy(), probabilities.argmax(1)
        assert metrics.accuracy == pytest.approx(accuracy_score(truth, predicted))
        balanced = np.mean([np.mean(predicted[truth == c] == c) for c in np.unique(truth)])
        assert metrics.balanced_accuracy == pytest.approx(balanced)
        assert metrics.loss == pytest.approx(log_loss(truth, probabilities, labels=range(4)), rel=1e-4)
    assert trained.evaluate(DATASET.test).balanced_accuracy == pytest.approx(
        balanced_accuracy_score(DATASET.test.targets, trained.network(DATASET.test.inputs).argmax(1))
    )


def test_images_are_scaled_and_normalised_per_channel():
    images = torch.randint(256, (6, 3, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)
    prepared = Preparation.to_device("cpu", Normalisation(mean, std)).inputs(images)
    for channel in range(3):
        expected = (images[:, channel].float() / 255 - mean[channel]) / std[channel]
        assert torch.allclose(prepared[:, channel], expected, atol=1e-6)


def test_uint8_without_normalisation_is_scaled_and_floats_are_left_alone():
    preparation = Preparation.to_device("cpu", None)
    assert torch.allclose(
        preparation.inputs(torch.tensor([[0, 51, 255]], dtype=torch.uint8)), torch.tensor([[0, 0.2, 1]])
    )
    floats = torch.tensor([[-3.5, 9.0]])
    assert torch.equal(preparation.inputs(floats), floats)

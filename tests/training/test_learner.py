"""Training: equal to a bare loop, whatever the options."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss
from torch.nn import functional

from al_bench.core.data import Examples, Normalisation
from al_bench.core.errors import ConfigError, TrainingError
from al_bench.core.network import Network, cross_entropy
from al_bench.core.seeding import Stream, generator, torch_seeded
from al_bench.core.strategy import Needs
from al_bench.core.torchvision import torchvision_module
from al_bench.models.mlp import MLP
from al_bench.training.augmentation import PADDING, crop_flip
from al_bench.training.learner import Learner
from al_bench.training.minibatches import minibatch_sizes
from al_bench.training.options import TrainingOptions
from al_bench.training.outputs import FORWARD_SIZE, Passes
from tests.conftest import blobs, small_learner

DATASET = blobs()
ADAM = partial(torch.optim.Adam, lr=1e-2)
FIXED = {"max_epochs": 3, "stop_at_train_accuracy": None}


def bare_loop(
    examples: Examples,
    seed: int,
    round: int,
    num_epochs: int,
    *,
    build: Callable[[], Network] = lambda: MLP((5,), 4, 16),
    sizes: list[int] | None = None,
    clamp: float = math.inf,
    schedule: Callable[[torch.optim.Optimizer], Any] | None = None,
    is_autocast: bool = False,
    after_epoch: Callable[[Network], object] = lambda network: None,
) -> tuple[Network, list[float]]:
    """Training as it reads in a textbook, and the running accuracy of every epoch."""
    with torch_seeded(seed, Stream.WEIGHTS, round):
        network = build()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    scheduler = schedule(optimizer) if schedule else None
    rng = generator(seed, Stream.MINIBATCH, round)
    sizes = sizes or [32] * (len(examples) // 32) + [len(examples) % 32]
    accuracies = []
    for _ in range(num_epochs):
        hits = 0
        for rows in torch.from_numpy(rng.permutation(len(examples))).split(sizes):
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=is_autocast):
                logits = network(examples.inputs[rows])
                loss = functional.cross_entropy(logits.float(), examples.targets[rows])
            loss.backward()
            for parameter in network.parameters():
                parameter.grad.clamp_(-clamp, clamp)
            optimizer.step()
            hits += int((logits.argmax(1) == examples.targets[rows]).sum())
        accuracies.append(hits / len(examples))
        if scheduler:
            scheduler.step()
        after_epoch(network)
    return network, accuracies


class Normed(MLP):
    """With batch norm of vectors, which cannot train on a mini-batch of one."""

    def __init__(self) -> None:
        super().__init__((5,), 4, 16)
        self.norm = torch.nn.BatchNorm1d(16)

    def embed(self, inputs):
        return self.norm(super().embed(inputs))


def assert_same_weights(network: Network, other: Network) -> None:
    ours, theirs = network.state_dict(), other.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_fit_equals_a_bare_loop_bit_for_bit():
    trained = small_learner(DATASET, stop_at_train_accuracy=1.0, max_epochs=7).fit(
        DATASET.train, cross_entropy, seed=3, round=2
    )
    network, accuracies = bare_loop(DATASET.train, 3, 2, trained.course.num_epochs)
    assert all(map(torch.equal, trained.network.parameters(), network.parameters()))
    assert trained.course.train_accuracy == accuracies[-1]


def test_training_stops_after_the_first_epoch_of_running_accuracy_at_the_threshold():
    trained = small_learner(DATASET, stop_at_train_accuracy=0.8).fit(DATASET.train, cross_entropy, seed=0, round=0)
    _, accuracies = bare_loop(DATASET.train, 0, 0, trained.course.num_epochs)
    assert trained.course.num_epochs > 1
    assert accuracies[-1] >= 0.8 > max(accuracies[:-1])
    assert not trained.course.epoch_limit_hit


def test_the_epoch_limit_is_hit_and_recorded():
    learner = small_learner(DATASET, stop_at_train_accuracy=1.0, max_epochs=2)
    trained = learner.fit(DATASET.train, cross_entropy, seed=0, round=5)
    assert (trained.course.num_epochs, trained.course.epoch_limit_hit) == (2, True)


def test_nothing_of_a_former_fit_survives():
    """A network with buffers and an optimizer with state: a second fit equals the first."""
    learner = Learner(Normed, TrainingOptions(ADAM, 32, max_epochs=3, stop_at_train_accuracy=1.0))
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

    learner = Learner(partial(WithDropout, (5,), 4, 16), TrainingOptions(ADAM, 32, max_epochs=3))
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
        TrainingOptions(optimizer)


@pytest.mark.parametrize("size", [1, FORWARD_SIZE["cpu"], 2 * FORWARD_SIZE["cpu"] + 3])
def test_outputs_are_those_of_the_network_in_the_order_of_the_rows(size):
    trained = small_learner(DATASET).fit(DATASET.train, cross_entropy, seed=0, round=0)
    inputs = torch.randn(size + 5, 5, generator=torch.Generator().manual_seed(0))
    rows = torch.randperm(size + 5, generator=torch.Generator().manual_seed(1))[:size]
    outputs = trained.outputs(inputs, rows, Needs.LOGITS | Needs.EMBEDDING)
    assert torch.allclose(outputs.logits_NC, trained.network(inputs[rows]), atol=1e-6)
    assert torch.allclose(outputs.embedding_ND, trained.network.embed(inputs[rows]), atol=1e-6)
    assert not outputs.logits_NC.requires_grad


def test_only_what_is_needed_is_computed(monkeypatch):
    trained = small_learner(DATASET).fit(DATASET.train, cross_entropy, seed=0, round=0)
    rows = torch.arange(10)
    with monkeypatch.context() as patched:
        patched.setattr(MLP, "embed", lambda *_: pytest.fail("a forward pass that nobody asked for"))
        assert trained.outputs(DATASET.train.inputs, rows, Needs.NONE).logits is None
        assert trained.outputs(DATASET.train.inputs, rows, Needs.LABELLED).logits is None
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
    prepared = Passes.of("cpu", Normalisation(mean, std)).inputs(images)
    for channel in range(3):
        expected = (images[:, channel].float() / 255 - mean[channel]) / std[channel]
        assert torch.allclose(prepared[:, channel], expected, atol=1e-6)


def test_uint8_without_normalisation_is_scaled_and_floats_are_left_alone():
    preparation = Passes.of("cpu", None)
    assert torch.allclose(
        preparation.inputs(torch.tensor([[0, 51, 255]], dtype=torch.uint8)), torch.tensor([[0, 0.2, 1]])
    )
    floats = torch.tensor([[-3.5, 9.0]])
    assert torch.equal(preparation.inputs(floats), floats)


class TestMinibatchesOfOne:
    @pytest.mark.parametrize(
        ("num_examples", "size", "without", "with_batch_norm"),
        [
            (64, 32, [32, 32], [32, 32]),
            (65, 32, [32, 32, 1], [32, 33]),
            (66, 32, [32, 32, 2], [32, 32, 2]),
            (33, 32, [32, 1], [33]),
            (5, 32, [5], [5]),
            (1, 32, [1], [1]),
            (3, 1, [1, 1, 1], [1, 1, 1]),
        ],
    )
    def test_a_last_one_joins_the_one_before_it_where_one_is_too_few(
        self, num_examples, size, without, with_batch_norm
    ):
        assert minibatch_sizes(num_examples, size, is_one_too_few=False) == without
        assert minibatch_sizes(num_examples, size, is_one_too_few=True) == with_batch_norm

    @pytest.mark.parametrize("is_one_too_few", [False, True])
    @pytest.mark.parametrize("size", [1, 2, 7, 32])
    def test_equal_ones_are_as_many_and_differ_by_at_most_one(self, size, is_one_too_few):
        for num_examples in range(1, 100):
            sizes = minibatch_sizes(num_examples, size, is_one_too_few=is_one_too_few, are_equal=True)
            assert sum(sizes) == num_examples
            assert len(sizes) == len(minibatch_sizes(num_examples, size, is_one_too_few=is_one_too_few))
            assert sizes[0] == max(sizes) <= min(sizes) + 1
            assert not is_one_too_few or min(sizes) > 1 or num_examples == 1 or size == 1

    def test_the_fit_of_equal_ones_equals_a_loop_over_these_sizes(self):
        examples = DATASET.train.take(torch.arange(65))
        trained = small_learner(DATASET, minibatches="equal", **FIXED).fit(examples, cross_entropy, seed=0, round=0)
        assert_same_weights(trained.network, bare_loop(examples, 0, 0, 3, sizes=[22, 22, 21])[0])
        assert trained.course.num_steps == 3 * 3

    def test_under_batch_norm_the_fit_equals_a_loop_over_these_sizes(self):
        examples = DATASET.train.take(torch.arange(65))
        learner = Learner(Normed, TrainingOptions(ADAM, 32, **FIXED, recompute_batch_norm=False))
        trained = learner.fit(examples, cross_entropy, seed=0, round=0)
        assert_same_weights(trained.network, bare_loop(examples, 0, 0, 3, build=Normed, sizes=[32, 33])[0])

    def test_without_it_nothing_is_joined(self):
        examples = DATASET.train.take(torch.arange(65))
        trained = small_learner(DATASET, **FIXED).fit(examples, cross_entropy, seed=0, round=0)
        assert_same_weights(trained.network, bare_loop(examples, 0, 0, 3, sizes=[32, 32, 1])[0])

    @pytest.mark.parametrize(("num_examples", "size"), [(1, 32), (6, 1)])
    def test_where_there_is_no_other_the_running_statistics_are_used(self, num_examples, size):
        learner = Learner(Normed, TrainingOptions(ADAM, size, **FIXED))
        examples = DATASET.train.take(torch.arange(num_examples))
        network = learner.fit(examples, cross_entropy, seed=0, round=0).network
        assert network.norm.running_mean.tolist() == [0.0] * 16
        assert network.norm.weight.std() > 0


class TestRecomputingBatchNorm:
    def test_statistics_are_those_of_the_labelled_set_under_the_last_weights(self):
        """In two parts of 33 and 32 examples, as mini-batches have 32."""
        examples = DATASET.train.take(torch.arange(65))
        learner = Learner(Normed, TrainingOptions(ADAM, 32, **FIXED))
        network = learner.fit(examples, cross_entropy, seed=0, round=0).network
        trained, _ = bare_loop(examples, 0, 0, 3, build=Normed, sizes=[32, 33])
        assert all(map(torch.equal, network.parameters(), trained.parameters()))
        with torch.no_grad():
            hidden = [MLP.embed(trained, part) for part in examples.inputs.split([33, 32])]
        assert torch.allclose(network.norm.running_mean, sum(part.mean(0) for part in hidden) / 2, atol=1e-6)
        assert torch.allclose(network.norm.running_var, sum(part.var(0) for part in hidden) / 2, atol=1e-6)
        assert not torch.allclose(network.norm.running_mean, trained.norm.running_mean, atol=1e-2)

    def test_nothing_is_dropped_out(self):
        class Dropping(Normed):
            def embed(self, inputs):
                return self.norm(functional.dropout(MLP.embed(self, inputs), training=self.training))

        examples = DATASET.train.take(torch.arange(40))
        network = (
            Learner(Dropping, TrainingOptions(ADAM, 40, **FIXED)).fit(examples, cross_entropy, seed=0, round=0).network
        )
        with torch.no_grad():
            hidden = MLP.embed(network, examples.inputs)
        assert torch.allclose(network.norm.running_mean, hidden.mean(0), atol=1e-6)
        assert torch.allclose(network.norm.running_var, hidden.var(0), atol=1e-6)
        assert network.norm.momentum == 0.1

    def test_augmented_images_play_no_part(self):
        plain = Learner(NormedConvolution, TrainingOptions(ADAM, 8, **FIXED, augmentation="crop_flip"))
        network = plain.fit(pictures(), cross_entropy, seed=0, round=0).network
        with torch.no_grad():
            features = [network.convolution(part / 255) for part in pictures().inputs.tensor_split(5)]
        expected = sum(part.mean(dim=(0, 2, 3)) for part in features) / 5
        assert torch.allclose(network.norm.running_mean, expected, atol=1e-6)

    def test_the_validation_loss_is_that_of_recomputed_statistics(self):
        """With one step per epoch, running averages would lag and another epoch would seem the best."""
        fast = partial(torch.optim.Adam, lr=0.3)
        learner = Learner(Normed, TrainingOptions(fast, 256, patience=4, max_epochs=200))
        trained = learner.fit(DATASET.train, cross_entropy, seed=0, round=0, validation=DATASET.test)
        losses = [
            Learner(Normed, TrainingOptions(fast, 256, stop_at_train_accuracy=None, max_epochs=epochs))
            .fit(DATASET.train, cross_entropy, seed=0, round=0)
            .evaluate(DATASET.test)
            .loss
            for epochs in range(1, trained.course.num_epochs + 1)
        ]
        assert trained.evaluate(DATASET.test).loss == min(losses)
        assert trained.course.num_epochs == int(np.argmin(losses)) + 1 + 4


class TestPrecision:
    def test_bfloat16_equals_a_loop_under_autocast_and_keeps_float32_weights_and_outputs(self):
        trained, plain = (
            small_learner(DATASET, precision=precision, **FIXED).fit(DATASET.train, cross_entropy, seed=0, round=0)
            for precision in ("bfloat16", "float32")
        )
        network, accuracies = bare_loop(DATASET.train, 0, 0, 3, is_autocast=True)
        assert_same_weights(trained.network, network)
        assert trained.course.train_accuracy == accuracies[-1]
        assert all(parameter.dtype == torch.float32 for parameter in trained.network.parameters())
        assert not torch.equal(trained.network.head.weight, plain.network.head.weight)
        outputs = trained.outputs(DATASET.test.inputs, torch.arange(9), Needs.LOGITS | Needs.EMBEDDING)
        assert outputs.logits_NC.dtype == outputs.embedding_ND.dtype == torch.float32
        assert torch.allclose(outputs.logits_NC, trained.network(DATASET.test.inputs[:9]), atol=1e-6)

    def test_the_objective_sees_float32(self):
        seen = set()

        def objective(logits_NC, targets):
            seen.add(logits_NC.dtype)
            return functional.cross_entropy(logits_NC, targets)

        small_learner(DATASET, precision="bfloat16", max_epochs=1).fit(DATASET.train, objective, seed=0, round=0)
        assert seen == {torch.float32}


class Convolution(Network):
    """A small convolutional network that notes how its inputs lie in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = torch.nn.Conv2d(3, 8, 3)
        self.head = torch.nn.Linear(8, 4)
        self.seen: set[bool] = set()

    def embed(self, inputs):
        self.seen.add(inputs.is_contiguous(memory_format=torch.channels_last))
        return self.convolution(inputs).relu().mean(dim=(2, 3))


class NormedConvolution(Convolution):
    """With batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = torch.nn.BatchNorm2d(8)

    def embed(self, inputs):
        return self.norm(self.convolution(inputs)).relu().mean(dim=(2, 3))


def pictures(num_examples: int = 40) -> Examples:
    rng = np.random.default_rng(0)
    inputs = torch.from_numpy(rng.integers(256, size=(num_examples, 3, 8, 6), dtype=np.uint8))
    return Examples(inputs, torch.from_numpy(rng.integers(4, size=num_examples)))


def test_channels_last_is_the_same_network_in_another_order_in_memory():
    examples = pictures()
    trained = [
        Learner(Convolution, TrainingOptions(ADAM, 8, max_epochs=2, channels_last=channels_last)).fit(
            examples, cross_entropy, seed=0, round=0
        )
        for channels_last in (True, False)
    ]
    for each, is_last in zip(trained, (True, False), strict=True):
        each.evaluate(examples)
        assert each.network.seen == {is_last}
    for ours, theirs in zip(*(each.network.parameters() for each in trained), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)


class TestCropFlip:
    def test_each_image_is_padded_cropped_and_mirrored_on_its_own(self):
        transforms = torchvision_module("transforms.v2.functional")
        images = pictures(200).inputs
        augmented = crop_flip(images, np.random.default_rng(3))
        uniforms = np.random.default_rng(3).random((200, 3))
        for image, result, (top, left, mirror) in zip(images, augmented, uniforms, strict=True):
            padded = transforms.pad(image, [PADDING])
            expected = transforms.crop(padded, int(top * 9), int(left * 9), 8, 6)
            assert torch.equal(result, transforms.horizontal_flip(expected) if mirror < 0.5 else expected)
        assert len(np.unique((uniforms * [9, 9, 2]).astype(int), axis=0)) > 100
        assert augmented.dtype == torch.uint8

    def test_every_offset_and_both_directions_are_equally_likely(self):
        """A chi-squared test over 9 x 9 x 2 outcomes, failing by chance one time in a million; the seed is fixed."""
        image = torch.arange(1, 26 * 24 + 1, dtype=torch.float32).reshape(1, 1, 26, 24)
        augmented = crop_flip(image.expand(20_000, -1, -1, -1), np.random.default_rng(0))
        middle = augmented[:, 0, 10, 10:12]  # which pixel is there, and in which direction it goes on
        outcomes = torch.stack([middle[:, 0], middle[:, 1] - middle[:, 0]], dim=1)
        counts = outcomes.unique(dim=0, return_counts=True)[1]
        assert len(counts) == 162
        assert chisquare(counts).pvalue > 1e-6

    def test_the_draws_do_not_depend_on_how_many_come_at_once(self):
        images = pictures().inputs
        rng = np.random.default_rng(0)
        parts = torch.cat([crop_flip(part, rng) for part in images.split([1, 7, 32])])
        assert torch.equal(parts, crop_flip(images, np.random.default_rng(0)))

    def test_it_is_drawn_anew_every_epoch_from_its_own_stream_and_not_in_evaluation(self, monkeypatch):
        seen = []

        class Noting(Convolution):
            def embed(self, inputs):
                seen.append((self.training, inputs.clone()))
                return super().embed(inputs)

        examples = pictures()
        training = TrainingOptions(ADAM, 40, max_epochs=2, augmentation="crop_flip", stop_at_train_accuracy=None)
        trained = Learner(Noting, training).fit(examples, cross_entropy, seed=5, round=2)
        trained.outputs(examples.inputs, torch.arange(40), Needs.LOGITS)
        rng, orders = generator(5, Stream.AUGMENT, 2), generator(5, Stream.MINIBATCH, 2)
        for is_training, inputs in seen[:2]:
            expected = crop_flip(examples.inputs[torch.from_numpy(orders.permutation(40))], rng)
            assert is_training
            assert torch.allclose(inputs, expected / 255, atol=1e-6)
        assert seen[2][0] is False
        assert torch.allclose(seen[2][1], examples.inputs / 255, atol=1e-6)


def test_the_gradient_is_clamped_element_by_element():
    trained = small_learner(DATASET, gradient_clamp=0.01, **FIXED).fit(DATASET.train, cross_entropy, seed=0, round=0)
    assert_same_weights(trained.network, bare_loop(DATASET.train, 0, 0, 3, clamp=0.01)[0])
    assert not torch.equal(trained.network.head.weight, bare_loop(DATASET.train, 0, 0, 3)[0].head.weight)


class TestSchedule:
    def test_it_takes_a_step_after_every_epoch(self):
        schedule = partial(torch.optim.lr_scheduler.StepLR, step_size=2, gamma=0.1)
        trained = small_learner(DATASET, lr_schedule=schedule, max_epochs=5, stop_at_train_accuracy=None).fit(
            DATASET.train, cross_entropy, seed=0, round=0
        )
        assert_same_weights(trained.network, bare_loop(DATASET.train, 0, 0, 5, schedule=schedule)[0])
        assert not torch.equal(trained.network.head.weight, bare_loop(DATASET.train, 0, 0, 5)[0].head.weight)

    @pytest.mark.parametrize(
        "schedule",
        [
            torch.optim.lr_scheduler.ReduceLROnPlateau,
            partial(torch.optim.lr_scheduler.StepLR, step_size=0),
            partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=None),
        ],
    )
    def test_one_that_cannot_work_is_refused_before_training(self, schedule):
        with pytest.raises(ValueError, match="lr_schedule: "):
            TrainingOptions(ADAM, lr_schedule=schedule)

    def test_one_that_ends_too_early_is_an_error_that_names_the_epoch(self):
        schedule = partial(torch.optim.lr_scheduler.OneCycleLR, max_lr=0.1, total_steps=3)
        learner = small_learner(DATASET, lr_schedule=schedule, stop_at_train_accuracy=None)
        with pytest.raises(TrainingError, match=r"round 1, epoch 4: model.lr_schedule: Tried to step.*max_epochs=4"):
            learner.fit(DATASET.train, cross_entropy, seed=0, round=1)
        learner = small_learner(DATASET, lr_schedule=schedule, stop_at_train_accuracy=None, max_epochs=4)
        assert learner.fit(DATASET.train, cross_entropy, seed=0, round=1).course.num_epochs == 4


class TestEarlyStopping:
    def test_the_weights_of_the_lowest_validation_loss_are_taken(self):
        losses, weights = [], []

        def note(network: Network) -> None:
            with torch.no_grad():
                logits = network(DATASET.test.inputs).double()
            losses.append(functional.cross_entropy(logits, DATASET.test.targets).item())
            weights.append({name: value.clone() for name, value in network.state_dict().items()})

        learner = small_learner(DATASET, patience=4, max_epochs=500)
        trained = learner.fit(DATASET.train, cross_entropy, seed=0, round=0, validation=DATASET.test)
        bare_loop(DATASET.train, 0, 0, trained.course.num_epochs, after_epoch=note)
        best = int(np.argmin(losses))
        assert trained.course.num_epochs == len(losses) == best + 1 + 4
        assert all(torch.equal(value, weights[best][name]) for name, value in trained.network.state_dict().items())
        assert not trained.course.epoch_limit_hit

    def test_training_accuracy_does_not_stop_it(self):
        learner = small_learner(DATASET, patience=3, stop_at_train_accuracy=0.1, max_epochs=8)
        trained = learner.fit(DATASET.train, cross_entropy, seed=0, round=0, validation=DATASET.test)
        assert trained.course.num_epochs > 1

    def test_the_limit_is_hit_where_the_loss_still_falls(self):
        learner = small_learner(DATASET, patience=5, max_epochs=3)
        trained = learner.fit(DATASET.train, cross_entropy, seed=0, round=0, validation=DATASET.test)
        assert (trained.course.num_epochs, trained.course.epoch_limit_hit) == (3, True)

    def test_batch_norm_is_in_training_mode_again_after_every_look(self):
        learner = Learner(Normed, TrainingOptions(ADAM, 32, patience=9, max_epochs=3, recompute_batch_norm=False))
        trained = learner.fit(DATASET.train, cross_entropy, seed=0, round=0, validation=DATASET.test)
        sizes = [32] * 6 + [8]
        assert_same_weights(trained.network, bare_loop(DATASET.train, 0, 0, 3, build=Normed, sizes=sizes)[0])

    def test_without_validation_examples_it_is_refused(self):
        with pytest.raises(ConfigError, match="model.patience=3: needs validation examples; say num_validation="):
            small_learner(DATASET, patience=3).fit(DATASET.train, cross_entropy, seed=0, round=0)


def test_without_a_stopping_rule_training_goes_on_to_its_last_epoch_which_is_no_limit_hit():
    learner = small_learner(DATASET, stop_at_train_accuracy=None, max_epochs=4)
    trained = learner.fit(DATASET.train, cross_entropy, seed=0, round=0)
    assert (trained.course.num_epochs, trained.course.epoch_limit_hit) == (4, False)


@pytest.mark.parametrize("numbers", [1, 5 * 32 * 3, 2**23])
def test_how_many_minibatches_are_gathered_at_once_changes_nothing(monkeypatch, numbers):
    monkeypatch.setattr("al_bench.training.minibatches.GATHERED_NUMBERS", numbers)
    trained = small_learner(DATASET, stop_at_train_accuracy=None, max_epochs=2).fit(
        DATASET.train, cross_entropy, seed=0, round=0
    )
    assert_same_weights(trained.network, bare_loop(DATASET.train, 0, 0, 2)[0])

"""The same code on a GPU: the same choices as on the CPU, and two runs equal to the bit."""

import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from al_bench.core.network import cross_entropy
from al_bench.core.strategy import Needs, Outputs
from al_bench.models.resnet import ResNet
from al_bench.models.vgg import VGG
from al_bench.strategies.badge import Badge
from al_bench.strategies.joint import Joint
from al_bench.strategies.maths.sampling import draw_proportional
from al_bench.strategies.uncertainty import Entropy
from al_bench.training.augmentation import crop_flip
from al_bench.training.learner import Learner
from al_bench.training.options import TrainingOptions
from al_bench.training.unlabelled_term import Unlabelled
from tests.conftest import assert_same_results, blobs, run_command, run_directory, small_learner
from tests.contracts.test_models import images
from tests.contracts.test_strategies import OPTIONS, context, query, strategy

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="NO GPU: PyTorch sees no CUDA device")
QUICK = ("model.width=32", "num_initial=40", "batch_size.size=40", "budget=200")


@pytest.fixture(autouse=True)
def deterministic(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


def on_gpu(outputs: Outputs) -> Outputs:
    return Outputs(*(None if each is None else each.cuda() for each in vars(outputs).values()))


@pytest.mark.parametrize("option", OPTIONS)
def test_every_strategy_chooses_as_on_the_cpu(option):
    chosen = strategy(option)
    of = context(chosen.needs, num_unlabelled=3000, num_classes=6, num_dimensions=24)
    moved = replace(
        of, unlabelled=on_gpu(of.unlabelled), labelled=on_gpu(of.labelled), labelled_targets=of.labelled_targets.cuda()
    )
    expected = query(chosen, of, 100).tolist()
    assert query(strategy(option), moved, 100).tolist() == expected
    torch.backends.cuda.matmul.allow_tf32 = True  # as whoever calls it from a notebook may have set it
    try:
        assert query(strategy(option), moved, 100).tolist() == expected
    finally:
        torch.backends.cuda.matmul.allow_tf32 = False


def test_draws_equal_those_of_the_cpu():
    weights = torch.rand(40, 256, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for uniform in np.random.default_rng(1).random(100).tolist():
        on_cpu = draw_proportional(weights, uniform, weights)
        assert draw_proportional(weights.cuda(), uniform, weights.cuda()) == on_cpu


def test_badge_copes_with_copies():
    of = context(Badge.needs, num_unlabelled=20, num_classes=26, num_dimensions=64)
    tripled = Outputs(of.unlabelled.logits.repeat(3, 1).cuda(), of.unlabelled.embedding.repeat(3, 1).cuda())
    rows = Badge().query(replace(of, unlabelled=tripled, num_unlabelled=60), 40, np.random.default_rng(0)).tolist()
    assert len(set(rows)) == 40
    assert len({row % 20 for row in rows}) == 20


def test_fits_start_from_the_weights_of_the_cpu_and_are_equal_to_the_bit():
    dataset = blobs()
    learner = replace(small_learner(dataset, max_epochs=5), device="cuda")
    first, second = (learner.fit(dataset.to("cuda").train, cross_entropy, seed=0, round=0) for _ in range(2))
    from_host = learner.fit(dataset.train, cross_entropy, seed=0, round=0)
    on_cpu = small_learner(dataset, max_epochs=5).fit(dataset.train, cross_entropy, seed=0, round=0)
    for a, b, c, d in zip(*(each.network.parameters() for each in (first, second, from_host, on_cpu)), strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a, c)
        assert torch.allclose(a.cpu(), d, atol=1e-3)


@pytest.mark.parametrize("size", [16, "all"])
def test_joint_fits_are_equal_to_the_bit(size):
    dataset, rows = blobs(), torch.arange(60, 120)
    learner = replace(small_learner(dataset, max_epochs=5), device="cuda")
    fits = []
    for stored in (dataset.to("cuda"), dataset.to("cuda"), dataset):
        labelled = stored.train.take(torch.arange(60, device=stored.train.targets.device))
        term = Joint(Entropy(), 0.5, size).trained_with.unlabelled_term
        unlabelled = Unlabelled(stored.train.inputs, rows.to(stored.train.targets.device), term)
        fits.append(learner.fit(labelled, cross_entropy, seed=0, round=0, unlabelled=unlabelled))
    for a, b, c in zip(*(each.network.parameters() for each in fits), strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a, c)


def test_runs_are_equal_to_the_bit_wherever_the_data_lies(tmp_path):
    names = {"first": (), "second": (), "host": ("storage_device=cpu",)}
    for name, overrides in names.items():
        result = run_command(*QUICK, "device=cuda", f"name={name}", *overrides, cwd=tmp_path)
        assert result.code == 0, result.err
    first, *others = (run_directory(Path(tmp_path / "outputs" / name)) for name in names)
    for other in others:
        assert_same_results(first, other)


@pytest.mark.parametrize("network", [ResNet, VGG])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_convolutional_networks_are_trained_alike_twice(network, precision):
    dataset = images()
    training = TrainingOptions(
        partial(torch.optim.Adam, lr=1e-3, fused=True),
        minibatch_size=8,
        lr_schedule=partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=3),
        gradient_clamp=0.1,
        patience=5,
        max_epochs=3,
        precision=precision,
        channels_last=True,
        augmentation="crop_flip",
    )
    build = partial(network, dataset.input_shape, dataset.num_classes)
    learner = Learner(build, training, "cuda", dataset.normalisation)
    stored = [dataset.to("cuda"), dataset.to("cuda"), dataset]  # the last on the host
    trained = [learner.fit(each.train, cross_entropy, seed=0, round=0, validation=each.test) for each in stored]
    for a, b, c in zip(*(each.network.parameters() for each in trained), strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a, c)
    outputs = trained[0].outputs(stored[0].test.inputs, torch.arange(20, device="cuda"), Needs.LOGITS)
    assert outputs.logits_NC.dtype == torch.float32


@pytest.mark.parametrize("storage_device", ["cuda", "cpu"])
def test_an_epoch_waits_for_the_device_once(storage_device):
    dataset = images().to(storage_device)
    options = {"minibatch_size": 4, "stop_at_train_accuracy": None, "augmentation": "crop_flip", "gradient_clamp": 0.1}
    build = partial(ResNet, dataset.input_shape, dataset.num_classes, width=8)

    def num_waits(num_epochs: int) -> int:
        training = TrainingOptions(partial(torch.optim.Adam, lr=1e-3, fused=True), max_epochs=num_epochs, **options)
        learner = Learner(build, training, "cuda", dataset.normalisation)
        with warnings.catch_warnings(record=True, action="always") as caught:
            torch.cuda.set_sync_debug_mode("warn")
            try:
                learner.fit(dataset.train, cross_entropy, seed=0, round=0)
            finally:
                torch.cuda.set_sync_debug_mode("default")
        return sum("synchroniz" in str(warning.message) for warning in caught)

    num_waits(1)  # what is set up once
    assert num_waits(5) - num_waits(2) == 3


def test_augmentation_is_that_of_the_cpu():
    stored = images().train.inputs
    on_gpu = crop_flip(stored.cuda(), np.random.default_rng(0))
    assert torch.equal(on_gpu.cpu(), crop_flip(stored, np.random.default_rng(0)))

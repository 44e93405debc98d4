"""The contract of every model in conf/model, and what each is."""

from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch import nn

from al_bench.config.parts import called
from al_bench.config.schema import CONF
from al_bench.core.data import Dataset, Examples, Normalisation
from al_bench.core.errors import ConfigError, InputsError
from al_bench.core.network import Network, cross_entropy
from al_bench.core.seeding import Stream, torch_seeded
from al_bench.core.torchvision import torchvision_module
from al_bench.job.built import checked_model, facts_of
from al_bench.models.fusion import Fusion
from al_bench.models.mlp import MLP
from al_bench.models.resnet import ResNet
from al_bench.models.vgg import VGG
from al_bench.training.learner import Learner
from al_bench.training.options import TrainingOptions
from tests.conftest import blobs

PAGE = (CONF.parent / "docs" / "configuration.md").read_text()
OPTIONS = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))
FLATTENING = {"mlp", "fusion", "dbn", "linear"}
ADAM = partial(torch.optim.Adam, lr=1e-3)


def images(num_examples: int = 60, num_channels: int = 3, size: int = 32, num_classes: int = 4) -> Dataset:
    """Noise, brighter in one quarter of the image: which one is the class."""
    rng = np.random.default_rng(0)
    targets = np.arange(num_examples) % num_classes
    inputs = rng.integers(100, size=(num_examples, num_channels, size, size), dtype=np.uint8)
    half = size // 2
    for image, target in zip(inputs, targets, strict=True):
        row, column = divmod(int(target), 2)
        image[:, row * half :, column * half :][:, :half, :half] += 120
    examples = Examples(torch.from_numpy(inputs), torch.from_numpy(targets))
    cut = num_examples * 2 // 3
    normalisation = Normalisation((0.3,) * num_channels, (0.2,) * num_channels)
    parts = (examples.take(torch.arange(cut)), examples.take(torch.arange(cut, num_examples)))
    return Dataset(*parts, num_classes, normalisation)


@cache
def composed(option: str, *overrides: str) -> dict[str, Any]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return OmegaConf.to_container(compose("config", [f"model={option}", *overrides]).model, resolve=True)


def learner(dataset: Dataset, option: str, *overrides: str) -> Learner:
    network, training = checked_model(composed(option, *overrides))
    build = partial(called, "model", network, **facts_of(dataset))
    return Learner(build, training, normalisation=dataset.normalisation)


def narrow(dataset: Dataset, option: str, *overrides: str) -> Learner:
    """Of the options that have a width, a small one; by mini-batches, if anything is said of them."""
    by_steps = ["training@model=paper"] if overrides and "optimizer" not in composed(option) else []
    width = ["model.width=8"] if "width" in composed(option) else []
    return learner(dataset, option, *by_steps, *width, *overrides)


def settings() -> list[tuple[str, Dataset]]:
    """Every model on every kind of inputs that it takes; those that flatten them take all."""
    several = [blobs(), images(size=8), replace(blobs(), modalities={"a": 2, "b": 3})]
    return [(option, data) for option in OPTIONS for data in (several if option in FLATTENING else [images()])]


@pytest.mark.parametrize(("option", "dataset"), settings())
class TestEveryModel:
    def test_logits_are_the_head_of_the_embedding(self, option, dataset):
        network = narrow(dataset, option).build().eval()
        assert isinstance(network, Network)
        inputs = dataset.test.inputs[:7].float()
        embedding = network.embed(inputs)
        assert embedding.shape == (7, network.head.in_features)
        assert torch.equal(network(inputs), network.head(embedding))
        assert network(inputs).shape == (7, dataset.num_classes)

    def test_weights_come_from_the_stream_alone(self, option, dataset):
        build = narrow(dataset, option).build
        networks = []
        for _ in range(2):
            torch.rand(3)
            with torch_seeded(0, Stream.WEIGHTS, 0):
                networks.append(build())
        first, second = (network.state_dict() for network in networks)
        assert all(torch.equal(first[name], second[name]) for name in first)

    @pytest.mark.slow
    def test_it_learns(self, option, dataset):
        overrides = ["model.minibatch_size=8", "model.max_epochs=6", "model.stop_at_train_accuracy=null"]
        if option in FLATTENING:
            overrides += ["model.minibatch_size=4", "model.max_epochs=120"]
        overrides = overrides if "optimizer" in composed(option) else []
        trained = learner(dataset, option, *overrides).fit(dataset.train, cross_entropy, seed=0, round=0)
        assert trained.course.train_accuracy > (0.85 if option == "linear" else 0.9)  # of what is not linear
        assert trained.evaluate(dataset.test).accuracy > 0.5 > 1 / dataset.num_classes

    def test_a_labelled_set_with_a_last_minibatch_of_one_is_trained_on(self, option, dataset):
        few = dataset.train.take(torch.arange(9))
        trained = narrow(dataset, option, "model.minibatch_size=8", "model.max_epochs=1").fit(
            few, cross_entropy, seed=0, round=0
        )
        assert trained.course.num_epochs == 1

    def test_one_label_is_trained_on(self, option, dataset):
        one = dataset.train.take(torch.arange(1))
        trained = narrow(dataset, option, "model.max_epochs=2").fit(one, cross_entropy, seed=0, round=0)
        assert 0 <= trained.evaluate(dataset.test).balanced_accuracy <= 1


def test_the_mlp_is_the_papers():
    network = learner(blobs(), "mlp").build()
    assert [tuple(parameter.shape) for parameter in network.parameters()] == [(256, 5), (256,), (4, 256)]
    inputs = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    hidden = (inputs @ network.hidden.weight.T + network.hidden.bias).clamp(min=0)
    assert torch.allclose(network(inputs), hidden @ network.head.weight.T, atol=1e-6)


@pytest.mark.parametrize(
    ("dataset", "width", "lr", "minibatch_size"),
    [("mnist", 256, 1e-3, 64), ("svhn", 256, 1e-3, 64), ("cifar10", 256, 1e-3, 128), ("openml_6", 1024, 1e-4, 128)],
)
def test_hyperparameters_are_the_papers_by_data_set(dataset, width, lr, minibatch_size):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        for option in sorted({*OPTIONS} - {"dbn", "fusion", "linear"}):
            model = compose("config", [f"dataset={dataset}", f"model={option}"]).model
            assert (model.optimizer.lr, model.minibatch_size) == (lr, minibatch_size)
            assert (model.stop_at_train_accuracy, model.max_epochs, model.precision) == (0.99, 3000, "float32")
            assert (model.augmentation, model.gradient_clamp, model.lr_schedule) == ("none", None, None)
            if option == "mlp":
                assert model.width == width


def test_networks_for_joint_training_train_for_a_number_of_epochs():
    with initialize_config_dir(str(CONF), version_base="1.3"):
        for option in ("dbn", "fusion"):
            model = compose("config", ["dataset=openml_6", f"model={option}"]).model
            assert (model.stop_at_train_accuracy, model.max_epochs, model.minibatch_size) == (None, 50, 64)
            assert model.optimizer.lr == 1e-4
            rule = compose("config", ["dataset=openml_6", f"model={option}", "training@model=paper"]).model
            assert (rule.stop_at_train_accuracy, rule.max_epochs, rule.minibatch_size) == (0.99, 3000, 128)


def test_fusion_has_an_encoder_for_each_modality():
    network = Fusion({"a": 2, "b": 3}, 4, encoder_width=6, width=7)
    inputs = torch.randn(8, 5, generator=torch.Generator().manual_seed(0))
    a, b = network.encoders
    encoded = torch.cat([a(inputs[:, :2]).clamp(min=0), b(inputs[:, 2:]).clamp(min=0)], dim=1)
    assert torch.allclose(network.embed(inputs), network.joint(encoded).clamp(min=0))
    shapes = [tuple(layer.weight.shape) for layer in (a, b, network.joint, network.head)]
    assert shapes == [(6, 2), (6, 3), (7, 12), (4, 7)]


def test_the_training_of_the_published_code_is_a_choice():
    with initialize_config_dir(str(CONF), version_base="1.3"):
        model = compose("config", ["dataset=mnist", "training@model=reference"]).model
    assert (model.optimizer.lr, model.gradient_clamp, model.minibatch_size, model.width) == (1e-4, 0.1, 64, 256)


def torchvisions_resnet18(num_channels: int) -> nn.Module:
    network = torchvision_module("models").resnet18(num_classes=10)
    network.conv1 = nn.Conv2d(num_channels, 64, kernel_size=3, stride=1, padding=1, bias=False)
    nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")  # as its other convolutions
    network.maxpool = nn.Identity()
    return network


class TestResNet:
    @pytest.mark.moderate
    @pytest.mark.parametrize("num_channels", [1, 3])
    def test_it_is_torchvisions_resnet18_with_another_stem(self, num_channels):
        ours, theirs = ResNet((num_channels, 32, 32), 10), torchvisions_resnet18(num_channels)
        shapes = [value.shape for value in theirs.state_dict().values()]
        assert [value.shape for value in ours.state_dict().values()] == shapes
        weights = dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True))
        ours.load_state_dict(weights)
        inputs = torch.randn(4, num_channels, 32, 32, generator=torch.Generator().manual_seed(0))
        for mode in (True, False):
            assert torch.allclose(ours.train(mode)(inputs), theirs.train(mode)(inputs), atol=1e-5)

    def test_its_weights_are_drawn_like_torchvisions(self):
        ours, theirs = ResNet((3, 32, 32), 10).state_dict().values(), torchvisions_resnet18(3).state_dict().values()
        for a, b in zip(ours, theirs, strict=True):
            if a.dim() > 1:  # six standard errors
                error = b.std().item() * (2 / a.numel()) ** 0.5
                assert a.mean().item() == pytest.approx(b.mean().item(), abs=6 * error)
                assert a.std().item() == pytest.approx(b.std().item(), abs=6 * error)
            elif a.numel() != 10:  # of batch norm; the bias of the head is drawn too
                assert torch.equal(a, b)

    def test_the_narrow_one_has_the_widths_of_the_published_code(self):
        network = ResNet((3, 32, 32), 10, width=16)
        convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
        assert sorted({module.out_channels for module in convolutions}) == [16, 32, 64, 128]
        assert len([module for module in convolutions if module.kernel_size == (3, 3)]) == 17
        assert network.head.in_features == 128

    @pytest.mark.parametrize("shape", [(1, 28, 28), (3, 64, 48), (2, 1, 1)])
    def test_it_takes_images_of_any_size(self, shape):
        assert ResNet(shape, 3, width=4).eval()(torch.zeros(2, *shape)).shape == (2, 3)


class TestVGG:
    @pytest.mark.parametrize(("depth", "batch_norm"), [(11, True), (11, False), (16, True), (16, False)])
    def test_it_is_torchvisions_features_and_a_linear_head(self, depth, batch_norm):
        ours = VGG((3, 32, 32), 10, depth, batch_norm)
        models = torchvision_module("models")
        name = f"vgg{depth}_bn" if batch_norm else f"vgg{depth}"
        with torch.device("meta"):  # the shapes alone: its own classifier has 120 million weights
            shapes = [value.shape for value in getattr(models, name)().features.state_dict().values()]
        assert [value.shape for value in ours.features.state_dict().values()] == shapes
        theirs = models.vgg.make_layers(models.vgg.cfgs[{11: "A", 16: "D"}[depth]], batch_norm)
        theirs.load_state_dict(ours.features.state_dict())
        inputs = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
        assert torch.allclose(ours.eval().embed(inputs), theirs.eval()(inputs).flatten(start_dim=1), atol=1e-6)
        assert ours.head.in_features == 512

    @pytest.mark.parametrize("shape", [(1, 32, 32), (3, 64, 96)])
    def test_it_takes_larger_images_and_other_channels(self, shape):
        assert VGG(shape, 3).eval()(torch.zeros(2, *shape)).shape == (2, 3)


@pytest.mark.parametrize(
    ("network", "shape", "needed"),
    [
        (ResNet, (64,), r"inputs of shape \(64,\): images \(channels, height, width\) are needed"),
        (ResNet, (28, 28), r"inputs of shape \(28, 28\): images \(channels, height, width\) are needed"),
        (VGG, (1, 28, 28), r"inputs of shape \(1, 28, 28\): images .* of 32 x 32 pixels or more are needed"),
        (VGG, (16,), r"inputs of shape \(16,\): images"),
        (ResNet, (32, 32, 3), r"inputs of shape \(32, 32, 3\): the channels must come first, \(3, 32, 32\)"),
        (VGG, (24, 40, 3), r"inputs of shape \(24, 40, 3\): the channels must come first, \(3, 24, 40\)"),
        (ResNet, (9, 9, 1), r"inputs of shape \(9, 9, 1\): the channels must come first, \(1, 9, 9\)"),
    ],
)
def test_inputs_that_a_network_cannot_take_are_refused(network, shape, needed):
    with pytest.raises(InputsError, match=needed):
        network(shape, 10)


class TestTrying:
    def tried(self, network: type, **training: object) -> tuple[Network, int]:
        return Learner(lambda: network((5,), 4, 8), TrainingOptions(ADAM, **training)).tried(blobs().train.inputs[:2])

    def test_what_a_network_says_of_inputs_it_fails_on_is_told(self):
        class Other(MLP):
            def embed(self, inputs):
                return super().embed(inputs[:, :3])

        with pytest.raises(InputsError, match=r"inputs of shape \(5,\): mat1 and mat2 shapes cannot be multiplied"):
            self.tried(Other)

    @pytest.mark.parametrize("error", [AssertionError(), IndexError("tuple index out of range"), KeyError("x")])
    def test_whatever_a_constructor_raises_is_told(self, error):
        class Broken(MLP):
            def __init__(self, *_: object) -> None:
                raise error

        with pytest.raises(
            InputsError, match=rf"inputs of shape \(5,\): .*({error.args[0] if error.args else 'Assert'})"
        ):
            self.tried(Broken)

    def test_convolutions_that_cannot_lie_channels_last_are_told(self):
        class Volume(MLP):
            def __init__(self, *_: object) -> None:
                super().__init__((5,), 4, 8)
                self.convolution = nn.Conv3d(1, 2, 3)

        with pytest.raises(InputsError, match="channels_last"):
            self.tried(Volume, channels_last=True)

    def test_a_network_that_can_is_returned(self):
        network, num_dimensions = self.tried(MLP)
        assert sum(parameter.numel() for parameter in network.parameters()) == 5 * 8 + 8 + 8 * 4
        assert num_dimensions == 8

    def test_a_head_may_be_any_module(self):
        class Other(MLP):
            def __init__(self, *arguments: object) -> None:
                super().__init__(*arguments)
                self.head = nn.Sequential(nn.Dropout(), nn.Linear(8, 4))

        assert self.tried(Other)[1] == 8

    def test_augmentation_needs_images(self):
        with pytest.raises(ConfigError, match=r"augmentation=crop_flip: the inputs have shape \(5,\)"):
            self.tried(MLP, augmentation="crop_flip")


def save_images(folder, shape: tuple[int, ...]) -> str:
    rng = np.random.default_rng(0)
    np.savez(
        folder / "images.npz", inputs=rng.integers(256, size=(60, *shape), dtype=np.uint8), targets=np.arange(60) % 3
    )
    return f"dataset.path={folder / 'images.npz'}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("dataset=digits", "model=resnet"), "model=resnet cannot be used for inputs of shape (64,): images"),
        (("dataset=digits", "model=resnet"), "models that can: dbn, fusion, linear, mlp\n"),
        (
            ("dataset=digits", "model=vgg", "model.depth=16"),
            "model=vgg,depth=16 cannot be used for inputs of shape (64,)",
        ),
        (
            ("dataset=arrays", "model=vgg"),
            "32 x 32 pixels or more are needed; models that can: dbn, fusion, linear, mlp, resnet\n",
        ),
        (("dataset=digits", "model.augmentation=crop_flip"), "augmentation=crop_flip: the inputs have shape (64,)"),
    ],
)
def test_the_command_line_names_the_models_that_can(cli, tmp_path, arguments, message):
    path = save_images(tmp_path, (1, 28, 28))
    result = cli(*arguments, *([path] if "dataset=arrays" in arguments else []))
    assert result.code == 1
    assert message in result.err
    assert not list(tmp_path.rglob("rounds.csv"))


@pytest.mark.slow
def test_a_broken_model_beside_the_one_that_is_asked_for_is_not_suggested(cli, tmp_path, monkeypatch):
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "asserting.yaml").write_text("_target_: own_models.Asserting\noptimizer: null\n")
    (tmp_path / "conf" / "model" / "unreadable.yaml").write_text("_target_: [\n")
    (tmp_path / "conf" / "model" / "unresolved.yaml").write_text("_target_: ${nothing.of.the.kind}\n")
    (tmp_path / "own_models.py").write_text("def Asserting(input_shape, num_classes):\n    assert False\n")
    result = cli("--config-dir", "conf", "dataset=digits", "model=resnet")
    assert (result.code, result.out) == (1, "")
    assert result.err.endswith(
        "images (channels, height, width) are needed; models that can: dbn, fusion, linear, mlp\n"
    )


@pytest.mark.slow
def test_a_run_on_images(cli, tmp_path):
    options = ("precision=bfloat16", "augmentation=crop_flip", "gradient_clamp=0.1", "width=8", "max_epochs=2")
    schedule = "model.lr_schedule={_target_:torch.optim.lr_scheduler.CosineAnnealingLR,_partial_:true,T_max:2}"
    result = cli(
        *("dataset=arrays", save_images(tmp_path, (3, 12, 12)), "model=resnet", "num_initial=9", "batch_size.size=9"),
        *("budget=27", "model.minibatch_size=8", *(f"model.{option}" for option in options), schedule),
    )
    assert result.code == 0, result.err
    (path,) = tmp_path.rglob("rounds.csv")
    assert len(path.read_text().splitlines()) == 4
    assert "arrays" in path.read_text()


@pytest.mark.parametrize("option", OPTIONS)
def test_the_docs_count_the_parameters(option):
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{option}` |")]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        model = compose("config", ["dataset=cifar10", f"model={option}"]).model
        network, _ = checked_model(OmegaConf.to_container(model, resolve=True))
    built = called("model", network, input_shape=(3, 32, 32), num_classes=10, modalities={"inputs": 3072})
    assert f"| {sum(parameter.numel() for parameter in built.parameters()):,} |" in row

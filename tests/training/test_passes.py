"""Passes: of which precision they are, and how much memory they take."""

import weakref
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from al_bench.core.errors import ConfigError, InputsError, StrategyError
from al_bench.core.network import Network, cross_entropy
from al_bench.core.strategy import Needs, Samples, Strategy
from al_bench.loop.rounds_of import ActiveLearning
from al_bench.models.dropout import DropoutSample, dropout_samples
from al_bench.models.linear import Linear
from al_bench.models.mlp import MLP
from al_bench.training import outputs as passing
from al_bench.training.fitting import minibatch_fit
from al_bench.training.learner import Learner
from al_bench.training.options import TrainingOptions
from al_bench.training.outputs import FORWARD_SIZE, MLP_SIZE, PRODUCERS
from al_bench.training.trained import Trained, metrics_of
from tests.conftest import blobs, small_learner

DATASET = blobs()
ALL = Needs.LOGITS | Needs.EMBEDDING | Needs.FEATURES


class Normed(Network):
    """With batch norm and dropout before the last layer."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.norm, self.dropout = nn.Linear(5, 16), nn.BatchNorm1d(16), nn.Dropout(0.5)
        self.head = nn.Linear(16, 4)

    def embed(self, inputs):
        return self.dropout(self.norm(self.body(inputs)).relu())


def fit(pass_precision: str = "bfloat16", **options: object) -> Trained:
    learner = replace(small_learner(DATASET, pass_precision=pass_precision, max_epochs=3, **options), build=Normed)
    return learner.fit(DATASET.train, cross_entropy, seed=0, round=0)


def rounded(network: Network, inputs: Tensor, size: int = 64) -> tuple[Tensor, Tensor]:
    """Logits and embedding in bfloat16 but for the last layer, chunk by chunk, as autocast reads in a textbook."""
    embeddings = []
    with torch.no_grad():
        for chunk in inputs.split(size):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                hidden = functional.linear(chunk, network.body.weight, network.body.bias)
            norm = network.norm
            statistics = (norm.running_mean, norm.running_var, norm.weight, norm.bias)
            embeddings.append(functional.batch_norm(hidden, *statistics).relu())
        embedding_ND = torch.cat(embeddings).float()
        return functional.linear(embedding_ND, network.head.weight, network.head.bias), embedding_ND


def test_layers_before_the_last_are_rounded_and_nothing_else_is():
    trained, plain = fit(), fit("float32")
    outputs = trained.outputs(DATASET.train.inputs, torch.arange(150), ALL)
    logits_NC, embedding_ND = rounded(trained.network, DATASET.train.inputs[:150])
    assert torch.equal(outputs.embedding_ND, embedding_ND)
    assert torch.equal(outputs.logits_NC, logits_NC)
    assert {each.dtype for each in vars(outputs).values() if each is not None} == {torch.float32}
    assert torch.equal(outputs.features_ND, DATASET.train.inputs[:150])
    assert trained.course.train_accuracy == plain.course.train_accuracy
    states = (each.network.state_dict() for each in (trained, plain))
    for ours, theirs in zip(*(state.values() for state in states), strict=True):
        assert torch.equal(ours, theirs), "training, and the statistics of batch norm, do not depend on it"
    exact = plain.outputs(DATASET.train.inputs, torch.arange(150), ALL)
    assert not torch.equal(exact.embedding_ND, outputs.embedding_ND)
    assert torch.allclose(exact.embedding_ND, outputs.embedding_ND, atol=0.05, rtol=0.02)


def test_the_test_set_is_measured_by_such_passes():
    trained = fit()
    logits_NC, _ = rounded(trained.network, DATASET.test.inputs)
    assert trained.evaluate(DATASET.test) == metrics_of(logits_NC, DATASET.test.targets)
    assert trained.evaluate(DATASET.test) != fit("float32").evaluate(DATASET.test)


def test_validation_examples_that_end_training_are_measured_by_such_passes(monkeypatch):
    prepared = []
    monkeypatch.setattr(minibatch_fit, "loss_of", lambda _, passes, __: prepared.append(passes) or 1.0)
    for precision in ("bfloat16", "float32"):
        options = {"patience": 1, "max_epochs": 1, "stop_at_train_accuracy": None, "pass_precision": precision}
        learner = small_learner(DATASET, **options)
        learner.fit(DATASET.train, cross_entropy, seed=0, round=0, validation=DATASET.test)
    assert [each.precision for each in prepared] == ["bfloat16", "float32"]


def test_the_head_gives_the_logits_that_a_strategy_sees():
    trained = fit()
    outputs = trained.outputs(DATASET.train.inputs, torch.arange(150), ALL)
    weight_CD, bias_C = trained.head(DATASET.train.inputs, torch.arange(150))
    assert torch.allclose(outputs.embedding_ND @ weight_CD.T + bias_C, outputs.logits_NC, atol=1e-5)

    class Doubled(Normed):
        def forward(self, inputs):
            return 2 * super().forward(inputs)

    doubled = Doubled()
    doubled.load_state_dict(trained.network.state_dict())
    with pytest.raises(StrategyError, match="the logits of Doubled are not"):
        replace(trained, network=doubled.eval()).head(DATASET.train.inputs, torch.arange(9))


class Reading(Strategy):
    """Notes what it is shown of the unlabelled examples."""

    needs = Needs.SAMPLES | Needs.EMBEDDING | Needs.LOGITS | Needs.INDICES

    def __init__(self, kind: str) -> None:
        self.samples = Samples(3, kind)
        self.seen = []

    def query(self, context, batch_size, rng):
        self.seen.append(context)
        return torch.arange(batch_size)


@pytest.mark.parametrize("kind", ["network", "ensemble"])
def test_samples_pass_as_the_network_does(kind, monkeypatch):
    learner = replace(small_learner(DATASET, pass_precision="bfloat16", max_epochs=2), build=Normed)
    networks, masks = [], []
    fit_of, mask_of = Learner.fit, DropoutSample._masked

    def fitted(*arguments, **named):
        networks.append(fit_of(*arguments, **named))
        return networks[-1]

    def masked(self, *arguments):
        masks.append(self)
        return mask_of(self, *arguments)

    monkeypatch.setattr(Learner, "fit", fitted)
    monkeypatch.setattr(DropoutSample, "_masked", masked)
    reading = Reading(kind)
    tuple(ActiveLearning(DATASET, learner, reading, seed=0, num_initial=30, batch_size=10, budget=40).rounds())
    (of,) = reading.seen
    inputs = DATASET.train.inputs[of.unlabelled_indices]
    samples_SNC = of.unlabelled.samples_SNC
    if kind == "ensemble":
        for logits_NC, member in zip(samples_SNC, networks[:3], strict=True):
            assert torch.equal(logits_NC, rounded(member.network, inputs)[0])
        assert torch.equal(samples_SNC[0], of.unlabelled.logits_NC)
        return
    network = networks[0].network
    for logits_NC, sample in zip(samples_SNC, dict.fromkeys(masks), strict=True):
        ((factor_D,),) = [list(sample._factors.values())]
        masked_ND = rounded(network, inputs)[1] * factor_D
        expected_NC = functional.linear(masked_ND, network.head.weight, network.head.bias)
        assert torch.allclose(logits_NC, expected_NC, atol=1e-5)


def test_a_pass_in_float32_goes_the_way_of_the_network_itself():
    """Bits of published runs, and whatever a network of one's own does in `forward`."""

    class Doubled(Normed):
        def forward(self, inputs):
            return 2 * super().forward(inputs)

    network = Doubled().eval()
    inputs = DATASET.train.inputs[:9]
    passes = fit("float32").passes
    assert torch.equal(passes.logits(network, inputs), network(inputs))
    (sample,) = dropout_samples(network, 1, 0, 0)
    assert torch.equal(sample(inputs), sample(inputs))


@pytest.mark.parametrize("need", [Needs.EMBEDDING, Needs.LOGITS, Needs.FEATURES, Needs.SAMPLES])
def test_outputs_are_never_in_memory_twice(need, monkeypatch):
    """Of all that chunks gave, one at most is there beside the whole in which it stands."""
    name = need.name.lower()
    producer, alive = PRODUCERS[name], []

    def watched(forward):
        assert sum(chunk() is not None for chunk in alive) <= 1
        output = producer(forward).clone()
        alive.append(weakref.ref(output))
        return output

    monkeypatch.setitem(FORWARD_SIZE, "cpu", 7)
    monkeypatch.setitem(PRODUCERS, name, watched)
    trained = fit()
    trained = replace(trained, samples=dropout_samples(trained.network, 2, 0, 0))
    outputs = trained.outputs(DATASET.train.inputs, torch.arange(50), need)
    assert len(alive) == 8
    assert len(getattr(outputs, name)) == 50
    assert len(getattr(trained.outputs(DATASET.train.inputs, torch.arange(0), need), name)) == 0


class TestLargerChunksOfAnMLP:
    NUM_ROWS = 2 * MLP_SIZE + 5

    def passes(self, monkeypatch, embed=MLP.embed) -> tuple[list[int], Tensor]:
        """How many rows pass at a time, the proof aside, and their embedding."""
        monkeypatch.setattr(passing, "_is_same", {})
        trained = small_learner(DATASET, max_epochs=1).fit(DATASET.train, cross_entropy, seed=0, round=0)
        inputs = torch.randn(self.NUM_ROWS, 5, generator=torch.Generator().manual_seed(0))
        sizes = []

        def watched(self, inputs):
            sizes.append(len(inputs))
            return embed(self, inputs)

        monkeypatch.setattr(MLP, "embed", watched)
        of = partial(trained.outputs, inputs, torch.arange(self.NUM_ROWS), Needs.EMBEDDING)
        of()
        sizes.clear()
        return sizes, of().embedding_ND

    def test_they_give_the_same_bits(self, monkeypatch):
        sizes, embedding_ND = self.passes(monkeypatch)
        assert sizes == [MLP_SIZE, MLP_SIZE, 5]
        monkeypatch.setattr(passing, "MLP_SIZE", 2 * self.NUM_ROWS)
        sizes, expected_ND = self.passes(monkeypatch)
        assert set(sizes) == {FORWARD_SIZE["cpu"], 5}
        assert torch.equal(embedding_ND, expected_ND)

    def test_where_they_would_not_they_are_not_taken(self, monkeypatch):
        sizes, _ = self.passes(monkeypatch, lambda _, inputs: inputs * (1 + len(inputs) / 1e6))
        assert sizes == [FORWARD_SIZE["cpu"]] * (2 * MLP_SIZE // FORWARD_SIZE["cpu"]) + [5]


class TestRefused:
    def test_a_last_layer_alone_has_nothing_to_be_faster_in(self):
        learner = replace(small_learner(DATASET, pass_precision="bfloat16"), build=partial(Linear, (5,), 4))
        with pytest.raises(ConfigError, match=r"model.pass_precision=bfloat16: Linear has no layers before its last"):
            learner.tried(DATASET.train.inputs[:2])
        replace(learner, training=replace(learner.training, pass_precision="float32")).tried(DATASET.train.inputs[:2])

    def test_so_has_a_probe(self):
        with pytest.raises(ValueError, match=r"^pass_precision=bfloat16: a probe \(ridge=0.1\) is a last layer alone"):
            TrainingOptions(ridge=0.1, pass_precision="bfloat16")

    def test_what_cannot_pass_so_is_told_apart_from_inputs_that_do_not_fit(self):
        class Placing(Normed):
            def embed(self, inputs):
                embedding_ND = inputs.new_zeros(len(inputs), 16)
                embedding_ND[torch.arange(len(inputs))] = self.body(inputs)
                return embedding_ND

        learner = replace(small_learner(DATASET, pass_precision="bfloat16"), build=Placing)
        with pytest.raises(ConfigError, match=r"Placing cannot: Index put .* say model.pass_precision=float32"):
            learner.tried(DATASET.train.inputs[:2])
        with pytest.raises(InputsError, match=r"inputs of shape \(3,\)"):
            learner.tried(torch.zeros(2, 3))

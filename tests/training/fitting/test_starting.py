"""Networks that start from those of the round before."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch.nn import functional

from al_bench.core.errors import ConfigError
from al_bench.core.rounds import Committed
from al_bench.core.seeding import Stream, generator, torch_seeded
from al_bench.loop.rounds_of import ActiveLearning, active_learning
from al_bench.models.linear import Linear
from al_bench.models.mlp import MLP
from al_bench.strategies.badge import Badge
from al_bench.strategies.bald import Bald
from al_bench.strategies.joint import Joint
from al_bench.strategies.uncertainty import Entropy, Margin
from al_bench.training.fitting.starting import start_from
from al_bench.training.learner import Learner
from al_bench.training.options import TrainingOptions
from tests.conftest import blobs

DATASET = blobs(num_classes=5)
ADAM = partial(torch.optim.Adam, lr=1e-2, fused=True)
SIZES = {"seed": 3, "num_initial": 20, "batch_size": 15, "budget": 65}
STARTS = ["warm", "shrink_perturb"]


class Normed(MLP):
    """With buffers."""

    def __init__(self) -> None:
        super().__init__((5,), 5, 16)
        self.norm = torch.nn.BatchNorm1d(16)

    def embed(self, inputs):
        return self.norm(super().embed(inputs))


def learner(start: str, build=Normed, **options: object) -> Learner:
    return Learner(build, TrainingOptions(ADAM, 8, stop_at_train_accuracy=None, max_epochs=3, start=start, **options))


def labelled_after(records, round: int) -> torch.Tensor:
    return torch.from_numpy(np.concatenate([record.batch.indices for record in records[: round + 1]]))


def assert_same_state(weights, network: torch.nn.Module) -> None:
    for name, theirs in network.state_dict().items():
        assert torch.allclose(weights[name], theirs, atol=1e-5), name


@pytest.mark.parametrize("start", STARTS)
def test_every_round_goes_on_from_the_one_before_as_in_a_bare_loop(start):
    build = partial(MLP, (5,), 5, 16)
    records = list(active_learning(DATASET, learner(start, build, shrink=0.4), Margin(), **SIZES))
    before = None
    for round, record in enumerate(records):
        with torch_seeded(3, Stream.WEIGHTS, round):
            network = build()
        if before is not None and start == "warm":
            network.load_state_dict(before)
        elif before is not None:
            network.load_state_dict(
                {name: 0.4 * before[name] + 0.1 * new for name, new in network.state_dict().items()}
            )
        examples = DATASET.train.take(labelled_after(records, round))
        optimizer, rng = torch.optim.Adam(network.parameters(), lr=1e-2), generator(3, Stream.MINIBATCH, round)
        for _ in range(3):
            for rows in torch.from_numpy(rng.permutation(len(examples))).split(8):
                optimizer.zero_grad()
                functional.cross_entropy(network(examples.inputs[rows]), examples.targets[rows]).backward()
                optimizer.step()
        before = {name: each.clone() for name, each in network.state_dict().items()}
        assert_same_state(record.weights["chooses"], network)
    assert len(records) == 4


def test_other_factors_are_taken_and_buffers_are_new_but_for_a_warm_start():
    state = {name: torch.full_like(each, 7) for name, each in Normed().state_dict().items()}
    for start, options, mean in (("warm", {}, 7), ("shrink_perturb", {"shrink": 0.5, "perturb": 0.0}, 0)):
        network = Normed()
        start_from(network, state, learner(start, **options).training)
        assert network.head.weight.unique().tolist() == [7 if start == "warm" else 3.5]
        assert network.norm.running_mean.unique().tolist() == [mean]


def test_from_scratch_nothing_is_kept_and_nothing_changed():
    records = list(active_learning(DATASET, learner("scratch"), Margin(), **SIZES))
    assert {record.weights for record in records} == {None}


def assert_same_rounds(records, expected) -> None:
    for ours, theirs in zip(records, expected, strict=True):
        assert ours.batch.indices.tolist() == theirs.batch.indices.tolist()
        assert (ours.test, ours.train_accuracy, ours.unlabelled) == (
            theirs.test,
            theirs.train_accuracy,
            theirs.unlabelled,
        )
        for part, weights in theirs.weights.items():
            assert all(torch.equal(ours.weights[part][name], each) for name, each in weights.items())


@pytest.mark.moderate
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize(
    "strategy", [Badge, partial(Joint, Entropy(), measured="labelled", unlabelled_minibatch_size=8)]
)
def test_a_run_goes_on_from_any_round_to_the_bit(start, strategy):
    whole = list(ActiveLearning(DATASET, learner(start), strategy(), **SIZES).rounds())
    assert whole[0].weights.keys() == ({"chooses"} if strategy is Badge else {"chooses", "measured"})
    for done in range(1, len(whole)):
        of_last = {
            part: {name: each.clone() for name, each in of.items()} for part, of in whole[done - 1].weights.items()
        }
        committed = Committed([record.batch for record in whole[:done]], weights=of_last)
        rest = ActiveLearning(DATASET, learner(start), strategy(), **SIZES, committed=committed).rounds()
        assert_same_rounds(list(rest), whole[done:])


def test_rounds_without_their_weights_are_refused():
    whole = list(active_learning(DATASET, learner("warm"), Margin(), **SIZES))
    committed = Committed([record.batch for record in whole[:2]])
    with pytest.raises(ConfigError, match="with start=warm its weights are needed"):
        list(ActiveLearning(DATASET, learner("warm"), Margin(), **SIZES, committed=committed).rounds())


def test_an_ensemble_and_a_probe_start_from_scratch_alone():
    with pytest.raises(ConfigError, match="model.start=warm: the later networks of an ensemble, which Bald wants"):
        list(active_learning(DATASET, learner("warm"), Bald(samples="ensemble"), **SIZES))
    with pytest.raises(ValueError, match=r"start=warm: a probe \(ridge=0.01\)"):
        TrainingOptions(ridge=1e-2, start="warm")
    probe = Learner(partial(Linear, (5,), 5), TrainingOptions(ridge=1e-2))
    assert all(record.weights is None for record in active_learning(DATASET, probe, Margin(), **SIZES))


@pytest.mark.parametrize("given", [{"shrink": 0.5}, {"perturb": 0.2, "start": "warm"}])
def test_factors_go_with_shrink_perturb(given):
    with pytest.raises(ValueError, match=f"{next(iter(given))}=.*: goes with start=shrink_perturb"):
        replace(TrainingOptions(ADAM), **given)

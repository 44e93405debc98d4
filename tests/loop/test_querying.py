"""What a strategy is shown in a round, as far as it declares it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from al_bench.core.data import Dataset
from al_bench.core.errors import ConfigError, StrategyError
from al_bench.core.network import Network, cross_entropy
from al_bench.core.rounds import RoundRecord
from al_bench.core.seeding import Stream, generator
from al_bench.core.strategy import Needs, QueryContext, Strategy
from al_bench.loop.rounds_of import ActiveLearning
from al_bench.strategies.joint import Joint
from al_bench.strategies.uncertainty import Margin
from al_bench.training.learner import Learner
from al_bench.training.trained import Trained
from tests.conftest import blobs, small_learner

DATASET = blobs()
ALL = Needs.INDICES | Needs.LOGITS | Needs.EMBEDDING | Needs.FEATURES | Needs.LABELLED | Needs.HEAD | Needs.VALIDATION
HIDDEN = Needs.POOL_TARGETS | Needs.TEST


class Watching(Strategy):
    """Keeps what it is shown, and chooses the first rows."""

    def __init__(self, needs: Needs, *, is_oracle: bool = False, subset_size: int | None = None) -> None:
        self.needs, self.is_oracle, self.subset_size = needs, is_oracle, subset_size
        self.seen: list[QueryContext] = []

    def query(self, context, batch_size, rng):
        self.seen.append(context)
        return torch.arange(batch_size)


def run(strategy: Strategy, dataset: Dataset = DATASET, learner: Learner | None = None, **changed) -> list[RoundRecord]:
    settings = {"seed": 3, "num_initial": 20, "batch_size": 10, "budget": 57, "num_validation": 7} | changed
    return list(ActiveLearning(dataset, learner or small_learner(dataset), strategy, **settings).rounds())


def unlabelled_before(records: list[RoundRecord], round: int, num_validation: int = 7) -> list[int]:
    """Pool indices of what could be chosen after this round."""
    kept = generator(3, Stream.VALIDATION).permutation(len(DATASET.train))[:num_validation].tolist()
    bought = {index for record in records[: round + 1] for index in record.batch.indices.tolist()}
    return [index for index in range(len(DATASET.train)) if index not in {*kept, *bought}]


@pytest.mark.moderate
def test_each_thing_declared_is_what_it_says():
    watching = Watching(ALL | HIDDEN, is_oracle=True)
    records = run(watching)
    for round, of in enumerate(watching.seen):
        indices = unlabelled_before(records, round)
        assert torch.equal(of.unlabelled.features_ND, DATASET.train.inputs[indices])
        assert torch.equal(of.unlabelled_targets, DATASET.train.targets[indices])
        assert of.unlabelled_indices.tolist() == indices
        for outputs in (of.unlabelled, of.labelled, of.validation.outputs, of.test.outputs):
            logits = outputs.embedding_ND @ of.head_weight_CD.T + of.head_bias_C
            assert torch.allclose(logits, outputs.logits_NC, atol=1e-5)
        kept = generator(3, Stream.VALIDATION).permutation(len(DATASET.train))[:7]
        assert torch.equal(of.validation.outputs.features_ND, DATASET.train.inputs[kept])
        assert torch.equal(of.validation.targets, DATASET.train.targets[kept])
        assert torch.equal(of.test.outputs.features_ND, DATASET.test.inputs)
        assert torch.equal(of.test.targets, DATASET.test.targets)
        hits = of.test.outputs.logits_NC.argmax(dim=1) == DATASET.test.targets
        assert hits.double().mean() == records[round].test.accuracy
    assert not torch.equal(watching.seen[0].head_weight_CD, watching.seen[1].head_weight_CD)


def test_the_head_is_a_copy():
    trained = small_learner(DATASET).fit(DATASET.train, cross_entropy, seed=0, round=0)
    weight_CD, _ = trained.head(DATASET.train.inputs, torch.arange(5))
    before = trained.evaluate(DATASET.test)
    weight_CD.zero_()
    assert trained.evaluate(DATASET.test) == before


class Scaled(Network):
    """Logits that are not those of its last layer."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.body, self.head, self.factor = nn.Linear(5, 8), nn.Linear(8, 4, bias=False), factor

    def embed(self, inputs):
        return self.body(inputs).relu()

    def forward(self, inputs):
        return super().forward(inputs) * self.factor


@pytest.mark.parametrize(("factor", "is_told"), [(1.0, False), (1.1, True)])
def test_a_head_that_does_not_give_the_logits_is_an_error(factor, is_told):
    learner = replace(small_learner(DATASET), build=lambda: Scaled(factor))
    if is_told:
        with pytest.raises(StrategyError, match=r"the logits of Scaled are not head\(embed\(inputs\)\)"):
            run(Watching(Needs.HEAD), learner=learner)
    else:
        run(watching := Watching(Needs.HEAD), learner=learner)
        assert watching.seen[0].head_bias_C.tolist() == [0.0] * 4
    run(Watching(Needs.LOGITS), learner=learner)


class TestASubset:
    def test_it_is_drawn_anew_each_round_from_a_stream_of_its_own(self):
        watching = Watching(Needs.FEATURES, subset_size=25)
        records = run(watching)
        assert len(watching.seen) == 3
        for round, of in enumerate(watching.seen):
            indices = np.array(unlabelled_before(records, round))
            drawn = np.sort(generator(3, Stream.SUBSET, round).permutation(len(indices))[:25])
            assert torch.equal(of.unlabelled.features_ND, DATASET.train.inputs[indices[drawn]])
            assert of.num_unlabelled == 25
            assert records[round + 1].batch.indices.tolist() == indices[drawn][:10].tolist()

    def test_nothing_is_drawn_where_no_more_are_left(self):
        num_left = len(DATASET.train) - 27
        for size in (num_left, num_left + 100):
            watching = Watching(Needs.FEATURES, subset_size=size)
            run(watching, budget=37)
            assert watching.seen[0].num_unlabelled == num_left

    def test_outputs_are_computed_for_it_alone(self, monkeypatch):
        counts = []
        outputs = Trained.outputs
        monkeypatch.setattr(Trained, "outputs", lambda *each: counts.append(len(each[2])) or outputs(*each))
        margin = Margin()
        margin.subset_size = 25
        run(margin, budget=37)
        assert counts == [25]

    def test_a_strategy_that_measures_the_pool_chooses_from_it(self):
        watching = Watching(Needs.LOGITS, subset_size=25)
        joint = Joint(watching, entropy_weight=0)
        joint.subset_size = 25
        records = run(joint, budget=37)
        assert watching.seen[0].num_unlabelled == len(watching.seen[0].unlabelled.logits_NC) == 25
        assert records[0].unlabelled is not None

    def test_one_below_a_batch_is_refused_before_anything_is_trained(self, monkeypatch):
        monkeypatch.setattr(Learner, "fit", lambda *_, **__: pytest.fail("trained"))
        with pytest.raises(ConfigError, match=r"strategy.subset_size=9: a batch of 10 is drawn from it"):
            run(Watching(Needs.NONE, subset_size=9))


@pytest.mark.parametrize("needs", [Needs.POOL_TARGETS, Needs.TEST, Needs.LOGITS | Needs.TEST])
def test_what_is_hidden_is_refused_to_all_but_oracles_before_anything_is_trained(needs, monkeypatch):
    run(Watching(needs, is_oracle=True))
    monkeypatch.setattr(Learner, "fit", lambda *_, **__: pytest.fail("trained"))
    with pytest.raises(ConfigError, match=r"Watching declares Needs.*, which is hidden from strategies; say is_oracle"):
        run(Watching(needs))


def test_without_validation_examples_there_are_none():
    run(watching := Watching(Needs.VALIDATION | Needs.LOGITS), num_validation=0)
    assert len(watching.seen[0].validation.targets) == 0


def test_a_strategy_that_reads_the_labelled_without_declaring_them_is_told_that_flag():
    class Reading(Watching):
        def query(self, context, batch_size, rng):
            return context.labelled.embedding_ND

    with pytest.raises(StrategyError, match=r"add Needs\.LABELLED to its needs, beside Needs\.EMBEDDING$"):
        run(Reading(Needs.LOGITS | Needs.EMBEDDING))

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from al_bench.core.data import Examples
from al_bench.core.errors import ConfigError, DataError, StrategyError
from al_bench.core.network import cross_entropy
from al_bench.core.rounds import Batch, Committed, RoundRecord
from al_bench.core.seeding import Stream, generator
from al_bench.core.strategy import Needs, QueryContext, Samples, Strategy
from al_bench.loop.rounds_of import ActiveLearning, active_learning
from al_bench.models.mlp import MLP
from al_bench.strategies.albl import Albl
from al_bench.strategies.badge import Badge
from al_bench.strategies.bald import Bald, PowerBald
from al_bench.strategies.epig import Epig
from al_bench.strategies.joint import Joint
from al_bench.strategies.random import Random
from al_bench.strategies.uncertainty import Entropy, Margin
from al_bench.training.learner import Learner
from tests.conftest import blobs, small_learner

DATASET = blobs()
POOL_SIZE = len(DATASET.train)


def run(strategy: Strategy, dataset=DATASET, **arguments: object) -> list[RoundRecord]:
    settings: dict[str, object] = {"seed": 0, "num_initial": 20, "batch_size": 30} | arguments
    loop = ActiveLearning(dataset, small_learner(dataset), strategy, **settings)  # type: ignore[arg-type]
    return list(loop.rounds())


def results(records: list[RoundRecord]) -> list[tuple[object, ...]]:
    """All but the seconds."""
    return [
        (
            r.round,
            r.batch.indices.tolist(),
            r.batch.targets.tolist(),
            r.test,
            r.train_accuracy,
            r.num_epochs,
            r.strategy_state,
        )
        for r in records
    ]


def test_rounds_come_with_the_network_that_was_measured():
    """Of one round after another, which is what is saved."""
    loop = ActiveLearning(DATASET, small_learner(DATASET), Margin(), seed=0, num_initial=20, batch_size=30, budget=80)
    measured = list(loop.measured_rounds())
    assert results([each.record for each in measured]) == results(list(loop.rounds()))
    assert len({id(each.network) for each in measured}) == len(measured) == 3
    for each in measured:
        with torch.no_grad():
            expected = each.network(DATASET.test.inputs)
        assert torch.allclose(each.logits_NC, expected, atol=1e-6)
        assert torch.equal(each.targets_N, DATASET.test.targets)
        assert each.logits_NC.argmax(dim=1).eq(each.targets_N).double().mean().item() == each.record.test.accuracy


class Recorder(Strategy):
    """Keeps what it is shown, and chooses the first rows."""

    needs = Needs.LOGITS | Needs.EMBEDDING | Needs.LABELLED

    def __init__(self) -> None:
        self.seen: list[QueryContext] = []

    def query(self, context, batch_size, rng):
        self.seen.append(context)
        return torch.arange(batch_size)


class Learning(Strategy):
    """Chooses by what it learned in earlier rounds."""

    def __init__(self) -> None:
        self.count = 0

    def query(self, context, batch_size, rng):
        self.count += int(rng.integers(100))
        return (torch.arange(batch_size) + self.count) % context.num_unlabelled

    def state_dict(self):
        return {"count": self.count}

    def load_state_dict(self, state):
        self.count = state["count"]


@pytest.mark.moderate
def test_labels_grow_by_the_batch_size_and_the_last_smaller_batch_is_labelled_too():
    assert [r.num_labelled for r in run(Random())] == [*range(20, POOL_SIZE, 30), POOL_SIZE]
    assert [r.num_labelled for r in run(Random(), budget=90)] == [20, 50, 80, 90]
    assert [r.num_labelled for r in run(Random(), budget=20)] == [20]


@pytest.mark.moderate
def test_every_label_is_bought_once_and_its_target_is_the_truth():
    records = run(Badge())
    indices = np.concatenate([r.batch.indices for r in records])
    assert sorted(indices) == list(range(POOL_SIZE))
    targets = np.concatenate([r.batch.targets for r in records])
    assert np.array_equal(targets, DATASET.train.targets.numpy()[indices])
    for record in records:
        assert record.class_counts == tuple(np.bincount(record.batch.targets, minlength=4))


def test_strategies_are_paired_at_one_seed():
    first, second = run(Random(), budget=50), run(Badge(), budget=50)
    assert results(first)[0] == results(second)[0]
    assert results(first)[1] != results(second)[1]


@pytest.mark.moderate
def test_seeds_differ_and_one_seed_gives_one_result():
    assert results(run(Badge())) == results(run(Badge()))
    assert results(run(Badge(), seed=1, budget=20)) != results(run(Badge(), budget=20))


def test_the_context_holds_what_is_declared_and_in_the_declared_order():
    recorder = Recorder()
    records = run(recorder, budget=80)
    labelled = np.concatenate([r.batch.indices for r in records[:2]])
    context = recorder.seen[1]
    assert context.round == 1
    assert context.num_unlabelled == POOL_SIZE - 50 == len(context.unlabelled.logits_NC)
    assert torch.equal(context.labelled_targets, DATASET.train.targets[labelled])
    trained = small_learner(DATASET).fit(
        DATASET.train.take(torch.from_numpy(labelled)), recorder.trained_with.objective, seed=0, round=1
    )
    rest = np.setdiff1d(np.arange(POOL_SIZE), labelled)
    for outputs, indices in ((context.unlabelled, rest), (context.labelled, labelled)):
        expected = trained.outputs(DATASET.train.inputs, torch.from_numpy(indices), Needs.LOGITS | Needs.EMBEDDING)
        assert torch.equal(outputs.logits_NC, expected.logits_NC)
        assert torch.equal(outputs.embedding_ND, expected.embedding_ND)
    assert records[2].batch.indices.tolist() == rest[:30].tolist()


@pytest.mark.slow
@pytest.mark.parametrize(
    "make", [Badge, Random, Margin, Learning, Albl, lambda: Albl("original"), lambda: Joint(Entropy())]
)
def test_a_run_goes_on_from_its_committed_rounds(make: Callable[[], Strategy]):
    whole = run(make())
    for num_committed in (1, 2, 5):
        states = [r.strategy_state for r in whole[:num_committed] if r.strategy_state is not None]
        committed = Committed([r.batch for r in whole[:num_committed]], states)
        assert results(run(make(), committed=committed)) == results(whole[num_committed:])


@pytest.mark.moderate
def test_a_larger_budget_goes_on_from_where_a_run_ended():
    whole, short = run(Badge(), budget=110), run(Badge(), budget=50)
    longer = run(Badge(), budget=110, committed=Committed([r.batch for r in short]))
    assert results(short + longer) == results(whole)


def test_a_run_that_has_its_budget_trains_nothing():
    short = run(Badge(), budget=50)

    class Untrainable:
        def fit(self, *arguments, **keywords):
            raise AssertionError("nothing is left to be trained")

    committed = Committed([r.batch for r in short])
    arguments = {"seed": 0, "num_initial": 20, "batch_size": 30, "budget": 50, "committed": committed}
    assert list(ActiveLearning(DATASET, Untrainable(), Badge(), **arguments).rounds()) == []


@pytest.mark.moderate
def test_every_query_has_random_numbers_of_its_own_round():
    class Drawing(Recorder):
        def query(self, context, batch_size, rng):
            assert rng.random() == generator(0, Stream.QUERY, context.round).random()
            return super().query(context, batch_size, rng)

    drawing = Drawing()
    run(drawing)
    assert [context.round for context in drawing.seen] == list(range(len(drawing.seen)))


def test_data_that_changed_between_two_starts_is_refused():
    first = run(Badge(), budget=50)[0].batch
    forged = Batch(first.indices, (first.targets + 1) % 4)
    with pytest.raises(DataError, match="data set has changed"):
        run(Badge(), committed=Committed([forged]))
    with pytest.raises(DataError, match="data set has changed"):
        run(Badge(), committed=Committed([Batch(first.indices + POOL_SIZE, first.targets)]))
    with pytest.raises(DataError, match="data set has changed"):
        run(Badge(), committed=Committed([first, first]))


def test_rows_that_are_no_tensor_are_refused():
    class Broken(Strategy):
        def query(self, context, batch_size, rng):
            return np.arange(batch_size)

    with pytest.raises(StrategyError, match="Broken returned a ndarray where a tensor"):
        run(Broken())


def test_a_budget_below_the_initial_labels_is_refused():
    with pytest.raises(ConfigError, match="budget=10: labels in all, so at least num_initial=20"):
        run(Random(), budget=10)


@pytest.mark.parametrize("key", ["num_initial", "budget"])
def test_more_labels_than_the_pool_has_are_refused(key):
    with pytest.raises(ConfigError, match=f"{key}={POOL_SIZE + 1}: the training pool has {POOL_SIZE} examples"):
        run(Random(), **{key: POOL_SIZE + 1})


@pytest.mark.parametrize("rows", [[0, 0, 1], [0, 1], [0, 1, POOL_SIZE], [-1, 0, 1], [0.0, 1.0, 2.0]], ids=str)
def test_a_strategy_that_breaks_its_contract_is_named(rows):
    class Broken(Strategy):
        def query(self, context, batch_size, rng):
            return torch.tensor(rows)

    with pytest.raises(StrategyError, match="Broken returned"):
        run(Broken(), batch_size=3)


def test_labels_the_loop_has_not_bought_change_nothing():
    """No strategy and no network can see the targets of unlabelled examples."""
    whole = run(Badge(), budget=80)
    bought = np.concatenate([r.batch.indices for r in whole])
    forged = blobs()
    unseen = np.setdiff1d(np.arange(POOL_SIZE), bought)
    forged.train.targets[unseen] = (forged.train.targets[unseen] + 1) % 4
    assert results(run(Badge(), dataset=forged, budget=80)) == results(whole)


class TestValidation:
    def validated(self, strategy: Strategy, **arguments: object) -> list[RoundRecord]:
        return run(strategy, num_validation=25, **arguments)

    @pytest.mark.moderate
    def test_its_examples_are_neither_trained_on_nor_queried_and_count_as_labels(self):
        records = self.validated(Margin())
        bought = np.concatenate([record.batch.indices for record in records])
        reserved = generator(0, Stream.VALIDATION).permutation(POOL_SIZE)[:25]
        assert sorted([*bought, *reserved]) == list(range(POOL_SIZE))
        assert [record.num_labelled for record in records] == [*range(45, POOL_SIZE, 30), POOL_SIZE]
        assert {record.num_validation for record in records} == {25}

    def test_it_is_measured_in_every_round(self):
        reserved = DATASET.train.take(torch.from_numpy(generator(0, Stream.VALIDATION).permutation(POOL_SIZE)[:25]))
        (record,) = self.validated(Random(), budget=45)
        labelled = DATASET.train.take(torch.from_numpy(record.batch.indices))
        trained = small_learner(DATASET).fit(labelled, cross_entropy, seed=0, round=0)
        assert record.validation == trained.evaluate(reserved)
        assert record.test == trained.evaluate(DATASET.test)

    @pytest.mark.slow
    def test_it_is_the_same_for_all_strategies(self):
        bought = [
            {index for record in self.validated(strategy) for index in record.batch.indices.tolist()}
            for strategy in (Random(), Margin(), Badge())
        ]
        assert bought[0] == bought[1] == bought[2]

    def test_it_decides_when_training_ends_if_there_is_patience(self):
        learner = small_learner(DATASET, patience=2, max_epochs=200)
        (record,) = active_learning(
            DATASET, learner, Random(), seed=0, num_initial=60, num_validation=25, budget=85, batch_size=5
        )
        assert 2 < record.num_epochs < 200
        assert not record.epoch_limit_hit

    @pytest.mark.moderate
    def test_a_run_with_it_goes_on_from_its_committed_rounds(self):
        whole = self.validated(Badge())
        committed = Committed([record.batch for record in whole[:3]])
        assert results(self.validated(Badge(), committed=committed)) == results(whole[3:])

    def test_without_it_initial_labels_are_what_they_are_without_the_option(self):
        (record,) = run(Random(), budget=20)
        order = generator(0, Stream.INITIAL).permutation(POOL_SIZE)
        assert record.batch.indices.tolist() == order[:20].tolist()
        assert record.validation is None

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"num_validation": POOL_SIZE + 1}, "num_validation=201: the training pool has 200 examples"),
            (
                {"num_validation": 190},
                "num_validation=190: with num_initial=20 that is more than the training pool's 200",
            ),
            ({"num_validation": 25, "budget": 40}, r"budget=40: .* at least num_initial=20 \+ num_validation=25"),
        ],
    )
    def test_more_than_there_are_is_refused(self, arguments, message):
        with pytest.raises(ConfigError, match=message):
            run(Random(), **arguments)


@pytest.mark.slow
def test_the_steps_of_training_are_counted_and_copies_too():
    records = run(Margin(), budget=110)
    sizes = [20, 50, 80, 110]
    assert [r.num_steps for r in records] == [
        r.num_epochs * -(-size // 32) for r, size in zip(records, sizes, strict=True)
    ]
    doubled = replace(DATASET, train=Examples(DATASET.train.inputs.repeat(2, 1), DATASET.train.targets.repeat(2)))
    whole = run(Random(), dataset=doubled, batch_size=90)
    assert sum(r.num_copies for r in whole) == POOL_SIZE
    resumed = run(Random(), dataset=doubled, batch_size=90, committed=Committed([r.batch for r in whole[:2]]))
    assert [r.num_copies for r in resumed] == [r.num_copies for r in whole[2:]]


def test_seconds_of_the_processor_are_of_what_works_and_not_of_what_waits():
    class Waiting(Random):
        def query(self, context, batch_size, rng):
            time.sleep(0.2)
            return super().query(context, batch_size, rng)

    first, second = run(Waiting(), budget=50)
    assert first.query_cpu_seconds == first.query_seconds == 0
    assert second.query_seconds >= 0.2 > second.query_cpu_seconds > 0
    assert first.fit_cpu_seconds > 0


def test_a_state_that_a_strategy_does_not_take_is_named_by_its_line():
    class Picky(Random):
        def load_state_dict(self, state):
            if state["drawn"] < 0:
                raise ValueError("drawn < 0")

    batches = [record.batch for record in run(Random(), budget=60)]
    states = [{"drawn": 1}, None, {"drawn": -1}, *[None] * (len(batches) - 3)]
    with pytest.raises(StrategyError, match=r"after round 2 \(line 3 of strategy_state.jsonl\): ValueError: drawn < 0"):
        run(Picky(), committed=Committed(batches, states))


class Sampling(Recorder):
    """Keeps the samples of the weights that it is shown."""

    needs = Needs.SAMPLES | Needs.LOGITS | Needs.LABELLED

    def __init__(self, kind: str = "ensemble", num: int = 3) -> None:
        super().__init__()
        self.samples = Samples(num, kind)


DROPPING = replace(small_learner(DATASET), build=partial(MLP, DATASET.input_shape, DATASET.num_classes, 16, 0.5))


def sampled_run(strategy: Strategy, learner=DROPPING, **arguments) -> list[RoundRecord]:
    settings = {"seed": 0, "num_initial": 20, "batch_size": 30, "budget": 110} | arguments
    return list(ActiveLearning(DATASET, learner, strategy, **settings).rounds())


class TestSamples:
    @pytest.fixture
    def fits(self, monkeypatch) -> list[tuple[int, int]]:
        """Round and member of each fit."""
        done, fit = [], Learner.fit

        def counted(self, *arguments, **keywords):
            done.append((keywords["round"], keywords.get("member", 0)))
            return fit(self, *arguments, **keywords)

        monkeypatch.setattr(Learner, "fit", counted)
        return done

    def test_members_are_trained_where_a_query_follows_and_the_first_is_the_network_that_is_measured(self, fits):
        strategy = Sampling()
        sampled_run(strategy, budget=50)
        assert fits == [(0, 0), (0, 1), (0, 2), (1, 0)]
        (of,) = strategy.seen
        for outputs in (of.unlabelled, of.labelled):
            samples_SNC = outputs.samples_SNC
            assert samples_SNC.shape == (3, *outputs.logits_NC.shape)
            assert torch.equal(samples_SNC[0], outputs.logits_NC)
            assert not torch.equal(samples_SNC[0], samples_SNC[1])
        labelled = DATASET.train.take(torch.from_numpy(generator(0, Stream.INITIAL).permutation(POOL_SIZE)[:20]))
        alone = DROPPING.fit(labelled, cross_entropy, seed=0, round=0, member=2)
        expected = alone.outputs(labelled.inputs, torch.arange(20), Needs.LOGITS).logits_NC
        assert torch.equal(of.labelled.samples_SNC[2], expected)

    def test_members_cost_seconds_of_the_query(self, monkeypatch):
        fit = Learner.fit

        def slow(self, *arguments, member=0, **keywords):
            time.sleep(0.3 * (member > 0))
            return fit(self, *arguments, member=member, **keywords)

        monkeypatch.setattr(Learner, "fit", slow)
        first, second = sampled_run(Sampling(), budget=50)
        assert first.query_seconds == 0
        assert second.query_seconds > 0.6
        assert first.fit_seconds < 0.3

    def test_masks_are_another_set_in_each_round_and_the_same_for_all_that_is_shown(self, fits):
        strategy = Sampling("network", num=4)
        sampled_run(strategy)
        assert fits == [(0, 0), (1, 0), (2, 0), (3, 0)]
        first = strategy.seen[0]
        assert first.unlabelled.samples_SNC.shape == (4, POOL_SIZE - 20, DATASET.num_classes)
        assert not any(torch.equal(each, first.unlabelled.logits_NC) for each in first.unlabelled.samples_SNC)

    @pytest.mark.slow
    @pytest.mark.parametrize("samples", ["network", "ensemble"])
    @pytest.mark.parametrize("make", [Bald, PowerBald, partial(Epig, num_targets=10)], ids=["bald", "power", "epig"])
    def test_a_run_goes_on_from_its_committed_rounds(self, make, samples):
        whole = sampled_run(make(samples=samples, num_samples=4, num_members=3))
        other = sampled_run(make(samples="head"))
        assert results(whole)[1] != results(other)[1]
        for num_committed in (1, 2, 3):
            committed = Committed([r.batch for r in whole[:num_committed]])
            again = sampled_run(make(samples=samples, num_samples=4, num_members=3), committed=committed)
            assert results(again) == results(whole[num_committed:])

    def test_weights_and_labels_of_round_0_are_those_of_every_other_strategy(self):
        ensemble, head = sampled_run(Bald(samples="ensemble"), budget=50), sampled_run(Bald(), budget=50)
        assert results(ensemble)[0] == results(head)[0]

    def test_joint_training_hands_them_to_its_rule(self):
        strategy = Joint(Bald(samples="ensemble", num_members=2), measured="labelled")
        records = sampled_run(strategy, budget=50)
        assert records[0].unlabelled is not None
        assert len(records[1].batch.indices) == 30

    def test_a_subset_has_its_own(self):
        strategy = Sampling(num=2)
        strategy.subset_size = 40
        sampled_run(strategy, budget=50)
        assert strategy.seen[0].unlabelled.samples_SNC.shape == (2, 40, DATASET.num_classes)
        assert torch.equal(strategy.seen[0].unlabelled.samples_SNC[0], strategy.seen[0].unlabelled.logits_NC)

    def test_networks_without_dropout_are_refused_before_anything_is_trained(self, fits):
        with pytest.raises(ConfigError, match="MLP has no dropout .*; say model.dropout=0.5 for model=mlp"):
            sampled_run(Bald(samples="network"), learner=small_learner(DATASET))
        assert fits == []

    def test_samples_of_no_kind_are_refused_with_what_to_say(self, fits):
        strategy = Sampling()
        strategy.samples = None
        with pytest.raises(ConfigError, match=r"declares Needs.SAMPLES, .*al_bench.Samples\(5, .ensemble.\)"):
            sampled_run(strategy)
        assert fits == []

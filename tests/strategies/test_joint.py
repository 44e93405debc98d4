"""Joint training against a textbook loop, its gradient against the formula and autograd, and what is recorded of it."""

import csv
import logging
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from al_bench.config.parts import called, checked_part
from al_bench.core.data import Examples
from al_bench.core.errors import ConfigError, TrainingError
from al_bench.core.network import Network, UnlabelledTerm, cross_entropy
from al_bench.core.rounds import Committed, PoolMetrics
from al_bench.core.seeding import Stream, generator, torch_seeded
from al_bench.core.strategy import Needs, Strategy
from al_bench.loop.rounds_of import ActiveLearning, active_learning
from al_bench.models.mlp import MLP
from al_bench.models.resnet import ResNet
from al_bench.strategies.albl import Albl
from al_bench.strategies.badge import Badge
from al_bench.strategies.coreset import Coreset
from al_bench.strategies.joint import Joint
from al_bench.strategies.kdpp import KDPP
from al_bench.strategies.random import Random
from al_bench.strategies.uncertainty import Entropy
from al_bench.training.augmentation import crop_flip
from al_bench.training.batch_norm import batch_norm_layers, statistics_of_first
from al_bench.training.fitting.minibatch_fit import MinibatchFit
from al_bench.training.learner import Learner
from al_bench.training.options import TrainingOptions
from al_bench.training.unlabelled_term import Unlabelled, UnlabelledSteps, collapsed_class, pool_metrics
from tests.conftest import Result, blobs, small_learner
from tests.contracts.test_models import images
from tests.contracts.test_strategies import context, query, strategy
from tests.loop.test_loop import results

DATASET = blobs()
LABELLED, ROWS = DATASET.train.take(torch.arange(50)), torch.arange(50, 120)


def entropies(logits: torch.Tensor) -> torch.Tensor:
    probabilities = logits.softmax(1)
    return -(probabilities * probabilities.log()).sum(1)


def learner(**options: object) -> Learner:
    settings: dict[str, object] = {"minibatch_size": 20, "max_epochs": 4, "stop_at_train_accuracy": None} | options
    training = TrainingOptions(partial(torch.optim.Adam, lr=1e-2), **settings)  # type: ignore[arg-type]
    return Learner(partial(MLP, DATASET.input_shape, DATASET.num_classes, 16), training)


def fit(joint: Strategy, made: Learner | None = None) -> Network:
    assert joint.trained_with.unlabelled_term is not None
    unlabelled = Unlabelled(DATASET.train.inputs, ROWS, joint.trained_with.unlabelled_term)
    return (
        (made or learner()).fit(LABELLED, joint.trained_with.objective, seed=3, round=2, unlabelled=unlabelled).network
    )


def textbook(weight: float, size: int | str, ramp: int, num_epochs: int = 4) -> Network:
    """Cross-entropy of a labelled mini-batch plus the weighted mean entropy of an unlabelled one, step by step."""
    with torch_seeded(3, Stream.WEIGHTS, 2):
        network = MLP(DATASET.input_shape, DATASET.num_classes, 16)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    labelled_rng, unlabelled_rng = generator(3, Stream.MINIBATCH, 2), generator(3, Stream.UNLABELLED, 2)
    queue: list[int] = []
    for epoch in range(1, num_epochs + 1):
        minibatches = torch.from_numpy(labelled_rng.permutation(50)).split(20)
        shares = np.array_split(unlabelled_rng.permutation(70), 3) if size == "all" else [None] * 3
        for minibatch, share in zip(minibatches, shares, strict=True):
            if share is None:
                while len(queue) < size:
                    queue += unlabelled_rng.permutation(70).tolist()
                share, queue = queue[:size], queue[size:]
            factor = weight * min(1, epoch / ramp) if ramp else weight
            optimizer.zero_grad()
            loss = cross_entropy(network(LABELLED.inputs[minibatch]), LABELLED.targets[minibatch])
            loss = loss + factor * entropies(network(DATASET.train.inputs[ROWS[share]])).mean()
            loss.backward()
            optimizer.step()
    return network


def test_the_gradient_at_the_logits_is_the_papers():
    """(lambda / n_u) p_q (sum_j p_j h_j - h_q): Ranganathan et al. (2017)."""
    weight, logits = 0.7, torch.randn(30, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    logits.requires_grad_()
    term = Joint(Entropy(), weight).trained_with.unlabelled_term
    (term.weight(1) * term.losses(logits).sum() / 30).backward()
    p, h = logits.detach().softmax(1), logits.detach()
    expected = weight / 30 * p * ((p * h).sum(1, keepdim=True) - h)
    assert torch.allclose(logits.grad, expected, atol=1e-14)


@pytest.mark.parametrize("size", [1, 16, 64, "all"])
@pytest.mark.parametrize("ramp", [0, 3])
def test_training_is_that_of_a_textbook_loop(size, ramp):
    trained, expected = fit(Joint(Entropy(), 0.5, size, ramp)), textbook(0.5, size, ramp)
    for ours, theirs in zip(trained.parameters(), expected.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)
    other = textbook(0.5, 16 if size == 1 else 1, ramp)
    assert not torch.allclose(trained.head.weight, other.head.weight, atol=1e-4), "the test sees no difference"


def unlabelled_steps(of: Learner, unlabelled: Unlabelled, labelled: Examples = LABELLED) -> UnlabelledSteps:
    return MinibatchFit(of.training, of._passes, labelled, None, (0, 0, 0))._unlabelled_steps(unlabelled)


def rows_of_epochs(size: int | str, num_rows: int, num_steps: int, num_epochs: int) -> list[list[list[int]]]:
    term = UnlabelledTerm(Entropy.score, lambda epoch: 1.0, size)
    unlabelled = Unlabelled(torch.zeros(200, 3), torch.arange(100, 100 + num_rows), term)
    epochs = unlabelled_steps(learner(), unlabelled).rows(num_steps)
    return [[step.tolist() for step in next(epochs)] for _ in range(num_epochs)]


def test_a_permutation_of_the_pool_goes_on_across_epochs():
    epochs = rows_of_epochs(7, num_rows=30, num_steps=3, num_epochs=20)
    assert {len(step) for epoch in epochs for step in epoch} == {7}
    passed = [row for epoch in epochs for step in epoch for row in step]
    for start in range(0, len(passed), 30):
        assert sorted(passed[start : start + 30]) == list(range(100, 130))
    assert passed[:30] != passed[30:60]


def test_all_spreads_the_pool_over_the_steps_of_every_epoch():
    for epoch in rows_of_epochs("all", num_rows=30, num_steps=4, num_epochs=3):
        assert sorted(map(len, epoch)) == [7, 7, 8, 8]
        assert sorted(row for step in epoch for row in step) == list(range(100, 130))
    assert sorted(map(len, rows_of_epochs("all", num_rows=2, num_steps=4, num_epochs=1)[0])) == [0, 0, 1, 1]


def test_a_step_takes_a_pool_that_is_smaller_than_its_share_once():
    for step in rows_of_epochs(64, num_rows=5, num_steps=2, num_epochs=1)[0]:
        assert sorted(step) == list(range(100, 105))


def test_more_steps_than_unlabelled_examples():
    term = Joint(Entropy(), 0.5, "all").trained_with.unlabelled_term
    trained = learner().fit(
        LABELLED, cross_entropy, seed=0, round=0, unlabelled=Unlabelled(DATASET.train.inputs, ROWS[:2], term)
    )
    assert all(p.isfinite().all() for p in trained.network.parameters())


def test_gradients_of_parts_add_up(monkeypatch):
    """A step on more examples than a mini-batch holds is taken in parts."""
    whole = fit(Joint(Entropy(), 0.5, 60), learner(minibatch_size=100))
    in_parts = replace(learner(minibatch_size=100))
    steps = MinibatchFit._unlabelled_steps
    monkeypatch.setattr(MinibatchFit, "_unlabelled_steps", lambda *of: replace(steps(*of), part_size=7))
    for ours, theirs in zip(whole.parameters(), fit(Joint(Entropy(), 0.5, 60), in_parts).parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)


def test_the_mean_entropy_of_the_pool_falls_with_the_weight():
    means = [entropies(fit(Joint(Entropy(), w))(DATASET.train.inputs[ROWS])).mean().item() for w in (0.01, 0.3, 1.0)]
    assert means == sorted(means, reverse=True)


@pytest.mark.moderate
@pytest.mark.parametrize("size", [16, "all"])
def test_weight_zero_is_entropy_bit_for_bit(size):
    settings = {"seed": 0, "num_initial": 20, "batch_size": 30, "budget": 110}
    joint, entropy = (
        list(active_learning(DATASET, small_learner(DATASET), strategy, **settings))
        for strategy in (Joint(Entropy(), 0.0, size), Entropy())
    )
    assert results(joint) == results(entropy)
    assert Joint(Entropy(), 0.0, size).trained_with.unlabelled_term is None


class Normed(Network):
    """A network with batch norm and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3))
        self.head = nn.Linear(8, 4)

    def embed(self, inputs):
        return self.body(inputs)


def test_statistics_of_batch_norm_are_those_of_the_labelled_mini_batch():
    term = Joint(Entropy(), 0.5, 16).trained_with.unlabelled_term
    steps = unlabelled_steps(learner(), Unlabelled(DATASET.train.inputs, ROWS, term))
    with torch_seeded(0, Stream.WEIGHTS, 0):
        network = Normed()
    linear, norm, network.body[3] = network.body[0], network.body[1], nn.Identity()
    nn.init.uniform_(norm.weight)
    network.train()
    network(LABELLED.inputs)
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    (rows,) = next(replace(steps).rows(1))
    add_gradient = next(next(replace(steps, rng=generator(0, Stream.UNLABELLED)).terms(network, 1)))
    value = add_gradient(LABELLED.inputs[:20])
    assert all(torch.equal(before[name], buffer) for name, buffer in network.named_buffers())
    assert all(layer.training for layer in batch_norm_layers(network))
    gradients = [p.grad.clone() for p in network.parameters()]
    network.zero_grad()
    labelled, hidden = linear(LABELLED.inputs[:20]), linear(DATASET.train.inputs[rows])
    normal = (hidden - labelled.mean(0)) / (labelled.var(0, correction=0) + norm.eps).sqrt() * norm.weight + norm.bias
    expected = 0.5 * entropies(network.head(normal.relu())).mean()
    expected.backward()
    assert value.item() == pytest.approx(expected.item(), rel=1e-5)
    for ours, theirs in zip(gradients, network.parameters(), strict=True):
        assert torch.allclose(ours, theirs.grad, atol=1e-6)


@pytest.mark.parametrize("layer", [nn.BatchNorm1d(3), nn.BatchNorm2d(3, affine=False), nn.BatchNorm2d(3)])
def test_normalising_by_all_is_what_the_layer_does(layer):
    inputs = torch.randn(12, 3, *([4, 5] if isinstance(layer, nn.BatchNorm2d) else []))
    expected = layer.train()(inputs)
    network = nn.Sequential(layer)
    with statistics_of_first(network, 12):
        assert torch.allclose(network(inputs), expected, atol=1e-5)
    layer.eval()
    expected = layer(inputs)
    with statistics_of_first(network, 4):
        assert torch.equal(network(inputs), expected), "a layer in evaluation mode stays as it is"


@pytest.mark.slow
def test_joint_training_lowers_the_entropy_of_the_pool_with_batch_norm_too():
    dataset = images()
    made = Learner(
        partial(ResNet, dataset.input_shape, dataset.num_classes, width=8),
        TrainingOptions(
            partial(torch.optim.Adam, lr=1e-3), minibatch_size=8, max_epochs=15, stop_at_train_accuracy=None
        ),
        normalisation=dataset.normalisation,
    )
    labelled, rows, means = dataset.train.take(torch.arange(16)), torch.arange(16, len(dataset.train)), []
    for weight in (0.0, 0.3, 3.0):
        term = Joint(Entropy(), weight, 16).trained_with.unlabelled_term
        unlabelled = Unlabelled(dataset.train.inputs, rows, term) if term else None
        trained = made.fit(labelled, cross_entropy, seed=0, round=0, unlabelled=unlabelled)
        means.append(pool_metrics(trained.outputs(dataset.train.inputs, rows, Needs.LOGITS).logits_NC).mean_entropy)
    assert means == sorted(means, reverse=True)
    assert means[-1] < means[0] / 4


def test_unlabelled_images_are_augmented_like_labelled_ones():
    dataset = images()
    term = Joint(Entropy(), 0.5, 6).trained_with.unlabelled_term
    seen = []
    made = replace(learner(augmentation="crop_flip"), normalisation=dataset.normalisation)
    steps = unlabelled_steps(made, Unlabelled(dataset.train.inputs, torch.arange(20), term), dataset.train)

    class Watched(nn.Module):
        def forward(self, inputs):
            seen.append(inputs)
            return torch.zeros(len(inputs), 3, requires_grad=True)

    next(next(steps.terms(Watched(), 1)))(dataset.train.inputs[:4].float())
    rng = generator(0, Stream.UNLABELLED, 0)
    rows = torch.from_numpy(rng.permutation(20)[:6])
    assert torch.equal(seen[0], made._passes.inputs(crop_flip(dataset.train.inputs[rows], rng)))


def test_a_term_that_is_not_finite_is_an_error():
    term = UnlabelledTerm(lambda logits: logits.sum(1) / 0, lambda epoch: 1.0, 16)
    single, unlabelled = learner(minibatch_size=50, max_epochs=1), Unlabelled(DATASET.train.inputs, ROWS, term)
    with pytest.raises(TrainingError, match="the training loss is"):
        single.fit(LABELLED, cross_entropy, seed=0, round=0, unlabelled=unlabelled)


def test_the_ramp_is_linear():
    weights = [Joint(Entropy(), 0.8, ramp_epochs=4).weight(epoch) for epoch in range(1, 7)]
    assert weights == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8, 0.8])
    assert Joint(Entropy(), 0.8).weight(1) == 0.8


class TestQueryRule:
    def test_chooses_as_the_rule_alone_does(self):
        of = context(Needs.LOGITS | Needs.EMBEDDING)
        assert torch.equal(query(Joint(Badge()), of, 9), query(Badge(), of, 9))
        assert torch.equal(query(Joint(Entropy()), of, 9), query(Entropy(), of, 9))

    def test_declares_what_the_rule_needs_and_the_logits_that_are_recorded(self):
        assert Joint(Albl()).needs == Albl.needs
        assert Joint(Coreset()).needs == Coreset.needs | Needs.LOGITS
        assert Joint(Entropy()).needs == Needs.LOGITS

    def test_keeps_its_state(self):
        joint, other = Joint(Albl()), Joint(Albl())
        query(joint, context(joint.needs), 5)
        assert joint.state_dict()["arm"]
        other.load_state_dict(joint.state_dict())
        assert other.state_dict() == joint.state_dict()
        assert Joint(Entropy()).state_dict() is None

    def test_is_checked_before_training(self):
        with pytest.raises(ConfigError, match="kdpp draws at most"):
            Joint(KDPP()).check(pool_size=100, batch_size=50, num_classes=3, num_dimensions=4)

    def test_must_leave_the_unlabelled_term_to_it(self):
        with pytest.raises(ValueError, match="query: has a term on unlabelled examples itself"):
            Joint(Joint(Entropy()))
        inner = Joint(Entropy(), 0.3)
        assert Joint(inner, entropy_weight=0).trained_with.unlabelled_term is inner.trained_with.unlabelled_term

    def test_must_be_a_strategy(self):
        node = {"_target_": "al_bench.strategies.joint.Joint", "query": {"_target_": "fractions.Fraction"}}
        with pytest.raises(ConfigError, match=r"strategy@strategy\.query"):
            called("strategy", checked_part("strategy", node))


def test_metrics_of_the_pool_by_hand():
    metrics = pool_metrics(torch.tensor([[0.0, 0.0], [200.0, -200.0]]))
    assert metrics.mean_entropy == pytest.approx(np.log(2) / 2)
    assert metrics.class_marginals == pytest.approx((0.75, 0.25))


@pytest.mark.parametrize(
    ("marginals", "counts", "expected"),
    [
        ((0.99, 0.005, 0.005), (10, 10, 10), 0),
        ((0.01, 0.09, 0.9), (10, 10, 10), 2),
        ((0.6, 0.2, 0.2), (10, 10, 10), None),
        ((0.95, 0.03, 0.02), (95, 3, 2), None),
        ((0.999, 0.001, 0.0), (95, 3, 2), 0),
        ((0.6, 0.4), (1, 1), None),
        ((0.75, 0.15, 0.1), (10, 10, 10), None),
        ((0.02, 0.98), (1, 1), 1),
    ],
)
def test_a_collapse_is_judged_by_the_labels(marginals, counts, expected):
    assert collapsed_class(PoolMetrics(0.1, marginals), np.array(counts)) == expected


class TestMeasuredWithoutJointTraining:
    """`measured=labelled`: joint training chooses, and a network that knows the labels alone is measured."""

    def records(self, measured: str, **settings: object):
        options = {"seed": 0, "num_initial": 20, "batch_size": 30} | settings
        made = Joint(Entropy(), 2.0, measured=measured)
        return list(ActiveLearning(DATASET, small_learner(DATASET), made, **options).rounds())

    @pytest.mark.slow
    def test_the_batches_are_those_of_joint_training(self):
        joint, labelled = self.records("joint"), self.records("labelled")
        for ours, theirs in zip(labelled, joint, strict=True):
            assert np.array_equal(ours.batch.indices, theirs.batch.indices)
            assert ours.unlabelled == theirs.unlabelled
        assert [each.test for each in joint[:-1]] != [each.test for each in labelled[:-1]]

    @pytest.mark.slow
    def test_the_measured_network_is_trained_on_their_labels_alone(self):
        indices: list[int] = []
        for record in self.records("labelled"):
            indices += record.batch.indices.tolist()
            labels = DATASET.train.take(torch.tensor(indices))
            trained = small_learner(DATASET).fit(labels, cross_entropy, seed=0, round=record.round)
            assert record.test == trained.evaluate(DATASET.test)
            assert (record.train_accuracy, record.num_epochs) == (
                trained.course.train_accuracy,
                trained.course.num_epochs,
            )

    @pytest.mark.moderate
    def test_a_rule_that_looks_at_embeddings_sees_those_of_joint_training(self):
        options = {"seed": 0, "num_initial": 20, "batch_size": 30, "budget": 110}
        joint, labelled = (
            list(active_learning(DATASET, small_learner(DATASET), Joint(Coreset(), 2.0, measured=measured), **options))
            for measured in ("joint", "labelled")
        )
        assert [r.batch.indices.tolist() for r in joint] == [r.batch.indices.tolist() for r in labelled]

    @pytest.mark.slow
    def test_validation_is_of_the_measured_network_and_the_other_is_paid_for_by_the_query(self):
        options = {"seed": 0, "num_initial": 20, "batch_size": 30, "num_validation": 20, "budget": 130}
        labelled, random = (
            list(active_learning(DATASET, small_learner(DATASET), strategy, **options))
            for strategy in (Joint(Random(), 2.0, measured="labelled"), Random())
        )
        assert [each.validation for each in labelled] == [each.validation for each in random]
        fits = iter([1.0, 20.0] * 9)  # the one that chooses, the one that is measured
        made = small_learner(DATASET)

        class Timed(Learner):
            def fit(self, *arguments, **keywords):
                seconds = next(fits)
                return replace(made.fit(*arguments, **keywords), fit_seconds=seconds, fit_cpu_seconds=2 * seconds)

        timed = list(
            active_learning(
                DATASET, Timed(made.build, made.training), Joint(Entropy(), 2.0, measured="labelled"), **options
            )
        )
        assert [each.fit_seconds for each in timed] == [20.0] * len(timed)
        assert all(1.0 < each.query_seconds < 10.0 for each in timed[1:])
        assert [each.fit_cpu_seconds for each in timed] == [40.0] * len(timed)
        assert all(2.0 < each.query_cpu_seconds < 10.0 for each in timed[1:])

    @pytest.mark.moderate
    def test_without_a_weight_it_is_the_rule_alone(self):
        made = Joint(Entropy(), 0.0, measured="labelled")
        options = {"seed": 0, "num_initial": 20, "batch_size": 30}
        ours, theirs = (
            results(list(active_learning(DATASET, small_learner(DATASET), strategy, **options)))
            for strategy in (made, Entropy())
        )
        assert ours == theirs

    @pytest.mark.slow
    def test_a_run_goes_on_from_its_committed_rounds(self):
        whole = self.records("labelled")
        rest = self.records("labelled", committed=Committed([record.batch for record in whole[:3]]))
        assert results(rest) == results(whole[3:])

    @pytest.mark.moderate
    def test_with_random_queries_it_is_random(self):
        options = {"seed": 0, "num_initial": 20, "batch_size": 30}
        ours, theirs = (
            results(list(active_learning(DATASET, small_learner(DATASET), strategy, **options)))
            for strategy in (Joint(Random(), 2.0, measured="labelled"), Random())
        )
        assert ours == theirs


def joint_records(weight: float, **settings: object):
    options = {"seed": 0, "num_initial": 20, "batch_size": 30} | settings
    return list(active_learning(DATASET, small_learner(DATASET), Joint(Entropy(), weight), **options))


@pytest.mark.moderate
def test_every_round_records_what_the_network_says_of_the_pool():
    records = joint_records(0.1)
    assert records[-1].unlabelled is None, "nothing is unlabelled any more"
    for record in records[:-1]:
        assert sum(record.unlabelled.class_marginals) == pytest.approx(1)
        assert 0 < record.unlabelled.mean_entropy < np.log(4)
    assert joint_records(0.1, budget=80)[-1].unlabelled is not None
    plain = list(active_learning(DATASET, small_learner(DATASET), Entropy(), seed=0, num_initial=20, budget=20))
    assert plain[0].unlabelled is None


def test_a_collapse_to_one_class_is_warned_of(caplog):
    logger = logging.getLogger("al_bench")
    logger.addHandler(caplog.handler)
    joint_records(0.01, budget=20, seed=1)
    assert "collapsed" not in caplog.text
    joint_records(1e4, budget=20, seed=1)
    logger.removeHandler(caplog.handler)
    assert "round 0: the network has collapsed to class" in caplog.text
    assert "entropy_weight" in caplog.text


QUICK = ("strategy=joint", "model.width=16", "model.max_epochs=5", "num_initial=30", "batch_size.size=30", "budget=90")


@pytest.mark.slow
def test_the_command_line_chooses_the_rule_and_names_it(cli, tmp_path):
    assert cli(*QUICK).code == 0
    result: Result = cli(
        *QUICK, "strategy@strategy.query=badge", "strategy.query.first=largest", "strategy.entropy_weight=0.5"
    )
    assert result.code == 0, result.err
    folder = tmp_path / "outputs/default/digits/mlp,max_epochs=5,width=16"
    names = {"joint", "joint,entropy_weight=0.5,query.first=largest,query=badge"}
    assert {path.name for path in folder.iterdir()} == names
    (path,) = (folder / "joint").rglob("rounds.csv")
    for row in csv.DictReader(path.read_text().splitlines()):
        assert 0 < float(row["unlabelled_entropy"]) < np.log(10)
        assert sum(map(float, row["unlabelled_class_marginals"].split())) == pytest.approx(1)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("strategy.entropy_weight=-1",), "strategy.entropy_weight=-1: input should be greater than or equal to 0"),
        (("strategy.unlabelled_minibatch_size=0",), "strategy.unlabelled_minibatch_size=0: "),
        (
            ("strategy.unlabelled_minibatch_size=some",),
            "=some: input should be a valid integer, or input should be 'all'",
        ),
        (
            ("strategy@strategy.query=bdage",),
            "strategy@strategy.query=bdage: there is no such option; did you mean 'badge'",
        ),
        (("strategy@strategy.query=badge", "strategy.query.frist=largest"), "did you mean 'first'?"),
        (("strategy=badge", "strategy@strategy.query=badge"), "there is no such choice inside of strategy="),
        (("strategy@strategy.query=joint",), "has a term on unlabelled examples itself; say entropy_weight=0"),
        (("strategy.query=badge",), "strategy.query=badge: is a part itself; choose it as strategy@strategy.query=..."),
        (("strategy@strategy.query=kdpp", "batch_size.size=500"), "kdpp draws at most"),
    ],
)
def test_what_cannot_work_is_refused_before_training(cli, tmp_path, overrides, message):
    result = cli(*QUICK, *overrides)
    assert result.code == 1
    assert message in result.err
    assert not list(tmp_path.rglob("rounds.csv"))


def test_the_semi_supervised_baseline_trains_jointly_and_draws_as_random_does():
    built = {name: strategy(name) for name in ("joint", "joint_random", "random")}
    terms = [built[name].trained_with.unlabelled_term for name in ("joint", "joint_random")]
    assert [(term.weight(1), term.minibatch_size) for term in terms] == [(0.03, 128)] * 2
    of = context(built["joint"].needs)
    drawn = {name: query(each, of.declared(each.needs), 10, 3).tolist() for name, each in built.items()}
    assert drawn["joint_random"] == drawn["random"] != drawn["joint"]

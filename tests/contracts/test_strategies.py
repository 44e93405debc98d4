"""The contract of every strategy in conf/strategy, and the definitions of those that score examples."""

import math
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from scipy.stats import chi2_contingency, chisquare

from al_bench.config.schema import CONF
from al_bench.core.errors import ConfigError, StrategyError, TrainingError
from al_bench.core.seeding import Stream, torch_seeded
from al_bench.core.strategy import OF_ORACLES, Known, Needs, Outputs, QueryContext, Strategy
from al_bench.job.built import checked_strategy
from al_bench.models.mlp import MLP
from al_bench.strategies.maths.gradients import GradientEmbedding
from al_bench.strategies.replay import Bought
from al_bench.strategies.uncertainty import Confidence, Entropy, Margin
from al_bench.training.outputs import PRODUCERS, ForwardPass

TIED = {  # equal ones go by pool order
    "kmeans": "the centre of a cluster of two is as near to either",
    "probcover": "gains are counts of examples, so that most are equal",
}
FOLDER = CONF / "strategy"
OPTIONS = sorted(str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.rglob("*.yaml"))


@cache
def node(option: str) -> dict[str, Any]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return OmegaConf.to_container(compose("config", [f"strategy={option}"]).strategy, resolve=True)


CHEAPER = {  # than by default, where that takes minutes
    "epig": {"num_targets": 3},
    "oracle/boss": {"num_batches": 10},
    "oracle/greedy_oracle": {"num_candidates": 2},
    "refine": {"num_batches": 9, "num_rounds": 2},
}
MOST = {"oracle/boss": 40, "oracle/greedy_oracle": 40, "refine": 40}  # of a batch, for the same reason


def strategy(option: str) -> Strategy:
    """A new one each time."""
    return checked(node(option) | CHEAPER.get(option, {}), batch_size=1)


def checked(node: dict[str, Any], batch_size: int) -> Strategy:
    """Whatever folder is to be said: what was bought there is the pool in its order."""
    said = {key: "folder" for key, value in node.items() if value == "???"}
    return checked_strategy(node | said, batch_size, lambda folder: Bought(np.arange(10_000)))


DRAWN = ("logits", "embedding")  # of each other, unless the head is declared; other outputs are the network's


def context(
    needs: Needs, num_unlabelled: int = 40, num_classes: int = 3, num_dimensions: int = 4, seed: int = 0, spread=1.0
) -> QueryContext:
    """Random outputs, restricted to what is declared."""
    generator = torch.Generator().manual_seed(seed)
    with torch_seeded(seed, Stream.WEIGHTS, 0):
        network = MLP((num_dimensions,), num_classes, num_dimensions)
    draw = partial(torch.randn, generator=generator)
    weight_CD, bias_C = network.head.weight.detach(), draw(num_classes)

    def outputs(size: int) -> Outputs:
        logits, embedding = draw(size, num_classes) * spread, draw(size, num_dimensions) * spread
        if Needs.HEAD in needs:
            logits = embedding @ weight_CD.T + bias_C
        forward = ForwardPass(network, embedding, samples=(network, lambda inputs: 2 * network(inputs)))
        others = {name: producer(forward).detach() for name, producer in PRODUCERS.items() if name not in DRAWN}
        return Outputs(logits, embedding, **others)

    def known(size: int) -> Known:
        return Known(outputs(size), torch.arange(size) % num_classes)

    num_labelled = 7
    return QueryContext(
        outputs(num_unlabelled),
        outputs(num_labelled),
        torch.arange(num_labelled) % num_classes,
        num_unlabelled,
        num_classes,
        round=0,
        head=(weight_CD, bias_C),
        validation=known(5),
        pool_targets=torch.arange(num_unlabelled) % num_classes,
        evaluation=known(6),
        indices=torch.arange(num_unlabelled),
    ).declared(needs)


def query(chosen: Strategy, of: QueryContext, batch_size: int, seed: int = 0) -> torch.Tensor:
    return chosen.query(of, batch_size, np.random.default_rng(seed))


def largest_batch(option: str, of: QueryContext) -> int:
    """What the strategy can choose at once: all of the pool, but for k-DPPs."""
    if option != "kdpp":
        return of.num_unlabelled
    gradients = GradientEmbedding.of(of.unlabelled.logits_NC, of.unlabelled.embedding_ND)
    matrix = gradients.error_NC.double()[:, :, None] * gradients.embedding_ND.double()[:, None, :]
    return int(torch.linalg.matrix_rank(matrix.flatten(1)))


@pytest.mark.parametrize("option", OPTIONS)
class TestEveryStrategy:
    @pytest.mark.parametrize(
        ("num_unlabelled", "batch_size", "num_classes", "num_dimensions", "spread"),
        [
            (40, 10, 3, 8, 1.0),
            (40, 1, 3, 8, 1.0),
            (40, 40, 3, 20, 1.0),
            (1, 1, 2, 4, 1.0),
            (30, 12, 2, 1, 1.0),
            (30, 1, 3, 1, 1.0),
            (30, 12, 1000, 8, 1.0),
            (30, 12, 3, 4, 0.0),
            (30, 30, 3, 4, 0.0),
            (30, 12, 3, 8, 1e4),
            pytest.param(3000, 1100, 3, 4, 1.0, marks=pytest.mark.moderate),
        ],
    )
    def test_returns_distinct_unlabelled_rows(
        self, option, num_unlabelled, batch_size, num_classes, num_dimensions, spread
    ):
        chosen = strategy(option)
        batch_size = min(batch_size, MOST.get(option, batch_size))
        of = context(chosen.needs, num_unlabelled, num_classes, num_dimensions, spread=spread)
        if batch_size > largest_batch(option, of):
            with pytest.raises(StrategyError, match=f"a batch of {batch_size} is above the numerical rank"):
                query(chosen, of, batch_size)
            return
        rows = query(chosen, of, batch_size)
        assert rows.dtype == torch.int64
        assert rows.shape == (batch_size,)
        assert len(set(rows.tolist())) == batch_size
        assert 0 <= rows.min() <= rows.max() < num_unlabelled

    def test_takes_an_initial_set_without_labels_or_says_that_it_cannot(self, option):
        chosen = strategy(option)
        of = context(chosen.needs, num_dimensions=8)
        none = of.labelled.take(torch.arange(0))
        unlabelled_only = replace(of, labelled=none, labelled_targets=of.labelled_targets[:0])
        try:
            rows = query(chosen, unlabelled_only, 10)
        except ConfigError as error:
            assert str(error).startswith("num_initial=0: ")  # noqa: PT017
            return
        assert len(set(rows.tolist())) == 10

    def test_is_a_pure_function_of_context_batch_size_and_random_numbers(self, option):
        chosen = strategy(option)
        of = context(chosen.needs, num_dimensions=8)
        same = context(chosen.needs, num_dimensions=8)
        first = query(chosen, of, 10, seed=3)
        assert torch.equal(first, query(chosen, of, 10, seed=3))
        assert torch.equal(first, query(strategy(option), of, 10, seed=3))
        for outputs, untouched in ((of.unlabelled, same.unlabelled), (of.labelled, same.labelled)):
            for ours, theirs in zip(vars(outputs).values(), vars(untouched).values(), strict=True):
                assert ours is None or torch.equal(ours, theirs), "the context was written to"

    def test_what_is_hidden_is_shown_to_oracles_alone(self, option):
        assert strategy(option).is_oracle == bool(strategy(option).needs & OF_ORACLES)

    def test_it_can_be_shown_a_subset(self, option):
        assert node(option)["subset_size"] is None
        assert checked(node(option) | {"subset_size": 12}, batch_size=12).subset_size == 12

    def test_touches_no_global_generator(self, option):
        chosen = strategy(option)
        before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
        query(chosen, context(chosen.needs, num_dimensions=8), 10)
        assert torch.equal(before, torch.get_rng_state())
        assert np.array_equal(numpy_before, np.random.get_state()[1])  # noqa: NPY002

    @pytest.mark.slow
    def test_permuting_the_pool_permutes_the_answer(self, option):
        """Of those that draw, the distribution of the first choice; chi-squared, false alarms: 1 in 1,000."""
        if option in TIED:
            pytest.skip(TIED[option])
        needs = strategy(option).needs
        of = context(needs, num_unlabelled=40, num_dimensions=8)
        order = torch.randperm(40, generator=torch.Generator().manual_seed(1))
        shuffled = of.restricted(order)

        def choices(each: QueryContext, seeds: range) -> torch.Tensor:
            return torch.stack([query(strategy(option), each, 3, seed) for seed in seeds])

        ours, theirs = choices(of, range(10)), order[choices(shuffled, range(10))]
        if not torch.equal(ours, theirs):
            assert len(ours.unique(dim=0)) > 1, "it draws nothing, and yet it depends on the order"
            num_draws = 100 if option in CHEAPER else 400
            firsts = [choices(of, range(100, 100 + num_draws)), order[choices(shuffled, range(500, 500 + num_draws))]]
            counts = torch.stack([first[:, 0].bincount(minlength=40) for first in firsts]).numpy()
            is_rare = counts.sum(0) < 10
            pooled = np.column_stack([counts[:, ~is_rare], counts[:, is_rare].sum(1)])
            assert chi2_contingency(pooled[:, pooled.sum(0) > 0]).pvalue > 1e-3

    def test_outputs_that_are_not_finite_are_refused(self, option):
        if option == "joint_random":
            pytest.skip("its logits are those that the loop records of the pool, which reads them")
        chosen = strategy(option)
        of = context(chosen.needs, num_dimensions=8)
        for name in PRODUCERS:
            if (output := getattr(of.unlabelled, name)) is not None:
                output[3] = torch.nan
        if any(getattr(of.unlabelled, name) is not None for name in PRODUCERS):
            with pytest.raises(TrainingError, match="of the pool has values that are not finite"):
                query(chosen, of, 10)


@pytest.mark.parametrize(
    ("scored", "by_hand"),
    [
        (Confidence(), lambda p: max(p)),
        (Margin(), lambda p: sorted(p)[-1] - sorted(p)[-2]),
        (Entropy(), lambda p: sum(q * math.log(q) for q in p if q > 0)),
    ],
    ids=["confidence", "margin", "entropy"],
)
class TestUncertainty:
    def test_takes_the_examples_of_smallest_score_by_definition(self, scored, by_hand):
        of = context(Needs.LOGITS, num_unlabelled=200, num_classes=5, spread=2.0)
        probabilities = of.unlabelled.logits_NC.double().softmax(1).tolist()
        expected = sorted(range(200), key=lambda row: by_hand(probabilities[row]))[:50]
        assert query(scored, of, 50).tolist() == expected

    def test_equal_scores_are_taken_in_pool_order(self, scored, by_hand):
        logits = torch.zeros(5000, 3)
        logits[::2] = torch.tensor([5.0, 0.0, -5.0])
        of = QueryContext(Outputs(logits), Outputs(), torch.zeros(0), 5000, 3, 0)
        assert query(scored, of, 2600).tolist() == [*range(1, 5000, 2), *range(0, 200, 2)]

    def test_permuting_the_pool_permutes_the_answer(self, scored, by_hand):
        of = context(Needs.LOGITS, spread=2.0)
        order = torch.randperm(40, generator=torch.Generator().manual_seed(1))
        shuffled = QueryContext(Outputs(of.unlabelled.logits_NC[order]), Outputs(), of.labelled_targets, 40, 3, 0)
        assert order[query(scored, shuffled, 10)].tolist() == query(scored, of, 10).tolist()


def test_nearly_certain_predictions_are_told_apart():
    """In float32 all three probabilities are 1."""
    of = QueryContext(
        Outputs(torch.tensor([[20.0, 0.0], [18.0, 0.0], [19.0, 0.0]])), Outputs(), torch.zeros(0), 3, 2, 0
    )
    for scored in (Confidence(), Margin(), Entropy()):
        assert query(scored, of, 3).tolist() == [1, 2, 0]


def test_entropy_of_certain_predictions_is_zero_and_not_nan():
    scores = Entropy.score(torch.tensor([[0.0, 200.0, -300.0], [0.0, 0.0, 0.0]]))
    assert scores.tolist() == pytest.approx([0.0, math.log(3)])


@pytest.mark.slow
def test_random_is_uniform_without_replacement():
    """Chi-squared test over all pairs out of six; false alarms: 1 in 1,000."""
    counts = np.zeros((6, 6))
    random, of_six = strategy("random"), context(Needs.NONE, num_unlabelled=6)
    for seed in range(6000):
        first, second = query(random, of_six, 2, seed).tolist()
        counts[first, second] += 1
    assert np.all(np.diag(counts) == 0)
    assert chisquare(counts[~np.eye(6, dtype=bool)]).pvalue > 1e-3


NOT_DECLARED = QueryContext(Outputs(), Outputs(), torch.zeros(0), 5, 3, 0)


@pytest.mark.parametrize(
    ("holder", "field", "need"),
    [
        (Outputs(), "logits_NC", "LOGITS"),
        (Outputs(), "embedding_ND", "EMBEDDING"),
        (Outputs(), "features_ND", "FEATURES"),
        (Outputs(), "samples_SNC", "SAMPLES"),
        (NOT_DECLARED, "head_weight_CD", "HEAD"),
        (NOT_DECLARED, "head_bias_C", "HEAD"),
        (NOT_DECLARED, "unlabelled_targets", "POOL_TARGETS"),
        (NOT_DECLARED, "unlabelled_indices", "INDICES"),
    ],
)
def test_reading_what_was_not_declared_is_an_error(holder, field, need):
    with pytest.raises(StrategyError, match=f"Needs.{need}"):
        getattr(holder, field)


def test_a_strategy_is_shown_what_it_declares_alone():
    of = context(~Needs.NONE)
    for need in Needs:
        shown = of.declared(need)
        assert (shown.head is not None) == (need == Needs.HEAD)
        assert (shown.pool_targets is not None) == (need == Needs.POOL_TARGETS)
        assert (shown.indices is not None) == (need == Needs.INDICES)
        assert (len(shown.validation.targets) > 0) == (need == Needs.VALIDATION)
        assert (len(shown.evaluation.targets) > 0) == (need == Needs.EVALUATION)
        assert [name for name, value in vars(shown.unlabelled).items() if value is not None] == [
            name for name in PRODUCERS if Needs[name.upper()] == need
        ]
        assert not any(value is not None for value in vars(shown.labelled).values())
    both = of.declared(Needs.LABELLED | Needs.LOGITS | Needs.VALIDATION)
    for outputs in (both.unlabelled, both.labelled, both.validation.outputs):
        assert [name for name, value in vars(outputs).items() if value is not None] == ["logits"]


def test_a_context_of_some_rows_has_their_outputs_and_targets():
    of, rows = context(~Needs.NONE), torch.tensor([5, 3, 8])
    some = of.restricted(rows)
    assert torch.equal(some.unlabelled.features_ND, of.unlabelled.features_ND[rows])
    assert torch.equal(some.unlabelled_targets, of.unlabelled_targets[rows])
    assert torch.equal(some.unlabelled_indices, rows)
    assert some.num_unlabelled == 3
    assert some.labelled is of.labelled

"""The contract of every strategy in conf/strategy, and the definitions of those that score examples."""

import math
from functools import cache
from typing import Any, get_args

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from scipy.stats import chisquare
from torch import Tensor

from al_bench.config.reading.families import IN_ORDER, ORACLES, families
from al_bench.config.schema import CONF
from al_bench.core.errors import ConfigError, StrategyError
from al_bench.core.strategy import Family, Needs, Outputs, QueryContext, Strategy
from al_bench.job.built import checked_strategy
from al_bench.strategies.maths.gradients import GradientEmbedding
from al_bench.strategies.replay import Bought
from al_bench.strategies.uncertainty import Confidence, Entropy, Margin
from al_bench.testing import made_context
from al_bench.testing.asking import CASES, Subject
from al_bench.testing.checks import (
    CHECKS,
    declares_what_is_hidden,
    follows_a_permutation_of_the_pool,
    refuses,
    returns_distinct_rows,
    without_labels,
)
from al_bench.training.outputs import PRODUCERS

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
    "oracle/boss": {"num_batches": 4},
    "oracle/greedy_oracle": {"num_candidates": 2},
    "refine": {"num_batches": 9, "num_rounds": 2},
}
MOST = {"oracle/boss": 40, "oracle/greedy_oracle": 40, "refine": 40}  # of a batch, for the same reason


def strategy(option: str) -> Strategy:
    """A new one each time."""
    return checked(node(option) | CHEAPER.get(option, {}), batch_size=1)


@pytest.mark.parametrize("option", OPTIONS)
def test_it_is_of_the_family_that_its_class_says(option):
    found = strategy(option)
    name = option.removeprefix("oracle/")
    said = [family for family, options in families().items() if name in options]
    assert said == ([] if option == "replay" else [ORACLES if found.is_oracle else found.family])


def test_families_have_the_names_that_a_class_can_say():
    assert {*IN_ORDER, "other"} == {*get_args(Family), ORACLES}


def checked(node: dict[str, Any], batch_size: int) -> Strategy:
    """Whatever folder is to be said: what was bought there is the pool in its order."""
    said = {key: "folder" for key, value in node.items() if value == "???"}
    return checked_strategy(node | said, batch_size, lambda folder: Bought(np.arange(10_000)))


context = made_context


def query(chosen: Strategy, of: QueryContext, batch_size: int, seed: int = 0) -> torch.Tensor:
    return chosen.query(of, batch_size, np.random.default_rng(seed))


def rank_of_kdpp(of: QueryContext) -> int:
    """How many it can draw at once."""
    gradients = GradientEmbedding.of(of.unlabelled.logits_NC, of.unlabelled.embedding_ND)
    matrix = gradients.error_NC.double()[:, :, None] * gradients.embedding_ND.double()[:, None, :]
    return int(torch.linalg.matrix_rank(matrix.flatten(1)))


def subject(option: str) -> Subject:
    """As `check_strategy` makes it, with what is said of the option above."""
    return Subject(
        strategy(option),
        breaks_ties_by_pool_order=option in TIED,
        largest_batch=rank_of_kdpp if option == "kdpp" else None,
        max_batch_size=MOST.get(option, 10_000),
        num_draws=100 if option in CHEAPER else 400,
    )


def marked(value: object, mark: pytest.MarkDecorator | None) -> object:
    return pytest.param(value, marks=[mark] if mark else [])


@pytest.mark.parametrize("option", OPTIONS)
class TestEveryStrategy:
    """Check by check, all that `check_strategy` does."""

    @pytest.mark.parametrize(
        "case", [marked(each, pytest.mark.moderate if each.num_unlabelled > 1000 else None) for each in CASES]
    )
    def test_returns_distinct_unlabelled_rows(self, option, case):
        returns_distinct_rows(subject(option), case)
        assert option == "kdpp" or not refuses(subject(option), case)

    @pytest.mark.parametrize(
        "check",
        [marked(each, pytest.mark.slow if each is follows_a_permutation_of_the_pool else None) for each in CHECKS],
        ids=lambda check: check.__name__,
    )
    def test_keeps_its_contract(self, option, check):
        if check is follows_a_permutation_of_the_pool and option in TIED:
            pytest.skip(TIED[option])
        check(subject(option))

    def test_takes_an_initial_set_without_labels_or_says_that_it_cannot(self, option):
        """Those that read a network, too: who asks them without the command line."""
        of = subject(option)
        try:
            of.asked(without_labels(of.context()), 10)
        except AssertionError as error:
            assert isinstance(error.__cause__, ConfigError)  # noqa: PT017
            assert str(error.__cause__).startswith("num_initial=0: ")  # noqa: PT017

    def test_what_is_hidden_is_shown_to_oracles_alone(self, option):
        declares_what_is_hidden(subject(option))

    def test_it_can_be_shown_a_subset(self, option):
        assert node(option)["subset_size"] is None
        assert checked(node(option) | {"subset_size": 12}, batch_size=12).subset_size == 12


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
        assert (len(shown.test.targets) > 0) == (need == Needs.TEST)
        assert [name for name, value in vars(shown.unlabelled).items() if value is not None] == [
            name for name in PRODUCERS if Needs[name.upper()] == need
        ]
        assert not any(isinstance(value, Tensor) for value in vars(shown.labelled).values())
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

"""BALD by loops over samples and classes, the draws of PowerBALD by enumeration."""

import math
from collections import Counter
from itertools import pairwise, permutations

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from al_bench.core.errors import StrategyError
from al_bench.core.strategy import Outputs, QueryContext
from al_bench.strategies.bald import Bald, PowerBald
from al_bench.strategies.maths import samples
from al_bench.strategies.maths.samples import mutual_information
from al_bench.strategies.maths.sampling import power_choice


def context(embedding_ND: torch.Tensor, weight_CD: torch.Tensor, bias_C: torch.Tensor) -> QueryContext:
    outputs, none = Outputs(embedding=embedding_ND), torch.zeros(0, dtype=torch.int64)
    head = (weight_CD, bias_C)
    return QueryContext(outputs, Outputs(), none, len(embedding_ND), len(weight_CD), round=1, head=head)


def problem(seed: int) -> tuple[QueryContext, int]:
    """A small one with copies, a row of zeros and, in some, saturated predictions or a batch of all rows."""
    generator = torch.Generator().manual_seed(seed)
    num_rows, num_classes, num_dimensions = (
        int(torch.randint(low, high, (), generator=generator)) for low, high in ((6, 40), (2, 6), (1, 9))
    )
    embedding_ND = torch.randn(num_rows, num_dimensions, generator=generator).relu() * (1e3 if seed % 5 == 4 else 1)
    embedding_ND = embedding_ND[torch.randint(num_rows, (num_rows,), generator=generator)]
    embedding_ND[seed % num_rows] = 0
    weight_CD = torch.randn(num_classes, num_dimensions, generator=generator)
    bias_C = torch.randn(num_classes, generator=generator) * (seed % 2)
    return context(embedding_ND, weight_CD, bias_C), (1, num_rows // 2, num_rows)[seed % 3]


def entropy(probabilities: list[float]) -> float:
    return -sum(p * math.log(p) for p in probabilities if p > 0)


def predicted(of: QueryContext, num_samples: int, dropout: float, rng: np.random.Generator) -> list[list[list[float]]]:
    """p of each row, sample and class, a mask for each sample; entry by entry."""
    weight, bias, embedding = of.head_weight_CD.tolist(), of.head_bias_C.tolist(), of.unlabelled.embedding_ND.tolist()
    kept = (rng.random((num_samples, len(embedding[0]))) >= dropout).tolist()
    found = []
    for z in embedding:
        found.append([])
        for mask in kept:
            dropped = [value / (1 - dropout) if is_kept else 0.0 for value, is_kept in zip(z, mask, strict=True)]
            logits = [sum(map(math.prod, zip(w, dropped, strict=True))) + b for w, b in zip(weight, bias, strict=True)]
            exponentials = [math.exp(logit - max(logits)) for logit in logits]
            found[-1].append([each / sum(exponentials) for each in exponentials])
    return found


def on_grid(information: float) -> float:
    """Where samples are saturated, many scores are equal on paper, and those go by pool order."""
    return max(0.0, round(information * 2**40) / 2**40)


def by_definition(of: QueryContext, num_samples: int, dropout: float, rng: np.random.Generator) -> list[float]:
    scores = []
    for samples_SC in predicted(of, num_samples, dropout, rng):
        mean = [sum(each) / num_samples for each in zip(*samples_SC, strict=True)]
        information = entropy(mean) - sum(map(entropy, samples_SC)) / num_samples
        scores.append(on_grid(information))
    return scores


@pytest.mark.parametrize("seed", range(60))
def test_chooses_the_most_information_about_the_weights(seed):
    of, batch_size = problem(seed)
    num_samples, dropout = (2, 5, 20)[seed % 3], (0.2, 0.5)[seed % 2]
    scores = by_definition(of, num_samples, dropout, np.random.default_rng(seed))
    expected = sorted(range(len(scores)), key=lambda row: -scores[row])[:batch_size]
    chosen = Bald(num_samples, dropout)
    found = chosen.scores(of, np.random.default_rng(seed))
    assert found.tolist() == pytest.approx(scores, abs=1e-11)
    assert chosen.query(of, batch_size, np.random.default_rng(seed)).tolist() == expected


def test_samples_that_disagree_tell_more_than_samples_that_are_unsure():
    """Both examples have the same mean prediction."""
    disagreed, unsure = [[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.5], [0.5, 0.5]]
    found = mutual_information(torch.tensor([disagreed, unsure], dtype=torch.float64).clamp(1e-300).log())
    assert found.tolist() == pytest.approx([math.log(2), 0], abs=1e-15)


def test_a_probability_that_underflows_adds_nothing():
    logits_RSC = torch.tensor([[[2000.0, 0, -2000], [2000, 0, -2000]], [[2000, 0, 0], [0, 2000, 0]]])
    assert mutual_information(logits_RSC.double().log_softmax(2)).tolist() == pytest.approx([0, math.log(2)])


def wide(num_rows: int = 3000, num_classes: int = 10) -> QueryContext:
    """Each row stands there about twice, at places that a matrix product rounds differently."""
    generator = torch.Generator().manual_seed(0)
    rows_MD = torch.randn(num_rows // 2, 257, generator=generator).relu()
    copied_ND = rows_MD[torch.randint(len(rows_MD), (num_rows,), generator=generator)]
    head = torch.randn(num_classes, 257, generator=generator) / 4, torch.randn(num_classes, generator=generator)
    return context(copied_ND, *head)


def test_copies_have_equal_scores_to_the_bit():
    """Whatever rounding makes of them: here, a score of its own for each row."""
    of = wide()
    predictions = Bald().predictions(of, np.random.default_rng(0))
    rounded = predictions.scores(lambda log_probabilities_RSC: torch.arange(len(log_probabilities_RSC)).double())
    _, group = of.unlabelled.embedding_ND.unique(dim=0, return_inverse=True)
    for each in group.unique():
        assert len(rounded[group == each].unique()) == 1


def test_equal_scores_are_taken_in_pool_order():
    of = wide()
    scores = Bald().scores(of, np.random.default_rng(0))
    assert len(scores.unique()) < 2000
    order = Bald().query(of, 3000, np.random.default_rng(0))
    assert all(first < second for first, second in pairwise(order) if scores[first] == scores[second])


@pytest.mark.parametrize("strategy", [Bald(), PowerBald()], ids=["bald", "power"])
def test_neither_chunks_nor_threads_change_a_choice(monkeypatch, strategy):
    of = wide()
    expected = strategy.query(of, 3000, np.random.default_rng(1))
    monkeypatch.setattr(samples, "MAX_NUMBERS", 37 * 200)
    assert torch.equal(strategy.query(of, 3000, np.random.default_rng(1)), expected)
    monkeypatch.undo()
    torch.set_num_threads(3)
    assert torch.equal(strategy.query(of, 3000, np.random.default_rng(1)), expected)


def test_power_bald_draws_by_the_scores_of_bald():
    of, _ = problem(1)
    rng = np.random.default_rng(3)
    scores = Bald().scores(of, rng)
    expected = power_choice(scores, 5, rng, "softrank", 2.0)
    assert torch.equal(PowerBald(kind="softrank", beta=2.0).query(of, 5, np.random.default_rng(3)), expected)


WEIGHTS = {
    "power": lambda scores, beta: [score**beta for score in scores],
    "softmax": lambda scores, beta: [math.exp(beta * score) for score in scores],
    "softrank": lambda scores, beta: [
        (1 + sum((-other, place) < (-score, row) for place, other in enumerate(scores))) ** -beta
        for row, score in enumerate(scores)
    ],
}


def chances(weights: list[float], batch_size: int) -> dict[tuple[int, ...], float]:
    """Of every batch in its order: draws without replacement; uniform once all weights left are 0."""
    found = {}
    for batch in permutations(range(len(weights)), batch_size):
        left, chance = dict(enumerate(weights)), 1.0
        for row in batch:
            total = sum(left.values())
            chance *= left[row] / total if total > 0 else 1 / len(left)
            del left[row]
        found[batch] = chance
    return found


@pytest.mark.moderate
@pytest.mark.parametrize(
    ("scores", "kind", "beta", "batch_size"),
    [
        ([0.0, 0.0, 0.5, 0.2], "power", 1.0, 1),
        ([0.0, 0.0, 0.5, 0.2], "power", 1.0, 3),
        ([0.0, 0.0, 0.0], "power", 1.0, 2),
        ([0.3, 0.1, 0.2, 0.2], "power", 2.0, 2),
        ([0.3, 0.1, 0.9, 0.0], "softmax", 3.0, 2),
        ([0.3, 0.1, 0.1, 0.7], "softrank", 1.5, 2),
    ],
)
def test_batches_are_drawn_as_by_enumeration(scores, kind, beta, batch_size):
    """Chi-squared over all batches; false alarms: 1 in 1,000 each."""
    rng, num_draws = np.random.default_rng(0), 6000
    of = torch.tensor(scores, dtype=torch.float64)
    counts = Counter(tuple(power_choice(of, batch_size, rng, kind, beta).tolist()) for _ in range(num_draws))
    expected = chances(WEIGHTS[kind](scores, beta), batch_size)
    assert all(expected[batch] > 0 for batch in counts)
    possible = [batch for batch, chance in expected.items() if chance > 0]
    found = [counts[batch] for batch in possible]
    assert len(possible) == 1 or chisquare(found, [num_draws * expected[batch] for batch in possible]).pvalue > 1e-3


def test_what_is_not_shown_is_named():
    none = torch.zeros(0, dtype=torch.int64)
    with pytest.raises(StrategyError, match="Needs.HEAD"):
        Bald().query(QueryContext(Outputs(), Outputs(), none, 5, 3, 0), 1, np.random.default_rng(0))

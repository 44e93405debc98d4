"""The power family against its definition, draw by draw, and against the probabilities of all batches."""

import math
from itertools import permutations

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from scipy.stats import chisquare

from al_bench.config.schema import CONF
from al_bench.core.strategy import Needs, Outputs, QueryContext
from al_bench.job.built import checked_strategy
from al_bench.strategies import uncertainty
from al_bench.strategies.maths.ranking import decreasing, largest
from al_bench.strategies.maths.sampling import drawn, log_weights
from al_bench.strategies.power import Power
from tests.contracts.test_strategies import query

KINDS = ("power", "softmax", "softrank")
SCORES = ("margin", "entropy", "confidence")


def of(logits: torch.Tensor) -> QueryContext:
    return QueryContext(Outputs(logits), Outputs(), torch.zeros(0), *logits.shape, 0)


def logits_of(seed: int, num_rows: int, num_classes: int = 3) -> torch.Tensor:
    """With copies, uniform predictions, and saturated ones, whose uncertainty is 0."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(num_rows, num_classes, generator=generator) * 3
    logits[torch.rand(num_rows, generator=generator) < 0.2] = 0
    logits[torch.rand(num_rows, generator=generator) < 0.3, 0] = 800
    return logits[torch.randint(num_rows, (num_rows,), generator=generator)]


def by_hand(probabilities: list[float], score: str) -> float:
    second, first = sorted(probabilities)[-2:]
    entropy = -math.fsum(p * math.log(p) for p in probabilities if p > 0)
    return {"margin": 1 - (first - second), "confidence": 1 - first, "entropy": max(entropy, 0.0)}[score]


def obvious(logits: torch.Tensor, score: str, kind: str, beta: float, batch_size: int, seed: int) -> list[int]:
    """Kirsch et al. (2023), table 1: the largest perturbed scores; in `power` the rows of score 0 by noise, at last."""
    scores = [by_hand(each, score) for each in logits.double().softmax(1).tolist()]
    waits = np.random.default_rng(seed).standard_exponential(len(scores)).tolist()
    noise = [-math.log(wait) for wait in waits]
    by_score = sorted(range(len(scores)), key=lambda row: -scores[row])
    if kind == "power":
        keys = [(1, beta * math.log(s) + g) if s > 0 else (0, g) for s, g in zip(scores, noise, strict=True)]
    elif kind == "softmax":
        keys = [(1, beta * s + g) for s, g in zip(scores, noise, strict=True)]
    else:
        keys = [(1, -beta * math.log(1 + by_score.index(row)) + noise[row]) for row in by_score]
        keys = [key for _, key in sorted(zip(by_score, keys, strict=True))]
    return sorted(range(len(scores)), key=lambda row: keys[row], reverse=True)[:batch_size]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(("num_rows", "batch_size", "beta"), [(40, 12, 1.0), (30, 30, 8.0), (9, 1, 0.3), (1, 1, 1.0)])
def test_the_batch_is_that_of_the_definition(kind, score, num_rows, batch_size, beta):
    """Of logits whose entropies are exact: equal predictions have equal scores to the bit, in both computations."""
    for seed in range(10):
        logits = logits_of(seed, num_rows)
        chosen = query(Power(score, kind, beta), of(logits), batch_size, seed).tolist()
        assert chosen == obvious(logits, score, kind, beta, batch_size, seed)


def weights(scores: list[float], kind: str, beta: float) -> list[float]:
    ranks = [1 + sorted(scores, reverse=True).index(s) for s in scores]
    if kind == "softrank":
        return [rank**-beta for rank in ranks]
    return [s**beta if kind == "power" else math.exp(beta * s) for s in scores]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("beta", [1.0, 2.5])
def test_pairs_are_drawn_in_proportion_to_weights_without_replacement(kind, beta):
    """Chi-squared test over the twelve ordered pairs; false alarms: 1 in 1,000."""
    scores = [0.1, 0.6, 0.3, 0.9]
    weight = weights(scores, kind, beta)
    pairs = list(permutations(range(4), 2))
    expected = [weight[i] / sum(weight) * weight[j] / (sum(weight) - weight[i]) for i, j in pairs]
    counts, rng = dict.fromkeys(pairs, 0), np.random.default_rng(0)
    log_weight = beta * log_weights(torch.tensor(scores, dtype=torch.float64), kind)
    num_draws = 3000
    for gumbel in torch.from_numpy(rng.gumbel(size=(num_draws, 4))):
        counts[tuple(drawn(log_weight, gumbel, 2).tolist())] += 1
    assert chisquare(list(counts.values()), [num_draws * p for p in expected]).pvalue > 1e-3


def test_scores_of_zero_come_last_and_in_any_order():
    """Scores 0, 0, .5 and .2: the first draw is 0, 0, 5/7, 2/7. Chi-squared test; false alarms: 1 in 1,000."""
    logits = torch.tensor([[800.0, 0.0], [0.0, 800.0], [0.0, 0.0], [math.log(4), 0.0]])
    possible = [(2, 3, 0, 1), (2, 3, 1, 0), (3, 2, 0, 1), (3, 2, 1, 0)]
    counts = dict.fromkeys(possible, 0)
    for seed in range(1000):
        counts[tuple(query(Power("confidence"), of(logits), 4, seed).tolist())] += 1
    expected = [1000 * p / 14 for p in (5, 5, 2, 2)]
    assert chisquare(list(counts.values()), expected).pvalue > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_beta_takes_the_largest_scores_and_equal_ones_in_pool_order(kind):
    """The noise is below the rounding of beta times a score."""
    logits = torch.tensor([[1.0, 0.0], [0.5, 0.0], [0.5, 0.0], [2.0, 0.0], [0.0, 0.1]])
    assert query(Power("margin", kind, 1e20), of(logits), 5).tolist() == [4, 1, 2, 0, 3]


def test_saturated_predictions_have_no_weight_and_no_nan():
    saturated = torch.tensor([[800.0, 0.0, -800.0]]).repeat(50, 1)
    for score in SCORES:
        batches = [query(Power(score), of(saturated), 50, seed).tolist() for seed in range(3)]
        assert all(sorted(batch) == list(range(50)) for batch in batches)
        assert len({tuple(batch) for batch in batches}) == 3


def test_chunks_and_threads_change_no_choice(monkeypatch):
    logits = logits_of(0, 3000, 7)
    expected = [query(Power(score), of(logits), 500).tolist() for score in SCORES]
    for chunk, threads in ((1, 1), (37, 1), (10**6, 2)):
        monkeypatch.setattr(uncertainty, "CHUNK", chunk)
        torch.set_num_threads(threads)
        assert [query(Power(score), of(logits), 500).tolist() for score in SCORES] == expected


def test_each_option_has_its_score():
    for score in SCORES:
        node = OmegaConf.to_container(OmegaConf.load(CONF / "strategy" / f"power_{score}.yaml"))
        chosen = checked_strategy(node, batch_size=1)
        assert isinstance(chosen, Power)
        assert (chosen.score, chosen.kind, chosen.beta, chosen.needs) == (score, "power", 1.0, Needs.LOGITS)


@pytest.mark.parametrize("num_wanted", [0, 1, 17, 200])
def test_the_largest_are_the_beginning_of_a_stable_sort(num_wanted):
    for seed, scale in enumerate((0, 2, 1e6)):
        scores = torch.randn(200, generator=torch.Generator().manual_seed(seed)).mul(scale).round().double()
        expected = sorted(range(200), key=lambda row: -scores[row])[:num_wanted]
        assert largest(scores, num_wanted).tolist() == expected
        infinite = torch.where(scores > 0, scores, -torch.inf)
        assert largest(infinite, num_wanted).tolist() == sorted(range(200), key=lambda row: -infinite[row])[:num_wanted]


@pytest.mark.parametrize("num_rows", [1, 2, 200, 5000])
def test_the_order_of_decreasing_scores_is_that_of_a_stable_sort(num_rows):
    for seed, scale in enumerate((0, 2, 40, 1e9)):
        scores = torch.randn(num_rows, generator=torch.Generator().manual_seed(seed)).mul(scale).round().double()
        for each in (scores, torch.where(scores > 0, scores, -torch.inf), scores.abs() / 3):
            assert decreasing(each).tolist() == sorted(range(num_rows), key=lambda row: -each[row])

"""ALBL against traces computed by hand, and its batches against the mixture they are drawn from."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from al_bench.core.strategy import Outputs, QueryContext
from al_bench.strategies.albl import Albl
from al_bench.strategies.coreset import Coreset
from al_bench.strategies.uncertainty import Confidence
from tests.contracts.test_strategies import context, query


class FixedUniforms:
    """Instead of a generator: these numbers, in turn."""

    def __init__(self, *values: float) -> None:
        self.values = list(values)

    def random(self) -> float:
        return self.values.pop(0)


def labelled_as(of: QueryContext, is_right: list[bool]) -> QueryContext:
    """As many labelled examples, predicted right or wrong."""
    targets = torch.zeros(len(is_right), dtype=torch.int64)
    logits = torch.tensor([[1.0, 0.0, 0.0] if right else [0.0, 1.0, 0.0] for right in is_right])
    embedding = torch.randn(len(is_right), 4, generator=torch.Generator().manual_seed(5))
    return replace(of, labelled=Outputs(logits, embedding), labelled_targets=targets)


def test_the_reference_variant_follows_a_trace_computed_by_hand():
    of, albl = context(Albl.needs), Albl()
    bonus = math.sqrt(math.log(2 / 0.1) / 2)

    first = labelled_as(of, [True, True, False])
    rows = albl.query(first, 2, FixedUniforms(0.49))
    assert rows.tolist() == query(Confidence(), first, 2).tolist()
    state = albl.state_dict()
    assert (state["arm"], state["probabilities"], state["reward"]) == ("confidence", [0.5, 0.5], None)

    # Two labels bought at probability 1/2, one of them learned: r = (1 + 1 + 0 + 1/.5 + 0) / 5
    second = labelled_as(of, [True, True, False, True, False])
    rows = albl.query(second, 3, FixedUniforms(0.999))
    reward, weight = 4 / 5, math.exp(0.05 / 2 * (4 / 5 + bonus / 0.5))
    p = 0.9 * weight / (weight + 1) + 0.05
    assert rows.tolist() == query(Coreset(), second, 3).tolist()
    state = albl.state_dict()
    assert state["arm"] == "coreset"
    assert state["reward"] == pytest.approx(reward)
    assert state["probabilities"] == pytest.approx([p, 1 - p])

    # Three more at probability 1 - p, all learned, and it is Coreset's weight that grows
    third = labelled_as(of, [False, False, False, False, True, True, True, True])
    albl.query(third, 1, FixedUniforms(0.5))
    reward = (1 / 0.5 + 3 / (1 - p)) / 8
    other = math.exp(0.05 / 2 * (reward + bonus / (1 - p)))
    state = albl.state_dict()
    assert state["reward"] == pytest.approx(reward)
    assert state["probabilities"][0] == pytest.approx(0.9 * weight / (weight + other) + 0.05)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_the_original_variant_follows_a_trace_computed_by_hand(batch_size):
    """Hsu and Lin (2015), algorithm 1 with EXP4.P, for B = 1; each example of a larger batch is a B-th of a query."""
    horizon, num_arms, of = 20, 3, context(Albl.needs)
    albl = Albl("original", horizon=horizon)
    least = math.sqrt(math.log(3) / (num_arms * horizon))
    bonus = math.sqrt(math.log(3 / 0.1) / (num_arms * horizon))
    weights, right, q_bought = np.ones(3), [True, False], []
    advice, mixture, last, p = np.zeros((3, 40)), np.zeros(40), [0], np.zeros(3)
    for step in range(6):
        now = labelled_as(of, right)
        rows = query(albl, now, batch_size, seed=step).tolist()
        if q_bought:
            reward = sum(r / q for r, q in zip(right[2:], q_bought, strict=True)) / ((40 + len(right)) * horizon)
            weights = weights * np.exp(
                least / 2 * (reward * (advice[:, last] / mixture[last]).mean(axis=1) + bonus / p)
            )
            assert albl.state_dict()["reward"] == pytest.approx(reward)
        p = (1 - 3 * least) * weights / weights.sum() + least
        assert albl.state_dict()["probabilities"] == pytest.approx(p.tolist())
        advice = np.zeros((3, 40))
        advice[0, query(Confidence(), now, batch_size)] = 1 / batch_size
        advice[1, query(Coreset(), now, batch_size)] = 1 / batch_size
        advice[2] = 1 / 40
        mixture, last = p @ advice, rows
        q_bought += (batch_size * mixture[rows]).tolist()
        right += [step % 2 == 0, True, False][:batch_size]


@pytest.mark.parametrize("horizon", [1, 2, 10**6])
def test_the_least_probability_is_at_most_that_of_a_uniform_choice(horizon):
    albl = Albl("original", horizon=horizon)
    query(albl, context(Albl.needs), 5)
    assert albl.state_dict()["probabilities"] == pytest.approx([1 / 3] * 3)
    assert albl._bandit.least_probability == min(math.sqrt(math.log(3) / (3 * horizon)), 1 / 3)


@pytest.mark.slow
def test_original_batches_are_drawn_from_the_mixture_without_replacement():
    """The first two of a batch of three against successive drawing; chi-squared, false alarms: 1 in 1,000."""
    of = context(Albl.needs, num_unlabelled=6)
    q = np.full(6, 1 / 3 / 6)
    for arm in (Confidence(), Coreset()):
        q[query(arm, of, 3)] += 1 / 3 / 3
    counts = np.zeros((6, 6))
    for seed in range(4000):
        first, second, _ = query(Albl("original"), of, 3, seed).tolist()
        counts[first, second] += 1
    expected = q[:, None] * q / (1 - q[:, None]) * counts.sum()
    others = ~np.eye(6, dtype=bool)
    assert np.all(np.diag(counts) == 0)
    assert chisquare(counts[others], expected[others]).pvalue > 1e-3


@pytest.mark.slow
def test_reference_arms_are_drawn_by_their_probabilities():
    """Chi-squared, false alarms: 1 in 1,000."""
    of, arms = context(Albl.needs), []
    for seed in range(1000):
        albl = Albl()
        query(albl, of, 1, seed)
        arms.append(albl.state_dict()["arm"])
    assert chisquare([arms.count("confidence"), arms.count("coreset")]).pvalue > 1e-3


@pytest.mark.parametrize("variant", ["reference", "original"])
def test_the_states_of_all_rounds_bring_back_a_killed_run(variant):
    of = context(Albl.needs)
    whole, states, right = Albl(variant), [Albl(variant).state_dict()], [True] * 3
    for step in range(5):
        if step == 3:
            resumed = Albl(variant)
            for state in states:
                resumed.load_state_dict(state)
        rows = query(whole, labelled_as(of, right), 4, seed=step)
        if step >= 3:
            assert torch.equal(query(resumed, labelled_as(of, right), 4, seed=step), rows)
            assert resumed.state_dict() == whole.state_dict()
        states.append(whole.state_dict())
        right += [True, False, True, step % 2 == 0]


@pytest.mark.slow
def test_weights_stay_finite_over_many_rounds():
    of, albl, right = context(Albl.needs), Albl(), [True] * 3
    for step in range(400):
        query(albl, labelled_as(of, right), 1, seed=step)
        right.append(True)
    probabilities = albl.state_dict()["probabilities"]
    assert sum(probabilities) == pytest.approx(1)
    assert min(probabilities) >= 0.05 - 1e-12

"""EPIG by loops over pairs of examples, classes and samples."""

import math
from itertools import product

import numpy as np
import pytest
import torch

from al_bench.strategies.bald import Bald
from al_bench.strategies.epig import Epig
from al_bench.strategies.maths import samples
from al_bench.strategies.maths.samples import information_about, mutual_information
from al_bench.strategies.maths.sampling import power_choice
from tests.strategies.test_bald import on_grid, predicted, problem, wide


def information(ours: list[list[float]], theirs: list[list[float]]) -> float:
    """I(y; y') = sum over both classes of p log p/(p p'), with p the mean over samples of p_s p'_s."""
    num_samples, found = len(ours), 0.0
    for c, d in product(range(len(ours[0])), range(len(theirs[0]))):
        joint = sum(one[c] * other[d] for one, other in zip(ours, theirs, strict=True)) / num_samples
        apart = sum(one[c] for one in ours) * sum(other[d] for other in theirs) / num_samples**2
        found += joint * math.log(joint / apart) if joint > 0 else 0.0
    return found


def by_definition(of, num_samples: int, dropout: float, num_targets: int, rng: np.random.Generator) -> list[float]:
    found = predicted(of, num_samples, dropout, rng)
    targets = rng.permutation(len(found))[:num_targets].tolist()
    return [on_grid(sum(information(each, found[target]) for target in targets) / len(targets)) for each in found]


@pytest.mark.parametrize("seed", range(30))
def test_chooses_the_most_information_about_the_targets(monkeypatch, seed):
    of, batch_size = problem(seed)
    monkeypatch.setattr(samples, "MAX_JOINT", (1, 60, 2**16)[seed % 3])
    num_samples, dropout, num_targets = (2, 3, 8)[seed % 3], (0.2, 0.5)[seed % 2], (1, 3, 7, 100)[seed % 4]
    scores = by_definition(of, num_samples, dropout, num_targets, np.random.default_rng(seed))
    expected = sorted(range(len(scores)), key=lambda row: -scores[row])[:batch_size]
    chosen = Epig(num_samples, dropout, num_targets=num_targets)
    found = chosen.scores(of, np.random.default_rng(seed))
    assert found.tolist() == pytest.approx(scores, abs=1e-11)
    assert chosen.query(of, batch_size, np.random.default_rng(seed)).tolist() == expected


def test_what_tells_nothing_about_the_targets_does_not_count():
    """Four samples of two bits: one example tells the first, another the second, and the target is the first."""
    first, second = [[1.0, 0], [1, 0], [0, 1], [0, 1]], [[1.0, 0], [0, 1], [1, 0], [0, 1]]
    examples_RSC = torch.tensor([first, second], dtype=torch.float64)
    log_probabilities_RSC = examples_RSC.clamp(1e-300).log()
    assert mutual_information(log_probabilities_RSC).tolist() == pytest.approx([math.log(2)] * 2)
    found = information_about(log_probabilities_RSC, examples_RSC[:1])
    assert found.tolist() == pytest.approx([math.log(2), 0], abs=1e-12)


@pytest.mark.parametrize("power", [False, True])
def test_neither_chunks_nor_threads_change_a_choice(monkeypatch, power):
    of = wide(300, num_classes=4)
    strategy = Epig(num_targets=20, power=power)
    expected = strategy.query(of, 300, np.random.default_rng(1))
    monkeypatch.setattr(samples, "MAX_NUMBERS", 37 * 80)
    monkeypatch.setattr(samples, "MAX_JOINT", 100)
    assert torch.equal(strategy.query(of, 300, np.random.default_rng(1)), expected)
    monkeypatch.undo()
    torch.set_num_threads(3)
    assert torch.equal(strategy.query(of, 300, np.random.default_rng(1)), expected)


def test_power_draws_by_the_scores():
    of, _ = problem(1)
    rng = np.random.default_rng(3)
    expected = power_choice(Epig(num_targets=4).scores(of, rng), 5, rng, "power", 1.0)
    assert torch.equal(Epig(num_targets=4, power=True).query(of, 5, np.random.default_rng(3)), expected)


def test_targets_are_drawn_anew_and_masks_are_those_of_bald():
    of = wide(200)
    strategy = Epig(num_targets=3)
    scores = [strategy.scores(of, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    assert torch.equal(scores[0], scores[1])
    assert not torch.equal(scores[0], scores[2])
    rows = torch.arange(200)
    ours, balds = (each.predictions(of, np.random.default_rng(0)).logits(rows) for each in (strategy, Bald()))
    assert torch.equal(ours, balds)

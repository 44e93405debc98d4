"""Falcun against the authors' order of operations, one example at a time, and on data that breaks careless code."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from al_bench.core.strategy import Needs, Outputs, QueryContext
from al_bench.strategies import falcun, uncertainty
from al_bench.strategies.falcun import Falcun, drawn_by_relevance, l1_distances
from tests.contracts.test_strategies import query


def obvious(probabilities: list[list[float]], uniforms: list[float], gamma: float) -> list[int]:
    """The loop of Gilhuber et al. (2024) with `distance_unc_norm`; a draw inverts the cumulative probabilities."""
    unsure = [1 - (sorted(p)[-1] - sorted(p)[-2]) for p in probabilities]
    distances, left, chosen = list(unsure), list(range(len(unsure))), []
    for uniform in uniforms:
        if chosen:
            last = probabilities[chosen[-1]]
            news = [sum(abs(a - b) for a, b in zip(p, last, strict=True)) for p in probabilities]
            distances = [min(old, new) for old, new in zip(distances, news, strict=True)]
        low, high = min(distances[row] for row in left), max(distances[row] for row in left)
        scaled = {row: (distances[row] - low) / (high - low) if high > low else 0.0 for row in left}
        relevance = {row: scaled[row] + unsure[row] for row in left}
        most = max(relevance.values())
        weights = [(relevance[row] / most) ** gamma if most > 0 else 1.0 for row in left]
        position = int(np.searchsorted(np.cumsum(weights), uniform * sum(weights), side="right"))
        chosen.append(left.pop(position))
    return chosen


def of(logits: torch.Tensor) -> QueryContext:
    return QueryContext(Outputs(logits), Outputs(), torch.zeros(0), *logits.shape, 0)


def logits_of(seed: int, num_rows: int, num_classes: int = 4) -> torch.Tensor:
    """With copies, uniform predictions, and saturated ones, whose uncertainty is 0; every third seed without."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(num_rows, num_classes, generator=generator) * 3
    if seed % 3 == 0:
        return logits
    logits[torch.rand(num_rows, generator=generator) < 0.1] = 0
    logits[torch.rand(num_rows, generator=generator) < 0.2, seed % num_classes] = 800
    return logits[torch.randint(num_rows, (num_rows,), generator=generator)]


@pytest.mark.parametrize(
    ("num_rows", "batch_size", "gamma"), [(40, 12, 10.0), (25, 25, 10.0), (30, 30, 0.5), (30, 1, 10.0), (1, 1, 10.0)]
)
def test_the_batch_is_that_of_the_authors_steps(num_rows, batch_size, gamma):
    for seed in range(15):
        logits = logits_of(seed, num_rows)
        uniforms = np.random.default_rng(seed).random(batch_size).tolist()
        expected = obvious(logits.double().softmax(1).tolist(), uniforms, gamma)
        assert query(Falcun(gamma), of(logits), batch_size, seed).tolist() == expected


@pytest.mark.parametrize(("uniform", "second"), [(0.0, 1), (0.99 / 1025, 1), (1.01 / 1025, 2), (0.999999, 2)])
def test_a_copy_of_a_chosen_row_keeps_its_uncertainty_and_no_distance(uniform, second):
    """Of the four the first comes first; the second draw is then in proportion to 1, 2^10 and 0."""
    probabilities = torch.tensor([[0.5, 0.5, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [1, 0, 0]], dtype=torch.float64)
    unsure = torch.tensor([1.0, 1, 1, 0], dtype=torch.float64)
    rows = drawn_by_relevance(probabilities, unsure, [0.0, uniform, 0.5, 0.5], 10.0)
    assert rows == [0, second, 3 - second, 3]


def test_first_draws_have_the_probabilities_of_the_formula():
    """Chi-squared test; false alarms: 1 in 1,000."""
    logits = torch.tensor([[0.0, 0.0, -1.0], [1.0, 0.3, 0.0], [0.5, 0.5, 0.5], [0.4, 0.0, 0.0]])
    top = logits.double().softmax(1).sort(1, descending=True).values
    unsure = 1 - (top[:, 0] - top[:, 1])
    weights = ((unsure - unsure.min()) / (unsure.max() - unsure.min()) + unsure) ** 3
    firsts = [int(query(Falcun(3.0), of(logits), 1, seed)[0]) for seed in range(700)]
    expected = (700 * weights / weights.sum()).numpy()
    assert chisquare(np.bincount(firsts, minlength=4), expected).pvalue > 1e-3


def test_tiny_relevance_does_not_underflow():
    """Once all distances are 0, copies of an almost certain row come before those of a certain one."""
    logits = torch.tensor([[0.0, -34.0], [800.0, 0.0]]).repeat(10, 1)
    for seed in range(5):
        rows = query(Falcun(30.0), of(logits), 20, seed)
        assert (rows[:10] % 2 == 0).all()
        assert (rows[10:] % 2 == 1).all()


@pytest.mark.parametrize("num_rows", [3, 700])
def test_rows_without_relevance_are_drawn_uniformly(num_rows):
    certain = torch.tensor([[1.0, 0.0]], dtype=torch.float64).repeat(num_rows, 1)
    for row in (0, num_rows // 2, num_rows - 1):
        assert drawn_by_relevance(certain, certain[:, 1], [(row + 0.5) / num_rows], 10.0) == [row]


def test_copies_are_equal_to_the_bit_and_chunks_and_threads_change_no_choice(monkeypatch):
    """However sums are vectorised: 101 classes, and as many copies of each row as fill every position of a block."""
    logits = logits_of(1, 60, 101).repeat(37, 1)
    probabilities = logits.double().softmax(1)
    distances = l1_distances(probabilities, 7).view(37, 60)
    assert (distances == distances[0]).all()
    expected = query(Falcun(), of(logits), 20).tolist()
    for chunk, threads in ((7, 1), (10**6, 2)):
        monkeypatch.setattr(falcun, "CHUNK", chunk)
        monkeypatch.setattr(uncertainty, "CHUNK", chunk)
        torch.set_num_threads(threads)
        assert query(Falcun(), of(logits), 20).tolist() == expected


def test_only_logits_are_read():
    assert Falcun().needs == Needs.LOGITS

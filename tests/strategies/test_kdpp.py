"""k-DPP samples against the determinants that define them."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from al_bench.core.errors import ConfigError, StrategyError
from al_bench.core.strategy import Outputs
from al_bench.strategies import kdpp
from al_bench.strategies.kdpp import KDPP, DualKernel, PrimalKernel, drawn_eigenvalues, drawn_rows
from al_bench.strategies.maths.gradients import GradientEmbedding
from tests.contracts.test_strategies import context, query
from tests.strategies.test_badge import autograd_gradients


def gradients_of(**arguments: object) -> tuple[GradientEmbedding, torch.Tensor]:
    """The two factors, and the whole matrix by autograd."""
    of = context(KDPP.needs, **arguments)
    outputs = (of.unlabelled.logits_NC, of.unlabelled.embedding_ND)
    return GradientEmbedding.of(*outputs), autograd_gradients(*outputs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("num_unlabelled", "num_classes", "num_dimensions"),
    [(7, 3, 4), (7, 3, 2), (7, 2, 3)],
    ids=["primal", "dual", "dual, two classes"],
)
def test_batches_have_the_probabilities_of_their_determinants(num_unlabelled, num_classes, num_dimensions):
    """All subsets of three of seven; chi-squared over 3,000 draws, false alarms: 1 in 1,000."""
    arguments = {"num_unlabelled": num_unlabelled, "num_classes": num_classes, "num_dimensions": num_dimensions}
    of, (_, gradients) = context(KDPP.needs, **arguments), gradients_of(**arguments)
    kernel = (gradients @ gradients.T).numpy()
    subsets = list(combinations(range(7), 3))
    determinants = np.array([np.linalg.det(kernel[np.ix_(each, each)]) for each in subsets])
    drawn = [tuple(sorted(query(KDPP(), of, 3, seed).tolist())) for seed in range(3000)]
    counts, expected = np.array([drawn.count(each) for each in subsets]), determinants / determinants.sum() * 3000
    is_rare = expected < 5
    pooled = [np.append(each[~is_rare], each[is_rare].sum() + 1e-9) for each in (counts, expected)]
    assert chisquare(pooled[0], pooled[1] * pooled[0].sum() / pooled[1].sum()).pvalue > 1e-3


@pytest.mark.parametrize("kernel", [PrimalKernel, DualKernel])
def test_eigenpairs_are_those_of_the_gradients(kernel):
    factored, gradients = gradients_of(num_unlabelled=25, num_classes=3, num_dimensions=4)
    pairs = kernel(factored)
    expected = torch.linalg.eigvalsh(gradients @ gradients.T)[-8:]
    assert torch.allclose(pairs.eigenvalue_R, expected, rtol=1e-4)
    vectors = pairs.eigenvectors(torch.tensor([7, 2]))
    assert torch.allclose(vectors.T @ vectors, torch.eye(2, dtype=torch.float64), atol=1e-6)
    assert torch.allclose(gradients @ (gradients.T @ vectors), vectors * expected[[7, 2]], atol=1e-3)


def test_eigenvalues_are_drawn_in_proportion_to_their_products():
    """Chi-squared over 4,000 draws, false alarms: 1 in 1,000."""
    eigenvalues, rng = np.array([1e-3, 0.5, 1.0, 2.0, 40.0]), np.random.default_rng(0)
    pairs = list(combinations(range(5), 2))
    products = np.array([np.prod(eigenvalues[list(each)]) for each in pairs])
    drawn = [tuple(sorted(drawn_eigenvalues(eigenvalues, 2, rng).tolist())) for _ in range(4000)]
    counts, expected = np.array([drawn.count(each) for each in pairs]), products / products.sum() * 4000
    is_rare = expected < 5
    assert counts[is_rare].sum() <= 10
    kept = counts[~is_rare]
    assert chisquare(kept, expected[~is_rare] / expected[~is_rare].sum() * kept.sum()).pvalue > 1e-3


def test_polynomials_of_a_thousand_eigenvalues_neither_overflow_nor_vanish():
    for scale in (1e-12, 1.0, 1e12):
        positions = drawn_eigenvalues(np.linspace(1, 1000, 1000) * scale, 500, np.random.default_rng(0))
        assert len(set(positions.tolist())) == 500
    assert drawn_eigenvalues(np.geomspace(1e-9, 1e9, 30), 30, np.random.default_rng(0)).tolist() == [*range(29, -1, -1)]


def test_rows_of_a_projection_are_distinct_and_span_it():
    matrix = torch.randn(60, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    vectors = torch.linalg.qr(matrix).Q
    for seed in range(5):
        rows = drawn_rows(vectors, np.random.default_rng(seed))
        assert len(set(rows)) == 20
        assert torch.linalg.matrix_rank(vectors[rows]) == 20


def test_a_copy_of_a_chosen_row_is_never_chosen():
    of = context(KDPP.needs, num_unlabelled=10, num_dimensions=8)
    twice = Outputs(of.unlabelled.logits.repeat(4, 1), of.unlabelled.embedding.repeat(4, 1))
    for seed in range(5):
        rows = query(KDPP(), replace(of, unlabelled=twice, num_unlabelled=40), 10, seed).tolist()
        assert len({row % 10 for row in rows}) == 10
    with pytest.raises(StrategyError, match="a batch of 11 is above the numerical rank 10"):
        query(KDPP(), replace(of, unlabelled=twice, num_unlabelled=40), 11)


def test_what_is_too_large_is_refused_before_training_and_at_the_query(monkeypatch):
    sizes = {"batch_size": 100, "num_classes": 10, "num_dimensions": 256}
    KDPP().check(pool_size=50_000, **sizes)
    with pytest.raises(ConfigError, match="1000000 examples"):
        KDPP().check(pool_size=1_000_000, **sizes)
    with pytest.raises(ConfigError, match=r"batch_size=2305: kdpp draws at most .* = 2304"):
        KDPP().check(pool_size=50_000, **(sizes | {"batch_size": 2305}))
    monkeypatch.setattr(kdpp, "MAX_OPERATIONS", 100)
    with pytest.raises(StrategyError, match="multiplications"):
        query(KDPP(), context(KDPP.needs), 3)

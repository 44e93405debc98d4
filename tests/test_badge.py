"""BADGE against k-means++ on the gradients that autograd gives, and on data that breaks careless code."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch.nn import functional

from al_bench.interfaces import Needs, Outputs, QueryContext
from al_bench.strategies import badge
from al_bench.strategies.badge import Badge, GradientEmbedding, draw_proportional, kmeans_plus_plus
from tests.test_strategies import context


def autograd_gradients(logits_NC: torch.Tensor, embedding_ND: torch.Tensor) -> torch.Tensor:
    """(N, CD): the gradient of -log p_argmax at the last layer's weights, one example at a time."""
    rows = []
    for logits, embedding in zip(logits_NC.double(), embedding_ND.double(), strict=True):
        weights = torch.zeros(len(logits), len(embedding), dtype=torch.float64, requires_grad=True)
        shifted = (logits + weights @ embedding).unsqueeze(0)  # the same logits, as a function of the weights
        functional.cross_entropy(shifted, logits.argmax().unsqueeze(0)).backward()
        rows.append(weights.grad.flatten())
    return torch.stack(rows)


def obvious_kmeans_plus_plus(gradients: torch.Tensor, uniforms: np.ndarray, first: int | None) -> list[int]:
    """k-means++ as in the paper, on the whole matrix, with the same uniform numbers."""
    chosen: list[int] = []
    for position, uniform in enumerate(uniforms):
        if position == 0 and first is not None:
            chosen.append(first)
            continue
        weights = torch.ones(len(gradients), dtype=torch.float64)
        if chosen:
            weights = (
                torch.cdist(gradients, gradients[chosen], compute_mode="donot_use_mm_for_euclid_dist").amin(1) ** 2
            )
        cumulative = weights.cumsum(0)
        chosen.append(int(torch.searchsorted(cumulative, uniform * cumulative[-1], right=True)))
    return chosen


def outputs_of(needs: Needs = Badge.needs, **arguments: object) -> tuple[torch.Tensor, torch.Tensor]:
    of = context(needs, **arguments)
    return of.unlabelled.logits_NC, of.unlabelled.embedding_ND


def query(logits: torch.Tensor, embedding: torch.Tensor, batch_size: int, seed: int = 0, first="uniform") -> list[int]:
    of = QueryContext(Outputs(logits, embedding), Outputs(), torch.zeros(0), len(logits), logits.shape[1], round=0)
    return Badge(first).query(of, batch_size, np.random.default_rng(seed)).tolist()


@pytest.mark.parametrize("num_classes", [2, 7])
def test_factored_distances_are_those_of_the_gradients(num_classes):
    logits, embedding = outputs_of(num_unlabelled=30, num_classes=num_classes, num_dimensions=6)
    gradients = autograd_gradients(logits, embedding)
    factored = GradientEmbedding.of(logits, embedding)
    assert torch.allclose(factored.norm_N.double(), gradients.square().sum(1), rtol=1e-4)
    for row in range(5):
        expected = (gradients - gradients[row]).square().sum(1)
        assert torch.allclose(factored.squared_distances(torch.tensor([row])).double(), expected, atol=1e-4)


@pytest.mark.parametrize("first", ["uniform", "largest"])
@pytest.mark.parametrize("seed", range(5))
def test_the_batch_is_a_kmeans_plus_plus_seeding_of_the_autograd_gradients(seed, first):
    logits, embedding = outputs_of(num_unlabelled=1500, num_classes=4, num_dimensions=5, seed=seed)
    gradients = autograd_gradients(logits, embedding)
    uniforms = np.random.default_rng(seed).random(30)
    start = int(gradients.square().sum(1).argmax()) if first == "largest" else None
    assert query(logits, embedding, 30, seed, first) == obvious_kmeans_plus_plus(gradients, uniforms, start)


def test_the_norm_is_smallest_at_the_predicted_class():
    """Ash et al. (2020), proposition 1: |g^y|^2 = (sum_i p_i^2 + 1 - 2 p_y) |z|^2."""
    logits, embedding = outputs_of(num_unlabelled=20, num_classes=5)
    probabilities = logits.softmax(1)
    square = embedding.square().sum(1, keepdim=True)
    norms = (probabilities.square().sum(1, keepdim=True) + 1 - 2 * probabilities) * square
    assert torch.allclose(GradientEmbedding.of(logits, embedding).norm_N, norms.amin(1), rtol=1e-4)
    assert torch.equal(norms.argmin(1), logits.argmax(1))


def test_second_centres_are_drawn_in_proportion_to_squared_distances():
    """Chi-squared test over 20,000 draws; false alarms: 1 in 1,000."""
    logits, embedding = outputs_of(num_unlabelled=12)
    gradients = GradientEmbedding.of(logits, embedding)
    first = torch.tensor([3])
    expected = gradients.squared_distances(first).double()
    uniforms = torch.from_numpy(np.random.default_rng(1).random((20_000, 2)))
    drawn = torch.stack([kmeans_plus_plus(gradients, pair, first)[1] for pair in uniforms])
    counts = drawn.bincount(minlength=12)
    assert counts[3] == 0
    others = torch.arange(12) != 3
    frequencies = expected[others] / expected.sum() * len(uniforms)
    assert chisquare(counts[others].numpy(), frequencies.numpy()).pvalue > 1e-3


@pytest.mark.parametrize("batch_size", [1, 5, 20, 60])
def test_copies_are_chosen_only_when_no_distinct_row_is_left(batch_size):
    logits, embedding = outputs_of(num_unlabelled=20, num_classes=26, num_dimensions=64)
    for seed in range(5):
        rows = query(logits.repeat(3, 1), embedding.repeat(3, 1), batch_size, seed)
        assert len(set(rows)) == batch_size
        assert len({row % 20 for row in rows}) == min(batch_size, 20)


def test_copies_of_large_rows_are_chosen_after_small_distinct_rows():
    """Rounding leaves the copies a distance that is large beside those of the small rows."""
    logits, embedding = outputs_of(num_unlabelled=70, num_classes=26, num_dimensions=64)
    embedding[20:] *= 1e4
    copied = torch.cat([torch.arange(20), torch.arange(20, 70).repeat(20)])
    for seed in range(5):
        rows = query(logits[copied], embedding[copied], 70, seed)
        assert sorted(copied[rows].tolist()) == list(range(70))


def test_zero_gradients_are_chosen_last():
    logits, embedding = outputs_of(num_unlabelled=300, num_classes=5, num_dimensions=8)
    embedding[:150] = 0
    rows = query(logits, embedding, 200, first="largest")
    assert len(set(rows)) == 200
    assert sum(row >= 150 for row in rows) == 150


@pytest.mark.parametrize("first", ["uniform", "largest"])
def test_equal_rows_are_drawn_uniformly(first):
    """150 times 10 of 30 equal rows; chi-squared, false alarms: 1 in 1,000."""
    counts = np.zeros(30)
    for seed in range(150):
        rows = query(torch.ones(30, 3), torch.ones(30, 4), 10, seed, first)
        counts[rows if first == "uniform" else rows[1:]] += 1
    assert chisquare(counts if first == "uniform" else counts[1:]).pvalue > 1e-3


@pytest.mark.parametrize("num_weights", [1, badge.BLOCK - 1, badge.BLOCK, 3 * badge.BLOCK + 7])
def test_a_draw_inverts_the_cumulative_weights(num_weights):
    generator = torch.Generator().manual_seed(0)
    weights = torch.rand(num_weights, generator=generator, dtype=torch.float64)
    weights[torch.rand(num_weights, generator=generator) < 0.3] = 0
    weights[num_weights // 2] = 1.0
    cumulative = weights.cumsum(0)
    for uniform in torch.rand(200, generator=generator, dtype=torch.float64):
        expected = torch.searchsorted(cumulative, uniform * cumulative[-1], right=True)
        assert draw_proportional(weights, uniform).item() == expected


@pytest.mark.parametrize("uniform", [0.0, np.nextafter(1.0, 0.0), 1.0])
def test_a_draw_at_the_edge_never_takes_a_row_of_weight_zero(uniform):
    weights = torch.zeros(3 * badge.BLOCK, dtype=torch.float64)
    weights[badge.BLOCK : badge.BLOCK + 700] = 0.1
    row = draw_proportional(weights, torch.tensor(uniform, dtype=torch.float64)).item()
    assert weights[row] > 0


def test_a_draw_within_rounding_of_a_block_never_takes_its_first_row_of_weight_zero():
    generator = torch.Generator().manual_seed(0)
    weights = torch.rand(40 * badge.BLOCK, generator=generator, dtype=torch.float64)
    weights[:: badge.BLOCK] = 0
    borders = weights.reshape(-1, badge.BLOCK).sum(1).cumsum(0) / weights.sum()
    for border in borders[:-1]:
        for uniform in (border, torch.nextafter(border, border + 1), torch.nextafter(border, border - 1)):
            assert weights[draw_proportional(weights, uniform)] > 0


def test_a_tiny_weight_among_a_million_keeps_its_share():
    weights = torch.full((1_000_000,), 1e-9, dtype=torch.float64)
    weights[123_456] = 1.0
    assert draw_proportional(weights, torch.tensor(0.5, dtype=torch.float64)).item() == 123_456

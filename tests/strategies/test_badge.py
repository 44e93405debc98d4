"""BADGE against k-means++ on the gradients that autograd gives, and on data that breaks careless code."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch.nn import functional

from al_bench.core.errors import StrategyError
from al_bench.core.strategy import Needs, Outputs, QueryContext
from al_bench.strategies.badge import Badge, kmeans_plus_plus
from al_bench.strategies.maths import distances, nearest_centre
from al_bench.strategies.maths import sampling as drawing
from al_bench.strategies.maths.gradients import GradientEmbedding
from al_bench.strategies.maths.nearest_centre import NearestCentre
from al_bench.strategies.maths.sampling import block_weights, draw_proportional
from tests.contracts.test_strategies import context


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


def distances_to(gradients: GradientEmbedding, row: int) -> torch.Tensor:
    """Squared distances of all rows to one, from the two factors in float64; 0 where they are rounding."""
    products = gradients.error_NC.double() @ gradients.error_NC[row].double()
    products *= gradients.embedding_ND.double() @ gradients.embedding_ND[row].double()
    return distances.squared_distances(gradients.square_N + gradients.square_N[row], products)


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
    assert torch.allclose(factored.square_N, gradients.square().sum(1), rtol=1e-4)
    for row in range(5):
        expected = (gradients - gradients[row]).square().sum(1)
        nearest = NearestCentre(factored)
        nearest.add(row)
        assert torch.allclose(nearest.distance_KM.view(-1)[:30], expected, rtol=1e-4, atol=1e-5)
        assert nearest.distance_KM.view(-1)[row] == 0


@pytest.mark.moderate
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
    assert torch.allclose(GradientEmbedding.of(logits, embedding).square_N, norms.amin(1).double(), rtol=1e-4)
    assert torch.equal(norms.argmin(1), logits.argmax(1))


@pytest.mark.slow
def test_second_centres_are_drawn_in_proportion_to_squared_distances():
    """A uniform number draws by the cumulated distances: of evenly spaced ones each row gets its share, but for one."""
    logits, embedding = outputs_of(num_unlabelled=12)
    gradients = GradientEmbedding.of(logits, embedding)
    expected = distances_to(gradients, 3)
    uniforms = (np.arange(2000) + 0.5) / 2000
    drawn = [kmeans_plus_plus(NearestCentre(gradients), [0.5, each], first=3)[1] for each in uniforms.tolist()]
    counts = torch.tensor(drawn).bincount(minlength=12)
    assert counts[3] == 0
    assert (counts - expected / expected.sum() * len(uniforms)).abs().max() <= 1


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


@pytest.mark.slow
@pytest.mark.parametrize("first", ["uniform", "largest"])
def test_equal_rows_are_drawn_uniformly(first):
    """150 times 10 of 30 equal rows; chi-squared, false alarms: 1 in 1,000."""
    counts = np.zeros(30)
    for seed in range(150):
        rows = query(torch.ones(30, 3), torch.ones(30, 4), 10, seed, first)
        counts[rows if first == "uniform" else rows[1:]] += 1
    assert chisquare(counts if first == "uniform" else counts[1:]).pvalue > 1e-3


def padded(weights: torch.Tensor) -> torch.Tensor:
    weights_KM = block_weights(len(weights), 0.0, weights.device)
    weights_KM.view(-1)[: len(weights)] = weights
    return weights_KM


def draw(weights: torch.Tensor, uniform: float) -> int:
    return draw_proportional(padded(weights), uniform, padded(torch.ones_like(weights)))


@pytest.mark.parametrize("num_weights", [1, drawing.BLOCK - 1, drawing.BLOCK, 3 * drawing.BLOCK + 7])
def test_a_draw_inverts_the_cumulative_weights(num_weights):
    generator = torch.Generator().manual_seed(0)
    weights = torch.rand(num_weights, generator=generator, dtype=torch.float64)
    weights[torch.rand(num_weights, generator=generator) < 0.3] = 0
    weights[num_weights // 2] = 1.0
    cumulative = weights.cumsum(0)
    for uniform in torch.rand(200, generator=generator, dtype=torch.float64).tolist():
        assert draw(weights, uniform) == torch.searchsorted(cumulative, uniform * cumulative[-1], right=True)


@pytest.mark.parametrize("uniform", [0.0, np.nextafter(1.0, 0.0), 1.0])
def test_a_draw_at_the_edge_never_takes_a_row_of_weight_zero(uniform):
    weights = torch.zeros(3 * drawing.BLOCK, dtype=torch.float64)
    weights[drawing.BLOCK : drawing.BLOCK + 200] = 0.1
    assert weights[draw(weights, uniform)] > 0


def test_a_draw_within_rounding_of_a_block_never_takes_its_first_row_of_weight_zero():
    generator = torch.Generator().manual_seed(17)  # of which three borders leave less than nothing within a block
    weights = torch.rand(40 * drawing.BLOCK, generator=generator, dtype=torch.float64)
    weights[:: drawing.BLOCK] = 0
    borders = weights.reshape(-1, drawing.BLOCK).sum(1).cumsum(0) / weights.sum()
    for border in borders[:-1].tolist():
        for uniform in (border, np.nextafter(border, 1), np.nextafter(border, 0)):
            assert weights[draw(weights, uniform)] > 0


def test_a_draw_without_weights_takes_the_others():
    otherwise = torch.zeros(10, dtype=torch.float64)
    otherwise[7] = 1
    assert draw_proportional(padded(torch.zeros(10, dtype=torch.float64)), 0.3, padded(otherwise)) == 7


def test_nothing_to_draw_is_an_error():
    nothing = padded(torch.zeros(10, dtype=torch.float64))
    with pytest.raises(StrategyError, match="nothing to draw"):
        draw_proportional(nothing, 0.5, nothing)


def test_a_tiny_weight_among_a_million_keeps_its_share():
    weights = torch.full((1_000_000,), 1e-9, dtype=torch.float64)
    weights[123_456] = 1.0
    assert draw(weights, 0.5) == 123_456


def unpruned(gradients: GradientEmbedding, uniforms: list[float]) -> list[int]:
    """The same algorithm with every distance evaluated."""
    left = torch.ones(len(gradients.square_N))
    nearest = torch.full((len(left),), torch.inf, dtype=torch.float64)
    rows: list[int] = []
    for uniform in uniforms:
        row = draw_proportional(padded(nearest if rows else left), uniform, padded(left))
        rows.append(row)
        nearest = torch.minimum(nearest, distances_to(gradients, row))
        nearest[row] = left[row] = 0
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("sign", ["any", "nonnegative", "negative"])
@pytest.mark.parametrize("spread", [0.3, 3.0, 20.0, 60.0])
@pytest.mark.parametrize("num_dimensions", [1, 3, 40])
@pytest.mark.parametrize("scale", [1.0, 1e-15, 1e25])
def test_pruning_changes_no_centre(sign, spread, num_dimensions, scale):
    logits, embedding = outputs_of(num_unlabelled=350, num_classes=5, num_dimensions=num_dimensions, spread=spread)
    embedding *= scale
    embedding = {"any": embedding, "nonnegative": embedding.relu(), "negative": -embedding.relu()}[sign]
    gradients = GradientEmbedding.of(logits, embedding)
    uniforms = np.random.default_rng(7).random(150).tolist()
    nearest = NearestCentre(gradients)
    assert kmeans_plus_plus(nearest, uniforms) == unpruned(gradients, uniforms)
    chosen = kmeans_plus_plus(NearestCentre(gradients), uniforms)
    expected = torch.stack([distances_to(gradients, row) for row in chosen]).amin(0)
    assert torch.allclose(nearest.distance_KM.view(-1)[:350], expected, rtol=1e-12, atol=0)


@pytest.mark.moderate
@pytest.mark.parametrize("patience", [0, 10, 10**9])
@pytest.mark.parametrize("sign", ["any", "nonnegative"])
def test_directions_and_chunks_change_no_centre(patience, sign, monkeypatch):
    """On rows of which half are copies; with directions from the second centre on, from some later one, or never."""
    monkeypatch.setattr(nearest_centre, "PATIENCE", patience)
    monkeypatch.setattr(nearest_centre, "CACHED", 97)  # chunks of 8 rows
    for seed in range(2):
        logits, embedding = outputs_of(num_unlabelled=150, num_classes=4, num_dimensions=12, spread=3.0, seed=seed)
        copied = torch.arange(300) % 200 % 150
        embedding = embedding.relu() if sign == "nonnegative" else embedding
        gradients = GradientEmbedding.of(logits[copied], embedding[copied])
        uniforms = np.random.default_rng(seed).random(200).tolist()
        nearest = NearestCentre(gradients)
        rows = kmeans_plus_plus(nearest, uniforms)
        assert rows == unpruned(gradients, uniforms)
        expected = torch.stack([distances_to(gradients, row) for row in rows]).amin(0)
        assert torch.allclose(nearest.distance_KM.view(-1)[:300], expected, rtol=1e-12, atol=0)


def test_directions_are_looked_for_once_much_has_been_evaluated(monkeypatch):
    logits, embedding = outputs_of(num_unlabelled=3000, num_classes=10, num_dimensions=32, spread=4.0)
    gradients = GradientEmbedding.of(logits, embedding.abs())
    uniforms = np.random.default_rng(0).random(200).tolist()
    evaluated = []
    for patience in (1, 3, 10**9):
        monkeypatch.setattr(nearest_centre, "PATIENCE", patience)
        kmeans_plus_plus(nearest := NearestCentre(gradients), uniforms)
        evaluated.append(nearest.num_evaluated)
    assert evaluated[0] < evaluated[1] < evaluated[2]


def test_pruning_copes_with_gradients_below_the_smallest_float32_square():
    """Few unsure examples among certain ones, each three times: copies come last."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(200, 5, generator=generator)
    logits[10:, 0] += 58
    copied = torch.arange(200).repeat(3)
    rows = query(logits[copied], torch.randn(200, 6, generator=generator)[copied], 200)
    assert sorted(copied[rows].tolist()) == list(range(200))


def test_few_distances_are_evaluated():
    """On embeddings with a common direction, as behind a ReLU, of a network that is sure of most examples."""
    logits, embedding = outputs_of(num_unlabelled=3000, num_classes=10, num_dimensions=32, spread=4.0)
    nearest = NearestCentre(GradientEmbedding.of(logits, embedding.abs()))
    kmeans_plus_plus(nearest, np.random.default_rng(0).random(200).tolist())
    assert 3000 < nearest.num_evaluated < 0.04 * 3000 * 200


def test_the_gradients_of_nearly_certain_predictions_are_not_rounding():
    logits, embedding = torch.tensor([[0.0, -17.0, -18.0]]), torch.ones(1, 2)
    exact = autograd_gradients(logits, embedding).square().sum()
    assert GradientEmbedding.of(logits, embedding).square_N.item() == pytest.approx(float(exact), rel=1e-5)

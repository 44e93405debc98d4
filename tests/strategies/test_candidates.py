"""The batch that DropQuery and ALFA-Mix spread over their candidates, and the class that they go by."""

import warnings
from itertools import permutations

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from sklearn.cluster import KMeans as Clustering
from sklearn.exceptions import ConvergenceWarning

from al_bench.strategies.candidates import predicted_classes, spread_batch
from tests.strategies.test_kmeans import obvious_nearest


def obvious_spread(
    embedding: torch.Tensor, is_candidate: list[bool], batch_size: int, rng: np.random.Generator
) -> list[int]:
    """Step by step: few candidates go first in a random order, many are clustered by scikit-learn."""
    candidates = [row for row, is_one in enumerate(is_candidate) if is_one]
    if len(candidates) <= batch_size:
        order = rng.permutation(len(is_candidate)).tolist()
        return sorted(order, key=lambda row: not is_candidate[row])[:batch_size]
    rows = embedding[candidates].double()
    lengths = rows.norm(dim=1, keepdim=True)
    directions = torch.where(lengths > 0, rows / lengths, rows).float()
    seed = int(rng.integers(2**31))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct directions than clusters
        fitted = Clustering(batch_size, n_init=1, max_iter=100, random_state=seed).fit(directions.numpy())
    centres = fitted.cluster_centers_
    return [candidates[row] for row in obvious_nearest(directions, torch.from_numpy(centres))]


@pytest.mark.parametrize("num_candidates", [0, 3, 6, 7, 20, 40])
def test_the_batch_is_that_of_the_obvious_steps(num_candidates):
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        embedding = torch.randn(40, 5, generator=generator)
        embedding[10:20] = embedding[:10] * 2  # the same direction
        embedding[5] = embedding[25] = 0
        is_candidate = torch.zeros(40, dtype=torch.bool)
        is_candidate[torch.randperm(40, generator=generator)[:num_candidates]] = True
        rows = spread_batch(embedding, is_candidate, 6, np.random.default_rng(seed)).tolist()
        assert rows == obvious_spread(embedding, is_candidate.tolist(), 6, np.random.default_rng(seed))


def test_more_clusters_than_distinct_candidates_give_distinct_rows():
    embedding = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]).repeat(8, 1)
    is_candidate = torch.arange(24) < 21
    rows = spread_batch(embedding, is_candidate, 12, np.random.default_rng(0))
    assert len(rows.unique()) == 12
    assert is_candidate[rows].all()


def test_separate_directions_give_one_example_each_whatever_their_lengths():
    angles = torch.arange(60) % 4 * (torch.pi / 2) + torch.linspace(0, 0.1, 60)
    embedding = torch.stack([angles.cos(), angles.sin()], dim=1) * torch.logspace(-3, 3, 60)[:, None]
    is_candidate = torch.arange(60) % 4 < 3
    for seed in range(5):
        rows = spread_batch(embedding, is_candidate, 3, np.random.default_rng(seed))
        assert sorted((rows % 4).tolist()) == [0, 1, 2]


@pytest.mark.moderate
def test_candidates_that_are_too_few_are_filled_up_uniformly_in_a_random_order():
    """Chi-squared over all orders; false alarms: 1 in 1,000."""
    is_candidate = torch.tensor([False, True, False, True, False])
    rng = np.random.default_rng(0)
    counts = dict.fromkeys([(a, b, c) for a, b in permutations((1, 3)) for c in (0, 2, 4)], 0)
    for _ in range(3000):
        counts[tuple(spread_batch(torch.zeros(5, 2), is_candidate, 3, rng).tolist())] += 1
    assert chisquare([*counts.values()]).pvalue > 1e-3


def test_classes_of_equal_weights_are_equal_however_their_products_are_rounded():
    generator = torch.Generator().manual_seed(0)
    embedding, weight = (torch.randn(size, 257, generator=generator).double() for size in (700, 5))
    weight[torch.tensor([1, 3, 4])] = weight[2].clone()
    logits = embedding @ weight.T
    logits[::3, 1] *= 1 + 2e-16
    logits[::5, 2] *= 1 - 2e-16
    assert predicted_classes(logits).tolist() == [0 if a > b else 1 for a, b in (embedding @ weight[:2].T).tolist()]
    nearly_equal = torch.tensor([[0.0, 1.0, 1.0 + 1e-9], [0.0, 0.0, -1.0]], dtype=torch.float64)
    assert predicted_classes(nearly_equal).tolist() == [2, 0]

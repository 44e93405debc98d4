"""k-means batches: the nearest example to each centre, whatever the data."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans as Clustering

from al_bench.core.strategy import Needs, Outputs
from al_bench.strategies.kmeans import KMeans, nearest_rows
from al_bench.strategies.maths.spaces import unit_length
from tests.contracts.test_strategies import context, query


def obvious_nearest(embedding: torch.Tensor, centres: torch.Tensor) -> list[int]:
    rows: list[int] = []
    for centre in centres.double():
        distances = (embedding.double() - centre).square().sum(1)
        distances[rows] = torch.inf
        rows.append(int(distances.argmin()))
    return rows


@pytest.mark.parametrize("num_dimensions", [1, 6])
def test_each_centre_takes_the_nearest_row_that_is_left(num_dimensions):
    for seed in range(10):
        generator = torch.Generator().manual_seed(seed)
        embedding = torch.randn(50, num_dimensions, generator=generator)
        centres = torch.randn(20, num_dimensions, generator=generator)
        centres[10:15] = centres[:5]
        assert nearest_rows(embedding, centres) == obvious_nearest(embedding, centres)


def test_rows_beyond_the_first_chunk_are_found():
    embedding = torch.randn(9000, 3, generator=torch.Generator().manual_seed(0))
    wanted = [8999, 1023, 1024, 0, 5000]
    assert nearest_rows(embedding, embedding[wanted]) == wanted


def test_separate_clusters_give_one_example_each():
    of = context(KMeans.needs, num_unlabelled=60, num_dimensions=3)
    of.unlabelled.embedding.mul_(0.01).add_(torch.arange(60)[:, None] % 6 * 10.0)
    for seed in range(5):
        rows = query(KMeans(max_iterations=100), of, 6, seed)
        assert set((rows % 6).tolist()) == set(range(6))


def test_the_clustering_is_scikit_learns():
    of = context(KMeans.needs, num_unlabelled=200)
    embedding = of.unlabelled.embedding_ND
    seed = int(np.random.default_rng(4).integers(2**31))
    fitted = Clustering(8, n_init=1, max_iter=30, random_state=seed).fit(embedding.numpy())
    expected = obvious_nearest(embedding, torch.from_numpy(fitted.cluster_centers_))
    assert query(KMeans(), of, 8, seed=4).tolist() == expected


def test_each_space_is_read_where_it_is_declared():
    of = context(KMeans.needs, num_unlabelled=200)
    features = replace(of, unlabelled=Outputs(features=of.unlabelled.embedding_ND))
    option = KMeans(space="features", normalise=True)
    assert option.needs == Needs.FEATURES
    scaled = replace(of, unlabelled=Outputs(None, unit_length(of.unlabelled.embedding_ND)))
    expected = query(KMeans(), scaled, 8).tolist()
    assert query(option, features, 8).tolist() == expected
    assert query(KMeans(normalise=True), of, 8).tolist() == expected
    assert query(KMeans(), of, 8).tolist() != expected

"""CLUE against scikit-learn's weighted k-means, and where weights are tiny or none."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy
from sklearn.cluster import KMeans as Clustering

from al_bench.core.strategy import Needs, Outputs, QueryContext
from al_bench.strategies import clue
from al_bench.strategies.clue import Clue, relative_entropies
from al_bench.strategies.kmeans import KMeans
from al_bench.strategies.maths.spaces import unit_length
from tests.contracts.test_strategies import context, query
from tests.strategies.test_kmeans import obvious_nearest

NEEDS = Needs.LOGITS | Needs.EMBEDDING


def obvious(of: QueryContext, batch_size: int, temperature: float, seed: int) -> list[int]:
    weights = entropy(softmax(of.unlabelled.logits_NC.double().numpy() / temperature, axis=1), axis=1)
    drawn = int(np.random.default_rng(seed).integers(2**31))
    clustering = Clustering(batch_size, n_init=1, max_iter=100, random_state=drawn)
    clustering.fit(of.unlabelled.embedding_ND.numpy(), sample_weight=weights)
    return obvious_nearest(of.unlabelled.embedding_ND, torch.from_numpy(clustering.cluster_centers_))


def sure(*logits: float) -> torch.Tensor:
    """Of two classes: the larger, the surer."""
    return torch.tensor([[each, 0.0] for each in logits])


@pytest.mark.parametrize("temperature", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("batch_size", [1, 12, 60])
def test_the_batch_is_that_of_entropies_as_weights(temperature, batch_size):
    for seed in range(5):
        of = context(NEEDS, num_unlabelled=60, num_classes=4, num_dimensions=3, seed=seed)
        assert query(Clue(temperature), of, batch_size, seed).tolist() == obvious(of, batch_size, temperature, seed)


def test_by_hand():
    """All are sure but two that are far from each other."""
    embedding = torch.arange(12.0)[:, None].repeat(1, 2)
    logits = sure(*[2000.0] * 12)
    logits[[1, 9]] = 0
    of = QueryContext(Outputs(logits, embedding), Outputs(), torch.zeros(0), 12, 2, round=0)
    for seed in range(10):
        assert sorted(query(Clue(), of, 2, seed).tolist()) == [1, 9]


def test_entropies_below_the_least_float32_weigh_as_well():
    embedding = torch.arange(12.0)[:, None].repeat(1, 2)
    logits = sure(*[2000.0] * 12)
    logits[[1, 9], 0] = 400
    of = QueryContext(Outputs(logits, embedding), Outputs(), torch.zeros(0), 12, 2, round=0)
    for seed in range(10):
        assert sorted(query(Clue(), of, 2, seed).tolist()) == [1, 9]


def test_without_any_uncertainty_all_weigh_the_same():
    of = context(NEEDS, num_unlabelled=50)
    certain = replace(of, unlabelled=replace(of.unlabelled, logits=sure(*[2000.0] * 50)))
    assert query(Clue(), certain, 9).tolist() == query(KMeans(max_iterations=100), of, 9).tolist()
    assert query(Clue(), of, 9).tolist() != query(Clue(), certain, 9).tolist()


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_weights_are_entropies_as_shares_of_the_largest_whatever_the_chunk(monkeypatch, temperature):
    logits = context(NEEDS, num_unlabelled=90, num_classes=7, spread=4.0).unlabelled.logits_NC
    logits[40] = logits[3]
    expected = entropy(softmax(logits.double().numpy() / temperature, axis=1), axis=1)
    weights = relative_entropies(logits, temperature)
    assert np.allclose(weights, expected / expected.max(), rtol=1e-12)
    assert weights[40] == weights[3]
    monkeypatch.setattr(clue, "CHUNK", 7)
    assert torch.equal(relative_entropies(logits, temperature), weights)
    assert relative_entropies(sure(2000, -2000), temperature).tolist() == [1, 1]


def test_each_space_is_read_where_it_is_declared():
    of = context(NEEDS, num_unlabelled=100)
    scaled = replace(of, unlabelled=replace(of.unlabelled, embedding=unit_length(of.unlabelled.embedding_ND)))
    expected = query(Clue(), scaled, 8).tolist()
    assert query(Clue(normalise=True), of, 8).tolist() == expected != query(Clue(), of, 8).tolist()
    option = Clue(space="features", normalise=True)
    assert option.needs == Needs.LOGITS | Needs.FEATURES
    features = replace(of, unlabelled=Outputs(of.unlabelled.logits_NC, features=of.unlabelled.embedding_ND))
    assert query(option, features, 8).tolist() == expected


def test_copies_and_zero_rows_are_chosen_once_each():
    of = context(NEEDS, num_unlabelled=60)
    of.unlabelled.embedding_ND[20:] = of.unlabelled.embedding_ND[:20].repeat(2, 1)
    of.unlabelled.embedding_ND[::3] = 0
    for batch_size in (30, 60):
        assert len(set(query(Clue(), of, batch_size).tolist())) == batch_size


def test_threads_change_nothing():
    of = context(NEEDS, num_unlabelled=100)
    found = []
    for number in (1, 2):
        torch.set_num_threads(number)
        found.append(query(Clue(), of, 10).tolist())
    assert found[0] == found[1]

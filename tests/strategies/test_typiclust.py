"""TypiClust against its definition, and where clusters are small, spent, or full of copies."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans, MiniBatchKMeans

from al_bench.core.strategy import Needs, Outputs, QueryContext
from al_bench.strategies import typiclust
from al_bench.strategies.maths.spaces import unit_length
from al_bench.strategies.typiclust import TypiClust, most_typical, turns
from tests.contracts.test_strategies import query
from tests.strategies.test_coreset import drawn, points
from tests.strategies.test_lcmd import of


def obvious_typical(rows: torch.Tensor, num_neighbours: int) -> int:
    """Of all distances, by differences."""
    num_neighbours = min(num_neighbours, len(rows) // 2)
    distances = (rows.double()[:, None] - rows.double()).square().sum(2).sqrt()
    means = [sorted([*row[:at], *row[at + 1 :]])[:num_neighbours] for at, row in enumerate(distances.tolist())]
    return min(range(len(rows)), key=lambda row: sum(means[row]))


def obvious(shown: QueryContext, batch_size: int, seed: int, min_size: int = 5, max_clusters: int = 500) -> list[int]:
    """Hacohen et al. (2022), section 3.2, cluster by cluster; rows are as they are."""
    unlabelled, labelled = shown.unlabelled.embedding_ND, shown.labelled.embedding_ND
    num_clusters = min(len(labelled) + batch_size, max_clusters)
    options = {"n_init": 1, "max_iter": 100, "random_state": int(np.random.default_rng(seed).integers(2**31))}
    by_all = KMeans(num_clusters, **options)
    clustering = by_all if num_clusters <= 50 else MiniBatchKMeans(num_clusters, batch_size=5000, **options)
    clusters = clustering.fit(torch.cat([unlabelled, labelled]).numpy()).labels_.tolist()
    members = {each: [row for row, cluster in enumerate(clusters) if cluster == each] for each in set(clusters)}
    left = {each: [row for row in rows if row < len(unlabelled)] for each, rows in members.items()}
    large = [each for each in members if len(members[each]) > min_size] or list(members)
    small = [each for each in members if each not in large]
    large.sort(key=lambda each: (len(members[each]) - len(left[each]), -len(members[each]), members[each][0]))
    small.sort(key=lambda each: (-len(members[each]), members[each][0]))
    rows: list[int] = []
    while len(rows) < batch_size:
        for each in [each for each in large if left[each]] or [each for each in small if left[each]]:
            if len(rows) < batch_size:
                rows.append(left[each].pop(obvious_typical(unlabelled[left[each]], 20)))
    return rows


def test_by_hand():
    """Rows 8 and 9 are as typical, as are 2 and 3: three neighbours at 7 together."""
    values = torch.tensor([[0.0, 4, 6, 7, 10, 16, 180, 186, 190, 191, 192, 198, 210]]).T
    for seed in range(10):
        assert query(TypiClust(normalise=False), of(values, values[:0]), 2, seed).tolist() == [8, 2]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # fewer distinct rows than clusters
@pytest.mark.parametrize("is_on_a_grid", [False, True])
@pytest.mark.parametrize(
    ("num_unlabelled", "num_labelled", "batch_size"), [(80, 0, 6), (80, 9, 30), (40, 3, 40), (50, 5, 1), (1, 0, 1)]
)
def test_the_batch_is_that_of_the_definition(is_on_a_grid, num_unlabelled, num_labelled, batch_size):
    """On a grid there are copies, of labelled rows too, and equal typicalities."""
    for seed in range(3):
        unlabelled = points(is_on_a_grid, num_unlabelled, 2, seed=seed)
        shown = of(unlabelled, points(is_on_a_grid, num_labelled, 2, seed=100 + seed))
        assert query(TypiClust(normalise=False), shown, batch_size, seed).tolist() == obvious(shown, batch_size, seed)


@pytest.mark.parametrize("min_size", [0, 3, 12])
@pytest.mark.parametrize("max_clusters", [1, 4, 500])
def test_clusters_are_at_most_so_many_and_the_small_ones_come_last(min_size, max_clusters):
    shown = of(drawn(60, 2), drawn(8, 2, seed=1))
    option = TypiClust(min_cluster_size=min_size, max_clusters=max_clusters, normalise=False)
    assert query(option, shown, 45).tolist() == obvious(shown, 45, 0, min_size, max_clusters)


def test_fewest_labels_then_size_then_the_pool_then_the_small_ones():
    """Clusters 0: 3 and a label, 1: 4, 2: 4, but first in the pool, 3: 2, 4: 2 labels alone, 5: 2 and a label."""
    unlabelled = [2, 1, 1, 0, 0, 0, 1, 2, 2, 1, 2, 3, 3, 5, 5]
    clusters = np.array([*unlabelled, 0, 4, 4, 5])
    assert list(turns(clusters, len(unlabelled), min_size=3)) == [2, 1, 0, 2, 1, 0, 2, 1, 0, 2, 1, 5, 3, 5, 3]
    assert list(turns(clusters, len(unlabelled), min_size=9))[:5] == [2, 1, 3, 0, 5]


@pytest.mark.parametrize("num_neighbours", [1, 5, 20])
@pytest.mark.parametrize("num_rows", [1, 2, 3, 90])
def test_the_most_typical_is_that_of_all_distances(monkeypatch, num_neighbours, num_rows):
    monkeypatch.setattr(typiclust, "MAX_DIFFERENCES", 500)
    monkeypatch.setattr(typiclust, "CHUNK", 11)
    for seed in range(5):
        for offset in (0.0, 1000.0):
            rows = drawn(num_rows, 9, seed=seed) + offset
            assert most_typical(rows, num_neighbours) == obvious_typical(rows, num_neighbours)
            rows = (rows * 2).round()
            assert most_typical(rows, num_neighbours) == obvious_typical(rows, num_neighbours)


@pytest.mark.parametrize("seed", range(5))
def test_of_copies_the_first_is_the_most_typical(monkeypatch, seed):
    """A matrix product gives equal rows different last bits."""
    distinct = drawn(150, 257, seed=seed).relu()
    copied = torch.randint(150, (301,), generator=torch.Generator().manual_seed(seed))
    found = most_typical(distinct[copied], 20)
    assert found == int((copied == copied[found]).nonzero()[0]) == obvious_typical(distinct[copied], 20)
    monkeypatch.setattr(typiclust, "CHUNK", 11)
    assert most_typical(distinct[copied], 20) == found


@pytest.mark.parametrize("seed", range(5))
def test_what_inner_products_cannot_tell_apart_differences_do(seed):
    """Two tight groups, far from each other: squared distances within are below 1e-12 of the squared norms."""
    rows = drawn(60, 3, seed=seed) * 1e-3
    rows[::2] += 1000
    rows[1::2] -= 1000
    assert most_typical(rows, 5) == obvious_typical(rows, 5)


def test_rows_with_enough_copies_are_the_most_typical():
    rows = torch.cat([drawn(30, 4), torch.ones(22, 4)])
    assert most_typical(rows, 20) == 30
    rows = torch.cat([drawn(30, 4) * 1e-6, torch.ones(21, 4)])
    assert most_typical(rows, 20) == 30
    assert most_typical(rows[:-1], 20) < 30


def test_rows_are_scaled_to_length_one_unless_told_otherwise_and_each_space_is_read():
    unlabelled, labelled = drawn(70, 3), drawn(4, 3, seed=1)
    shown = of(unlabelled, labelled)
    scaled = of(unit_length(unlabelled), unit_length(labelled))
    expected = obvious(scaled, 6, 0)
    assert query(TypiClust(), shown, 6).tolist() == expected != obvious(shown, 6, 0)
    option = TypiClust(space="features")
    assert option.needs == Needs.FEATURES | Needs.LABELLED
    shown = replace(shown, unlabelled=Outputs(features=unlabelled), labelled=Outputs(features=labelled))
    assert query(option, shown, 6).tolist() == expected


def test_rows_that_are_all_equal_are_taken_in_pool_order():
    assert query(TypiClust(), of(torch.zeros(3000, 4), torch.zeros(2, 4)), 20).tolist() == list(range(20))


@pytest.mark.slow
@pytest.mark.parametrize("most_by_all_rows", [50, 100])
def test_threads_change_no_choice(most_by_all_rows, monkeypatch):
    """Whether the 90 clusters are found by mini-batches or by all rows, whose sums several threads round otherwise."""
    monkeypatch.setattr(typiclust, "MOST_BY_ALL_ROWS", most_by_all_rows)
    shown = of(drawn(12_000, 16), drawn(30, 16, seed=1))
    chosen = query(TypiClust(), shown, 60)
    torch.set_num_threads(3)
    assert torch.equal(query(TypiClust(), shown, 60), chosen)

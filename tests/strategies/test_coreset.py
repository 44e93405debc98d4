"""Coreset against the double loop, and on data that breaks careless code."""

import math
from dataclasses import replace
from functools import cache

import pytest
import torch

from al_bench.core.strategy import Needs, Outputs, QueryContext
from al_bench.strategies import coreset
from al_bench.strategies.coreset import Coreset, KCentre
from al_bench.strategies.maths.spaces import unit_length
from tests.contracts.test_strategies import query


def double_loop(embedding: torch.Tensor, labelled: torch.Tensor, batch_size: int) -> list[int]:
    """Sener and Savarese (2018), algorithm 1: every distance, from differences; the first row of equal ones."""
    points, centres = embedding.double().tolist(), labelled.double().tolist()
    chosen: list[int] = []
    for _ in range(batch_size):
        distances = [
            -1.0 if row in chosen else min((squared_distance(z, c) for c in centres), default=math.inf)
            for row, z in enumerate(points)
        ]
        chosen.append(distances.index(max(distances)))
        centres.append(points[chosen[-1]])
    return chosen


def squared_distance(z: list[float], c: list[float]) -> float:
    return sum((a - b) ** 2 for a, b in zip(z, c, strict=True))


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def points(is_on_a_grid: bool, *shape: int, seed: int) -> torch.Tensor:
    embedding = drawn(*shape, seed=seed)
    return embedding.round() if is_on_a_grid else embedding


@cache
def expected(is_on_a_grid: bool, num_unlabelled: int, num_labelled: int, batch_size: int, seed: int) -> list[int]:
    """However the work is grouped."""
    embedding = points(is_on_a_grid, num_unlabelled, 2, seed=seed)
    return double_loop(embedding, points(is_on_a_grid, num_labelled, 2, seed=100 + seed), batch_size)


@pytest.mark.moderate
@pytest.mark.parametrize("sizes", [(1024, 256, 64), (7, 3, 2), (1, 1, 1), (30, 5, 100)])
@pytest.mark.parametrize("is_on_a_grid", [False, True])
@pytest.mark.parametrize(("num_unlabelled", "num_labelled", "batch_size"), [(60, 9, 25), (40, 0, 40), (25, 30, 25)])
def test_the_batch_is_that_of_the_double_loop(
    monkeypatch, sizes, is_on_a_grid, num_unlabelled, num_labelled, batch_size
):
    """On a grid most distances have equals, and rows have copies."""
    for name, size in zip(("NUM_FRONT", "NUM_CENTRES", "NUM_FIRST"), sizes, strict=True):
        monkeypatch.setattr(coreset, name, size)
    for seed in range(3):
        embedding = points(is_on_a_grid, num_unlabelled, 2, seed=seed)
        labelled = points(is_on_a_grid, num_labelled, 2, seed=100 + seed)
        chosen = KCentre(embedding, labelled, batch_size).chosen().tolist()
        assert chosen == expected(is_on_a_grid, num_unlabelled, num_labelled, batch_size, seed)


def test_nearly_equal_distances_are_told_apart():
    """In float32, through inner products, the four last rows would be a tie or in another order."""
    embedding = torch.tensor([[1000.0, 0], [999, 3], [999, 3.0004], [999, -3.0002], [999, -3.0006]])
    chosen = KCentre(embedding, torch.tensor([[1000.0, 0]]), 2).chosen().tolist()
    assert chosen == [4, 2]


def test_few_distances_are_evaluated():
    embedding, labelled = drawn(5000, 8), drawn(500, 8, seed=1)
    cover = KCentre(embedding, labelled, 100)
    chosen = cover.chosen().tolist()
    assert len(set(chosen)) == 100
    assert cover.num_evaluated < 0.3 * 5000 * 600


def test_copies_of_chosen_and_of_labelled_rows_come_last():
    rows, labelled = drawn(30, 64), drawn(5, 64, seed=1)
    copied = torch.cat([labelled.repeat(2, 1), rows.repeat(3, 1)]) * 1e3
    chosen = KCentre(copied, labelled * 1e3, 100).chosen().tolist()
    assert len(set(chosen)) == 100
    assert {(row - 10) % 30 for row in chosen[:30]} == set(range(30))
    assert min(chosen[:30]) >= 10


@pytest.mark.parametrize("seed", range(4))
def test_copies_go_by_pool_order_however_products_are_rounded(monkeypatch, seed):
    """A matrix product gives equal rows different last bits."""
    monkeypatch.setattr(coreset, "NUM_FRONT", 37)
    generator = torch.Generator().manual_seed(seed)
    embedding = drawn(300, 257, seed=seed).relu()[torch.randint(300, (600,), generator=generator)]
    embedding[5] = -0.0
    embedding[3] = 0.0
    chosen = KCentre(embedding, drawn(80, 257, seed=9).relu(), 250).chosen().tolist()
    for position, row in enumerate(chosen):
        equal = (embedding == embedding[row]).all(dim=1).nonzero().squeeze(1).tolist()
        assert row == next(each for each in equal if each not in chosen[:position])


@pytest.mark.parametrize(("scale", "offset"), [(1e-4, 100.0), (1e-6, 1.0), (1e-3, -1e4)])
def test_a_common_offset_costs_no_digits(scale, offset):
    embedding, labelled = (drawn(n, 6, seed=n).mul(scale).add(offset) for n in (150, 4))
    assert KCentre(embedding, labelled, 30).chosen().tolist() == double_loop(embedding, labelled, 30)


def test_only_embeddings_are_read():
    labelled = Outputs(None, drawn(4, 3))
    of = QueryContext(Outputs(None, drawn(20, 3, seed=2)), labelled, torch.zeros(4), 20, 5, round=0)
    assert Coreset().needs == Needs.EMBEDDING | Needs.LABELLED
    assert query(Coreset(), of, 6).tolist() == double_loop(of.unlabelled.embedding_ND, labelled.embedding_ND, 6)


@pytest.mark.parametrize("normalise", [False, True])
def test_features_are_read_where_the_space_says_so_and_the_longest_comes_first(normalise):
    """Of which there is a copy."""
    unlabelled, labelled = drawn(30, 3, seed=2), drawn(4, 3)
    unlabelled[[17, 23]] = torch.tensor([9.0, 0.0, 3.0])
    option = Coreset("features", normalise)
    assert option.needs == Needs.FEATURES | Needs.LABELLED
    rows, centres = (unit_length(each) if normalise else each for each in (unlabelled, labelled))
    of = QueryContext(Outputs(features=unlabelled), Outputs(features=labelled), torch.zeros(4), 30, 5, round=0)
    assert query(option, of, 6).tolist() == double_loop(rows, centres, 6)
    of = QueryContext(Outputs(features=unlabelled), Outputs(features=labelled[:0]), torch.zeros(0), 30, 5, round=0)
    expected = [17, *(row for row in double_loop(rows, rows[[17]], 30) if row != 17)]
    assert query(option, of, 30).tolist() == expected
    of = replace(of, unlabelled=Outputs(None, unlabelled), labelled=Outputs(None, labelled[:0]))
    assert query(Coreset(normalise=normalise), of, 1).tolist() == [0]

"""CAL against its definition, with distances summed exactly, and on data that breaks careless code."""

import math
import re
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from al_bench.core.errors import ConfigError
from al_bench.core.strategy import Needs, Outputs, QueryContext
from al_bench.strategies import cal
from al_bench.strategies.cal import Cal
from al_bench.strategies.maths import neighbours
from al_bench.strategies.maths.neighbours import nearest_neighbours
from tests.contracts.test_strategies import context, query


def obvious_neighbours(row: list[float], others: list[list[float]], num_neighbours: int, normalise: bool) -> list[int]:
    """By all distances; lengths to 60 digits, so that what is equal on paper differs by less than the 1e-40 here."""

    def scaled(vector: list[float]) -> list[Fraction]:
        exact = [Fraction(value) for value in vector]
        square = sum(value**2 for value in exact)
        if not normalise or square == 0:
            return exact
        length = Fraction(math.isqrt(int(square * 10**120)), 10**60)
        return [value / length for value in exact]

    here = scaled(row)
    squares = [sum((a - b) ** 2 for a, b in zip(here, scaled(other), strict=True)) for other in others]
    rounded = [round(square * 10**40) for square in squares]
    return sorted(sorted(range(len(others)), key=lambda other: rounded[other])[:num_neighbours])


def obvious(of: QueryContext, batch_size: int, num_neighbours: int, normalise: bool = True) -> list[int]:
    """Margatina et al. (2021), algorithm 1."""
    unlabelled, labelled = (
        (outputs.embedding.tolist(), outputs.logits.double().log_softmax(1).tolist())
        for outputs in (of.unlabelled, of.labelled)
    )
    scores = []
    for vector, log_q in zip(*unlabelled, strict=True):
        near = obvious_neighbours(vector, labelled[0], num_neighbours, normalise)
        divergences = [sum(math.exp(p) * (p - q) for p, q in zip(labelled[1][j], log_q, strict=True)) for j in near]
        scores.append(sum(divergences) / len(near))
    return sorted(range(len(scores)), key=lambda row: -round(scores[row], 12))[:batch_size]


def made(seed: int, num_unlabelled: int, num_labelled: int, *, is_on_a_grid: bool, spread: float = 3.0) -> QueryContext:
    """With copies and rows of zeros in both sets; on a grid most distances have equals."""
    generator = torch.Generator().manual_seed(seed)
    size = num_unlabelled + num_labelled
    embedding = torch.randn(size, 3, generator=generator).relu()
    embedding = embedding.round() if is_on_a_grid else embedding
    logits = (torch.randn(size, 3, generator=generator) * spread).round(decimals=2)
    copies = torch.randint(size, (size,), generator=generator)
    embedding = embedding[copies]
    is_copied = torch.rand(size, generator=generator) < 0.5
    logits[is_copied] = logits[copies[is_copied]]
    parts = [Outputs(logits[part], embedding[part]) for part in (slice(num_unlabelled), slice(num_unlabelled, None))]
    return QueryContext(*parts, torch.zeros(num_labelled), num_unlabelled, 3, 0)


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("is_on_a_grid", [True, False])
@pytest.mark.parametrize(
    ("num_unlabelled", "num_labelled", "batch_size", "num_neighbours"),
    [(30, 25, 10, 4), (20, 20, 20, 10), (20, 6, 8, 10), (15, 1, 1, 1), (1, 9, 1, 3)],
)
def test_the_batch_is_that_of_the_definition(
    normalise, is_on_a_grid, num_unlabelled, num_labelled, batch_size, num_neighbours
):
    for seed in range(4):
        of = made(seed, num_unlabelled, num_labelled, is_on_a_grid=is_on_a_grid)
        expected = obvious(of, batch_size, num_neighbours, normalise)
        assert query(Cal(num_neighbours, normalise=normalise), of, batch_size).tolist() == expected


def test_saturated_predictions_are_compared_by_their_logits():
    of = made(3, 30, 12, is_on_a_grid=False, spread=1e4)
    assert query(Cal(3), of, 30).tolist() == obvious(of, 30, 3)


def test_by_hand():
    """The labelled neighbour predicts (.9, .1): KL from (.9, .1) is 0, from (.5, .5) .368; the other way it is .511."""
    logits = torch.tensor([[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]], dtype=torch.float64).log()
    near = torch.tensor([[0], [0]])
    scores = cal.mean_divergence(logits[:2], near, logits[[0, 2]].log_softmax(1))
    assert scores[0] == 0
    assert scores[1] == pytest.approx(0.368, abs=5e-4)
    unlabelled = Outputs(logits[:2].float(), torch.tensor([[1.0, 0.1], [1.0, 0.1]]))
    labelled = Outputs(logits[[0, 2]].float(), torch.eye(2))
    assert query(Cal(1), QueryContext(unlabelled, labelled, torch.zeros(2), 2, 2, 0), 2).tolist() == [1, 0]


def test_a_row_of_zeros_is_as_near_to_all_others_but_zeros():
    rows, others = torch.zeros(1, 5), torch.randn(40, 5, generator=torch.Generator().manual_seed(0))
    assert nearest_neighbours(rows, others, 3, normalise=True).tolist() == [[0, 1, 2]]
    others[[17, 30]] = 0
    assert nearest_neighbours(rows, others, 3, normalise=True).tolist() == [[0, 17, 30]]


def test_neighbours_are_those_of_scikit_learn():
    """Of rows without equals; far from the origin, where inner products alone would have no digits left."""
    generator = torch.Generator().manual_seed(0)
    rows, others = (torch.randn(size, 16, generator=generator) * 1e-3 + 100 for size in (200, 90))
    for normalise in (True, False):
        scaled = [
            each.double() / (each.double().norm(dim=1, keepdim=True) if normalise else 1) for each in (rows, others)
        ]
        tree = NearestNeighbors(n_neighbors=7, algorithm="kd_tree").fit(scaled[1].numpy())
        expected = np.sort(tree.kneighbors(scaled[0].numpy(), return_distance=False), axis=1)
        assert nearest_neighbours(rows, others, 7, normalise=normalise).tolist() == expected.tolist()


@pytest.mark.parametrize("normalise", [True, False])
def test_copies_and_chunks_and_threads_change_no_choice(monkeypatch, normalise):
    """A matrix product gives equal rows different last bits, by the places that they have in it."""
    generator = torch.Generator().manual_seed(0)
    embedding = torch.randn(60, 257, generator=generator).relu().repeat(20, 1)
    logits = torch.randn(60, 5, generator=generator).repeat(20, 1)
    known = torch.randn(25, 257, generator=generator).relu().repeat(8, 1)
    labelled = Outputs(torch.randn(200, 5, generator=generator), known)
    of = QueryContext(Outputs(logits, embedding), labelled, torch.zeros(200), 1200, 5, 0)
    chosen = Cal(11, normalise=normalise)
    near = nearest_neighbours(embedding, labelled.embedding, 11, normalise=normalise)
    assert (near.view(20, 60, 11) == near[:60]).all()
    nearest = near % 25
    for row in range(60):
        counts = nearest[row].bincount(minlength=25)
        assert sorted(counts[counts > 0].tolist()) == [3, 8]
        some = int(counts.tolist().index(3))
        assert near[row][nearest[row] == some].tolist() == [some, some + 25, some + 50]
    expected = query(chosen, of, 1200).tolist()
    best = expected[::20]
    assert expected == [row % 60 + 60 * copy for row in best for copy in range(20)]
    for chunk, threads in ((41, 1), (10**6, 2)):
        monkeypatch.setattr(cal, "CHUNK", chunk)
        monkeypatch.setattr(neighbours, "CHUNK", chunk)
        torch.set_num_threads(threads)
        assert query(chosen, of, 1200).tolist() == expected


def test_features_are_a_space_too():
    chosen = Cal(2, space="features")
    assert chosen.needs == Needs.LOGITS | Needs.LABELLED | Needs.FEATURES
    of = context(chosen.needs)
    unlabelled, labelled = (replace(each, embedding=each.features) for each in (of.unlabelled, of.labelled))
    assert query(chosen, of, 9).tolist() == obvious(replace(of, unlabelled=unlabelled, labelled=labelled), 9, 2)


def test_without_labelled_examples_it_says_so():
    of = made(0, 5, 0, is_on_a_grid=False)
    with pytest.raises(ConfigError, match=re.escape("num_initial=0: cal compares with labelled examples")):
        query(Cal(), of, 2)

"""LCMD against every distance by differences, in its three spaces, and on data that breaks careless code."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from al_bench.core.strategy import Needs, Outputs, QueryContext
from al_bench.strategies.lcmd import LCMD, Clusters
from al_bench.strategies.maths import gradients
from al_bench.strategies.maths.gradients import GradientEmbedding
from al_bench.strategies.maths.spaces import unit_length
from tests.contracts.test_strategies import context, query
from tests.strategies.test_badge import autograd_gradients
from tests.strategies.test_coreset import drawn, points


def obvious(points: torch.Tensor, centres: torch.Tensor, batch_size: int, norms: torch.Tensor) -> list[int]:
    """Holzmüller et al. (2023), section 4.2.4: clusters, their masses and all distances anew for each choice."""
    points, centres = points.double(), centres.double()
    chosen: list[int] = []
    while len(chosen) < batch_size:
        if len(centres) == 0:
            row = int(norms.argmax())
        else:
            distances, clusters = (points[:, None] - centres).square().sum(2).min(1)
            masses = [float(distances[clusters == each].sum()) for each in range(len(centres))]
            left = [row for row in range(len(points)) if row not in chosen]
            row = max((row for row in left if masses[clusters[row]] == max(masses)), key=distances.__getitem__)
        chosen.append(row)
        centres = torch.cat([centres, points[row : row + 1]])
    return chosen


def of(unlabelled: torch.Tensor, labelled: torch.Tensor) -> QueryContext:
    outputs, targets = Outputs(None, unlabelled), torch.zeros(len(labelled), dtype=torch.int64)
    return QueryContext(outputs, Outputs(None, labelled), targets, len(unlabelled), 3, round=0)


def chosen(unlabelled: torch.Tensor, labelled: torch.Tensor, batch_size: int, **options: object) -> list[int]:
    return query(LCMD(**options), of(unlabelled, labelled), batch_size).tolist()


def norms(rows: torch.Tensor) -> torch.Tensor:
    return rows.double().square().sum(1)


def test_by_hand():
    """From {0} come the masses 1 + 4 + 9, from {11} 4 + 1; then 1 and 1 (by 3), 5; then 1, 1, 1."""
    unlabelled, labelled = (torch.tensor([values]).T for values in ([1.0, 2, 3, 9, 10], [0.0, 11]))
    assert chosen(unlabelled, labelled, 3) == [2, 3, 0]


@pytest.mark.parametrize("is_on_a_grid", [False, True])
@pytest.mark.parametrize(
    ("num_unlabelled", "num_labelled", "batch_size"), [(60, 9, 25), (40, 0, 40), (25, 30, 25), (20, 3, 1), (1, 0, 1)]
)
def test_the_batch_is_that_of_all_distances(is_on_a_grid, num_unlabelled, num_labelled, batch_size):
    """On a grid there are copies, of labelled rows too, and equal distances and masses."""
    for seed in range(4):
        unlabelled = points(is_on_a_grid, num_unlabelled, 2, seed=seed)
        labelled = points(is_on_a_grid, num_labelled, 2, seed=100 + seed)
        expected = obvious(unlabelled, labelled, batch_size, norms(unlabelled))
        assert chosen(unlabelled, labelled, batch_size) == expected
        expected = obvious(unlabelled, labelled[:0], batch_size, norms(unlabelled))
        assert chosen(unlabelled, labelled, batch_size, use_labelled=False) == expected


@pytest.mark.moderate
@pytest.mark.parametrize("labels", [0, 90])
def test_pruning_and_blocks_change_nothing(monkeypatch, labels):
    unlabelled, labelled = (drawn(n, 24, seed=n) * torch.arange(1, 25) ** -0.5 for n in (900, labels))
    unlabelled[::7] = 0
    expected = obvious(unlabelled, labelled, 20, norms(unlabelled))
    assert chosen(unlabelled, labelled, 20) == expected
    monkeypatch.setattr(gradients, "OTHERS", 7)
    monkeypatch.setattr(gradients, "CHUNK", 100)
    assert chosen(unlabelled, labelled, 20) == expected


def test_few_distances_to_new_centres_are_evaluated():
    """Of vectors that lie in few directions: all rows for the first centre, a tenth of them for the others."""
    unlabelled, labelled = (drawn(n, 24, seed=n) * 2.0 ** -torch.arange(24) for n in (900, 90))
    clusters = Clusters(GradientEmbedding.of_vectors(unlabelled), torch.ones(900, dtype=torch.int64))
    clusters.start_from(GradientEmbedding.of_vectors(labelled))
    for _ in range(20):
        clusters.add(clusters.farthest_of_the_heaviest())
    assert clusters._nearest.num_evaluated < 900 + 19 * 90


@pytest.mark.parametrize("use_labelled", [True, False])
@pytest.mark.parametrize("num_classes", [2, 5])
def test_gradients_are_those_at_the_predicted_class_of_labelled_rows_too(num_classes, use_labelled):
    option = LCMD("gradient", use_labelled=use_labelled)
    assert option.needs == Needs.LOGITS | Needs.EMBEDDING | (Needs.LABELLED if use_labelled else Needs.NONE)
    for seed in range(3):
        shown = context(option.needs, num_unlabelled=80, num_classes=num_classes, num_dimensions=6, seed=seed)
        rows = autograd_gradients(shown.unlabelled.logits_NC, shown.unlabelled.embedding_ND)
        labelled = rows[:0]
        if use_labelled:
            labelled = autograd_gradients(shown.labelled.logits_NC, shown.labelled.embedding_ND)
        assert query(option, shown, 30).tolist() == obvious(rows, labelled, 30, norms(rows))


def test_rows_are_scaled_to_length_one_on_request_but_the_longest_comes_first():
    unlabelled, labelled = drawn(70, 5), drawn(4, 5, seed=1)
    for centres in (labelled, labelled[:0]):
        expected = obvious(unit_length(unlabelled), unit_length(centres), 20, norms(unlabelled))
        assert chosen(unlabelled, centres, 20, normalise=True) == expected
        assert chosen(unlabelled, centres, 20) != expected


def test_features_are_read_where_the_space_says_so():
    option = LCMD("features")
    assert option.needs == Needs.FEATURES | Needs.LABELLED
    unlabelled, labelled = drawn(30, 3), drawn(4, 3, seed=1)
    shown = of(unlabelled, labelled)
    shown = replace(shown, unlabelled=Outputs(features=unlabelled), labelled=Outputs(features=labelled))
    assert query(option, shown, 9).tolist() == chosen(unlabelled, labelled, 9)


@pytest.mark.parametrize("space", ["embedding", "gradient"])
@pytest.mark.parametrize("seed", range(3))
def test_copies_weigh_as_much_as_there_are_and_go_by_pool_order(space, seed):
    """A matrix product gives equal rows different last bits; so does a sum in another order."""
    generator = torch.Generator().manual_seed(seed)
    shown = context(Needs.LOGITS | Needs.EMBEDDING | Needs.LABELLED, 60, 4, 37, seed=seed)
    copied = torch.randint(60, (150,), generator=generator)
    labelled = torch.tensor([0, 1, 2, 1, 0])
    shown = replace(
        shown,
        unlabelled=shown.unlabelled.take(copied),
        labelled=shown.labelled.take(labelled),
        labelled_targets=labelled,
        num_unlabelled=150,
    )
    rows = query(LCMD(space), shown, 120).tolist()
    for position, row in enumerate(rows):
        equal = (copied == copied[row]).nonzero().squeeze(1).tolist()
        assert row == next(each for each in equal if each not in rows[:position])
    assert len({int(copied[row]) for row in rows}) == len(copied.unique())
    vectors = [each.embedding_ND for each in (shown.unlabelled, shown.labelled)]
    if space == "gradient":
        vectors = [autograd_gradients(each.logits_NC, each.embedding_ND) for each in (shown.unlabelled, shown.labelled)]
    num_distinct = len(copied.unique())
    assert rows[:num_distinct] == obvious(*vectors, num_distinct, norms(vectors[0]))


@pytest.mark.parametrize("seed", range(3))
def test_copies_of_centres_split_no_cluster(seed):
    unlabelled, labelled = (drawn(n, 257, seed=seed + n).relu() for n in (200, 23))
    assert chosen(unlabelled, labelled.repeat(17, 1), 40) == chosen(unlabelled, labelled, 40)


@pytest.mark.parametrize("spread", [0.0, 60.0])
def test_saturated_and_equal_gradients_leave_the_pool_in_order(spread):
    shown = context(Needs.LOGITS | Needs.EMBEDDING, 30, 3, 4, spread=spread)
    rows = query(LCMD("gradient", use_labelled=False), shown, 30).tolist()
    assert sorted(rows) == list(range(30))
    if spread == 0:
        assert rows == list(range(30))


@pytest.mark.parametrize(("scale", "offset"), [(1e-4, 100.0), (1e-6, 1.0), (1e15, 0.0), (1e-15, 0.0)])
def test_neither_scale_nor_a_common_offset_costs_digits(scale, offset):
    unlabelled, labelled = (drawn(n, 6, seed=n).mul(scale).add(offset) for n in (120, 4))
    assert chosen(unlabelled, labelled, 30) == obvious(unlabelled, labelled, 30, norms(unlabelled))


def test_an_outlier_leaves_the_others_their_digits():
    """Masses are integers: of the largest distance that is left, not of the largest that there was."""
    unlabelled = torch.cat([torch.full((1, 3), 1e9), drawn(50, 3)])
    assert chosen(unlabelled, drawn(3, 3, seed=1), 20) == obvious(
        unlabelled, drawn(3, 3, seed=1), 20, norms(unlabelled)
    )


def test_the_length_of_gradients_stays():
    with pytest.raises(ValueError, match="normalise=true: of space=embedding or features"):
        LCMD("gradient", normalise=True)


def test_nothing_is_drawn():
    shown, rng = of(drawn(20, 3), drawn(4, 3, seed=1)), np.random.default_rng(0)
    before = partial(LCMD().query, shown, 5)(rng)
    assert torch.equal(before, LCMD().query(shown, 5, rng))
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state

"""ALFA-Mix against the mixing of every coordinate with every anchor."""

import math

import numpy as np
import pytest
import torch

from al_bench.core.strategy import Needs, Outputs, QueryContext
from al_bench.strategies import alfamix
from al_bench.strategies.alfamix import AlfaMix, turning_caps, turning_lengths
from tests.contracts.test_strategies import query
from tests.strategies.test_candidates import obvious_spread


def changes(embedding: torch.Tensor, anchors: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, cap: float):
    """Parvaneh et al. (2022), equation 5 for each example and anchor, and the class of what it mixes.

    Where both coordinates are equal the paper divides 0 by 0: its limit is taken, from a difference near 0.
    """
    weight, bias = weight.double(), bias.double()
    found: list[bool] = []
    for z in embedding.double():
        logits = weight @ z + bias
        predicted = int(logits.argmax())
        error = logits.softmax(0)
        error[predicted] = 0
        error[predicted] = -error.sum()  # p - 1, of p near 1 too
        gradient = weight.T @ error
        is_changed = False
        for anchor in anchors.double():
            difference = torch.where(anchor == z, 1e-9, anchor - z)
            ratio = cap / math.sqrt(len(z)) * difference.norm() * gradient / (gradient.norm() * difference)
            mixed = (1 - ratio) * z + ratio * (z + difference)
            is_changed |= bool(gradient.norm() > 0) and int((weight @ mixed + bias).argmax()) != predicted
        found.append(is_changed)
    return found


def obvious(of: QueryContext, batch_size: int, seed: int, cap: float = 0.2) -> list[int]:
    """Caps grow, candidates accumulate, and k-means spreads the batch."""
    labelled, targets = of.labelled.embedding_ND.double(), of.labelled_targets.tolist()
    means = [labelled[[row for row, each in enumerate(targets) if each == k]].mean(0) for k in sorted(set(targets))]
    is_candidate, widest = [False] * of.num_unlabelled, 0.0
    while means and widest < 1 and sum(is_candidate) <= batch_size:
        widest = min(widest + cap, 1.0)
        head = (of.head_weight_CD, of.head_bias_C)
        now = changes(of.unlabelled.embedding_ND, torch.stack(means), *head, widest)
        is_candidate = [a or b for a, b in zip(is_candidate, now, strict=True)]
    return obvious_spread(of.unlabelled.embedding_ND, is_candidate, batch_size, np.random.default_rng(seed))


def problem(seed: int, num_rows: int = 60, num_classes: int = 4, *, scale: float = 1.0, is_relu: bool = False, seen=4):
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn(num_rows + 15 + num_classes, 6, generator=generator)
    if is_relu:
        draw[: num_rows + 15].relu_()
        draw[3] = 0
    draw[num_rows // 2 : num_rows // 2 + 5] = draw[:5]  # copies
    draw[num_rows] = draw[2]  # one of the labelled rows, too
    weight, bias = draw[num_rows + 15 :] * scale, torch.randn(num_classes, generator=generator) * 0.3 * scale
    targets = torch.randint(min(seen, num_classes), (15,), generator=generator)
    unlabelled, labelled = Outputs(embedding=draw[:num_rows]), Outputs(embedding=draw[num_rows : num_rows + 15])
    return QueryContext(unlabelled, labelled, targets, num_rows, num_classes, round=0, head=(weight, bias))


@pytest.mark.moderate
@pytest.mark.parametrize("is_relu", [False, True], ids=["without zeros", "with zeros"])
@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0], ids=["unsure", "mixed", "saturated"])
def test_candidates_are_those_of_every_coordinate_and_anchor(scale, is_relu):
    for seed in range(3):
        of = problem(seed, num_rows=40, scale=scale, is_relu=is_relu)
        embedding, anchors, head = of.unlabelled.embedding_ND, of.labelled.embedding_ND[:4], of.head
        found = turning_caps(embedding, anchors.double(), *head)
        expected = {cap: changes(embedding, anchors, *head, cap) for cap in (0.02, 0.1, 0.2, 0.5, 1.0)}
        assert {cap: (found < cap).tolist() for cap in expected} == expected
        assert 0 < sum(expected[0.1]) < sum(expected[0.2]) < 40


@pytest.mark.moderate
@pytest.mark.parametrize("is_relu", [False, True])
@pytest.mark.parametrize("seen", [0, 1, 3, 4], ids=lambda seen: f"{seen} classes seen")
@pytest.mark.parametrize(("batch_size", "cap"), [(1, 0.2), (8, 0.05), (20, 0.2), (40, 0.3)])
def test_the_batch_is_that_of_the_obvious_steps(batch_size, cap, seen, is_relu):
    """One of as many labels as rows, one of one; caps that do not divide 1; no labels."""
    for seed in range(2):
        of = problem(seed, num_rows=40, is_relu=is_relu, seen=max(seen, 1))
        if seen == 0:
            of = QueryContext(
                of.unlabelled, of.labelled.take(torch.arange(0)), of.labelled_targets[:0], 40, 4, 0, of.head
            )
        assert query(AlfaMix(cap), of, batch_size, seed).tolist() == obvious(of, batch_size, seed, cap)


def line(rows: list[float], labelled: list[float], weight: float = 1.0) -> QueryContext:
    """Two classes on a line, which change at 0; a label of its own for each labelled row."""
    embedding, anchors = (Outputs(embedding=torch.tensor(each)[:, None]) for each in (rows, labelled))
    head = (torch.tensor([[weight], [-weight]]), torch.zeros(2))
    return QueryContext(embedding, anchors, torch.arange(len(labelled)), len(rows), 2, 0, head)


@pytest.mark.parametrize("weight", [1e-3, 1.0, 1e4])
def test_by_hand_however_certain_the_network_is(weight):
    """|z| / max_k |z*_k - z|: 0.3 / 1.7, 0.3 / 2.3 (of either class), 0 / 2, and 1.5 / 2.5, 5 / 6."""
    of = line([0.3, -0.3, 0.0, 1.5, -5.0, 5.0], [-1.0, 1.0, 2.0], weight)
    turning = turning_caps(of.unlabelled.embedding_ND, of.labelled.embedding_ND.double(), *of.head)
    assert turning.tolist() == pytest.approx([0.3 / 1.7, 0.3 / 2.3, 0.0, 1.5 / 2.5, 5 / 7, 5 / 6])
    for batch_size, candidates in ((1, {0, 1, 2}), (2, {0, 1, 2}), (3, {0, 1, 2, 3, 4}), (4, {0, 1, 2, 3, 4})):
        for seed in range(5):
            assert set(query(AlfaMix(0.2), of, batch_size, seed).tolist()) <= candidates


def test_what_no_gradient_moves_is_no_candidate():
    """Classes of equal weights; a head of zeros; the only anchor is the example itself, though it is on the border."""
    of = problem(0)
    embedding, anchors = of.unlabelled.embedding_ND, of.labelled.embedding_ND[:3].double()
    equal = torch.randn(6, generator=torch.Generator().manual_seed(0)).repeat(4, 1)
    assert turning_caps(embedding, anchors, equal, torch.zeros(4)).isinf().all()
    assert turning_caps(embedding, anchors, torch.zeros(4, 6), torch.zeros(4)).isinf().all()
    assert turning_caps(torch.zeros(1, 1), torch.zeros(1, 1).double(), *line([0.0], []).head).isinf().all()


def test_gradients_that_are_rounding_alone_are_zero():
    """On paper u^T W W^T u = 0 for classes of equal weights; the class that the bias puts last has others beside it."""
    gram = torch.full((4, 4), 0.1 + 0.2, dtype=torch.float64)
    gram[1, 2] = gram[2, 1] = gram[3, 3] = 0.3
    gram[0, 1] = gram[1, 0] = 0.3 - 1e-16
    logits = torch.tensor([[1.0, 1.0, 0.5, 0.25], [0.25, 0.5, 1.0, 1.0]], dtype=torch.float64)
    assert turning_lengths(logits, gram).isinf().all()


def test_classes_of_equal_weights_never_change_into_each_other():
    """As those that a head trained from zeros never saw: a matrix product may round them differently."""
    gram = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 1.0], [0.0, 1.0, 1.0 + 4e-16]], dtype=torch.float64)
    logits = torch.tensor([[-1.0, 5.0, 5.0 + 1e-15]], dtype=torch.float64)
    assert turning_lengths(logits, gram).item() == pytest.approx(6 / 3**0.5), "class 0, at the distance of a plane"
    nearly_equal = torch.tensor([[1.0 - 1e-15, 1.0]], dtype=torch.float64)
    assert turning_lengths(nearly_equal, torch.eye(2, dtype=torch.float64)).item() == 0, "a tie, and not before it"


def test_chunks_and_threads_change_no_choice(monkeypatch):
    of = problem(5, num_rows=300, is_relu=True)
    expected = query(AlfaMix(), of, 12).tolist()
    for chunk in (1, 7, 100):
        monkeypatch.setattr(alfamix, "CHUNK", chunk)
        assert query(AlfaMix(), of, 12).tolist() == expected
    torch.set_num_threads(2)
    assert query(AlfaMix(), of, 12).tolist() == expected


def test_what_is_read():
    assert AlfaMix.needs == Needs.EMBEDDING | Needs.LABELLED | Needs.HEAD

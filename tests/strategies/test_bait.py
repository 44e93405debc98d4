"""BAIT against explicit V, fresh inverses and differences of traces, and on data that breaks careless code."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from al_bench.core.errors import ConfigError, StrategyError
from al_bench.core.strategy import Outputs, QueryContext
from al_bench.strategies import bait
from al_bench.strategies.bait import Bait
from al_bench.strategies.maths import fisher
from al_bench.strategies.maths.fisher import BinaryFisher, MultinomialFisher
from tests.contracts.test_strategies import query

KINDS = ["binary", "multinomial"]


def explicit(likelihood: str, outputs: Outputs) -> list[np.ndarray]:
    """V of each example as in the paper: a row sqrt(p_y) (e_y - p) (x) z for each class, none left out."""
    factors = []
    for p, z in zip(outputs.logits.double().softmax(1).numpy(), outputs.embedding.double().numpy(), strict=True):
        others = np.array([np.delete(p, y).sum() for y in range(len(p))])  # 1 - p_y, however small
        if likelihood == "binary":
            top = p.argmax()
            factors.append(np.sqrt(p[top] * others[top]) * z[None])
        else:
            errors = np.diag(others) - p * (1 - np.eye(len(p)))
            factors.append(np.array([np.kron(np.sqrt(q) * error, z) for q, error in zip(p, errors, strict=True)]))
    return factors


def change(moment: np.ndarray, fisher_matrix: np.ndarray, factor: np.ndarray, sign: int) -> float:
    """What adding (1) or removing (-1) an example takes off tr M^-1 F, as the authors' code has it."""
    inverse = np.linalg.inv(moment)
    inner = np.eye(len(factor)) + sign * factor @ inverse @ factor.T
    return sign * float(np.trace(factor @ inverse @ fisher_matrix @ inverse @ factor.T @ np.linalg.inv(inner)))


def change_of_traces(moment: np.ndarray, fisher_matrix: np.ndarray, factor: np.ndarray, sign: int) -> float:
    """The same, by the definition."""
    before, after = np.linalg.inv(moment), np.linalg.inv(moment + sign * factor.T @ factor)
    return float(np.trace(before @ fisher_matrix) - np.trace(after @ fisher_matrix))


def slowly(of: QueryContext, batch_size: int, likelihood="binary", ridge=1.0, oversampling=2.0, by=change) -> list[int]:
    """The algorithm, its factors as in the paper; the first of equal ones is added, the last of equal ones removed."""
    unlabelled, labelled = explicit(likelihood, of.unlabelled), explicit(likelihood, of.labelled)
    num_labelled = len(labelled)
    everything = sum(factor.T @ factor for factor in unlabelled + labelled)
    fisher_matrix = everything / len(unlabelled + labelled)
    moment = ridge * np.eye(len(fisher_matrix))
    for factor in labelled:
        moment += factor.T @ factor / num_labelled * num_labelled / (num_labelled + batch_size)
    scaled = [np.sqrt(batch_size / (num_labelled + batch_size)) * factor for factor in unlabelled]
    num_added = min(int(oversampling * batch_size), len(unlabelled))
    chosen: list[int] = []
    if num_added == len(unlabelled):
        chosen = list(range(num_added))
        moment += sum(factor.T @ factor for factor in scaled)
    while len(chosen) < num_added:
        gains = [
            -np.inf if row in chosen else by(moment, fisher_matrix, factor, 1) for row, factor in enumerate(scaled)
        ]
        chosen.append(int(np.argmax(np.array(gains) >= max(gains) - 1e-9 * abs(max(gains)))))
        moment += scaled[chosen[-1]].T @ scaled[chosen[-1]]
    while len(chosen) > batch_size:
        gains = [by(moment, fisher_matrix, scaled[row], -1) for row in chosen[::-1]]
        position = int(np.argmax(np.array(gains) >= max(gains) - 1e-9 * abs(max(gains))))
        row = chosen.pop(len(chosen) - 1 - position)
        moment -= scaled[row].T @ scaled[row]
    return chosen


def problem(seed: int, num_classes: int, num_labelled=4, kind="random", num_unlabelled=14, num_dimensions=3):
    """Outputs with copies, a row of zeros, points on a grid, or certain predictions."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(size: int) -> Outputs:
        logits = torch.randn(size, num_classes, generator=generator)
        embedding = torch.randn(size, num_dimensions, generator=generator) * 3
        if kind == "copies":
            rows = torch.randint(max(1, size // 2), (size,), generator=generator)
            logits, embedding = logits[rows], embedding[rows]
        if kind == "grid":
            logits, embedding = logits.round(), (embedding / 3).round()
        if kind == "certain":
            logits = logits * torch.tensor([1.0, 30.0, 1e3])[torch.arange(size) % 3, None]
        if kind == "zeros":
            embedding = embedding * (torch.arange(size) % 3 == 1)[:, None]
        return Outputs(logits, embedding)

    unlabelled, labelled = drawn(num_unlabelled), drawn(num_labelled)
    return QueryContext(unlabelled, labelled, torch.zeros(num_labelled), num_unlabelled, num_classes, round=0)


ROWS = ["random", "copies", "grid", "certain", "zeros"]


@pytest.mark.parametrize("num_classes", [2, 4])
@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("likelihood", KINDS)
def test_the_batch_is_that_of_the_paper_in_every_choice(likelihood, rows, num_classes):
    for seed, (num_labelled, ridge) in enumerate(product([0, 1, 5], [1.0, 0.01])):
        of = problem(seed, num_classes, num_labelled, rows, num_dimensions=1 + seed % 4)
        for batch_size, oversampling in ((1, 2.0), (4, 2.0), (4, 1.6), (5, 1.0), (9, 2.0), (14, 2.0)):
            options = (likelihood, ridge, oversampling)
            assert query(Bait(*options), of, batch_size).tolist() == slowly(of, batch_size, *options)


@pytest.mark.parametrize("likelihood", KINDS)
def test_every_choice_makes_the_trace_as_small_as_one_can(likelihood):
    for seed in range(5):
        of = problem(seed, 3)
        expected = slowly(of, 5, likelihood, by=change_of_traces)
        assert query(Bait(likelihood), of, 5).tolist() == expected


@pytest.mark.parametrize("ridge", [2.0, 0.02])
def test_with_two_classes_the_multinomial_is_the_binary_at_half_the_ridge(ridge):
    for seed in range(4):
        of = problem(seed, 2, num_unlabelled=60, num_dimensions=6)
        rows = query(Bait("multinomial", ridge), of, 15)
        assert rows.tolist() == query(Bait("binary", ridge / 2), of, 15).tolist()


@pytest.mark.parametrize(("ridge", "expected"), [(1.0, [0, 1]), (0.01, [0, 2])])
def test_copies_are_worth_it_only_where_the_ridge_is_large(ridge, expected):
    """By hand: with p = 1/2 and no labels M = diag(ridge + .5, ridge + .25) once all three are in, F ~ diag(2, 1).

    Removing a copy adds .0222 to the trace, the other row .0167; at the small ridge .31 and 8.01.
    """
    embedding = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    of = QueryContext(Outputs(torch.zeros(3, 2), embedding), Outputs(*2 * [torch.zeros(0, 2)]), torch.zeros(0), 3, 2, 0)
    assert query(Bait(ridge=ridge), of, 2).tolist() == expected == slowly(of, 2, ridge=ridge)


@pytest.mark.parametrize("likelihood", KINDS)
def test_rows_that_are_certain_gain_nothing_and_come_last_in_pool_order(likelihood):
    of = problem(0, 3, num_unlabelled=40)
    of.unlabelled.logits[:] = torch.tensor([1e4, 0.0, -1e4])
    of.unlabelled.logits[[30, 20]] = torch.tensor([[0.1, 0.0, 0.2], [0.0, 2.0, 1.0]])
    rows = query(Bait(likelihood), of, 12).tolist()
    assert sorted(rows[:2]) == [20, 30]
    assert rows[2:] == [*range(10)]


@pytest.mark.parametrize("likelihood", KINDS)
def test_copies_are_equal_however_much_was_lost_to_rounding(likelihood):
    """The first picks take six digits off what is kept of each example."""
    for seed in range(3):
        of = problem(seed, 3, 0, num_unlabelled=30, num_dimensions=7)
        twice = Outputs(of.unlabelled.logits.repeat(40, 1), of.unlabelled.embedding.repeat(40, 1) * 10)
        of = replace(of, unlabelled=twice, num_unlabelled=1200)
        rows = query(Bait(likelihood, ridge=1e-4), of, 60).tolist()
        for position, row in enumerate(rows):
            assert row == next(each for each in range(row % 30, 1200, 30) if each not in rows[:position])


@pytest.mark.parametrize("likelihood", KINDS)
def test_computing_anew_mends_what_rounding_decides_and_nothing_else(monkeypatch, likelihood):
    counts = []
    compute = bait.Moves._compute_anew
    monkeypatch.setattr(bait.Moves, "_compute_anew", lambda self: (counts.append(1), compute(self))[1])
    of = problem(0, 3, num_unlabelled=40)
    usual = query(Bait(likelihood), of, 10).tolist()
    assert len(counts) == 2
    monkeypatch.setattr(bait, "MAX_BETWEEN", 0)
    monkeypatch.setattr(bait, "ROUNDING", 1e-9)
    assert query(Bait(likelihood), of, 10).tolist() == usual
    assert len(counts) > 4
    monkeypatch.undo()
    ill = problem(6, 3, num_unlabelled=40)
    ill.unlabelled.embedding.mul_(100)
    assert query(Bait(likelihood, ridge=1e-3), ill, 10).tolist() == slowly(ill, 10, likelihood, ridge=1e-3)


@pytest.mark.moderate
@pytest.mark.parametrize("likelihood", KINDS)
def test_chunks_and_threads_change_no_choice(monkeypatch, likelihood):
    of = problem(2, 4, num_labelled=30, kind="copies", num_unlabelled=60, num_dimensions=8)
    expected = query(Bait(likelihood), of, 25).tolist()
    for chunk in (7, 59):
        monkeypatch.setattr(fisher, "CHUNK", chunk)
        assert query(Bait(likelihood), of, 25).tolist() == expected
    torch.set_num_threads(2)
    assert query(Bait(likelihood), of, 25).tolist() == expected


@pytest.mark.parametrize("spread", [0.0, 1e4])
def test_the_multinomial_takes_what_every_strategy_takes(spread):
    of = problem(3, 20, num_unlabelled=60, num_dimensions=5)
    of.unlabelled.logits.mul_(spread)
    of.unlabelled.embedding.mul_(spread)
    for batch_size in (1, 20, 60):
        assert len(set(query(Bait("multinomial"), of, batch_size).tolist())) == batch_size


def test_factors_are_those_of_the_paper_without_what_classes_have_in_common():
    of = problem(4, 4, kind="certain")
    logits, embedding = of.unlabelled.logits, of.unlabelled.embedding
    basis = fisher.complement(torch.full((1, 4), 0.5, dtype=torch.float64))[0]
    wide = torch.kron(basis, torch.eye(3, dtype=torch.float64)).numpy()
    ours, whole = MultinomialFisher.of(logits, embedding), explicit("multinomial", of.unlabelled)
    assert np.allclose(ours.total(), wide.T @ sum(factor.T @ factor for factor in whole) @ wide)
    for row, factor in enumerate(whole):
        expected = wide.T @ factor.T @ factor @ wide
        assert np.allclose(ours.factor(row) @ ours.factor(row).T, expected, rtol=0, atol=1e-10 * expected.trace())
    binary = BinaryFisher.of(logits, embedding)
    assert np.allclose(binary.total(), sum(factor.T @ factor for factor in explicit("binary", of.unlabelled)))
    for each, likelihood in ((ours, "multinomial"), (binary, "binary")):
        traces = [(factor**2).sum() for factor in explicit(likelihood, of.unlabelled)]
        assert np.allclose(each.traces(), traces, atol=0, rtol=1e-12)


def test_what_is_too_large_is_refused_before_training_and_at_the_query(monkeypatch):
    sizes = {"pool_size": 20_000, "batch_size": 100, "num_dimensions": 256}
    Bait("multinomial").check(**sizes, num_classes=26)
    Bait().check(**sizes, num_classes=1000)
    with pytest.raises(ConfigError, match=r"= 8192 rows; at most 8000 .* take strategy.likelihood=binary"):
        Bait("multinomial").check(**sizes, num_classes=33)
    many = {"batch_size": 100, "num_dimensions": 64, "num_classes": 101}
    with pytest.raises(ConfigError, match=r"= 5.0e\+08 numbers; .*, or strategy.subset_size=10000"):
        Bait("multinomial").check(pool_size=50_000, **many)
    chosen = Bait("multinomial")
    chosen.subset_size = 10_000
    chosen.check(pool_size=50_000, **many)
    monkeypatch.setattr(bait, "MAX_RANK", 5)
    with pytest.raises(StrategyError, match="= 6 rows; at most 5 are allowed"):
        query(Bait("multinomial"), problem(0, 3), 2)


@pytest.mark.parametrize("likelihood", KINDS)
def test_a_ridge_that_is_lost_is_refused_with_one_that_is_not(likelihood):
    of = problem(0, 3)
    with pytest.raises(StrategyError, match="ridge=1e-12 is lost beside") as refused:
        query(Bait(likelihood, ridge=1e-12), of, 3)
    enough = float(str(refused.value).split("strategy.ridge=")[1])
    assert len(query(Bait(likelihood, ridge=enough), of, 3)) == 3

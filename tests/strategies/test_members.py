"""Ensembles of strategies: REFINE, and the oracle BoSS, against their steps one by one."""

import math

import numpy as np
import pytest
import torch

from al_bench.core.strategy import Needs, QueryContext
from al_bench.strategies.boss import Boss
from al_bench.strategies.maths.linear_fit import fitted_head
from al_bench.strategies.members import MEMBERS, needs_of
from al_bench.strategies.refine import ALL, Refine
from al_bench.strategies.uherding import UHerding
from tests.contracts.test_strategies import context, query


def of_all(num_unlabelled: int = 60, seed: int = 0) -> QueryContext:
    return context(~Needs.NONE, num_unlabelled, num_dimensions=6, seed=seed)


def subset(rng: np.random.Generator, pool: list[int], size: int) -> list[int]:
    return sorted(pool[position] for position in rng.permutation(len(pool))[:size])


def asked(name: str, of: QueryContext, rows: list[int], batch_size: int, rng: np.random.Generator) -> list[int]:
    member = MEMBERS[name]()
    shown = of.restricted(torch.tensor(rows)).declared(member.needs)
    return [rows[row] for row in member.query(shown, batch_size, rng).tolist()]


@pytest.mark.parametrize(("names", "num_batches"), [(ALL, 11), (("margin", "random"), 5)])
@pytest.mark.parametrize("seed", range(2))
def test_refine_is_its_steps(monkeypatch, names, num_batches, seed):
    monkeypatch.setattr("al_bench.strategies.refine.FIRST_SUBSET", 25)
    of, batch_size, rng = of_all(seed=seed), 4, np.random.default_rng(seed)
    pool = list(range(60))
    for round in range(3):
        size = 25 if round == 0 else max(batch_size, math.ceil(0.4 * len(pool)))
        union: set[int] = set()
        for number, spawned in enumerate(rng.spawn(num_batches)):
            union |= {*asked(names[number % len(names)], of, subset(spawned, pool, size), batch_size, spawned)}
        pool = sorted(union)
    expected = asked("uherding", of, subset(rng, pool, len(pool)), batch_size, rng)
    refine = Refine(names, num_rounds=3, num_batches=num_batches)
    assert query(refine, of.declared(refine.needs), batch_size, seed).tolist() == expected


def test_refine_cuts_a_large_union_uniformly(monkeypatch):
    monkeypatch.setattr("al_bench.strategies.refine.MAX_UNION", 10)
    refine = Refine(["random"], num_rounds=1, num_batches=30)
    of = of_all()
    rng = np.random.default_rng(3)
    spawned = rng.spawn(30)
    union = sorted({row for each in spawned for row in asked("random", of, subset(each, list(range(60)), 60), 3, each)})
    kept = [union[position] for position in sorted(rng.permutation(len(union))[:10])]
    expected = asked("uherding", of, subset(rng, kept, 10), 3, rng)
    assert query(refine, of.declared(refine.needs), 3, 3).tolist() == expected


def test_refine_reads_what_its_members_read():
    assert Refine(["random"]).needs == UHerding().needs
    assert Refine().needs == needs_of([MEMBERS[name]() for name in ALL])
    with pytest.raises(ValueError, match="at least one"):
        Refine([])


@pytest.mark.parametrize("seed", range(3))
def test_boss_is_the_batch_with_the_best_head(monkeypatch, seed):
    monkeypatch.setattr("al_bench.strategies.boss.MAX_SUBSET", 40)
    of, batch_size, rng = of_all(seed=seed), 3, np.random.default_rng(seed)
    best, most = [], -1
    for number, spawned in enumerate(rng.spawn(20)):
        size = int(spawned.integers(12, 40, endpoint=True))
        rows = asked([*MEMBERS][number % 10], of, subset(spawned, list(range(60)), size), batch_size, spawned)
        embedding = torch.cat([of.labelled.embedding_ND, of.unlabelled.embedding_ND[rows]])
        targets = torch.cat([of.labelled_targets, of.unlabelled_targets[rows]])
        head = fitted_head(embedding, targets, of.num_classes)
        predicted = (of.test.outputs.embedding_ND.double() @ head.T).argmax(dim=1)
        hits = int((predicted == of.test.targets).sum())
        if hits > most:
            best, most = rows, hits
    boss = Boss(num_batches=20)
    assert query(boss, of.declared(boss.needs), batch_size, seed).tolist() == best
    assert boss.is_oracle

"""DropQuery against explicit masks."""

import numpy as np
import pytest
import torch
from scipy.stats import binom, chisquare

from al_bench.core.strategy import Needs, Outputs, QueryContext
from al_bench.strategies import dropquery
from al_bench.strategies.dropquery import DropQuery
from tests.contracts.test_strategies import query
from tests.strategies.test_candidates import obvious_spread


def obvious(of: QueryContext, batch_size: int, seed: int, num_samples: int = 3, dropout: float = 0.75) -> list[int]:
    """Gupte et al. (2024), one row, one pass, one number at a time."""
    rng = np.random.default_rng(seed)
    weight, bias = of.head_weight_CD.double().numpy(), of.head_bias_C.double().numpy()
    num_changed: list[int] = []
    for z in of.unlabelled.embedding_ND.double().numpy():
        predicted = (weight @ z + bias).argmax()
        num_changed.append(0)
        for _ in range(num_samples):
            masked = np.array([0.0 if rng.random(dtype=np.float32) < dropout else each / (1 - dropout) for each in z])
            num_changed[-1] += (weight @ masked + bias).argmax() != predicted
    is_candidate = [m > num_samples // 2 for m in num_changed]
    if sum(is_candidate) < 25 * batch_size:
        is_candidate = [m > 0 for m in num_changed]
    return obvious_spread(of.unlabelled.embedding_ND, is_candidate, batch_size, rng)


def problem(seed: int, num_rows: int = 80, num_dimensions: int = 5, *, scale: float = 1.0, is_on_a_grid: bool = False):
    """On a grid products are exact at dropouts that are 1 - 1/2, 1 - 1/4, ..., and many logits equal."""
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn(num_rows + 3, num_dimensions, generator=generator) * scale
    draw = draw.round() if is_on_a_grid else draw
    draw[10:20] = draw[:10]
    draw[5] = 0
    bias = torch.randint(2, (3,), generator=generator).float()
    outputs = Outputs(embedding=draw[:num_rows])
    return QueryContext(outputs, Outputs(), torch.zeros(0), num_rows, 3, round=0, head=(draw[num_rows:], bias))


@pytest.mark.moderate
@pytest.mark.parametrize("is_on_a_grid", [False, True])
@pytest.mark.parametrize(("num_samples", "dropout"), [(3, 0.75), (1, 0.5), (4, 0.5), (2, 0.875)])
@pytest.mark.parametrize("batch_size", [1, 7, 80])
def test_the_batch_is_that_of_explicit_masks(batch_size, num_samples, dropout, is_on_a_grid):
    for seed in range(2):
        of = problem(seed, is_on_a_grid=is_on_a_grid)
        chosen = query(DropQuery(num_samples, dropout), of, batch_size, seed).tolist()
        assert chosen == obvious(of, batch_size, seed, num_samples, dropout)


@pytest.mark.parametrize("dropout", [0.75, 0.3])
@pytest.mark.parametrize("scale", [1e-3, 1e3], ids=["unsure", "saturated"])
def test_however_certain_the_network_is(scale, dropout):
    of = problem(3, scale=scale)
    assert query(DropQuery(3, dropout), of, 5, 3).tolist() == obvious(of, 5, 3, 3, dropout)


def test_by_hand():
    """Two copies without a signal, whose class is that of the bias under any mask, and one that a mask can change."""
    head = (torch.tensor([[1.0], [0.0]]), torch.tensor([-0.5, 0.0]))
    of = QueryContext(Outputs(embedding=torch.tensor([[0.0], [0.0], [1.0]])), Outputs(), torch.zeros(0), 3, 2, 0, head)
    changed = [query(DropQuery(num_samples=20), of, 1, seed).item() for seed in range(20)]
    assert changed == [2] * 20, "of 20 passes one changes, but for 1 in 10^12"


def test_a_number_is_dropped_with_its_probability_in_each_pass():
    """Of z = 1 the class changes exactly if it is dropped; chi-squared, false alarms: 1 in 1,000."""
    head = (torch.tensor([[1.0], [0.0]]), torch.tensor([-0.5, 0.0]))
    changes = DropQuery(3, 0.75).num_changes(torch.ones(20_000, 1), *head, np.random.default_rng(0))
    counts = changes.bincount(minlength=4).numpy()
    assert chisquare(counts, 20_000 * binom.pmf(range(4), 3, 0.75)).pvalue > 1e-3


def test_one_change_is_enough_below_25_candidates_for_each_label(monkeypatch):
    """Of 3 passes: 10 rows change in none, 30 in one, 25 in two or all."""
    num_changes = torch.tensor([0] * 10 + [1] * 30 + [2] * 20 + [3] * 5)
    monkeypatch.setattr(DropQuery, "num_changes", lambda *_: num_changes)
    of = problem(0, num_rows=65)
    ones = [query(DropQuery(), of, 1, seed).item() for seed in range(30)]
    assert min(ones) >= 40
    twos = torch.cat([query(DropQuery(), of, 2, seed) for seed in range(30)])
    assert 10 <= twos.min() < 40


def test_chunks_and_threads_change_no_choice(monkeypatch):
    of = problem(1, num_rows=300, num_dimensions=9)
    expected = query(DropQuery(), of, 12).tolist()
    for size in (1, 100, 1001, 2**30):
        monkeypatch.setattr(dropquery, "NUM_MASKED", size)
        assert query(DropQuery(), of, 12).tolist() == expected
    torch.set_num_threads(2)
    assert query(DropQuery(), of, 12).tolist() == expected


def test_what_is_read():
    assert DropQuery.needs == Needs.EMBEDDING | Needs.HEAD

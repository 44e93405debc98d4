"""Copies of examples: found exactly, by hash."""

import numpy as np
import pytest
import torch

from al_bench.core import copies
from al_bench.core.copies import first_equal


def first_equal_by_comparing(inputs: torch.Tensor) -> list[int]:
    """The obvious way: every row with all before it."""
    rows = [row.flatten().tolist() for row in inputs]
    return [rows.index(row) for row in rows]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1,), (3,), (2, 3, 3), (16,)])
def test_the_first_of_equal_examples_is_found(dtype, shape):
    rng = np.random.default_rng(0)
    inputs = torch.from_numpy(rng.integers(0, 3 if len(shape) == 1 else 2, size=(200, *shape))).to(dtype)
    assert first_equal(inputs).tolist() == first_equal_by_comparing(inputs)


def test_zero_is_zero_whatever_its_sign():
    assert first_equal(torch.tensor([[0.0, 1.0], [-0.0, 1.0], [1.0, -0.0]])).tolist() == [0, 0, 2]


@pytest.mark.parametrize("num_rows", [1, 4])
def test_one_number_a_row_wherever_it_lies(num_rows):
    column = torch.tensor([[1.0, 2.0], [3.0, 4.0], [1.0, 5.0], [3.0, 4.0]]).T[:1, :num_rows].T
    assert first_equal(column).tolist() == [0, 1, 0, 1][:num_rows]
    assert first_equal(torch.empty_strided((num_rows, 1), (1, 5)).fill_(2.0)).tolist() == [0] * num_rows


def test_examples_without_inputs_are_equal():
    assert first_equal(torch.empty(3, 0)).tolist() == [0, 0, 0]
    assert first_equal(torch.empty(0, 4)).tolist() == []


def test_different_rows_of_one_hash_are_not_copies(monkeypatch):
    monkeypatch.setattr(copies, "_hashed", lambda rows: np.zeros(len(rows), dtype=np.uint64))
    inputs = torch.tensor([[1.0], [2.0], [1.0], [3.0], [2.0]])
    assert first_equal(inputs).tolist() == [0, 1, 0, 3, 1]


def test_signs_that_cancel_in_a_sum_are_told_apart_by_the_hash():
    rows = np.array([[0, 0], [1 << 63, 1 << 63]], dtype=np.uint64)
    assert len(set(copies._hashed(rows.view(np.uint8)))) == 2

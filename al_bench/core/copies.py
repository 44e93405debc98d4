"""Which examples are copies of others: equal in every input."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from al_bench.core.data import Texts

WORD = 8  # bytes
BYTES_AT_ONCE = 2**18  # of at least one row: what fits a cache
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def first_equal(inputs: Tensor | Texts) -> NDArray[np.int64]:
    """The position of the first example with equal inputs, for each example (N, ...) -> (N,); its own without one.

    Rows are compared by a hash, and those of equal hash in full.
    """
    if not isinstance(inputs, Tensor):
        first: dict[str, int] = {}
        return np.array([first.setdefault(text, place) for place, text in enumerate(inputs)], dtype=np.int64)
    size = max(1, BYTES_AT_ONCE // max(1, inputs[:1].numel() * inputs.element_size()))
    inputs = inputs.cpu()
    hashes = [_hashed(_bytes_of(some)) for some in inputs.split(size)] if len(inputs) else []
    firsts = _firsts(np.concatenate([np.empty(0, dtype=np.uint64), *hashes]))
    (others,) = np.nonzero(firsts != np.arange(len(firsts)))
    for some in np.split(others, range(size, len(others), size)):
        copies, originals = (_bytes_of(inputs[torch.from_numpy(each)]) for each in (some, firsts[some]))
        if not np.array_equal(copies, originals):  # different rows of one hash
            rows = _bytes_of(inputs)
            return _firsts(rows.view(f"V{rows.shape[1]}")[:, 0])
    return firsts


def _firsts(values: NDArray[np.generic]) -> NDArray[np.int64]:
    _, first, group = np.unique(values, return_index=True, return_inverse=True)
    positions: NDArray[np.int64] = first[group]
    return positions


def _bytes_of(inputs: Tensor) -> NDArray[np.uint8]:
    """Rows (N, bytes), filled up to whole words; -0.0 is 0.0."""
    if not inputs.numel():
        return np.zeros((len(inputs), WORD), dtype=np.uint8)
    rows = inputs.reshape(len(inputs), -1)
    rows = rows + 0.0 if rows.is_floating_point() else rows
    if rows.stride(1) != 1:  # which PyTorch calls contiguous all the same where there is one number a row
        rows = rows.clone(memory_format=torch.contiguous_format)
    content: NDArray[np.uint8] = rows.contiguous().view(torch.uint8).numpy()
    lacking = -content.shape[1] % WORD
    return np.pad(content, ((0, 0), (0, lacking))) if lacking else content


def _hashed(rows: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """64 bits of each row."""
    words = rows.view(np.uint64)
    positions: NDArray[np.uint64] = np.arange(words.shape[1], dtype=np.uint64)
    words = words + positions * MULTIPLIER
    for _ in range(2):  # products carry bits upwards alone
        words *= MULTIPLIER
        words ^= words >> np.uint64(32)
    hashes: NDArray[np.uint64] = words.sum(axis=1, dtype=np.uint64)
    return hashes

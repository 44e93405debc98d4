"""Every random stream is a pure function of (seed, purpose, round).

No stream depends on the strategy, so at one seed all strategies share the split, the initial labels, the
networks' initial weights and the order of the mini-batches: comparisons between them are paired.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import numpy as np
import torch


class Stream(IntEnum):
    """What randomness is drawn for. The numbers are part of every published result: never change them."""

    SPLIT = 0
    INITIAL = 1
    WEIGHTS = 2
    MINIBATCH = 3
    AUGMENT = 4
    UNLABELLED = 5
    QUERY = 6


def generator(seed: int, stream: Stream, round: int = 0) -> np.random.Generator:
    """The random numbers of one purpose in one round."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(stream, round)))


@contextmanager
def initial_weights(seed: int, round: int) -> Iterator[None]:
    """Within, torch's CPU generator is seeded with the stream WEIGHTS; afterwards it is as it was.

    The one place where a global generator is touched: PyTorch's layers initialise themselves from it.
    """
    with torch.random.fork_rng(devices=[]):
        drawn = generator(seed, Stream.WEIGHTS, round).integers(2**63)
        torch.default_generator.manual_seed(int(drawn))
        yield

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
    LAYERS = 7  # dropout and the like, in training
    VALIDATION = 8
    PRETRAIN = 9
    SUBSET = 10
    SAMPLES = 11  # masks of dropout for strategies
    DATA = 12  # what is done to the pool


def generator(seed: int, stream: Stream, round: int = 0, member: int = 0) -> np.random.Generator:
    """The random numbers of one purpose in one round; each later member of an ensemble, or sample, has its own."""
    key = (stream, round, member) if member else (stream, round)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


@contextmanager
def torch_seeded(seed: int, stream: Stream, round: int, device: str = "cpu", member: int = 0) -> Iterator[None]:
    """Within, torch's generators of the CPU and of `device` are seeded from a stream; afterwards they are as before.

    The one place where global generators are touched: layers initialise themselves from them, and drop out.
    """
    is_cuda = device.startswith("cuda")
    drawn = int(generator(seed, stream, round, member).integers(2**63))
    with torch.random.fork_rng(devices=[torch.device(device)] if is_cuda else []):
        torch.default_generator.manual_seed(drawn)
        if is_cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(drawn)
        yield

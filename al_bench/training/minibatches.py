"""Mini-batches for training: gathered, augmented and prepared on the device."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from al_bench.core.data import Examples
from al_bench.core.devices import to_device

MAX_GATHERED = 16  # mini-batches at once, which is cheaper than one by one
GATHERED_NUMBERS = 2**23  # in the inputs of the mini-batches gathered at once, if they are more than one


@dataclass(frozen=True)
class Minibatches:
    """Examples in a new order every epoch.

    Args:
        examples: as stored.
        sizes: of the mini-batches, in their order; they add up to the number of examples.
        prepare: stored inputs -> what the network takes.
        order_rng: draws the orders.
        device: of the targets.
        augment: stored inputs -> stored inputs; None to leave them as they are.
    """

    examples: Examples
    sizes: list[int]
    prepare: Callable[[Tensor], Tensor]
    order_rng: np.random.Generator
    device: str
    augment: Callable[[Tensor], Tensor] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the inputs of the largest mini-batch."""
        return max(self.sizes), *self.examples.inputs.shape[1:]

    def epoch(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Every example once: prepared inputs and targets of each mini-batch."""
        permutation = torch.from_numpy(self.order_rng.permutation(len(self.examples)))
        order = to_device(permutation, self.examples.targets.device)
        numbers = self.sizes[0] * self.examples.inputs[0].numel()
        at_once = max(1, min(MAX_GATHERED, GATHERED_NUMBERS // numbers))
        start = 0
        for first in range(0, len(self.sizes), at_once):
            sizes = self.sizes[first : first + at_once]
            gathered = self.examples.take(order[start : (start := start + sum(sizes))])
            inputs, targets = to_device(gathered.inputs, self.device), to_device(gathered.targets, self.device)
            if self.augment is not None:
                inputs = self.augment(inputs)
            yield from zip(self.prepare(inputs).split(sizes), targets.split(sizes), strict=True)


def minibatch_sizes(num_examples: int, size: int, *, is_one_too_few: bool, are_equal: bool = False) -> list[int]:
    """Full mini-batches and a last one of what is left; if one is too few, it joins the one before it.

    Equal ones are as many, larger ones first, and their sizes differ by at most one.
    """
    rest = num_examples % size
    num_full = num_examples // size
    num_minibatches = num_full if rest == 1 and is_one_too_few and num_full else num_full + bool(rest)
    if are_equal:
        least, num_larger = divmod(num_examples, num_minibatches)
        return [least + 1] * num_larger + [least] * (num_minibatches - num_larger)
    return [size] * (num_minibatches - 1) + [num_examples - size * (num_minibatches - 1)]

"""Samples of a network's weights, for strategies: dropout with one mask for all examples.

Plain dropout modules draw a mask for each example. What is said of two examples under one sample of the weights would
be wrong, and what is said of one would depend on which others are in its forward pass.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from al_bench.core.errors import ConfigError, StrategyError
from al_bench.core.network import Network
from al_bench.core.seeding import Stream, generator

Sample = Callable[[Tensor], Tensor]
"""prepared inputs (N, ...) -> logits (N, C) under one sample of the weights, in evaluation mode."""

OF_ENTRIES, OF_CHANNELS = (nn.Dropout,), (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)  # what a mask switches off


def dropout_samples(
    network: Network, num: int, seed: int, round: int, logits: Sample | None = None
) -> tuple[Sample, ...]:
    """Samples of a trained network in evaluation mode, by its dropout modules alone; the same on every device.

    `logits` are how inputs pass through it, if that is not its own way.
    """
    rngs = (generator(seed, Stream.SAMPLES, round, member) for member in range(num))
    return tuple(DropoutSample(network, rng, logits or network) for rng in rngs)


def check_dropout(network: Network) -> None:
    """ConfigError if there is nothing to draw."""
    if not _dropout_modules(network):
        raise ConfigError(
            f"strategy.samples=network: {type(network).__name__} has no dropout to draw samples by (modules "
            "nn.Dropout, nn.Dropout1d, 2d or 3d with p above 0); say model.dropout=0.5 for model=mlp, give your own "
            "network such modules, or say strategy.samples=head or strategy.samples=ensemble"
        )


class DropoutSample:
    """The network with a mask for each place where it drops out: a dropout module, each time that a pass calls it.

    Masks are drawn where they are first needed, as their shapes are not known before.
    """

    def __init__(self, network: Network, rng: np.random.Generator, logits: Sample) -> None:
        self._network = network
        self._logits = logits
        self._generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
        self._factors: dict[tuple[int, int], Tensor] = {}

    def __call__(self, inputs: Tensor) -> Tensor:
        """See `Sample`."""
        num_calls = Counter[int]()
        hooks = [
            module.register_forward_hook(partial(self._masked, place, num_calls))
            for place, module in enumerate(_dropout_modules(self._network))
        ]
        try:
            logits = self._logits(inputs)
        finally:
            for hook in hooks:
                hook.remove()
        if not num_calls:
            raise StrategyError(
                f"{type(self._network).__name__} calls none of its dropout modules in evaluation mode, so its samples "
                "would be all the same; call them in both modes, or take an ensemble"
            )
        return logits

    def _masked(self, place: int, num_calls: Counter[int], module: Any, _: Any, output: Tensor) -> Tensor:
        key = place, num_calls[place]
        num_calls[place] += 1
        shape = output.shape[1:]
        if isinstance(module, OF_CHANNELS):
            shape = shape[:1] + (1,) * (len(shape) - 1)
        if key not in self._factors:
            self._factors[key] = self._drawn(tuple(shape), module.p).to(output.device)
        factor = self._factors[key]
        if factor.shape != shape:
            raise StrategyError(
                f"a dropout module of {type(self._network).__name__} has outputs of shape {tuple(shape)} for some "
                f"examples and {tuple(factor.shape)} for others: its first dimension must be that of the examples"
            )
        return output * factor

    def _drawn(self, shape: tuple[int, ...], p: float) -> Tensor:
        is_kept = torch.rand(shape, generator=self._generator, dtype=torch.float64) >= p
        return is_kept.float() / max(1 - p, torch.finfo(torch.float32).tiny)


def _dropout_modules(network: Network) -> list[nn.Module]:
    return [module for module in network.modules() if isinstance(module, OF_ENTRIES + OF_CHANNELS) and module.p > 0]

"""Batch norm: whose statistics it takes, and when."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm

from al_bench.interfaces import Network


def batch_norm_layers(network: Network) -> list[BatchNorm]:
    """Those that keep running statistics or need more than one example in training."""
    return [module for module in network.modules() if isinstance(module, BatchNorm)]


def to_training_mode(network: Network, *, is_single: bool) -> None:
    """Batch norm takes no statistics from mini-batches of a single example: it uses its running ones then."""
    network.train()
    if is_single:
        for layer in batch_norm_layers(network):
            layer.eval()


@contextmanager
def frozen_statistics(network: Network) -> Iterator[None]:
    """Within, batch norm uses its running statistics and leaves them as they are."""
    layers = batch_norm_layers(network)
    modes = [layer.training for layer in layers]
    for layer in layers:
        layer.eval()
    yield
    for layer, mode in zip(layers, modes, strict=True):
        layer.train(mode)


@torch.no_grad()
def recompute_statistics(network: Network, parts: Iterable[Tensor]) -> None:
    """The mean statistics of parts of the examples, as is in evaluation mode but for batch norm itself: nothing is
    dropped out.
    """
    network.eval()
    layers = batch_norm_layers(network)
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.train()
    for number, inputs in enumerate(parts, start=1):
        for layer in layers:
            layer.momentum = 1 / number  # the running average is the mean so far
        network(inputs)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
        layer.eval()

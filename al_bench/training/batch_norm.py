"""Batch norm: whose statistics it takes, and when."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm

from al_bench.core.network import Network


def batch_norm_layers(network: Network) -> list[BatchNorm]:
    """The layers that keep running statistics or need more than one example in training."""
    return [module for module in network.modules() if isinstance(module, BatchNorm)]


def to_training_mode(network: Network, *, is_single: bool) -> None:
    """Batch norm takes no statistics from mini-batches of a single example: it uses its running ones then."""
    network.train()
    if is_single:
        for layer in batch_norm_layers(network):
            layer.eval()


@contextmanager
def statistics_of_first(network: Network, num_first: int) -> Iterator[None]:
    """Within, batch norm in training mode takes the mean and variance of the first `num_first` examples for all of a
    mini-batch, with their gradients, and leaves its running statistics as they are.
    """
    layers = [layer for layer in batch_norm_layers(network) if layer.training]
    for layer in layers:
        layer.forward = partial(_normalised_by_first, layer, num_first)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward  # the class's own again


def _normalised_by_first(layer: BatchNorm, num_first: int, inputs: Tensor) -> Tensor:
    """Inputs (N, C, ...) as `layer` would put out were it to take its statistics from some of them."""
    dimensions = [0, *range(2, inputs.dim())]
    shape = [1, -1] + [1] * (inputs.dim() - 2)
    variance, mean = torch.var_mean(inputs[:num_first].float(), dim=dimensions, correction=0)
    scale = (variance + layer.eps).rsqrt()
    if layer.affine:
        scale = scale * layer.weight
    outputs = (inputs - mean.view(shape)) * scale.view(shape)
    if layer.affine:
        outputs = outputs + layer.bias.view(shape)
    return outputs.to(inputs.dtype)


@torch.no_grad()
def recompute_statistics(network: Network, inputs: Tensor, size: int, prepare: Callable[[Tensor], Tensor]) -> None:
    """The mean statistics of equal parts of stored inputs (N, ...), of about `size` each, prepared one by one.

    As is in evaluation mode but for batch norm itself: nothing is dropped out. Parts of one example have no statistics.
    """
    layers = batch_norm_layers(network)
    if not layers or min(size, len(inputs)) == 1:
        return
    network.eval()
    rows = torch.arange(len(inputs), device=inputs.device)
    parts = rows.tensor_split(max(1, len(rows) // size))
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.train()
    for number, part in enumerate(parts, start=1):
        for layer in layers:
            layer.momentum = 1 / number  # the running average is the mean so far
        network(prepare(inputs[part]))
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
        layer.eval()

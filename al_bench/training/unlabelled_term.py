"""Unlabelled examples in training, and what a trained network says of them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from al_bench.core.devices import to_device
from al_bench.core.network import Network, UnlabelledTerm
from al_bench.core.rounds import PoolMetrics
from al_bench.training.batch_norm import batch_norm_layers, statistics_of_first
from al_bench.training.outputs import Passes

Term = Callable[[Tensor], Tensor]
"""labelled inputs of a step -> its weighted term (), after the gradient of that was added to the parameters'."""

PART_SIZE = 256  # unlabelled examples in memory at once, unless mini-batches are larger
NUM_KEPT = 1 / 4  # a class has taken over if the others keep less than this of their share among the labels


@dataclass(frozen=True)
class Unlabelled:
    """The unlabelled examples: `rows` (U,) of the pool's inputs (N, ...), and what training makes of them."""

    inputs: Tensor
    rows: Tensor
    term: UnlabelledTerm


@dataclass(frozen=True)
class UnlabelledSteps:
    """Adds the gradient of an `UnlabelledTerm` to that of each step on a labelled mini-batch.

    Args:
        unlabelled: at least one example.
        rng: draws the orders, and whatever `augment` draws.
        passes: how inputs pass.
        augment: stored inputs -> stored inputs; None to leave them as they are.
        precision: of the forward pass.
        part_size: examples in memory at once; the gradients of the parts of a step add up.
    """

    unlabelled: Unlabelled
    rng: np.random.Generator
    passes: Passes
    augment: Callable[[Tensor], Tensor] | None
    precision: Callable[[], AbstractContextManager[object]]
    part_size: int

    def terms(self, network: Network, num_steps: int) -> Iterator[Iterator[Term]]:
        """For one epoch after another, the terms of its steps."""
        for epoch, steps in enumerate(self.rows(num_steps), start=1):
            weight = self.unlabelled.term.weight(epoch)
            yield (partial(self._add_gradient, network, rows, weight) for rows in steps)

    def rows(self, num_steps: int) -> Iterator[tuple[Tensor, ...]]:
        """For one epoch after another, the rows of each of its steps."""
        num_rows, size = len(self.unlabelled.rows), self.unlabelled.term.minibatch_size
        num_taken = num_rows if size == "all" else num_steps * min(size, num_rows)
        waiting = np.empty(0, dtype=np.int64)
        while True:
            while len(waiting) < num_taken:
                waiting = np.concatenate([waiting, self.rng.permutation(num_rows)])
            positions = to_device(torch.from_numpy(waiting[:num_taken]), self.unlabelled.rows.device)
            waiting = waiting[num_taken:]
            yield self.unlabelled.rows[positions].tensor_split(num_steps)

    def _add_gradient(self, network: Network, rows: Tensor, weight: float, labelled_inputs: Tensor) -> Tensor:
        if len(rows) == 0:  # more steps than examples
            return torch.zeros((), device=self.passes.device)
        terms = []
        for part in rows.split(self.part_size):
            inputs = to_device(self.unlabelled.inputs[part], self.passes.device)
            if self.augment is not None:
                inputs = self.augment(inputs)
            logits_MC = self._logits(network, self.passes.inputs(inputs), labelled_inputs)
            term = weight * self.unlabelled.term.losses(logits_MC).sum() / len(rows)
            term.backward()
            terms.append(term.detach())
        return torch.stack(terms).sum()

    def _logits(self, network: Network, inputs: Tensor, labelled_inputs: Tensor) -> Tensor:
        """Of unlabelled inputs; batch norm takes the statistics of the labelled mini-batch of the step."""
        num_labelled = 0
        if batch_norm_layers(network):
            inputs, num_labelled = torch.cat([labelled_inputs, inputs]), len(labelled_inputs)
        with statistics_of_first(network, num_labelled), self.precision():
            logits: Tensor = network(inputs)[num_labelled:]
        return logits.float()


def pool_metrics(logits_UC: Tensor) -> PoolMetrics:
    """Mean entropy, and mean probability of each class, of the softmax of a trained network's logits (U, C)."""
    log_probabilities_UC = logits_UC.double().log_softmax(dim=1)
    probabilities_UC = log_probabilities_UC.exp()
    entropy_U = -(probabilities_UC * log_probabilities_UC).sum(dim=1)
    return PoolMetrics(entropy_U.mean().item(), tuple(probabilities_UC.mean(dim=0).tolist()))


def collapsed_class(metrics: PoolMetrics, labelled_counts_C: NDArray[np.int64]) -> int | None:
    """The class that has taken over the predictions on the pool, by the labels that are known; None if none has."""
    largest = int(np.argmax(metrics.class_marginals))
    labelled_share = labelled_counts_C[largest] / labelled_counts_C.sum()
    is_collapsed = 1 - metrics.class_marginals[largest] < NUM_KEPT * (1 - labelled_share)
    return largest if is_collapsed else None

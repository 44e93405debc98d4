"""The training pool: what is labelled, in which order, and the oracle that labels."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from al_bench.interfaces import Batch, Examples


class Pool:
    """All training examples; their targets are revealed by `label` alone."""

    def __init__(self, examples: Examples) -> None:
        self._examples = examples
        self._order: list[NDArray[np.int64]] = []
        self._is_labelled = np.zeros(len(examples), dtype=bool)

    def __len__(self) -> int:
        return len(self._examples)

    @property
    def inputs(self) -> Tensor:
        """The inputs of the whole pool (N, ...)."""
        return self._examples.inputs

    @property
    def num_labelled(self) -> int:
        """How many examples have been labelled."""
        return int(self._is_labelled.sum())

    @property
    def labelled_indices(self) -> Tensor:
        """Pool indices (L,) in labelling order."""
        return self._on_device(np.concatenate(self._order))

    @property
    def labelled_targets(self) -> Tensor:
        """Targets (L,) in labelling order."""
        return self._examples.targets[self.labelled_indices]

    @property
    def unlabelled_indices(self) -> Tensor:
        """Pool indices (U,) in ascending order."""
        return self._on_device(np.flatnonzero(~self._is_labelled))

    def labelled(self) -> Examples:
        """The labelled examples in labelling order."""
        return self._examples.take(self.labelled_indices)

    def label(self, indices: NDArray[np.int64]) -> Batch:
        """Ask the oracle for the targets of these examples; ValueError unless they are new and distinct."""
        if self._is_labelled[indices].any() or len(np.unique(indices)) != len(indices):
            raise ValueError("an example can be labelled only once")
        self._is_labelled[indices] = True
        self._order.append(indices)
        targets = self._examples.targets[self._on_device(indices)]
        return Batch(indices, targets.cpu().numpy())

    def _on_device(self, indices: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(indices).to(self._examples.targets.device)

"""The training pool: what is labelled, in which order, and the oracle that labels."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from al_bench.core.copies import first_equal
from al_bench.core.data import Examples
from al_bench.core.rounds import Batch


class Pool:
    """All training examples; their targets are revealed by `label`, to validation from the start, and to oracles.

    Args:
        examples: the pool.
        validation_indices: examples (V,) that are labelled, but neither trained on nor queried.
    """

    def __init__(self, examples: Examples, validation_indices: NDArray[np.int64] | None = None) -> None:
        self._examples = examples
        self._order: list[NDArray[np.int64]] = []
        self._validation = np.empty(0, dtype=np.int64) if validation_indices is None else validation_indices
        self._is_labelled = np.zeros(len(examples), dtype=bool)
        self._is_labelled[self._validation] = True
        self._first_equal = first_equal(examples.inputs)
        self._is_bought = np.zeros(len(examples), dtype=bool)  # by the first of equal examples
        self._is_bought[self._first_equal[self._validation]] = True
        self._num_copies = 0
        self._to_validate = examples.take(self._on_device(self._validation)) if len(self._validation) else None

    def __len__(self) -> int:
        return len(self._examples)

    @property
    def inputs(self) -> Tensor:
        """The inputs of the whole pool (N, ...)."""
        return self._examples.inputs

    @property
    def num_labelled(self) -> int:
        """How many labels are known: what a budget counts, those for validation among them."""
        return int(self._is_labelled.sum())

    @property
    def num_validation(self) -> int:
        """How many examples are labelled for validation."""
        return len(self._validation)

    @property
    def num_trained_on(self) -> int:
        """How many examples are labelled to train on, as `labelled_indices` has them."""
        return self.num_labelled - self.num_validation

    @property
    def num_unlabelled(self) -> int:
        """How many examples have not been labelled."""
        return len(self) - self.num_labelled

    @property
    def num_copies(self) -> int:
        """How many of the batch that was labelled last have inputs that were labelled before, or earlier in it.

        Those of validation examples count as labelled from the start.
        """
        return self._num_copies

    @property
    def labelled_indices(self) -> Tensor:
        """Pool indices (L,) in labelling order."""
        return self._on_device(np.concatenate([np.empty(0, dtype=np.int64), *self._order]))

    @property
    def labelled_targets(self) -> Tensor:
        """Targets (L,) in labelling order."""
        return self._examples.targets[self.labelled_indices]

    @property
    def unlabelled_indices(self) -> Tensor:
        """Pool indices (U,) in ascending order."""
        return self._on_device(np.flatnonzero(~self._is_labelled))

    def labelled(self) -> Examples:
        """The labelled examples to train on, in labelling order."""
        return self._examples.take(self.labelled_indices)

    def validation(self) -> Examples | None:
        """The labelled examples for validation, if there are any."""
        return self._to_validate

    def targets_for_oracles(self, indices: Tensor) -> Tensor:
        """Targets of examples that need not be labelled, for what is declared to be an oracle alone."""
        return self._examples.targets[indices]

    def label(self, indices: NDArray[np.int64]) -> Batch:
        """Ask the oracle for the targets of these examples; ValueError unless they are new and distinct."""
        if self._is_labelled[indices].any() or len(np.unique(indices)) != len(indices):
            raise ValueError("an example can be labelled only once")
        self._is_labelled[indices] = True
        rows = self._first_equal[indices]
        self._num_copies = len(rows) - len(np.unique(rows[~self._is_bought[rows]]))
        self._is_bought[rows] = True
        self._order.append(indices)
        targets = self._examples.targets[self._on_device(indices)]
        return Batch(indices, targets.cpu().numpy())

    def _on_device(self, indices: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(indices).to(self._examples.targets.device)

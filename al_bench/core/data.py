"""Examples and data sets."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Generic

from torch import Tensor
from typing_extensions import TypeVar

Texts = tuple[str, ...]
Inputs = TypeVar("Inputs", Tensor, Texts, default=Tensor)
"""What a model or a function of features is given: numbers, or texts, of which the latter alone can make numbers."""


@dataclass(frozen=True)
class Examples(Generic[Inputs]):
    """Inputs (N, ...), float32 or uint8, or N texts before features, and targets (N,), int64 in 0 .. C-1."""

    inputs: Inputs
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, indices: Tensor) -> "Examples[Inputs]":
        """The examples at these positions, in this order."""
        if isinstance(self.inputs, Tensor):
            return Examples(self.inputs.index_select(0, indices), self.targets[indices])
        return Examples(tuple(self.inputs[index] for index in indices.tolist()), self.targets[indices])

    def to(self, device: str) -> "Examples[Inputs]":
        """The same examples on a device; texts stay where they are."""
        inputs = self.inputs.to(device) if isinstance(self.inputs, Tensor) else self.inputs
        return Examples(inputs, self.targets.to(device))


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation per channel of inputs scaled to 0 .. 1; for uint8 images (N, C, H, W)."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Dataset(Generic[Inputs]):
    """The training pool, the test set, and what models need to know of them.

    Multi-modal inputs are (N, D), the modalities side by side: `modalities` names them in their order, with the number
    of columns of each; it is empty for inputs of one kind. `Dataset[Texts]` is one of texts.
    """

    train: Examples[Inputs]
    test: Examples[Inputs]
    num_classes: int
    normalisation: Normalisation | None = None
    modalities: Mapping[str, int] = field(default_factory=dict)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one example; a text has none."""
        inputs = self.train.inputs
        return tuple(inputs.shape[1:]) if isinstance(inputs, Tensor) else ()

    def to(self, device: str) -> "Dataset[Inputs]":
        """The same data set on a device."""
        return replace(self, train=self.train.to(device), test=self.test.to(device))

"""Examples and data sets."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from torch import Tensor


@dataclass(frozen=True)
class Examples:
    """Inputs (N, ...), float32 or uint8, and targets (N,), int64 in 0 .. C-1."""

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, indices: Tensor) -> "Examples":
        """The examples at these positions, in this order."""
        return Examples(self.inputs.index_select(0, indices), self.targets[indices])

    def to(self, device: str) -> "Examples":
        """The same examples on a device."""
        return Examples(self.inputs.to(device), self.targets.to(device))


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation per channel of inputs scaled to 0 .. 1; for uint8 images (N, C, H, W)."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Dataset:
    """The training pool, the test set, and what models need to know of them.

    Multi-modal inputs are (N, D), the modalities side by side: `modalities` names them in their order, with the number
    of columns of each; it is empty for inputs of one kind.
    """

    train: Examples
    test: Examples
    num_classes: int
    normalisation: Normalisation | None = None
    modalities: Mapping[str, int] = field(default_factory=dict)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return tuple(self.train.inputs.shape[1:])

    def to(self, device: str) -> "Dataset":
        """The same data set on a device."""
        return replace(self, train=self.train.to(device), test=self.test.to(device))

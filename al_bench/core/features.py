"""What makes features of inputs: networks that do not learn, and what is fitted to the pool."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import ClassVar, Literal

from torch import Tensor

from al_bench.core.errors import InputsError

Rows = Tensor | tuple[str, ...]
"""What `Examples.inputs` holds: float32 or uint8 (N, ...), or N texts."""

KeptType = Literal["float16", "float32"]

INSTEAD = {  # options of the group `features` that take a kind of inputs
    "texts": "features=minilm or features=sentence_transformers",
    "images": "features=efficientnet_lite0, features=torchvision or features=timm",
    "tables": "features=none or features=pca",
}


class Extractor(ABC):
    """Features of each row by itself, by a network that does not learn.

    They are computed once for a set of rows, in whatever order it comes, and kept in files by `job/features`. Its
    options are the arguments of its constructor, which loads nothing.

    Attributes:
        dtype: of the features that are kept.
        batch_size: rows that it is called with.
        packages: distributions whose versions a run notes; one that is not installed is passed over.
    """

    dtype: KeptType = "float16"
    batch_size: ClassVar[int] = 64
    packages: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def check(self, inputs: Rows) -> None:
        """`InputsError`, by `wrong_kind`, for inputs that it cannot take; before anything is loaded."""

    @abstractmethod
    def weights(self) -> Iterable[tuple[str, Tensor | Path]]:
        """What its features depend on besides its options, by name: the tensors of its network, or the files of them.

        Such as `self.network.state_dict().items()`. Their values are hashed, so that features by other weights, which
        may have the same name, are never taken for these.
        """

    @abstractmethod
    def __call__(self, rows: Rows, device: str) -> Tensor:
        """Some rows -> features (N, D), computed on the device; within `torch.inference_mode`."""


class FittedExtractor(ABC):
    """Features by what is fitted to the inputs of the pool, without targets; anew at each start, and never kept."""

    @abstractmethod
    def check(self, inputs: Rows) -> None:
        """`InputsError` for inputs that it cannot take, as `Extractor.check`."""

    @abstractmethod
    def fitted(self, pool: Tensor) -> Callable[[Tensor], Tensor]:
        """Inputs of the pool (N, ...) -> a function of inputs (M, ...) to features (M, D), float32."""


def kind_of(inputs: Rows) -> str:
    """`texts`, `images` (N, 1 or 3, H, W), or `tables`, which is all else."""
    if isinstance(inputs, tuple):
        return "texts"
    return "images" if inputs.ndim == 4 and inputs.shape[1] in (1, 3) else "tables"


def wrong_kind(wanted: str, inputs: Rows) -> InputsError:
    """The error for inputs of another kind than `wanted`, with the features that can be made of them."""
    kind = kind_of(inputs)
    there = kind if isinstance(inputs, tuple) else f"{kind} with inputs of shape {tuple(inputs.shape[1:])}"
    return InputsError(f"they are made of {wanted}, and the data set holds {there}; for {kind} say {INSTEAD[kind]}")

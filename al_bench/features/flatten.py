"""The numbers of an input side by side."""

import torch
from torch import Tensor

from al_bench.core.features import Rows, wrong_kind


class Flatten:
    """A row of float32 numbers for each input; pixels in uint8 from 0 to 1."""

    def check(self, inputs: Rows) -> None:
        """`InputsError` for texts: anything else can be flattened."""
        if isinstance(inputs, tuple):
            raise wrong_kind("numbers", inputs)

    def __call__(self, inputs: Tensor) -> Tensor:
        """(N, ...) -> (N, D)."""
        rows = inputs.flatten(start_dim=1)
        return rows.float() / 255 if rows.dtype == torch.uint8 else rows

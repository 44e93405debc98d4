"""Principal components of the pool (Pearson, 1901)."""

from collections.abc import Callable

import torch
from torch import Tensor

from al_bench.core.errors import InputsError
from al_bench.core.features import FittedExtractor, Rows, wrong_kind
from al_bench.core.ranges import PositiveInt
from al_bench.features.flatten import Flatten

ROWS_AT_ONCE = 4096


class PCA(FittedExtractor):
    """Projections on the directions in which the inputs of the pool vary most, centred by its mean, not whitened.

    In float64, by the eigenvectors of the covariance. Of the two signs of a direction, the one at which its largest
    component is positive.

    Args:
        num_components: features.
    """

    def __init__(self, num_components: PositiveInt = 64) -> None:
        self.num_components = num_components

    def check(self, inputs: Rows) -> None:
        """Numbers, at least as many in an input as components."""
        if isinstance(inputs, tuple):
            raise wrong_kind("numbers", inputs)
        self._check_most(inputs[0].numel(), f"an input of {inputs[0].numel():,} numbers")

    def fitted(self, pool: Tensor) -> Callable[[Tensor], Tensor]:
        """See `FittedExtractor`."""
        self._check_most(len(pool) - 1, f"a pool of {len(pool):,}")
        flat_ND = Flatten()(pool)
        mean_D = flat_ND.mean(dim=0, dtype=torch.float64)
        covariance_DD = mean_D.new_zeros(len(mean_D), len(mean_D))
        for some in flat_ND.split(ROWS_AT_ONCE):
            centred = some.double() - mean_D
            covariance_DD += centred.T @ centred
        directions_DK = torch.linalg.eigh(covariance_DD).eigenvectors[:, -self.num_components :].flip(dims=(1,))
        largest_K = directions_DK.gather(0, directions_DK.abs().argmax(dim=0, keepdim=True))
        directions_DK = directions_DK * largest_K.sign()

        def projected(inputs: Tensor) -> Tensor:
            parts = Flatten()(inputs).split(ROWS_AT_ONCE)
            return torch.cat([((some.double() - mean_D) @ directions_DK).float() for some in parts])

        return projected

    def _check_most(self, most: int, why: str) -> None:
        if self.num_components > most:
            raise InputsError(f"num_components={self.num_components}: {why} has at most {most:,} components")

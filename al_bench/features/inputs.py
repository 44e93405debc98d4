"""The inputs as they are, which is what `features=none` means."""

from torch import Tensor


class Inputs:
    """Networks see the inputs."""

    def __call__(self, inputs: Tensor) -> Tensor:
        """Inputs (N, ...) -> the same."""
        return inputs

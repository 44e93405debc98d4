"""The multi-layer perceptron of Ash et al. (2020): one hidden layer."""

import math

from torch import Tensor, nn
from torch.nn import functional

from al_bench.core.network import Network
from al_bench.core.ranges import PositiveInt


class MLP(Network):
    """Linear, ReLU, linear without bias; inputs of any shape are flattened.

    Args:
        input_shape: of one example.
        num_classes: C.
        width: of the hidden layer, D.
    """

    def __init__(self, input_shape: tuple[int, ...], num_classes: int, width: PositiveInt) -> None:
        super().__init__()
        self.hidden = nn.Linear(math.prod(input_shape), width)
        self.head = nn.Linear(width, num_classes, bias=False)

    def embed(self, inputs: Tensor) -> Tensor:
        """See `Network.embed`."""
        return functional.relu(self.hidden(inputs.flatten(start_dim=1)))

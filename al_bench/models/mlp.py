"""The multi-layer perceptron of Ash et al. (2020): one hidden layer."""

import math
from typing import Annotated

from annotated_types import Ge, Lt
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
        dropout: how likely an entry of the embedding is 0 in training.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        num_classes: int,
        width: PositiveInt,
        dropout: Annotated[float, Ge(0), Lt(1)] = 0.0,
    ) -> None:
        super().__init__()
        self.hidden = nn.Linear(math.prod(input_shape), width)
        self.head = nn.Linear(width, num_classes, bias=False)
        self.dropout = nn.Dropout(dropout) if dropout else None

    def embed(self, inputs: Tensor) -> Tensor:
        """See `Network.embed`."""
        embedding_ND = functional.relu(self.hidden(inputs.flatten(start_dim=1)))
        return embedding_ND if self.dropout is None else self.dropout(embedding_ND)

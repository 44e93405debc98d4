"""The multi-layer perceptron of Ash et al. (2020), with one hidden layer, or more."""

import math
from itertools import pairwise
from typing import Annotated

from annotated_types import Ge, Len, Lt
from torch import Tensor, nn
from torch.nn import functional

from al_bench.core.network import Network
from al_bench.core.ranges import PositiveInt

Widths = Annotated[list[PositiveInt], Len(1)]


class MLP(Network):
    """Linear and ReLU, once or more, and linear without bias; inputs of any shape are flattened.

    Args:
        input_shape: of one example.
        num_classes: C.
        width: of the hidden layer, D.
        dropout: how likely an entry of the embedding is 0 in training.
        widths: of several hidden layers, in place of `width`; the last is D.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        num_classes: int,
        width: PositiveInt,
        dropout: Annotated[float, Ge(0), Lt(1)] = 0.0,
        widths: Widths | None = None,
    ) -> None:
        super().__init__()
        first, *others = widths or [width]
        self.hidden = nn.Linear(math.prod(input_shape), first)
        layers = [nn.Linear(*sizes) for sizes in pairwise([first, *others])]
        self.others = nn.ModuleList(layers) if layers else None
        self.head = nn.Linear([first, *others][-1], num_classes, bias=False)
        self.dropout = nn.Dropout(dropout) if dropout else None

    def embed(self, inputs: Tensor) -> Tensor:
        """See `Network.embed`."""
        embedding_ND = functional.relu(self.hidden(inputs.flatten(start_dim=1)))
        for layer in self.others or ():
            embedding_ND = functional.relu(layer(embedding_ND))
        return embedding_ND if self.dropout is None else self.dropout(embedding_ND)

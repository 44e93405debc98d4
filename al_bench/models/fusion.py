"""A network of ours for multi-modal data: an encoder for each modality, and a joint head on what they say together."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from al_bench.core.network import Network
from al_bench.core.ranges import PositiveInt


class Fusion(Network):
    """Linear and ReLU for each modality, linear and ReLU for all of them together, linear.

    Args:
        modalities: columns of the inputs (N, D) that are of each modality, by name, in their order.
        num_classes: C.
        encoder_width: of the hidden layer of each modality.
        width: of the joint hidden layer, D of the embedding.
    """

    def __init__(
        self, modalities: Mapping[str, int], num_classes: int, encoder_width: PositiveInt, width: PositiveInt
    ) -> None:
        super().__init__()
        self._columns = list(modalities.values())
        self.encoders = nn.ModuleList(nn.Linear(columns, encoder_width) for columns in self._columns)
        self.joint = nn.Linear(encoder_width * len(self._columns), width)
        self.head = nn.Linear(width, num_classes)

    def embed(self, inputs: Tensor) -> Tensor:
        """See `Network.embed`."""
        parts = inputs.flatten(start_dim=1).split(self._columns, dim=1)
        encoded = [functional.relu(encoder(part)) for encoder, part in zip(self.encoders, parts, strict=True)]
        return functional.relu(self.joint(torch.cat(encoded, dim=1)))

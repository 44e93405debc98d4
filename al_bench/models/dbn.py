"""The deep belief network of Ranganathan et al. (2017): three layers of restricted Boltzmann machines.

They are trained greedily on the whole pool without labels, each on what the one below it says (Hinton, Osindero and
Teh, "A Fast Learning Algorithm for Deep Belief Nets", 2006); then all are fine-tuned with the head. Of multi-modal
data each modality has two layers of its own, and the third one joins them (Ngiam et al., "Multimodal Deep Learning",
2011; Srivastava and Salakhutdinov, "Learning Representations for Multimodal Data with Deep Belief Nets", 2012).
"""

from collections.abc import Mapping
from typing import Annotated

import torch
from annotated_types import Len
from torch import Tensor, nn

from al_bench.core.network import Network
from al_bench.core.ranges import PositiveInt
from al_bench.models.rbm import Pretraining, trained_on

Widths = Annotated[list[PositiveInt], Len(3, 3)]


class Encoder(nn.Module):
    """The two layers of a modality."""

    def __init__(self, num_columns: int, first_width: int, second_width: int) -> None:
        super().__init__()
        self.first = nn.Linear(num_columns, first_width)
        self.second = nn.Linear(first_width, second_width)

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs (N, V) -> what the second layer says (N, H)."""
        hidden: Tensor = self.second(self.first(inputs).sigmoid()).sigmoid()
        return hidden


class DBN(Network):
    """Three layers of sigmoid units and a linear head.

    The inputs of the first layer are real-valued: each column is centred, and those of a modality are divided by their
    standard deviation over the pool, one for all of them, so that columns that are nearly constant stay so.

    Args:
        modalities: columns of the inputs (N, D) that are of each modality, by name, in their order.
        num_classes: C.
        widths: units of the first and second layer, of each modality, and of the third, which is the embedding.
        pretraining: of the layers; None for networks that start from random weights.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        modalities: Mapping[str, int],
        num_classes: int,
        widths: Widths,
        pretraining: Pretraining | None = None,
    ) -> None:
        super().__init__()
        self._columns = list(modalities.values())
        self._pretraining = pretraining
        self.is_pretrained = pretraining is not None
        first, second, third = widths
        self.encoders = nn.ModuleList(Encoder(columns, first, second) for columns in self._columns)
        self.joint = nn.Linear(second * len(self._columns), third)
        self.head = nn.Linear(third, num_classes)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)
        self.register_buffer("mean", torch.zeros(sum(self._columns)))
        self.register_buffer("std", torch.ones(sum(self._columns)))

    def embed(self, inputs: Tensor) -> Tensor:
        """See `Network.embed`."""
        encoded = [encode(part) for encode, part in zip(self.encoders, self._parts(inputs), strict=True)]
        embedding: Tensor = self.joint(torch.cat(encoded, dim=1)).sigmoid()
        return embedding

    @torch.no_grad()
    def pretrain(self, inputs: Tensor) -> None:
        """See `Network.pretrain`."""
        assert self._pretraining is not None
        self._set_scale(inputs.flatten(start_dim=1))
        encoded = []
        for encoder, part in zip(self.encoders, self._parts(inputs), strict=True):
            assert isinstance(encoder, Encoder)
            first = trained_on(part, encoder.first, self._pretraining, is_real=True)
            encoded.append(trained_on(first, encoder.second, self._pretraining, is_real=False))
        trained_on(torch.cat(encoded, dim=1), self.joint, self._pretraining, is_real=False)

    def _parts(self, inputs: Tensor) -> tuple[Tensor, ...]:
        scaled: Tensor = (inputs.flatten(start_dim=1) - self.mean) / self.std
        return torch.split(scaled, self._columns, dim=1)

    def _set_scale(self, inputs_ND: Tensor) -> None:
        variance_D, mean_D = torch.var_mean(inputs_ND, dim=0, correction=0)
        self.mean.copy_(mean_D)
        stds = [variance.mean().sqrt().expand(len(variance)) for variance in variance_D.split(self._columns)]
        std_D = torch.cat(stds)
        self.std.copy_(torch.where(std_D > 0, std_D, 1.0))

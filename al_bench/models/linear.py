"""A linear classifier of what it is given: of frozen features, as a rule."""

import math
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Lt
from torch import Tensor, nn

from al_bench.core.network import Network

CHUNK = 4096  # rows in float64 at once


class Linear(Network):
    """Inputs of any shape are flattened and preprocessed, which makes the embedding; all else is the head.

    Args:
        input_shape: of one example.
        num_classes: C.
        preprocess: `centred_unit`: minus the pool's mean, then scaled to length sqrt(D), but for what equals the mean,
            which is 0; `standard`: every column to mean 0 and variance 1 over the pool, constant ones to 0; `none`.
        bias: whether the head has one.
        dropout: how likely an entry is 0 in training.
        batch_norm: whether each column is normalised over the mini-batch, without factors of its own, after dropout.
    """

    is_linear = True
    is_pretraining_kept = False  # it takes less time than to read a file
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        input_shape: tuple[int, ...],
        num_classes: int,
        preprocess: Literal["centred_unit", "standard", "none"] = "centred_unit",
        bias: bool = False,
        dropout: Annotated[float, Ge(0), Lt(1)] = 0.0,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        num_dimensions = math.prod(input_shape)
        self.head = nn.Linear(num_dimensions, num_classes, bias=bias)
        self.dropout = nn.Dropout(dropout) if dropout else None
        self.batch_norm = nn.BatchNorm1d(num_dimensions, affine=False) if batch_norm else None
        self.is_linear = not dropout and not batch_norm
        self.is_pretrained = preprocess != "none"
        self._preprocess = preprocess
        self.register_buffer("mean", torch.zeros(num_dimensions))
        self.register_buffer("std", torch.ones(num_dimensions))

    def embed(self, inputs: Tensor) -> Tensor:
        """See `Network.embed`."""
        embedding_ND = self._preprocessed(inputs.flatten(start_dim=1))
        for layer in (self.dropout, self.batch_norm):
            embedding_ND = embedding_ND if layer is None else layer(embedding_ND)
        return embedding_ND

    @torch.no_grad()
    def pretrain(self, inputs: Tensor) -> None:
        """The mean and the standard deviation of each column over the pool; see `Network.pretrain`."""
        chunks = inputs.flatten(start_dim=1).split(CHUNK)  # in float64, in which a constant column is its mean exactly
        mean_D = torch.stack([chunk.double().sum(dim=0) for chunk in chunks]).sum(dim=0) / len(inputs)
        squares = [(chunk.double() - mean_D).square_().sum(dim=0) for chunk in chunks]
        std_D = (torch.stack(squares).sum(dim=0) / len(inputs)).sqrt().float()
        self.mean.copy_(mean_D)
        self.std.copy_(torch.where(std_D > 0, std_D, 1.0))

    def _preprocessed(self, inputs_ND: Tensor) -> Tensor:
        match self._preprocess:
            case "none":
                return inputs_ND
            case "standard":
                return (inputs_ND - self.mean) / self.std
        centred_ND = inputs_ND.double() - self.mean  # whose squares neither overflow nor vanish
        length_N1 = centred_ND.norm(dim=1, keepdim=True)
        unit_ND = centred_ND / torch.where(length_N1 > 0, length_N1, 1.0)
        return (unit_ND * math.sqrt(centred_ND.shape[1])).float()

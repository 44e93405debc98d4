"""The spaces that distances are taken in: the network's embedding, or features that stay the same in every round."""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from al_bench.core.strategy import Needs, Outputs
from al_bench.strategies.maths.distances import CHUNK

Space = Literal["embedding", "features"]

NEEDS: Mapping[Space, Needs] = {"embedding": Needs.EMBEDDING, "features": Needs.FEATURES}


def vectors(outputs: Outputs, space: Space, *, normalise: bool = False) -> Tensor:
    """The rows (N, D) of this space, float32; scaled to length 1 if asked, but for rows of zeros, which stay so."""
    vectors_ND = outputs.embedding_ND if space == "embedding" else outputs.features_ND
    return unit_length(vectors_ND) if normalise else vectors_ND


def longest(vectors_ND: Tensor) -> int:
    """The row of largest norm; of equal ones the first."""
    return int(torch.cat([chunk.double().square().sum(dim=1) for chunk in vectors_ND.split(CHUNK)]).argmax())


def unit_length(vectors_ND: Tensor) -> Tensor:
    """Each row (N, D) scaled to length 1, computed in float64; a row of zeros stays as it is. Copies stay copies."""
    return torch.cat([unit_doubles(chunk_ND).float() for chunk_ND in vectors_ND.split(CHUNK)])


def unit_doubles(vectors_ND: Tensor) -> Tensor:
    """The rows (N, D) at length 1 in float64, which a caller asks for in chunks."""
    doubles_ND = vectors_ND.double()
    largest_N1 = doubles_ND.abs().amax(dim=1, keepdim=True)  # whose square would overflow, or come to nothing
    doubles_ND = doubles_ND / torch.where(largest_N1 > 0, largest_N1, 1.0)
    length_N1 = doubles_ND.square().sum(dim=1, keepdim=True).sqrt()
    return doubles_ND / torch.where(length_N1 > 0, length_N1, 1.0)

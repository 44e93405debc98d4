"""k-means: the examples nearest to the centres of a clustering of the unlabelled embeddings (Zhdanov, "Diverse
mini-batch Active Learning", 2019, without its weights).
"""

import numpy as np
import torch
from torch import Tensor

from al_bench.core.ranges import PositiveInt
from al_bench.core.strategy import Needs, QueryContext, Strategy
from al_bench.strategies.maths.clustering import clustered
from al_bench.strategies.maths.distances import CHUNK, common_offset, squared_distances
from al_bench.strategies.maths.spaces import NEEDS, Space, vectors


class KMeans(Strategy):
    """As many clusters as labels wanted, by scikit-learn's k-means; for each the example nearest to its centre.

    Args:
        max_iterations: of Lloyd's algorithm, which ends earlier where it converges.
        space: of the distances.
        normalise: whether rows are scaled to length 1.
    """

    needs = Needs.EMBEDDING
    family = "diversity"

    def __init__(self, max_iterations: PositiveInt = 30, space: Space = "embedding", normalise: bool = False) -> None:
        self.needs = NEEDS[space]
        self.max_iterations = max_iterations
        self.space = space
        self.normalise = normalise

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """See `Strategy.query`."""
        vectors_ND = vectors(context.unlabelled, self.space, normalise=self.normalise)
        centre_BD, _ = clustered(vectors_ND, batch_size, rng, max_iterations=self.max_iterations)
        return torch.tensor(nearest_rows(vectors_ND, centre_BD), device=vectors_ND.device)


def nearest_rows(embedding_ND: Tensor, centre_BD: Tensor) -> list[int]:
    """For each of B <= N centres the nearest row; one that an earlier centre took goes to the next nearest left."""
    offset_D = common_offset(embedding_ND)
    centre_BD = centre_BD.double() - offset_D
    wanted = _nearest(embedding_ND, centre_BD, offset_D)
    rows: list[int] = []
    is_taken_N = torch.zeros(len(embedding_ND), dtype=torch.bool, device=embedding_ND.device)
    last_centre_D, distance_N = torch.full_like(offset_D, torch.nan), torch.empty(0)
    for row, centre_D in zip(wanted, centre_BD, strict=True):
        if is_taken_N[row]:
            if not torch.equal(centre_D, last_centre_D):  # equal ones are many where rows have copies
                chunks = [_distances(chunk, centre_D[None], offset_D)[:, 0] for chunk in embedding_ND.split(CHUNK)]
                last_centre_D, distance_N = centre_D, torch.cat(chunks)
            row = int(distance_N.masked_fill_(is_taken_N, torch.inf).argmin())
        is_taken_N[row] = True
        rows.append(row)
    return rows


def _nearest(embedding_ND: Tensor, centre_BD: Tensor, offset_D: Tensor) -> list[int]:
    nearest_B = torch.zeros(len(centre_BD), dtype=torch.int64, device=centre_BD.device)
    least_B = torch.full_like(centre_BD[:, 0], torch.inf)
    for number, chunk in enumerate(embedding_ND.split(CHUNK)):
        distance_NB = _distances(chunk, centre_BD, offset_D)
        row_B = distance_NB.argmin(dim=0)
        distance_B = distance_NB.gather(0, row_B[None]).squeeze(0)
        nearest_B = torch.where(distance_B < least_B, row_B + number * CHUNK, nearest_B)
        least_B = torch.minimum(least_B, distance_B)
    rows: list[int] = nearest_B.tolist()
    return rows


def _distances(embedding_ND: Tensor, centre_BD: Tensor, offset_D: Tensor) -> Tensor:
    embedding_ND = embedding_ND.double() - offset_D
    squares_NB = embedding_ND.square().sum(dim=1, keepdim=True) + centre_BD.square().sum(dim=1)
    return squared_distances(squares_NB, embedding_ND @ centre_BD.T)

"""Coreset: Sener and Savarese, "Active Learning for Convolutional Neural Networks: A Core-Set Approach" (ICLR 2018).

A batch is the greedy solution of the k-centre problem (Gonzalez, 1985): the embedding farthest from its nearest centre
becomes a centre, again and again, starting from the labelled set.
"""

from functools import partial

import numpy as np
import torch
from torch import Tensor

from al_bench.core.copies import first_equal
from al_bench.core.strategy import Needs, QueryContext, Strategy
from al_bench.strategies.maths.coverage.greedy import not_among
from al_bench.strategies.maths.distances import CHUNK, common_offset, squared_distances
from al_bench.strategies.maths.spaces import NEEDS, Space, longest, vectors

NUM_FRONT = 1024  # examples whose distances are exact at a time
NUM_CENTRES = 256  # centres that they are compared with at a time
NUM_FIRST = 64  # labelled examples that give the first upper bounds


class Coreset(Strategy):
    """The greedy k-centre batch, by Euclidean distances; equal ones in pool order.

    Args:
        space: of the distances. Without labelled examples the first choice is that of largest norm in `features`, and
            the first of the pool in `embedding`.
        normalise: whether rows are scaled to length 1.
    """

    needs = Needs.EMBEDDING | Needs.LABELLED
    family = "diversity"

    def __init__(self, space: Space = "embedding", normalise: bool = False) -> None:
        self.needs = NEEDS[space] | Needs.LABELLED
        self.space = space
        self.normalise = normalise

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:  # noqa: ARG002
        """See `Strategy.query`."""
        in_space = partial(vectors, space=self.space, normalise=self.normalise)
        vectors_ND, centre_LD = in_space(context.unlabelled), in_space(context.labelled)
        if len(centre_LD) or self.space == "embedding":
            return KCentre(vectors_ND, centre_LD, batch_size).chosen()
        order_N = torch.arange(len(vectors_ND), device=vectors_ND.device)  # of which the first is the first choice
        first = longest(vectors(context.unlabelled, self.space))
        order_N[: first + 1] = order_N[: first + 1].roll(1)
        return order_N[KCentre(vectors_ND[order_N], centre_LD, batch_size).chosen()]


class KCentre:
    """Greedy k-centre by lazy evaluation (Minoux, 1978).

    A row's distance to its nearest centre only shrinks as centres are added, so one from an earlier step bounds it from
    above. Only a front, the rows of largest bound, is kept exact. As long as the farthest row of the front is farther
    than every bound outside of it, it is the farthest of all, and the next centre costs distances to the front only.
    When it is not, a new front is taken; rows in it meet the centres that they have missed in blocks, by matrix
    products, and leave it as soon as they are known to be nearer than the largest bound outside.

    Distances are float64: the order of nearly equal ones depends on float32's rounding. `num_evaluated` counts them.
    """

    def __init__(self, embedding_ND: Tensor, centre_LD: Tensor, batch_size: int) -> None:
        num_rows, num_dimensions = embedding_ND.shape
        self.num_evaluated = 0
        self._embedding_ND = embedding_ND
        self._batch_size = batch_size
        self._num_centres = len(centre_LD)
        self._centre_LD = embedding_ND.new_empty((len(centre_LD) + batch_size, num_dimensions), dtype=torch.float64)
        self._offset_D = common_offset(embedding_ND)
        self._centre_LD[: len(centre_LD)] = centre_LD - self._offset_D
        self._square_L = self._centre_LD.square().sum(dim=1)
        self._bound_N = embedding_ND.new_full((num_rows,), torch.inf, dtype=torch.float64)  # of squared distances
        self._is_copy_N = torch.from_numpy(first_equal(embedding_ND) != np.arange(num_rows)).to(embedding_ND.device)
        self._num_met_N = torch.zeros(num_rows, dtype=torch.int64, device=embedding_ND.device)  # centres compared with

    def chosen(self) -> Tensor:
        """The rows (batch_size,) in the order of choice; when only copies of centres are left, those in pool order."""
        self._meet_first_centres()
        self._bound_N[self._is_copy_N] = -torch.inf
        rows: list[int] = []
        while len(rows) < self._batch_size and float(self._bound_N.amax()) > 0:
            front = self._front()
            first_outside, largest_outside = self._largest_but(front)
            front, embedding_FD = self._made_exact(front, largest_outside)
            rows += self._farthest(front, embedding_FD, first_outside, largest_outside, self._batch_size - len(rows))
        chosen = torch.tensor(rows, dtype=torch.int64, device=self._bound_N.device)
        return torch.cat([chosen, not_among(chosen, len(self._bound_N))[: self._batch_size - len(rows)]])

    def _meet_first_centres(self) -> None:
        end = min(NUM_FIRST, self._num_centres)
        if end == 0:
            return
        for bounds, chunk_ND in zip(self._bound_N.split(CHUNK), self._embedding_ND.split(CHUNK), strict=True):
            bounds.copy_(self._distances(chunk_ND.double() - self._offset_D, 0, end).amin(dim=1))
        self._num_met_N.fill_(end)

    def _distances(self, embedding_FD: Tensor, start: int, end: int) -> Tensor:
        """Squared distances of some rows to the centres from `start` to `end`."""
        self.num_evaluated += len(embedding_FD) * (end - start)
        products_FL = embedding_FD @ self._centre_LD[start:end].T
        return squared_distances(embedding_FD.square().sum(dim=1)[:, None] + self._square_L[start:end], products_FL)

    def _front(self) -> Tensor:
        """The rows of largest bound, in pool order; of equal bounds the first in pool order."""
        size = min(NUM_FRONT, len(self._bound_N))
        least = self._bound_N.topk(size, sorted=False).values.amin()
        above, at = (self._bound_N > least).nonzero().squeeze(1), (self._bound_N == least).nonzero().squeeze(1)
        return torch.cat([above, at[: size - len(above)]]).sort().values

    def _largest_but(self, front: Tensor) -> tuple[int, float]:
        """The first row of largest bound outside the front, and that bound."""
        outside_N = self._bound_N.index_fill(0, front, -torch.inf)
        first = int(outside_N.argmax())
        return first, float(outside_N[first])

    def _made_exact(self, front: Tensor, largest_outside: float) -> tuple[Tensor, Tensor]:
        """Those of the front that are not nearer than the largest bound outside, their distances exact, and their
        embeddings.
        """
        embedding_FD = self._embedding_ND[front].double() - self._offset_D
        while len(front) and (start := int(self._num_met_N[front].amin())) < self._num_centres:
            end = min(start + NUM_CENTRES, self._num_centres)
            is_behind = self._num_met_N[front] < end
            rows = front[is_behind]
            distances = self._distances(embedding_FD[is_behind], start, end).amin(dim=1)
            self._bound_N[rows] = torch.minimum(self._bound_N[rows], distances)
            self._num_met_N[rows] = end
            is_far = self._bound_N[front] >= largest_outside
            front, embedding_FD = front[is_far], embedding_FD[is_far]
        return front, embedding_FD

    def _farthest(
        self, front: Tensor, embedding_FD: Tensor, first_outside: int, largest_outside: float, num_wanted: int
    ) -> list[int]:
        """New centres from an exact front, as long as they are the farthest of all rows."""
        rows: list[int] = []
        distance_F, square_F = self._bound_N[front], embedding_FD.square().sum(dim=1)
        while len(front) and len(rows) < num_wanted:
            position = int(distance_F.argmax())
            row, distance = int(front[position]), float(distance_F[position])
            if distance <= 0 or distance < largest_outside or (distance == largest_outside and row > first_outside):
                break
            rows.append(row)
            self._centre_LD[self._num_centres] = embedding_FD[position]
            self._square_L[self._num_centres] = square_F[position]
            self._num_centres += 1
            self.num_evaluated += len(front)
            distances_F = squared_distances(square_F + square_F[position], embedding_FD @ embedding_FD[position])
            distance_F = torch.minimum(distance_F, distances_F)
            distance_F[position] = -torch.inf
        self._bound_N[front] = distance_F
        self._num_met_N[front] = self._num_centres
        return rows

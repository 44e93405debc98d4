"""Greedy coverage: examples that leave none of the others without a similar one.

With similarities k in [0, 1], weights u, and m_i the largest similarity of i to what is labelled or chosen (0 if
nothing is), the gain of x is sum_i u_i max(k(i, x) - m_i, 0). The row of largest gain is chosen, again and again, the
first in pool order of equal ones (Nemhauser, Wolsey and Fisher, 1978). With cosines this is facility location, with a
Gaussian kernel MaxHerding, with balls ProbCover.

Gains only fall as rows are chosen, so one from an earlier step is a bound (Minoux, 1978). A row whose bound is the
largest gets a closer bound, in float32, that gives way by more than its rounding; if it is still the largest, its gain.

What a gain sums are differences of multiples of a power of two, whose sum float64 holds to the last bit: the order of
summation makes no difference, and gains that are equal on paper are equal. No target adds more than
s = max_i u_i (1 - m_i); of N < 2^b targets the unit is 2^(b - 52) times a power of two above s.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from al_bench.strategies.maths.coverage.grid import Points
from al_bench.strategies.maths.coverage.similarity import Similarity

BLOCK = 512  # rows that meet as many others at a time in the first pass
NUM_VALUES, WIDEST = 2**17, 2**13  # similarities at a time later: what fits a cache; of how many targets at most
FEWEST, MOST = 16, 512  # bounds that are made closer at a time; twice as many each time in the search for one row
NUM_EXACT = 4  # gains at a time
KEPT = 5 * 10**8  # bytes of similarities that are kept, if those of all pairs are not more
MANTISSA = 52
LOW, HIGH = 1 - 2.0**-20, 1 + 2.0**-10  # more than float32 rounds a similarity, and a sum of WIDEST of them
SHARP = 2.0**8  # a scale above so many slacks is one that float32 can tell similarities on

STALE, BOUND, GAIN = range(3)


@dataclass(frozen=True)
class _Targets:
    """Who is to be covered: points, exact and rough, u and m (T,), m also as it is compared with rough similarities."""

    points: Points
    rough: Points
    weight_T: Tensor
    cover_T: Tensor

    def take(self, rows: Tensor | slice) -> "_Targets":
        return _Targets(self.points.take(rows), self.rough.take(rows), self.weight_T[rows], self.cover_T[rows])

    def split(self, size: int) -> Iterator["_Targets"]:
        """All of them, so many at a time, in the same memory."""
        return (self.take(slice(start, start + size)) for start in range(0, len(self.points), size))

    def room_T(self) -> Tensor:
        """U (1 - m): the most that each can add to a gain."""
        return self.weight_T * (1 - self.cover_T)

    def at_most(self, similarity_RT: Tensor) -> Tensor:
        """Bounds (R,) of what these add to gains, from rough similarities, which are written to."""
        dtype = similarity_RT.dtype
        similarity_RT -= (self.cover_T * LOW).to(dtype)
        return torch.mv(similarity_RT.clamp_(min=0.0), self.weight_T.to(dtype)).double()

    def added(self, similarity_RT: Tensor, unit: float) -> Tensor:
        """What these add to gains (R,), in units: sums of whole numbers."""
        in_units_T = self.weight_T / unit
        cover_T = (self.cover_T * in_units_T).round_()
        return similarity_RT.mul_(in_units_T).round_().sub_(cover_T).clamp_(min=0.0).sum(dim=1)


def greedily_covering(
    points: Points, similarity: Similarity, labelled: Points, batch_size: int, weight_N: Tensor | None = None
) -> Tensor:
    """A batch (B,) by `Coverage`; those without any gain last, in pool order."""
    rows = Coverage(points, similarity, labelled, weight_N).chosen(batch_size)
    return torch.cat([rows, not_among(rows, len(points))[: batch_size - len(rows)]])


def not_among(rows: Tensor, num_rows: int) -> Tensor:
    """The others, in pool order."""
    is_other_N = torch.ones(num_rows, dtype=torch.bool, device=rows.device).index_fill_(0, rows, False)
    return is_other_N.nonzero().squeeze(1)


class Coverage:
    """How well points are covered by labelled and chosen ones, and who is chosen next.

    Args:
        points: who is to be covered, and can be chosen.
        similarity: k.
        labelled: what covers from the beginning, on the same grid.
        weight_N: u, none negative; None for 1.
    """

    def __init__(
        self, points: Points, similarity: Similarity, labelled: Points, weight_N: Tensor | None = None
    ) -> None:
        self.num_bounds = self.num_gains = 0  # computed after the first pass
        self._similarity, self._points, self._size = similarity, points, len(points)
        self._rough = points.rough()
        if similarity.scale < SHARP * self._rough.slack:
            self._rough = points
        weight_N = torch.ones_like(points.square_N) if weight_N is None else weight_N.double()
        weight_N = weight_N / (float(weight_N.amax()) or 1.0)
        self._targets = _Targets(points, self._rough, weight_N, torch.zeros_like(weight_N))
        for some in labelled.split(BLOCK):
            self._cover(some)
        self._unit = self._needed_unit()
        like_rough = self._rough.point_ND
        is_kept = like_rough.element_size() * self._size**2 <= KEPT
        self._kept_NN = like_rough.new_empty(self._size, self._size) if is_kept else None
        self._bound_N = self._first_bounds()
        self._stage_N = torch.full_like(self._bound_N, BOUND, dtype=torch.int8)

    @property
    def share_covered(self) -> float:
        """How many of the points, all of which have a weight, are as similar as can be to a labelled or chosen one."""
        return 1 - float(self._targets.room_T().count_nonzero()) / self._size

    def chosen(self, batch_size: int) -> Tensor:
        """Rows (B,) in the order of choice: fewer than `batch_size` where no other has any gain."""
        rows: list[int] = []
        while len(rows) < batch_size and (row := self._best()) is not None:
            rows.append(row)
            self._choose(row)
        return torch.tensor(rows, dtype=torch.int64, device=self._bound_N.device)

    def _best(self) -> int | None:
        """The first row of the largest gain, None if that is 0: the first of the largest bound, once that is a gain."""
        num_bounds = FEWEST
        while float(self._bound_N[row := int(self._bound_N.argmax())]) > 0:
            stage = int(self._stage_N[row])
            if stage == GAIN:
                return row
            least = self._bound_N.masked_fill(self._stage_N <= stage, 0.0).amax()  # as far as is known
            open_N = self._bound_N.masked_fill((self._stage_N != stage) | (self._bound_N < least), -torch.inf)
            open_N[row] = torch.inf  # of equal bounds topk takes any
            bounds, rows = open_N.topk(min(num_bounds if stage == STALE else NUM_EXACT, self._size))
            rows = rows[bounds > -torch.inf]
            if stage == STALE:
                self._bound_N[rows] = torch.minimum(self._bound_N[rows], self._bounds(rows))
                num_bounds = min(2 * num_bounds, MOST)
            else:
                self._bound_N[rows] = self._gains(rows)
            self._stage_N[rows] = stage + 1
        return None

    def _choose(self, row: int) -> None:
        """The row covers from now on, and its own gain is no longer asked for."""
        self._cover(self._points.take(slice(row, row + 1)))
        self._bound_N[row] = -torch.inf
        self._stage_N.fill_(STALE)
        room_T = self._targets.room_T()
        if self._kept_NN is None and 2 * int(room_T.count_nonzero()) <= len(room_T):
            self._targets = self._targets.take(room_T > 0)
        if (unit := self._needed_unit()) < self._unit:
            self._bound_N += 2 * self._size * self._unit  # more than gains in the old unit may be too low by
            self._unit = unit
        if unit == 0:
            self._bound_N.clamp_(max=0.0)

    def _cover(self, some: Points) -> None:
        for targets in self._targets.split(NUM_VALUES // len(some)):
            similarity_T = self._similarity(some, targets.points).amax(dim=0)
            torch.maximum(targets.cover_T, similarity_T, out=targets.cover_T)

    def _needed_unit(self) -> float:
        """What float64 can count gains in; 0 if nothing can be gained."""
        room_T = self._targets.room_T()
        most = float(room_T.amax()) if len(room_T) else 0.0
        return 2.0 ** (math.frexp(most)[1] + math.frexp(self._size)[1] - MANTISSA) if most > 0 else 0.0

    def _first_bounds(self) -> Tensor:
        """Of all gains (N,); each similarity is computed once for both of its rows, and kept where they are few."""
        bound_N = torch.zeros_like(self._points.square_N)
        blocks = list(zip(self._targets.split(BLOCK), bound_N.split(BLOCK), strict=True)) if self._unit else []
        for first, (some, bound_R) in enumerate(blocks):
            for second, (others, bound_T) in enumerate(blocks[first:], first):
                similarity_RT = self._similarity(some.rough, others.rough)
                if self._kept_NN is not None:
                    rows, columns = (slice(number * BLOCK, (number + 1) * BLOCK) for number in (first, second))
                    self._kept_NN[rows, columns] = similarity_RT
                    self._kept_NN[columns, rows] = similarity_RT.T
                if second > first:
                    bound_T += some.at_most(similarity_RT.T.clone())
                bound_R += others.at_most(similarity_RT)
        return self._given_way(bound_N)

    def _bounds(self, rows: Tensor) -> Tensor:
        """Closer bounds of the gains of these rows."""
        bound_R = torch.zeros_like(self._bound_N[rows])
        if self._kept_NN is not None:
            parts = (self._kept_NN.index_select(0, part) for part in rows.split(max(1, NUM_VALUES // self._size)))
            bound_R = torch.cat([self._targets.at_most(similarity_RT) for similarity_RT in parts])
        else:
            some = self._rough.take(rows)
            for targets in self._targets.split(min(NUM_VALUES // len(rows), WIDEST)):
                bound_R += targets.at_most(self._similarity(some, targets.rough))
        self.num_bounds += len(rows)
        return self._given_way(bound_R)

    def _given_way(self, bound_R: Tensor) -> Tensor:
        """More than gains of whole units can be, but 0 for none."""
        return torch.where(bound_R > 0, bound_R * HIGH + self._size * self._unit, 0.0)

    def _gains(self, rows: Tensor) -> Tensor:
        """The gains of these rows, to the last bit."""
        some, gain_R = self._points.take(rows), torch.zeros_like(self._bound_N[rows])
        for targets in self._targets.split(NUM_VALUES // len(rows)):
            gain_R += targets.added(self._similarity(some, targets.points), self._unit)
        self.num_gains += len(rows)
        return gain_R.mul_(self._unit)

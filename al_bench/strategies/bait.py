"""BAIT: Ash, Goel, Krishnamurthy and Kakade, "Gone Fishing: Neural Active Learning with Fisher Embeddings" (NeurIPS
2021).

With F_i the Fisher information of example i in the last layer's weights, and L labelled examples, a batch S of B keeps

    tr M^-1 F,    F = mean of all F_i,    M = ridge I + (sum of F_i over the labelled + B sum of F_i over S) / (L + B)

small, as the authors' code does it: the best examples are added one by one until they are `oversampling` B, and then
the least useful of them are removed until B are left. M is times (L + B) / B here, which changes no choice.
"""

from typing import Annotated, Literal

import numpy as np
import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor

from al_bench.core.errors import ConfigError, StrategyError
from al_bench.core.strategy import Needs, Outputs, QueryContext, Strategy
from al_bench.strategies.maths.fisher import LEAST, BinaryFisher, Fisher, MultinomialFisher

MAX_RANK = 8000  # KD of the multinomial likelihood, of which there are four matrices KD x KD
MAX_SQUARES = 10**8  # N K^2 of it, of which there are three arrays
MAX_CONDITION = 1e9  # Fisher information of an example in units of the ridge: float64 loses the ridge beside more
TIED = 1e-9  # scores that differ by a smaller share are equal
ROUNDING = 1e-14  # of H_i, as a share of what it was when it was computed anew
MAX_BETWEEN = 32  # moves until it may be computed anew again; fewer at first


class Bait(Strategy):
    """Forward greedy and backward greedy on the trace of M^-1 F.

    Args:
        likelihood: whose Fisher information: `binary`, that the prediction is right (Huseljic et al., "Fast Fishing",
            ECML PKDD 2024), or `multinomial`, of the class, as in the paper, at many times the cost.
        ridge: the multiple of the identity in M.
        oversampling: examples that are added, as a multiple of the batch size.
    """

    needs = Needs.LOGITS | Needs.EMBEDDING | Needs.LABELLED
    family = "both"

    def __init__(
        self,
        likelihood: Literal["binary", "multinomial"] = "binary",
        ridge: Annotated[float, Gt(0), Le(1e12)] = 1.0,
        oversampling: Annotated[float, Ge(1), Le(100)] = 2.0,
    ) -> None:
        self.likelihood = likelihood
        self.ridge = ridge
        self.oversampling = oversampling

    def check(self, *, pool_size: int, batch_size: int, num_classes: int, num_dimensions: int) -> None:  # noqa: ARG002
        """See `Strategy.check`."""
        num_rows = min(pool_size, self.subset_size or pool_size)
        if refusal := self._refusal(num_rows, num_classes, num_dimensions):
            raise ConfigError(refusal)

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:  # noqa: ARG002
        """See `Strategy.query`; StrategyError if the matrices would be too large, or the ridge too small."""
        num_rows, num_dimensions = context.unlabelled.embedding_ND.shape
        if refusal := self._refusal(num_rows, context.num_classes, num_dimensions):
            raise StrategyError(refusal)
        examples, labelled = self._fisher(context.unlabelled), self._fisher(context.labelled)
        labelled_MM = labelled.total()
        ridge = self.ridge * (len(context.labelled_targets) + batch_size) / batch_size
        start_MM = torch.eye(len(labelled_MM), dtype=torch.float64, device=labelled_MM.device) * ridge
        start_MM += labelled_MM / batch_size
        largest = max(float(start_MM.diagonal().amax()), float(examples.traces().amax()))
        if largest > MAX_CONDITION * ridge:
            raise StrategyError(
                f"bait: ridge={self.ridge} is lost beside a Fisher information of {largest * self.ridge / ridge:.1e}; "
                f"take strategy.ridge={2 * largest / MAX_CONDITION * self.ridge / ridge:.0e}"
            )
        total_MM = labelled_MM.add_(examples.total())
        num_added = min(int(self.oversampling * batch_size), num_rows)
        rows = torch.arange(num_rows, device=total_MM.device)
        if num_added < num_rows:
            rows = rows[Moves(examples, start_MM, total_MM, 1).made(num_added)]
        return without_least(rows, examples, start_MM, total_MM, batch_size)

    def _fisher(self, outputs: Outputs) -> Fisher:
        kind = BinaryFisher if self.likelihood == "binary" else MultinomialFisher
        return kind.of(outputs.logits_NC, outputs.embedding_ND)

    def _refusal(self, num_rows: int, num_classes: int, num_dimensions: int) -> str | None:
        if self.likelihood == "binary":
            return None
        rank, num_squares = (num_classes - 1) * num_dimensions, num_rows * (num_classes - 1) ** 2
        instead = "take strategy.likelihood=binary"
        if rank > MAX_RANK:
            return (
                "bait: likelihood=multinomial takes matrices of (classes - 1) x (dimensions of the embedding) = "
                f"{rank} rows; at most {MAX_RANK} are allowed; {instead}, or a smaller model"
            )
        if num_squares > MAX_SQUARES:
            size = MAX_SQUARES // (num_classes - 1) ** 2
            return (
                f"bait: likelihood=multinomial keeps examples x (classes - 1)^2 = {num_squares:.1e} numbers; at most "
                f"{MAX_SQUARES:.0e} are allowed; {instead}, or strategy.subset_size={size}"
            )
        return None


def without_least(rows: Tensor, examples: Fisher, start_MM: Tensor, total_MM: Tensor, num_wanted: int) -> Tensor:
    """The rows that are left when the least useful are removed one by one, the last one of equal ones first."""
    if len(rows) == num_wanted:
        return rows
    backwards = examples.take(rows.flip(0))
    removed = Moves(backwards, start_MM + backwards.total(), total_MM, -1).made(len(rows) - num_wanted)
    is_left = torch.ones_like(rows, dtype=torch.bool)
    is_left[removed] = False
    return rows[is_left.flip(0)]


class Moves:
    """Examples that are added to M (`sign` 1) or removed from it (-1), each the one after which tr M^-1 F is least.

    Adding or removing V_i^T V_i takes sign tr (I + sign G_i)^-1 H_i off the trace, where G_i = V_i P V_i^T with
    P = M^-1 and H_i = V_i S V_i^T with S = P F P. With A A^T = (I + sign G)^-1 and R = P V^T A, Woodbury's lemma gives

        P -= sign R R^T,    S -= sign (R Y^T + Y R^T),    Y = S V^T A - sign R (R^T F R) / 2

    and G_i and H_i follow. Where they shrink by a lot, the rounding of what they were remains: they are computed anew
    before it could decide. Of equal scores the first row wins.
    """

    def __init__(self, examples: Fisher, start_MM: Tensor, total_MM: Tensor, sign: int) -> None:
        self._examples, self._start_MM, self._total_MM, self._sign = examples, start_MM, total_MM, sign
        self._made: list[int] = []
        self._num_computed = 0
        self._compute_anew()
        self._is_made_N = torch.zeros_like(self._rounding_N, dtype=torch.bool)

    def made(self, num_moves: int) -> list[int]:
        """The rows in the order in which they are moved."""
        while len(self._made) < num_moves:
            row, is_sure = self._best()
            if not is_sure and len(self._made) - self._num_before >= min(self._num_computed, MAX_BETWEEN):
                self._compute_anew()
                row, _ = self._best()
            self._made.append(row)
            self._is_made_N[row] = True
            self._move(row)
        return self._made

    def _compute_anew(self) -> None:
        self._num_before, self._num_computed = len(self._made), self._num_computed + 1
        rows = torch.tensor(self._made, dtype=torch.int64, device=self._start_MM.device)
        moment_MM = self._start_MM + self._sign * self._examples.take(rows).total()
        self._inverse_MM = torch.cholesky_inverse(torch.linalg.cholesky(moment_MM))
        self._slope_MM = self._inverse_MM @ self._total_MM @ self._inverse_MM
        self._rounding_N = ROUNDING * self._examples.multiply(self._inverse_MM, self._slope_MM)

    def _best(self) -> tuple[int, bool]:
        """The best row, and whether rounding has no say in it."""
        score_N = (self._sign * self._examples.quotients(self._sign)).masked_fill_(self._is_made_N, -torch.inf)
        best = score_N.amax()
        tied = TIED * best.abs()
        row = (score_N >= best - tied).to(torch.uint8).argmax()
        chosen, is_sure = torch.stack([row, self._rounding_N[row] <= tied]).tolist()
        return chosen, bool(is_sure)

    def _move(self, row: int) -> None:
        factor_MK = self._examples.factor(row)
        products_MK = self._inverse_MM @ factor_MK
        inner_KK = factor_MK.T @ products_MK
        identity_KK = torch.eye(len(inner_KK), dtype=inner_KK.dtype, device=inner_KK.device)
        values_K, vectors_KK = torch.linalg.eigh(identity_KK + self._sign * inner_KK)
        root_KK = vectors_KK / values_K.clamp(min=LEAST).sqrt()
        scaled_MK, direction_MK = factor_MK @ root_KK, products_MK @ root_KK
        slope_MK = self._slope_MM @ scaled_MK
        slope_MK -= direction_MK @ (scaled_MK.T @ slope_MK) * (self._sign / 2)
        self._inverse_MM.addmm_(direction_MK, direction_MK.T, alpha=-self._sign)
        left, right = torch.cat([direction_MK, slope_MK], dim=1), torch.cat([slope_MK, direction_MK], dim=1)
        self._slope_MM.addmm_(left, right.T, alpha=-self._sign)
        self._examples.update(direction_MK, slope_MK, self._sign)

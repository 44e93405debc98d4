"""k-DPP: Kulesza and Taskar, "k-DPPs: Fixed-Size Determinantal Point Processes" (ICML 2011), on gradient embeddings;
what Ash et al. (2020) compare their k-means++ seeding with.

A batch Y has probability proportional to det(L_Y), L_ij = g_i . g_j: the squared volume that its gradient embeddings
span.
"""

import logging
import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from al_bench.core.clock import duration
from al_bench.core.errors import ConfigError, StrategyError
from al_bench.core.strategy import Needs, QueryContext, Strategy
from al_bench.strategies.maths.gradients import GradientEmbedding
from al_bench.strategies.maths.sampling import block_weights, draw_proportional

ROWS_AT_ONCE = 1024  # gradient embeddings that are in memory
MAX_OPERATIONS = 4e12  # multiplications of a matrix product, or what takes as long; about 80 s of one fast core
OPERATIONS_PER_SECOND = 5e10  # of one fast core
WORTH_A_WORD = 10.0  # seconds
EIGENVALUE_COST, DRAW_COST = 10, 15  # of an eigendecomposition by rank^3, and of drawing rows by N B^2

log = logging.getLogger(__name__)


class KDPP(Strategy):
    """An exact sample of the k-DPP, by the eigenvectors of the smaller one of the two Gram matrices."""

    needs = Needs.LOGITS | Needs.EMBEDDING
    family = "both"

    def check(self, *, pool_size: int, batch_size: int, num_classes: int, num_dimensions: int) -> None:
        """See `Strategy.check`."""
        rank = (num_classes - 1) * num_dimensions
        if batch_size > rank:
            raise ConfigError(
                f"batch_size={batch_size}: kdpp draws at most (classes - 1) x (dimensions of the embedding) = {rank} "
                "at once; take a smaller batch_size.size, or strategy=badge"
            )
        if (num_operations := _num_operations(pool_size, rank, batch_size)) > MAX_OPERATIONS:
            raise ConfigError(_too_many("strategy=kdpp", num_operations, pool_size, rank))
        seconds = num_operations / OPERATIONS_PER_SECOND
        if seconds >= WORTH_A_WORD:
            log.info(
                "kdpp: a query takes up to %s on one fast core, and several times that on others", duration(seconds)
            )

    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """See `Strategy.query`; StrategyError if the batch is above the numerical rank, or the kernel too large."""
        num_rows, num_dimensions = context.unlabelled.embedding_ND.shape
        rank = (context.num_classes - 1) * num_dimensions
        if (num_operations := _num_operations(num_rows, rank, batch_size)) > MAX_OPERATIONS:
            raise StrategyError(_too_many("kdpp", num_operations, num_rows, rank))
        gradients = GradientEmbedding.of(context.unlabelled.logits_NC, context.unlabelled.embedding_ND)
        kernel = PrimalKernel(gradients) if num_rows <= rank else DualKernel(gradients)
        if batch_size > len(kernel.eigenvalue_R):
            raise StrategyError(
                f"kdpp: a batch of {batch_size} is above the numerical rank {len(kernel.eigenvalue_R)} of the gradient "
                f"embeddings of {num_rows} examples; take a smaller batch_size.size, or strategy=badge"
            )
        positions = drawn_eigenvalues(kernel.eigenvalue_R.cpu().numpy(), batch_size, rng)
        rows = drawn_rows(kernel.eigenvectors(torch.from_numpy(positions).to(gradients.square_N.device)), rng)
        return torch.tensor(rows, device=gradients.square_N.device)


class PrimalKernel:
    """The kernel L of few rows: L itself, the elementwise product of the Gram matrices of the two factors.

    `eigenvalue_R` holds the R eigenvalues above rounding, in ascending order.
    """

    def __init__(self, gradients: GradientEmbedding) -> None:
        errors_NC, embedding_ND = gradients.error_NC.double(), gradients.embedding_ND.double()
        eigenvalues, vectors_NN = torch.linalg.eigh((errors_NC @ errors_NC.T) * (embedding_ND @ embedding_ND.T))
        first = _first_above_rounding(eigenvalues)
        self.eigenvalue_R, self._vectors_NR = eigenvalues[first:], vectors_NN[:, first:]

    def eigenvectors(self, positions: Tensor) -> Tensor:
        """Orthonormal eigenvectors (N, B) of L, of the eigenvalues in these places (B,)."""
        vectors_NB: Tensor = self._vectors_NR.index_select(1, positions)
        return vectors_NB


class DualKernel:
    """The kernel L of many rows: G^T G has the same eigenvalues, with eigenvectors u of L's G u / sqrt(eigenvalue).

    The entries of p - onehot(argmax p) add up to 0, so they have C-1 coordinates, and the rank is (C-1)D at most.
    """

    def __init__(self, gradients: GradientEmbedding) -> None:
        num_classes = gradients.error_NC.shape[1]
        ones_CC = torch.ones(num_classes, num_classes, dtype=torch.float64, device=gradients.error_NC.device)
        basis_CK = torch.linalg.eigh(ones_CC).eigenvectors[:, :-1]  # all directions but that of the ones
        self._error_NK = gradients.error_NC.double() @ basis_CK
        self._embedding_ND = gradients.embedding_ND
        eigenvalues, vectors_MM = torch.linalg.eigh(sum(chunk.T @ chunk for chunk in self._gradients()))
        first = _first_above_rounding(eigenvalues)
        self.eigenvalue_R, self._vectors_MR = eigenvalues[first:], vectors_MM[:, first:]

    def eigenvectors(self, positions: Tensor) -> Tensor:
        """Orthonormal eigenvectors (N, B) of L, of the eigenvalues in these places (B,)."""
        scaled_MB = self._vectors_MR.index_select(1, positions) / self.eigenvalue_R[positions].sqrt()
        vectors_NB: Tensor = scaled_MB.new_empty(len(self._error_NK), len(positions))
        chunks = vectors_NB.split(ROWS_AT_ONCE)
        for chunk, gradients in zip(chunks, self._gradients(), strict=True):
            torch.mm(gradients, scaled_MB, out=chunk)
        # Those of small eigenvalues are orthonormal but for rounding; V L^-T is, with V^T V = L L^T, of the same span.
        factor_BB = torch.linalg.cholesky(vectors_NB.T @ vectors_NB)
        for chunk in chunks:
            chunk.copy_(torch.linalg.solve_triangular(factor_BB.T, chunk, upper=True, left=False))
        return vectors_NB

    def _gradients(self) -> Iterator[Tensor]:
        for error_RK, embedding_RD in zip(
            self._error_NK.split(ROWS_AT_ONCE), self._embedding_ND.split(ROWS_AT_ONCE), strict=True
        ):
            yield (error_RK[:, :, None] * embedding_RD.double()[:, None, :]).flatten(start_dim=1)


def drawn_eigenvalues(eigenvalues: NDArray[np.float64], num_wanted: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Positions (B,): a set of eigenvalues with probability proportional to their product (algorithm 8 of Kulesza and
    Taskar, "Determinantal Point Processes for Machine Learning", 2012).
    """
    log_eigenvalues = np.log(eigenvalues)
    # [n, k]: logarithm of the k-th elementary symmetric polynomial of the first n eigenvalues
    log_sums = np.full((len(eigenvalues) + 1, num_wanted + 1), -np.inf)
    log_sums[:, 0] = 0.0
    for n, log_eigenvalue in enumerate(log_eigenvalues):
        log_sums[n + 1, 1:] = np.logaddexp(log_sums[n, 1:], log_eigenvalue + log_sums[n, :-1])
    positions: list[int] = []
    uniforms = rng.random(len(eigenvalues))
    for n in reversed(range(len(eigenvalues))):
        num_left = num_wanted - len(positions)
        if num_left == 0:
            break
        with_it = log_eigenvalues[n] + log_sums[n, num_left - 1]
        if uniforms[n] < math.exp(with_it - log_sums[n + 1, num_left]):
            positions.append(n)
    return np.array(positions)


def drawn_rows(vectors_NB: Tensor, rng: np.random.Generator) -> list[int]:
    """B rows of the projection DPP with kernel V V^T, given B orthonormal columns V.

    Each is drawn in proportion to the squared length of its row of V outside the span of the rows drawn before.
    """
    num_rows, num_wanted = vectors_NB.shape
    left_KM = block_weights(num_rows, 0.0, vectors_NB.device)
    left_N = left_KM.view(-1)[:num_rows]
    left_N.copy_(torch.linalg.vector_norm(vectors_NB, dim=1).square())
    basis_BB = vectors_NB.new_zeros(num_wanted, num_wanted)  # columns: orthonormal, of the span so far
    rows: list[int] = []
    for number, uniform in enumerate(rng.random(num_wanted)):
        row = draw_proportional(left_KM, uniform, left_KM)
        spanned_BJ, direction_B = basis_BB[:, :number], vectors_NB[row]
        for _ in range(2):  # once leaves rounding
            direction_B = direction_B - spanned_BJ @ (spanned_BJ.T @ direction_B)
        basis_BB[:, number] = direction_B / torch.linalg.vector_norm(direction_B)
        left_N.sub_((vectors_NB @ basis_BB[:, number]).square()).clamp_(min=0)
        rows.append(row)
        left_N[rows] = 0.0
    return rows


def _first_above_rounding(eigenvalues: Tensor) -> int:
    """The position of the first of ascending eigenvalues that is not rounding beside the largest."""
    least = 10 * eigenvalues[-1] * len(eigenvalues) * torch.finfo(eigenvalues.dtype).eps
    return int((eigenvalues <= least.clamp(min=0)).sum())


def _num_operations(num_rows: int, rank: int, batch_size: int) -> float:
    gram = num_rows * rank**2 if num_rows > rank else num_rows**2
    return gram + EIGENVALUE_COST * min(num_rows, rank) ** 3 + DRAW_COST * num_rows * batch_size**2


def _too_many(name: str, num_operations: float, num_rows: int, rank: int) -> str:
    return (
        f"{name}: with {num_rows} examples and gradient embeddings of rank up to {rank} one query takes about "
        f"{num_operations:.0e} multiplications; at most {MAX_OPERATIONS:.0e} are allowed; take strategy=badge, a "
        "smaller batch_size.size or a smaller model"
    )

"""Fisher information of the last layer's weights, of each example, as factors that are never multiplied out.

An example with probabilities p and embedding z has F_i = (diag p - p p^T) (x) z z^T (Ash, Goel, Krishnamurthy and
Kakade, "Gone Fishing", 2021), or, of the likelihood that its prediction is right, p_(1) (1 - p_(1)) z z^T (Huseljic et
al., "Fast Fishing", 2024). Both are V_i^T V_i, V_i = W_i^T (x) z^T with K rows and M = KD columns. For the latter K = 1
and W^2 = p_(1) (1 - p_(1)). For the former K = C - 1 and diag p - p p^T = Q W W^T Q^T, where the K columns of Q are
orthonormal and each adds up to 0: what all classes have in common changes no probability.

For given symmetric matrices P and S (M, M), G_i = V_i P V_i^T and H_i = V_i S V_i^T (K, K) are kept, as P and S change.
"""

from abc import ABC, abstractmethod
from typing import Self

import torch
from torch import Tensor

from al_bench.strategies.maths.distances import CHUNK

LEAST = 1e-12  # what I - G is at least


class Fisher(ABC):
    """The factors V_i of N examples, float64, and their products with two matrices."""

    @classmethod
    @abstractmethod
    def of(cls, logits_NC: Tensor, embedding_ND: Tensor) -> Self:
        """The information of N examples, from a network's logits (N, C) and embeddings (N, D)."""

    @abstractmethod
    def take(self, rows: Tensor) -> Self:
        """The factors of some rows, without products."""

    @abstractmethod
    def factor(self, row: int) -> Tensor:
        """V_i^T (M, K), the factor of the example in this row."""

    @abstractmethod
    def total(self) -> Tensor:
        """sum_i F_i (M, M), over all examples."""

    @abstractmethod
    def traces(self) -> Tensor:
        """Tr F_i (N,), of each example."""

    @abstractmethod
    def multiply(self, first_MM: Tensor, second_MM: Tensor) -> Tensor:
        """Compute all G_i and H_i; returns tr H_i (N,)."""

    @abstractmethod
    def update(self, first_MK: Tensor, second_MK: Tensor, sign: int) -> None:
        """G_i and H_i after P -= sign R R^T and S -= sign (R Y^T + Y R^T), R and Y being the two arguments."""

    @abstractmethod
    def quotients(self, sign: int) -> Tensor:
        """Tr (I + sign G_i)^-1 H_i (N,)."""


class BinaryFisher(Fisher):
    """The information in whether the prediction is right: V_i is one row, and G_i and H_i are numbers."""

    def __init__(self, factor_DN: Tensor) -> None:
        self._factor_DN = factor_DN  # an example a column: its products with two vectors are fastest so
        self._first_N = self._second_N = factor_DN.new_empty(0)

    @classmethod
    def of(cls, logits_NC: Tensor, embedding_ND: Tensor) -> "BinaryFisher":
        """See `Fisher.of`."""
        factor_DN = embedding_ND.new_empty(embedding_ND.shape[::-1], dtype=torch.float64)
        chunks = zip(factor_DN.split(CHUNK, dim=1), logits_NC.split(CHUNK), embedding_ND.split(CHUNK), strict=True)
        for factors, logits, embedding in chunks:
            probabilities = logits.double().softmax(dim=1)
            top_N1, class_N1 = probabilities.max(dim=1, keepdim=True)
            others_N1 = probabilities.scatter_(1, class_N1, 0.0).sum(dim=1, keepdim=True)  # 1 - p_(1) would be rounding
            factors.copy_(((top_N1 * others_N1).sqrt() * embedding.double()).T)
        return cls(factor_DN)

    def take(self, rows: Tensor) -> "BinaryFisher":
        """See `Fisher.take`."""
        return BinaryFisher(self._factor_DN.index_select(1, rows))

    def factor(self, row: int) -> Tensor:
        """See `Fisher.factor`."""
        return self._factor_DN[:, row, None]

    def total(self) -> Tensor:
        """See `Fisher.total`."""
        return self._factor_DN @ self._factor_DN.T

    def traces(self) -> Tensor:
        """See `Fisher.traces`."""
        return self._factor_DN.square().sum(dim=0)

    def multiply(self, first_MM: Tensor, second_MM: Tensor) -> Tensor:
        """See `Fisher.multiply`."""
        self._first_N, self._second_N = (
            torch.cat([(matrix_MM @ chunk).mul_(chunk).sum(dim=0) for chunk in self._factor_DN.split(CHUNK, dim=1)])
            for matrix_MM in (first_MM, second_MM)
        )
        return self._second_N.clone()

    def update(self, first_MK: Tensor, second_MK: Tensor, sign: int) -> None:
        """See `Fisher.update`."""
        first_N, second_N = torch.cat([first_MK, second_MK], dim=1).T.contiguous() @ self._factor_DN
        self._first_N.addcmul_(first_N, first_N, value=-sign)
        self._second_N.addcmul_(first_N, second_N, value=-2 * sign)

    def quotients(self, sign: int) -> Tensor:
        """See `Fisher.quotients`."""
        return self._second_N / (1 + sign * self._first_N).clamp_(min=LEAST)


class MultinomialFisher(Fisher):
    """The information in the class: K = C - 1."""

    def __init__(self, embedding_ND: Tensor, root_NKK: Tensor) -> None:
        self._embedding_ND, self._root_NKK = embedding_ND, root_NKK
        self._first_NKK = self._second_NKK = root_NKK.new_empty(0)

    @classmethod
    def of(cls, logits_NC: Tensor, embedding_ND: Tensor) -> "MultinomialFisher":
        """See `Fisher.of`."""
        num_rows, num_classes = logits_NC.shape
        root_NKK = logits_NC.new_empty((num_rows, num_classes - 1, num_classes - 1), dtype=torch.float64)
        uniform_C = root_NKK.new_full((num_classes,), num_classes**-0.5)
        basis_CK = complement(uniform_C[None])[0]
        for roots, logits in zip(root_NKK.split(CHUNK), logits_NC.split(CHUNK), strict=True):
            # The largest probability goes last: then no entry of W is a difference of nearly equal numbers.
            order_NC = torch.arange(num_classes, device=logits.device).repeat(len(logits), 1)
            top_N1 = logits.argmax(dim=1, keepdim=True)
            order_NC.scatter_(1, top_N1, num_classes - 1)
            order_NC[:, -1:] = top_N1
            unit_NC = logits.double().softmax(dim=1).gather(1, order_NC).sqrt()
            torch.bmm(basis_CK[order_NC].mT, unit_NC[:, :, None] * complement(unit_NC), out=roots)
        return cls(embedding_ND, root_NKK)

    def take(self, rows: Tensor) -> "MultinomialFisher":
        """See `Fisher.take`."""
        return MultinomialFisher(self._embedding_ND[rows], self._root_NKK[rows])

    def factor(self, row: int) -> Tensor:
        """See `Fisher.factor`."""
        return torch.kron(self._root_NKK[row], self._embedding_ND[row, :, None].double())

    def total(self) -> Tensor:
        """See `Fisher.total`."""
        (_, num_dimensions), num_blocks = self._embedding_ND.shape, self._root_NKK.shape[1]
        total_KDKD = self._root_NKK.new_zeros((num_blocks, num_dimensions) * 2)
        for embedding, roots in self._chunks(self._root_NKK):
            square_NKK = roots @ roots.mT
            for k in range(num_blocks):  # the blocks from the diagonal on; the others are equal
                scaled_NM = (square_NKK[:, k, k:, None] * embedding[:, None, :]).flatten(1)
                total_KDKD[k, :, k:] += (embedding.T @ scaled_NM).view(num_dimensions, -1, num_dimensions)
        for k in range(num_blocks):
            total_KDKD[k + 1 :, :, k] = total_KDKD[k, :, k + 1 :].transpose(0, 1)
        return total_KDKD.flatten(2).flatten(0, 1)

    def traces(self) -> Tensor:
        """See `Fisher.traces`."""
        squares = [embedding.square().sum(dim=1) for (embedding,) in self._chunks()]
        return self._root_NKK.square().sum(dim=(1, 2)) * torch.cat(squares)

    def multiply(self, first_MM: Tensor, second_MM: Tensor) -> Tensor:
        """See `Fisher.multiply`."""
        self._first_NKK, self._second_NKK = (self._products(matrix_MM) for matrix_MM in (first_MM, second_MM))
        return _trace(self._second_NKK)

    def update(self, first_MK: Tensor, second_MK: Tensor, sign: int) -> None:
        """See `Fisher.update`."""
        num_blocks, num_dimensions = self._root_NKK.shape[1], self._embedding_ND.shape[1]
        both_MK = torch.cat([first_MK, second_MK], dim=1).view(num_blocks, num_dimensions, -1)
        both_DM = both_MK.transpose(0, 1).flatten(1)
        for embedding, roots, firsts, seconds in self._chunks(self._root_NKK, self._first_NKK, self._second_NKK):
            products_NKK = (embedding @ both_DM).view(len(embedding), num_blocks, -1)
            first, second = (roots.mT @ products_NKK).split(num_blocks, dim=2)
            firsts.baddbmm_(first, first.mT, alpha=-sign)
            seconds.baddbmm_(first, second.mT, alpha=-sign).baddbmm_(second, first.mT, alpha=-sign)

    def quotients(self, sign: int) -> Tensor:
        """See `Fisher.quotients`."""
        identity_KK = torch.eye(self._root_NKK.shape[1], dtype=torch.float64, device=self._root_NKK.device)
        chunks = zip(self._first_NKK.split(CHUNK), self._second_NKK.split(CHUNK), strict=True)
        solved = (torch.linalg.solve_ex(identity_KK + sign * first, second) for first, second in chunks)
        return torch.cat([_trace(result.result) for result in solved])

    def _products(self, matrix_MM: Tensor) -> Tensor:
        """V_i A V_i^T (N, K, K) of a symmetric matrix A."""
        num_blocks, num_dimensions = self._root_NKK.shape[1], self._embedding_ND.shape[1]
        products_NKK = torch.empty_like(self._root_NKK)
        for embedding, roots, products in self._chunks(self._root_NKK, products_NKK):
            for k in range(num_blocks):
                rows_DM = matrix_MM[k * num_dimensions : (k + 1) * num_dimensions, k * num_dimensions :]
                right_NKD = (embedding @ rows_DM).view(len(embedding), -1, num_dimensions)
                products[:, k, k:] = products[:, k:, k] = (right_NKD @ embedding[:, :, None]).squeeze(2)
            products.copy_(roots.mT @ products @ roots)
        return products_NKK

    def _chunks(self, *tensors: Tensor) -> "zip[tuple[Tensor, ...]]":
        """Some embeddings in float64 at a time, and what belongs to them of others."""
        embeddings = (chunk.double() for chunk in self._embedding_ND.split(CHUNK))
        return zip(embeddings, *(tensor.split(CHUNK) for tensor in tensors), strict=True)


def complement(unit_NC: Tensor) -> Tensor:
    """Orthonormal columns (N, C, C - 1) that are orthogonal to a vector of length 1 whose last number is >= 0.

    Those of the reflection that maps u to -e_C, I - (u + e_C)(u + e_C)^T / (1 + u_C), but for its last.
    """
    rest_NK, last_N1 = unit_NC[:, :-1], unit_NC[:, -1:]
    products_NKK = rest_NK[:, :, None] * (rest_NK / (1 + last_N1))[:, None, :]
    identity_KK = torch.eye(rest_NK.shape[1], dtype=unit_NC.dtype, device=unit_NC.device)
    return torch.cat([identity_KK - products_NKK, -rest_NK[:, None, :]], dim=1)


def _trace(matrix_NKK: Tensor) -> Tensor:
    return matrix_NKK.diagonal(dim1=1, dim2=2).sum(dim=1)

"""A linear layer, fitted: deterministic, as the objective is convex and starts from zero. Oracles refit the last layer
by it, and `training@model=probe` trains by nothing else.

Shapes: N examples, C classes, D dimensions of the embedding.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp
from threadpoolctl import threadpool_limits
from torch import Tensor

from al_bench.core.errors import TrainingError

RIDGE = 1e-2
TOLERANCE = 1e-4  # of the largest entry of the gradient
MAX_EVALUATIONS = 1000
MEMORY = 20  # steps that L-BFGS goes by; with scipy's 10, embeddings of length 1e4 take more evaluations than that

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LinearFit:
    """The layer, float64, on the device of the embedding: logits are embedding_ND @ weight_CD.T + bias_C."""

    weight_CD: Tensor
    bias_C: Tensor
    num_iterations: int
    num_evaluations: int


def linear_fit(
    embedding_ND: Tensor,
    targets_N: Tensor,
    num_classes: int,
    ridge: float = RIDGE,
    *,
    has_bias: bool = False,
    class_weights_C: Tensor | None = None,
) -> LinearFit:
    """Multinomial logistic regression, fitted to embeddings (N, D) and targets (N,).

    It minimises sum_i v_i (-log softmax(W z_i + b)_{y_i}) / sum_i v_i + ridge/2 |W|^2, where v_i is the weight of the
    class y_i, by L-BFGS (Liu and Nocedal, 1989) from zero, until no entry of the gradient is above 1e-4. The bias b is
    free, and zero unless there is one; classes weigh the same unless weights are given.

    Raises:
        TrainingError: if that takes more than 1,000 evaluations.
    """
    rows_NE = embedding_ND.double().cpu().numpy()
    num_dimensions = rows_NE.shape[1]
    if has_bias:
        rows_NE = np.column_stack([rows_NE, np.ones(len(rows_NE))])
    targets = targets_N.cpu().numpy()
    shares_N = np.ones(len(targets)) if class_weights_C is None else class_weights_C.double().cpu().numpy()[targets]
    objective = _Objective(rows_NE, targets, shares_N / shares_N.sum(), num_classes, num_dimensions, ridge)
    options = {"gtol": TOLERANCE, "ftol": 0.0, "maxfun": MAX_EVALUATIONS, "maxiter": MAX_EVALUATIONS, "maxcor": MEMORY}
    start = np.zeros(num_classes * rows_NE.shape[1])
    with threadpool_limits(1):  # so that the order of summation is always the same
        found = minimize(objective, start, method="L-BFGS-B", jac=True, options=options)
    if not np.abs(found.jac).max(initial=0.0) <= TOLERANCE:
        raise TrainingError(
            f"the linear layer, fitted to {len(rows_NE)} examples, still has a gradient of "
            f"{np.abs(found.jac).max():.1e} after {found.nfev} evaluations; embeddings of length "
            f"{np.linalg.norm(rows_NE, axis=1).max():.1e} are too large for it: scaled ones or a larger ridge may help"
        )
    layer_CE = torch.from_numpy(found.x.reshape(num_classes, -1)).to(embedding_ND.device)
    bias_C = layer_CE[:, -1] if has_bias else torch.zeros_like(layer_CE[:, 0])
    return LinearFit(layer_CE[:, :num_dimensions], bias_C, found.nit, found.nfev)


@dataclass(frozen=True)
class _Objective:
    """Loss and gradient of a flat layer (C E), where E is D and one more for a bias; `shares_N` add up to 1."""

    rows_NE: Floats
    targets_N: NDArray[np.int64]
    shares_N: Floats
    num_classes: int
    num_penalised: int
    ridge: float

    def __call__(self, flat: Floats) -> tuple[float, Floats]:
        layer_CE = flat.reshape(self.num_classes, -1)
        each = np.arange(len(self.targets_N))
        logits_NC = self.rows_NE @ layer_CE.T
        log_p_NC = logits_NC - logsumexp(logits_NC, axis=1, keepdims=True)
        residual_NC = np.exp(log_p_NC)
        residual_NC[each, self.targets_N] -= 1
        residual_NC *= self.shares_N[:, None]
        gradient_CE = residual_NC.T @ self.rows_NE
        penalised_CD = layer_CE[:, : self.num_penalised]
        gradient_CE[:, : self.num_penalised] += self.ridge * penalised_CD
        loss = -(log_p_NC[each, self.targets_N] @ self.shares_N) + self.ridge / 2 * (penalised_CD**2).sum()
        return float(loss), gradient_CE.ravel()


def fitted_head(embedding_ND: Tensor, targets_N: Tensor, num_classes: int) -> Tensor:
    """The weight (C, D), float64, of the last layer fitted anew without a bias; see `linear_fit`."""
    return linear_fit(embedding_ND, targets_N, num_classes).weight_CD


def num_hits(embedding_ND: Tensor, targets_N: Tensor, weight_CD: Tensor) -> int:
    """How many examples the layer predicts right; the first of equal logits counts."""
    return int((embedding_ND.double() @ weight_CD.T).argmax(dim=1).eq(targets_N).sum())

"""The last layer, fitted anew: deterministic, as the objective is convex and starts from zero."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp
from threadpoolctl import threadpool_limits
from torch import Tensor

from al_bench.core.errors import StrategyError

RIDGE = 1e-2
TOLERANCE = 1e-4  # of the largest entry of the gradient
MAX_EVALUATIONS = 1000

Floats = NDArray[np.float64]


def fitted_head(embedding_ND: Tensor, targets_N: Tensor, num_classes: int, ridge: float = RIDGE) -> Tensor:
    """The weight W (C, D), float64, of multinomial logistic regression without a bias.

    It minimises mean_i -log softmax(W z_i)_{y_i} + ridge/2 |W|^2, by L-BFGS (Liu and Nocedal, 1989) from zero, until no
    entry of the gradient is above 1e-4.

    Raises:
        StrategyError: if that takes more than 1,000 evaluations.
    """
    rows_ND = embedding_ND.double().cpu().numpy()
    is_target_NC = np.zeros((len(rows_ND), num_classes))
    is_target_NC[np.arange(len(rows_ND)), targets_N.cpu().numpy()] = 1.0

    def objective(flat: Floats) -> tuple[float, Floats]:
        weight_CD = flat.reshape(num_classes, -1)
        logits_NC = rows_ND @ weight_CD.T
        log_p_NC = logits_NC - logsumexp(logits_NC, axis=1, keepdims=True)
        gradient_CD = (np.exp(log_p_NC) - is_target_NC).T @ rows_ND / len(rows_ND) + ridge * weight_CD
        loss = -(log_p_NC * is_target_NC).sum() / len(rows_ND) + ridge / 2 * (flat @ flat)
        return float(loss), gradient_CD.ravel()

    options = {"gtol": TOLERANCE, "ftol": 0.0, "maxfun": MAX_EVALUATIONS, "maxiter": MAX_EVALUATIONS}
    start = np.zeros(num_classes * rows_ND.shape[1])
    with threadpool_limits(1):  # so that the order of summation is always the same
        found = minimize(objective, start, method="L-BFGS-B", jac=True, options=options)
    if np.abs(found.jac).max(initial=0.0) > TOLERANCE:
        raise StrategyError(
            f"the last layer, fitted to {len(rows_ND)} examples, still has a gradient of {np.abs(found.jac).max():.1e} "
            f"after {found.nfev} evaluations; embeddings of length {np.linalg.norm(rows_ND, axis=1).max():.1e} are too "
            "large for it"
        )
    return torch.from_numpy(found.x.reshape(num_classes, -1)).to(embedding_ND.device)


def num_hits(embedding_ND: Tensor, targets_N: Tensor, weight_CD: Tensor) -> int:
    """How many examples the layer predicts right; the first of equal logits counts."""
    return int((embedding_ND.double() @ weight_CD.T).argmax(dim=1).eq(targets_N).sum())

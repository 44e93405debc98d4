"""k-means, by scikit-learn."""

import warnings
from typing import Any

import numpy as np
import torch
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits
from torch import Tensor

MAX_ITERATIONS = 100


def clustered(
    vectors_ND: Tensor,
    num_clusters: int,
    rng: np.random.Generator,
    *,
    max_iterations: int = MAX_ITERATIONS,
    weights_N: Tensor | None = None,
    minibatch_size: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Centres (K, D) and the cluster of each row (N,) by one run from a k-means++ seeding: of Lloyd's algorithm, or of
    k-means by mini-batches (Sculley, 2010), at most `max_iterations` times all rows.

    Fewer distinct rows than clusters leave some clusters empty.
    """
    options: Any = {"n_init": 1, "max_iter": max_iterations, "random_state": int(rng.integers(2**31))}
    clustering = (
        KMeans(num_clusters, **options)
        if minibatch_size is None
        else MiniBatchKMeans(num_clusters, batch_size=minibatch_size, **options)
    )
    weights = None if weights_N is None else weights_N.cpu().numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct rows than clusters
        with threadpool_limits(1):  # sums by several threads are rounded otherwise
            clustering.fit(vectors_ND.cpu().numpy(), sample_weight=weights)
    centre_KD, cluster_N = torch.from_numpy(clustering.cluster_centers_), torch.from_numpy(clustering.labels_).long()
    return centre_KD.to(vectors_ND.device), cluster_N.to(vectors_ND.device)

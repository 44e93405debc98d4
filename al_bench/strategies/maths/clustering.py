"""k-means, by scikit-learn."""

import warnings

import numpy as np
import torch
from sklearn.cluster import KMeans
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
) -> tuple[Tensor, Tensor]:
    """Centres (K, D) and the cluster of each row (N,) by one run of Lloyd's algorithm from a k-means++ seeding.

    Fewer distinct rows than clusters leave some clusters empty.
    """
    seed = int(rng.integers(2**31))
    clustering = KMeans(num_clusters, n_init=1, max_iter=max_iterations, random_state=seed)
    weights = None if weights_N is None else weights_N.cpu().numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct rows than clusters
        with threadpool_limits(torch.get_num_threads()):
            clustering.fit(vectors_ND.cpu().numpy(), sample_weight=weights)
    centre_KD, cluster_N = torch.from_numpy(clustering.cluster_centers_), torch.from_numpy(clustering.labels_).long()
    return centre_KD.to(vectors_ND.device), cluster_N.to(vectors_ND.device)

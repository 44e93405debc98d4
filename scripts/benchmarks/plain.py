"""What our strategies are measured beside: plain float32 PyTorch versions, each centre compared with all rows, and the
same strategies of another package.
"""

from collections.abc import Callable

import numpy as np
import torch

from al_bench.core.strategy import QueryContext
from al_bench.strategies.maths.sampling import block_weights, draw_proportional


def plain_badge(of: QueryContext, batch_size: int) -> float:
    """k-means++ on the two factors in float32, each centre compared with all rows."""
    probabilities, embedding = of.unlabelled.logits_NC.softmax(dim=1), of.unlabelled.embedding_ND
    error = probabilities - torch.nn.functional.one_hot(probabilities.argmax(dim=1), of.num_classes)
    squares = error.square().sum(dim=1) * embedding.square().sum(dim=1)
    weights_KM, rng = block_weights(len(error), 1.0, error.device), np.random.default_rng(0)
    weights = weights_KM.view(-1)[: len(error)]
    distances = torch.full_like(squares, torch.inf)
    for uniform in rng.random(batch_size):
        row = draw_proportional(weights_KM, uniform, weights_KM)
        products = (error @ error[row]) * (embedding @ embedding[row])
        distances = torch.minimum(distances, (squares + squares[row] - 2 * products).clamp(min=0))
        distances[row] = 0
        weights.copy_(distances)
    return 1.0


def plain_coreset(of: QueryContext, batch_size: int) -> float:
    """Greedy k-centre in float32, each centre compared with all rows; the labelled ones in blocks."""
    embedding = of.unlabelled.embedding_ND
    squares, distances = embedding.square().sum(dim=1), torch.full_like(embedding[:, 0], torch.inf)
    for block in of.labelled.embedding_ND.split(64):
        products = squares[:, None] + block.square().sum(dim=1) - 2 * (embedding @ block.T)
        distances = torch.minimum(distances, products.amin(dim=1))
    for _ in range(batch_size):
        row = int(distances.argmax())
        distances = torch.minimum(distances, squares + squares[row] - 2 * (embedding @ embedding[row]))
        distances[row] = -torch.inf
    return 1.0


def skactiveml(name: str, of: QueryContext, batch_size: int) -> Callable[[], object]:
    """A query of scikit-activeml from the same outputs; ImportError where it is not installed."""
    from skactiveml import pool
    from skactiveml.base import SkactivemlClassifier

    unlabelled_ND, probabilities_NC = of.unlabelled.embedding_ND.numpy(), of.unlabelled.logits_NC.softmax(dim=1).numpy()

    said = type(  # a classifier of theirs that says this, whatever it is asked
        "Said",
        (SkactivemlClassifier,),
        {
            "fit": lambda self, *_: self,
            "predict_proba": lambda *_: (probabilities_NC, unlabelled_ND),
            "is_fitted_": True,
        },
    )(classes=[*range(of.num_classes)])
    unknown_N = np.full(of.num_unlabelled, np.nan)
    if name == "coreset":
        both_ND = np.concatenate([unlabelled_ND, of.labelled.embedding_ND.numpy()])
        known_N = np.concatenate([unknown_N, of.labelled_targets.double().numpy()])
        return lambda: pool.CoreSet(random_state=0).query(both_ND, known_N, batch_size=batch_size)
    theirs = {"badge": pool.Badge, "clue": pool.Clue}[name](random_state=0)
    option = {"badge": "fit_clf", "clue": "fit_estimator"}[name]
    return lambda: theirs.query(unlabelled_ND, unknown_N, said, batch_size=batch_size, **{option: False})

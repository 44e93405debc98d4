"""Plain float32 PyTorch versions of strategies, each centre compared with all rows: what ours are measured beside."""

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

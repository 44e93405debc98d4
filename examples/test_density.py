"""Density keeps the contract of a strategy, and is what the paper says."""

import math

import numpy as np
import pytest
from density import Density

from al_bench.testing import check_strategy, made_context


def test_it_keeps_the_contract_of_a_strategy():
    check_strategy(Density())


@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_it_takes_the_largest_products_by_definition(beta):
    context = made_context(Density.needs)
    probabilities = context.unlabelled.logits_NC.double().softmax(dim=1).tolist()
    embeddings = context.unlabelled.embedding_ND.double().tolist()

    def likeness(a: list[float], b: list[float]) -> float:
        return (1 + np.dot(a, b) / math.hypot(*a) / math.hypot(*b)) / 2

    scores = [
        -sum(p * math.log(p) for p in each) * np.mean([likeness(ours, theirs) for theirs in embeddings]) ** beta
        for each, ours in zip(probabilities, embeddings, strict=True)
    ]
    expected = sorted(range(len(scores)), key=lambda row: -scores[row])[:10]
    assert Density(beta).query(context, 10, np.random.default_rng(0)).tolist() == expected

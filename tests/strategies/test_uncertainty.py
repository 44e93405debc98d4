"""Uncertainty sampling against a stable sort of all scores."""

import numpy as np
import pytest
import torch

from al_bench.core.strategy import Outputs, QueryContext
from al_bench.strategies.uncertainty import Confidence, Entropy, Margin, Uncertainty

SCORED = [Confidence(), Margin(), Entropy()]
NAMES = ["confidence", "margin", "entropy"]


def query(scored: Uncertainty, logits: torch.Tensor, batch_size: int) -> list[int]:
    of = QueryContext(Outputs(logits), Outputs(), torch.zeros(0), len(logits), logits.shape[1], 0)
    return scored.query(of, batch_size, np.random.default_rng(0)).tolist()


def of_all(scored: Uncertainty, logits: torch.Tensor, batch_size: int) -> list[int]:
    """Every score computed, then sorted."""
    scores = scored.score(logits.double()).tolist()
    return sorted(range(len(scores)), key=lambda row: -scores[row])[:batch_size]


def made(kind: str, num_rows: int, num_classes: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    spread = {"flat": 1e-4, "sure": 30.0, "saturated": 1e4, "tiny": 1e-30}.get(kind, 3.0)
    logits = torch.randn(num_rows, num_classes, generator=generator) * spread
    if kind == "copies":
        return logits[torch.randint(num_rows // 4 + 1, (num_rows,), generator=generator)]
    if kind == "two largest":  # equal, or next to each other
        first = logits.argmax(1, keepdim=True)
        largest = logits.amax(1, keepdim=True)
        lower = torch.nextafter(largest, -torch.ones(1)).where(torch.arange(num_rows)[:, None] % 2 == 0, largest)
        return logits.scatter(1, (first + 1) % num_classes, lower)
    if kind == "equal":
        return torch.ones(num_rows, num_classes)
    return logits


KINDS = ["usual", "flat", "sure", "saturated", "tiny", "copies", "two largest", "equal"]


@pytest.mark.parametrize("scored", SCORED, ids=NAMES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("num_rows", "num_classes"), [(1, 2), (300, 2), (300, 10), (60, 1000)])
def test_the_batch_is_the_head_of_a_stable_sort_of_all_scores(scored, kind, num_rows, num_classes):
    for seed in range(3):
        logits = made(kind, num_rows, num_classes, seed)
        for batch_size in {1, num_rows // 7 + 1, num_rows}:
            assert query(scored, logits, batch_size) == of_all(scored, logits, batch_size)

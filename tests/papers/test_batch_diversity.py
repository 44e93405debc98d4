"""What the comparison of k-means++ with a k-DPP and k-means measures."""

import math
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from papers import batch_diversity

from al_bench.core.data import Dataset
from al_bench.loop.rounds_of import active_learning
from al_bench.models.mlp import MLP
from al_bench.strategies.badge import Badge
from al_bench.strategies.random import Random
from al_bench.training.learner import Learner
from al_bench.training.options import TrainingOptions
from tests.conftest import blobs, small_learner

DATASET = blobs(600)


def test_diversity_is_that_of_the_gradients_at_the_last_layer():
    """By autograd, from the loss of each example, had the prediction been its target."""
    rng = torch.Generator().manual_seed(0)
    embedding_BD, weight_CD = torch.rand(6, 5, generator=rng), torch.randn(4, 5, generator=rng)
    gradients = []
    for embedding_D in embedding_BD:
        weight = weight_CD.clone().requires_grad_()
        logits = weight @ embedding_D
        torch.nn.functional.cross_entropy(logits[None], logits.argmax()[None]).backward()
        gradients.append(weight.grad.flatten().double().numpy())
    gradients = np.array(gradients)
    log_det, mean_norm = batch_diversity.diversity(embedding_BD @ weight_CD.T, embedding_BD)
    assert math.isclose(log_det, np.linalg.slogdet(gradients @ gradients.T).logabsdet, rel_tol=1e-4)
    assert math.isclose(mean_norm, np.linalg.norm(gradients, axis=1).mean(), rel_tol=1e-5)


def test_copies_span_nothing():
    log_det, _ = batch_diversity.diversity(torch.tensor([[1.0, 2.0]] * 2), torch.tensor([[1.0, 0.5]] * 2))
    assert log_det == -math.inf


@pytest.mark.parametrize("strategy", [Badge, Random])
def test_a_measured_strategy_chooses_what_it_would_have_chosen(strategy):
    options = {"seed": 3, "num_initial": 20, "batch_size": 15, "budget": 80}
    measured = batch_diversity.Measured(strategy())
    plain, told = (
        [record.batch.indices.tolist() for record in active_learning(DATASET, small_learner(DATASET), each, **options)]
        for each in (strategy(), measured)
    )
    assert told == plain
    assert math.isfinite(measured.log_det)
    assert measured.mean_norm > 0
    assert measured.cpu_seconds > 0


@pytest.mark.slow
def test_the_accuracy_is_that_of_the_network_that_chose():
    """With the hyperparameters of the paper for MNIST."""
    training = TrainingOptions(partial(torch.optim.Adam, lr=1e-3, fused=True), minibatch_size=64)
    learner = Learner(partial(MLP, DATASET.input_shape, DATASET.num_classes, 256), training)
    records = list(active_learning(DATASET, learner, Badge(), seed=2, num_initial=100, batch_size=100, budget=400))
    rows = list(batch_diversity.batches(DATASET, Badge(), 2, 400))
    assert [row["num_labelled"] for row in rows] == [100, 200, 300]
    assert [row["test_accuracy"] for row in rows] == [record.test.accuracy for record in records[:-1]]
    assert len({row["cpu_seconds"] for row in rows}) == 3


@pytest.mark.slow
def test_a_row_per_batch_and_what_is_there_is_not_computed_again(tmp_path, monkeypatch, capsys):
    calls = []

    def mnist(_: Path) -> Dataset:
        calls.append(1)
        return DATASET

    monkeypatch.setattr(batch_diversity, "mnist", mnist)
    monkeypatch.setattr(batch_diversity, "STRATEGIES", {"badge": Badge, "random": Random})
    monkeypatch.setattr(batch_diversity, "BATCH_SIZE", 20)
    path = tmp_path / "batches.csv"

    def main(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["batch_diversity.py", str(path), "--budget", "160", *arguments])
        batch_diversity.main()
        return capsys.readouterr().out

    assert main("--seeds", "0").count("seed 0") == 2
    first = pd.read_csv(path)
    assert first.groupby("strategy").size().to_dict() == {"badge": 3, "random": 3}
    assert first["num_labelled"].tolist() == [100, 120, 140] * 2
    assert first["test_accuracy"].between(0.5, 1).all()
    assert "seed 0" not in main("--seeds", "0", "1")
    both = pd.read_csv(path)
    pd.testing.assert_frame_equal(both.iloc[:6], first)
    assert both["seed"].tolist() == [0] * 6 + [1] * 6

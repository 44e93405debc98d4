"""What is measured of logits: equal to the values of scikit-learn and torchmetrics, and to plain loops."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    log_loss,
    roc_auc_score,
)
from torch import Tensor

from al_bench.core.rounds import ABOUT
from al_bench.training.trained import auroc, ece, metrics_of

SHAPES = ((4500, 150), (60, 2), (333, 7))
TORCHMETRICS_ECE = {  # 1.9.0: multiclass_calibration_error(probability_NC, targets_N, num_classes, n_bins=15)
    (4500, 150): 0.4010981619358063,
    (60, 2): 0.13567501306533813,
    (333, 7): 0.14453567564487457,
}


def drawn(num_examples: int, num_classes: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Logits that are right in about half of the cases, some of them equal, and targets of all classes."""
    rng = torch.Generator().manual_seed(seed)
    targets_N = torch.arange(num_examples) % num_classes
    logits_NC = (4 * torch.randn(num_examples, num_classes, generator=rng)).round() / 4
    logits_NC[torch.arange(num_examples), targets_N] += 1 + 0.3 * math.log(num_classes)
    return logits_NC, targets_N


def slow_ece(probability_NC: np.ndarray, targets_N: np.ndarray) -> float:
    gap = 0.0
    for number in range(15):
        rows = [row for row, p in enumerate(probability_NC) if number / 15 < p.max() <= (number + 1) / 15]
        if rows:
            accuracy = np.mean([probability_NC[row].argmax() == targets_N[row] for row in rows])
            gap += len(rows) / len(targets_N) * abs(accuracy - np.mean([probability_NC[row].max() for row in rows]))
    return gap


@pytest.mark.parametrize(("num_examples", "num_classes"), SHAPES)
def test_measures_equal_those_of_scikit_learn_and_torchmetrics(num_examples, num_classes):
    logits_NC, targets_N = drawn(num_examples, num_classes)
    found = metrics_of(logits_NC, targets_N)
    probability_NC, predicted_N = logits_NC.double().softmax(dim=1).numpy(), logits_NC.argmax(dim=1).numpy()
    scores = probability_NC if num_classes > 2 else probability_NC[:, 1]
    assert 0.2 < found.accuracy < 0.95
    assert found.accuracy == pytest.approx(accuracy_score(targets_N, predicted_N), rel=1e-12)
    assert found.balanced_accuracy == pytest.approx(balanced_accuracy_score(targets_N, predicted_N), rel=1e-12)
    assert found.loss == pytest.approx(log_loss(targets_N, probability_NC, labels=range(num_classes)), rel=1e-12)
    assert found.macro_f1 == pytest.approx(f1_score(targets_N, predicted_N, average="macro"), rel=1e-12)
    expected = brier_score_loss(targets_N, probability_NC, labels=range(num_classes), scale_by_half=False)
    assert found.brier == pytest.approx(expected, rel=1e-12)
    assert found.auroc == pytest.approx(roc_auc_score(targets_N, scores, multi_class="ovr"), rel=1e-12)
    assert found.ece == pytest.approx(slow_ece(probability_NC, targets_N.numpy()), rel=1e-12)
    assert found.ece == pytest.approx(TORCHMETRICS_ECE[num_examples, num_classes], abs=1e-7)  # of sums in float32


def test_a_class_that_the_test_set_lacks():
    logits_NC, targets_N = drawn(60, 4)
    rows = targets_N != 2
    found = metrics_of(logits_NC[rows], targets_N[rows])
    predicted_N = logits_NC[rows].argmax(dim=1)
    assert (predicted_N == 2).any()
    expected = f1_score(targets_N[rows], predicted_N, labels=[0, 1, 3], average="macro", zero_division=0)
    assert found.macro_f1 == pytest.approx(expected, rel=1e-12)
    assert found.auroc is None
    assert found.brier is not None


def test_a_class_that_is_never_predicted_rightly_has_f1_0():
    found = metrics_of(torch.eye(3)[[0, 0, 1, 0]], torch.tensor([0, 0, 1, 2]))
    assert found.macro_f1 == pytest.approx((4 / 5 + 1 + 0) / 3, rel=1e-12)


def test_ties_count_half_and_the_largest_confidence_is_in_the_last_bin():
    same_NC = np.full((4, 2), 0.5)
    assert auroc(same_NC, np.array([0, 1, 0, 1])) == 0.5
    assert ece(np.ones(4), np.array([True, True, True, False])) == 0.25
    edge = np.linspace(0, 1, 16)[9]  # is in the bin that it ends: there the gaps of these two cancel out
    assert ece(np.array([edge, edge - 0.01]), np.array([False, True])) == pytest.approx((2 * edge - 0.01 - 1) / 2)
    assert ece(np.array([edge, edge + 0.01]), np.array([False, True])) == pytest.approx((edge + 0.99 - edge) / 2)


def test_values_are_in_the_ranges_of_their_columns():
    sure_NC = 1e4 * torch.eye(3)
    right, wrong = (metrics_of(sure_NC, targets_N) for targets_N in (torch.arange(3), torch.tensor([1, 2, 0])))
    assert (right.macro_f1, right.brier, right.ece, right.auroc) == (1, 0, 0, 1)
    assert (wrong.macro_f1, wrong.brier, wrong.ece) == (0, 2, 1)
    for name, about in ABOUT.items():
        values = [getattr(each, name) for each in (right, wrong)]
        assert 0 <= min(values) <= max(values) <= (math.inf if about.high is None else about.high)
        assert values != sorted(values, reverse=about.better == "lower") or name == "auroc"


def test_logits_that_are_not_finite_have_no_more_than_a_loss():
    found = metrics_of(torch.tensor([[math.nan, 0.0]]), torch.tensor([0]))
    assert math.isnan(found.loss)
    assert (found.macro_f1, found.brier, found.ece, found.auroc) == (None,) * 4

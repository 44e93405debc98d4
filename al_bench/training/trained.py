"""A trained network, and what it says: metrics on a test set, and outputs for a strategy.

Measures are computed in float64 from logits in float32; shapes: N examples, C classes.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from al_bench.core.data import Examples
from al_bench.core.devices import to_device
from al_bench.core.errors import StrategyError
from al_bench.core.network import Network
from al_bench.core.rounds import Metrics
from al_bench.core.strategy import Needs, Outputs
from al_bench.models.dropout import Sample
from al_bench.strategies.maths.calibration import calibration_error
from al_bench.training.fitting.course import Course
from al_bench.training.outputs import Passes, outputs_of

NUM_CHECKED = 64  # examples whose logits are compared with what the last layer gives
HEAD_TOLERANCE = 1e-3  # of the largest logit
NUM_BINS = 15  # of the calibration error
SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")

Reals = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Trained:
    """A trained network in evaluation mode, and how its training went.

    With `model.start=scratch` nothing of it goes into the next round; else its weights do.

    `course` is None where nothing is known of its training: of a network that was read back, or before there is one.
    `samples` of the weights are there where a strategy needs them.
    """

    network: Network
    passes: Passes
    course: Course | None = None
    fit_seconds: float = 0.0
    fit_cpu_seconds: float = 0.0
    samples: tuple[Sample, ...] = ()

    def outputs(self, inputs: Tensor, rows: Tensor, needs: Needs) -> Outputs:
        """The outputs declared in `needs` for these rows of `inputs`, in their order, in one pass."""
        return outputs_of(self.network, self.passes, inputs, rows, needs, self.samples)

    @torch.no_grad()
    def head(self, inputs: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Weight (C, D) and bias (C,) of the last layer, float32 copies; zeros for a bias that there is not.

        They are compared in float32, whatever the precision of passes.

        Raises:
            StrategyError: if they do not give the logits of the first of these rows of `inputs`.
        """
        layer = self.network.head
        weight_CD = layer.weight.detach().float().clone()
        bias_C = torch.zeros_like(weight_CD[:, 0]) if layer.bias is None else layer.bias.detach().float().clone()
        inputs = self.passes.inputs(inputs.index_select(0, rows[:NUM_CHECKED]))
        logits_NC = self.network(inputs)
        difference = (self.network.embed(inputs) @ weight_CD.T + bias_C - logits_NC).abs().amax()
        if difference > HEAD_TOLERANCE * logits_NC.abs().amax():
            raise StrategyError(
                f"the logits of {type(self.network).__name__} are not head(embed(inputs)), which the strategy goes by: "
                f"they differ by up to {float(difference):.2g}; let `head` be the last linear layer"
            )
        return weight_CD, bias_C

    def logits(self, examples: Examples) -> tuple[Tensor, Tensor]:
        """Logits (N, C), float32, and targets (N,) of labelled examples, on one device."""
        return _logits_and_targets(self.network, self.passes, examples)

    def evaluate(self, examples: Examples) -> Metrics:
        """What is measured on labelled examples; see `metrics_of`."""
        return metrics_of(*self.logits(examples))


def loss_of(network: Network, passes: Passes, examples: Examples) -> float:
    """The mean cross-entropy in nats; the network is in evaluation mode."""
    logits_NC, targets = _logits_and_targets(network, passes, examples)
    return functional.cross_entropy(logits_NC.double(), targets).item()


def _logits_and_targets(network: Network, passes: Passes, examples: Examples) -> tuple[Tensor, Tensor]:
    rows = torch.arange(len(examples), device=examples.targets.device)
    logits_NC = outputs_of(network, passes, examples.inputs, rows, Needs.LOGITS).logits
    assert logits_NC is not None
    return logits_NC, to_device(examples.targets, logits_NC.device)


def metrics_of(logits_NC: Tensor, targets_N: Tensor) -> Metrics:
    """Accuracy, mean recall over the classes present, mean cross-entropy in nats; and the functions below.

    If the cross-entropy is not finite, these have no value.
    """
    predicted_N = logits_NC.argmax(dim=1)
    hits = predicted_N.eq(targets_N)
    num_classes = logits_NC.shape[1]
    present_C = targets_N.bincount(minlength=num_classes)
    recalled_C = targets_N[hits].bincount(minlength=num_classes)
    recalls = (recalled_C.double() / present_C)[present_C > 0]
    loss = functional.cross_entropy(logits_NC.double(), targets_N).item()
    metrics = Metrics(accuracy=hits.double().mean().item(), balanced_accuracy=recalls.mean().item(), loss=loss)
    if not math.isfinite(loss):
        return metrics
    probability_NC = logits_NC.double().softmax(dim=1).cpu().numpy()
    predicted, targets = predicted_N.cpu().numpy(), targets_N.cpu().numpy()
    return replace(
        metrics,
        macro_f1=macro_f1(predicted, targets, num_classes),
        brier=brier(probability_NC, targets),
        ece=ece(probability_NC.max(axis=1), hits.cpu().numpy()),
        auroc=auroc(probability_NC, targets),
    )


def macro_f1(predicted_N: Integers, targets_N: Integers, num_classes: int) -> float:
    """F1 = 2 TP / (2 TP + FP + FN), averaged over the classes that the targets have; 0 for one never right."""
    counted = (targets_N[predicted_N == targets_N], targets_N, predicted_N)
    true_C, present_C, given_C = (np.bincount(each, minlength=num_classes) for each in counted)
    f1_C = 2 * true_C / np.maximum(present_C + given_C, 1)
    return float(f1_C[present_C > 0].mean())


def brier(probability_NC: Reals, targets_N: Integers) -> float:
    """The mean over the examples of the sum over the classes of (p - y)^2: 0 to 2 (Brier, 1950)."""
    residual_NC = probability_NC.copy()
    residual_NC[np.arange(len(targets_N)), targets_N] -= 1
    return min(float((residual_NC**2).sum(axis=1).mean()), 2.0)  # but for rounding


def ece(confidence_N: Reals, hit_N: NDArray[np.bool_]) -> float:
    """The expected calibration error (Guo et al., 2017), by 15 bins of the largest probability."""
    return calibration_error(confidence_N, hit_N, NUM_BINS)


def auroc(probability_NC: Reals, targets_N: Integers) -> float | None:
    """The area under the ROC curve of each class against the rest, ties counting half, averaged over the classes.

    None if the targets lack a class, whose area is not defined. By the ranks of a class's own examples: the area is the
    share of pairs of one of them and one of the others in which it has the larger probability (Mann and Whitney, 1947).
    """
    present_C = np.bincount(targets_N, minlength=probability_NC.shape[1])
    if not present_C.all() or len(present_C) < 2:
        return None
    area_C = np.empty(len(present_C))
    for label, sorted_N in enumerate(np.sort(probability_NC.T, axis=1)):
        own = probability_NC[targets_N == label, label]
        twice_ranks = sum(np.searchsorted(sorted_N, own, side=side).sum() for side in SIDES) + len(own)
        num_pairs = len(own) * (len(targets_N) - len(own))
        area_C[label] = (twice_ranks - len(own) * (len(own) + 1)) / (2 * num_pairs)
    return float(area_C.mean())

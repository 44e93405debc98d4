"""Classes that weigh the same, however many labels each has."""

import torch
from torch import Tensor
from torch.nn import functional


class BalancedCrossEntropy:
    """The mean cross-entropy over a mini-batch in which an example weighs n / (K n_c): of n labelled examples, n_c are
    of its class, one of K that have any. Classes without labels weigh 0.

    Args:
        targets_N: of the labelled examples.
    """

    def __init__(self, targets_N: Tensor) -> None:
        counts = targets_N.bincount()
        is_there = counts > 0
        share = len(targets_N) / (is_there.sum() * counts.clamp(min=1))
        self._weights = torch.where(is_there, share, 0.0).float()

    def weights_C(self, num_classes: int) -> Tensor:
        """The weights (C,) of all classes, float32, on the device of the targets."""
        return functional.pad(self._weights, (0, num_classes - len(self._weights)))

    def __call__(self, logits_NC: Tensor, targets: Tensor) -> Tensor:
        """See `al_bench.core.network.Objective`."""
        return functional.cross_entropy(logits_NC, targets, weight=self.weights_C(logits_NC.shape[1]))

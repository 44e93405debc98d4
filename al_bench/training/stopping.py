"""When training ends, if not at its epoch limit."""

import logging
import math
from collections.abc import Callable
from copy import deepcopy
from typing import Any, Protocol

from al_bench.core.network import Network
from al_bench.training.fitting.course import Course
from al_bench.training.options import TrainingOptions

FEW_EPOCHS = 3

log = logging.getLogger(__name__)


def warn_if_out_of_reach(training: TrainingOptions, best_accuracy: float) -> None:
    """Say so before training if `best_accuracy`, the highest that is possible on the pool, is below the rule's."""
    threshold = training.accuracy_to_stop_at
    if threshold is not None and best_accuracy < threshold:
        log.warning(
            "as equal inputs have several labels, at most %.1f %% of the pool can be learned, below "
            "model.stop_at_train_accuracy=%s: with most of them labelled, training goes on to model.max_epochs=%d "
            "every time; dataset.copies=pool leaves one of equal inputs, or choose lower values of these two keys",
            *(math.floor(1000 * best_accuracy) / 10, threshold, training.max_epochs),
        )


class StoppingRule(Protocol):
    """Looked at after every epoch; `can_be_met` is false if training always goes on to its limit."""

    can_be_met: bool

    def is_met(self, network: Network, accuracy: float, loss: float) -> bool:
        """Whether this epoch, of this running accuracy and mean loss of its steps in training, is the last."""

    def finish(self, network: Network) -> None:
        """Give the network the weights that the rule ends with."""


class TrainAccuracy:
    """Ash et al. (2020): stop at a training accuracy; None never stops."""

    def __init__(self, threshold: float | None) -> None:
        self.threshold = threshold
        self.can_be_met = threshold is not None

    def is_met(self, network: Network, accuracy: float, loss: float) -> bool:  # noqa: ARG002
        """See `StoppingRule`."""
        return self.threshold is not None and accuracy >= self.threshold

    def finish(self, network: Network) -> None:
        """The weights stay those of the last epoch."""


class LowestLoss:
    """Early stopping: the weights of the lowest loss, once it has not been lower for `patience` epochs.

    Args:
        patience: epochs.
        loss_of: the loss to go by, of a network and its training loss.
        min_delta: how much lower than the last one that counted a loss has to be to count.
    """

    can_be_met = True

    def __init__(self, patience: int, loss_of: Callable[[Network, float], float], min_delta: float = 0.0) -> None:
        self.patience = patience
        self.loss_of = loss_of
        self.min_delta = min_delta
        self._lowest = self._counted = float("inf")
        self._weights: dict[str, Any] | None = None
        self._num_epochs_since = 0

    def is_met(self, network: Network, accuracy: float, loss: float) -> bool:  # noqa: ARG002
        """See `StoppingRule`."""
        loss = self.loss_of(network, loss)
        self._num_epochs_since += 1
        if loss < self._lowest:
            self._lowest, self._weights = loss, deepcopy(network.state_dict())
        if loss < self._counted - self.min_delta:
            self._counted, self._num_epochs_since = loss, 0
        return self._num_epochs_since >= self.patience

    def finish(self, network: Network) -> None:
        """Back to the weights of the lowest loss."""
        if self._weights is not None:
            network.load_state_dict(self._weights)


class FewEpochs:
    """Warns, once, of a training accuracy that ends training after a few epochs on fewer labels than inputs.

    Of so few labels any network that knows nothing yet gets most right: the weights are nearly those it began with, and
    what is measured and chosen is theirs.
    """

    def __init__(self, training: TrainingOptions, num_inputs: int) -> None:
        self._threshold = training.accuracy_to_stop_at if training.start == "scratch" else None
        self._num_inputs = num_inputs

    def look(self, round: int, course: Course, num_trained_on: int) -> None:
        """Look at how the training of a round went, and warn if it ended so."""
        is_rule = self._threshold is not None and not course.epoch_limit_hit
        if not is_rule or course.num_epochs > FEW_EPOCHS or num_trained_on >= self._num_inputs:
            return
        log.warning(
            "round %d: model.stop_at_train_accuracy=%g ended training after %d epochs on %d labels of %d inputs each: "
            "so few are told apart by a network that has hardly learned; model.stop_at_train_accuracy=null "
            "model.max_epochs=50, say, trains for longer",
            *(round, self._threshold, course.num_epochs, num_trained_on, self._num_inputs),
        )
        self._threshold = None

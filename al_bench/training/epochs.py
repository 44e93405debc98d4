"""One epoch after another, until a rule or the limit ends training."""

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler

from al_bench.core.errors import DIVERGED, TrainingError
from al_bench.core.network import Network
from al_bench.training.batch_norm import to_training_mode
from al_bench.training.minibatches import Minibatches
from al_bench.training.steps import Step
from al_bench.training.stopping import StoppingRule
from al_bench.training.unlabelled_term import Term


@dataclass(frozen=True)
class Epochs:
    """What is done in each epoch of a fit, and when the last one is over.

    Args:
        minibatches: an order of them for each epoch.
        step: taken on each mini-batch.
        terms: for one epoch after another, the terms of its steps, or None for each.
        rule: looked at after every epoch.
        schedule: of the learning rate, which takes a step after every epoch but the last possible.
        limit: epochs at most.
    """

    minibatches: Minibatches
    step: Step
    terms: Iterator[Iterator[Term | None]]
    rule: StoppingRule
    schedule: LRScheduler | None
    limit: int

    def train(self, network: Network) -> tuple[float, int, bool]:
        """Running accuracy of the last epoch, number of epochs, and whether the limit ended them.

        Raises:
            TrainingError: if a loss is not finite, or the learning-rate schedule does not go on.
        """
        is_single = self.minibatches.sizes[0] == 1
        for epoch, terms in zip(range(1, self.limit + 1), self.terms, strict=False):
            to_training_mode(network, is_single=is_single)
            accuracy, loss = _epoch(self.step, self.minibatches.epoch(), terms)
            if not math.isfinite(loss):
                raise TrainingError(f"epoch {epoch}: the training loss is {loss}; {DIVERGED}")
            is_met = self.rule.is_met(network, accuracy, loss / len(self.minibatches.sizes))
            if is_met:
                break
            if self.schedule is not None and epoch < self.limit:
                _change_lr(self.schedule, epoch)
        self.rule.finish(network)
        return accuracy, epoch, not is_met and self.rule.can_be_met


def _epoch(
    step: Step, minibatches: Iterator[tuple[Tensor, Tensor]], terms: Iterator[Term | None]
) -> tuple[float, float]:
    """One pass: running accuracy and the sum of the losses, fetched from the device together, at its end."""
    losses, predictions, all_targets = [], [], []
    for (inputs, targets), term in zip(minibatches, terms, strict=False):
        logits_NC, loss = step(inputs, targets, term)
        losses.append(loss)
        predictions.append(logits_NC.argmax(dim=1))
        all_targets.append(targets)
    is_right_N = torch.cat(predictions).eq(torch.cat(all_targets))
    num_right, loss_sum = torch.stack([is_right_N.sum(), torch.stack(losses).sum()]).tolist()
    return num_right / len(is_right_N), loss_sum


def _change_lr(schedule: LRScheduler, epoch: int) -> None:
    try:
        with warnings.catch_warnings():  # the optimizer takes no step where they are written out
            warnings.filterwarnings("ignore", "Detected call of `lr_scheduler")
            schedule.step()
    except ValueError as error:
        raise TrainingError(f"epoch {epoch}: model.lr_schedule: {error}; say model.max_epochs={epoch}") from error

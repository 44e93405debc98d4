"""Networks: what is trained, and what it is trained to minimise.

Shapes: N examples, C classes, D dimensions of the embedding, M unlabelled examples of a step.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

Objective = Callable[[Tensor, Tensor], Tensor]
"""(logits (N, C), targets (N,)) -> mean loss (): what training minimises."""


class Network(nn.Module, ABC):
    """A classifier: `embed`, then the last linear layer `head`.

    One that says `is_pretrained` learns from the whole pool without labels, in `pretrain`, once per seed: what comes of
    it is what the network of every round starts from, all but the head. It is kept in a file, unless
    `is_pretraining_kept` is false.

    One that says `is_linear` has no other parameters than the head's, and its `embed` is the same function in training:
    `training@model=probe` is for these.
    """

    head: nn.Linear
    is_pretrained: bool = False
    is_pretraining_kept: bool = True
    is_linear: bool = False

    @abstractmethod
    def embed(self, inputs: Tensor) -> Tensor:
        """Inputs (N, ...), float32 and normalised -> embedding (N, D), the input of the last layer."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs (N, ...) -> logits (N, C)."""
        logits: Tensor = self.head(self.embed(inputs))
        return logits

    def pretrain(self, inputs: Tensor) -> None:
        """Inputs of the whole pool (N, ...), float32 and normalised -> better weights; random numbers are torch's.

        Raises:
            TrainingError: if a weight is not finite.
        """
        raise NotImplementedError(f"{type(self).__name__} says is_pretrained but has no pretrain")


def cross_entropy(logits_NC: Tensor, targets: Tensor) -> Tensor:
    """The mean cross-entropy: the objective unless a strategy brings its own."""
    return functional.cross_entropy(logits_NC, targets)


@dataclass(frozen=True)
class UnlabelledTerm:
    """What training minimises besides the objective: `weight` times the mean of `losses` over unlabelled examples.

    Args:
        losses: logits (M, C) -> the loss of each example (M,).
        weight: epoch 1, 2, ... -> factor.
        minibatch_size: unlabelled examples per step, or `all`: every epoch spreads all of them over its steps.
    """

    losses: Callable[[Tensor], Tensor]
    weight: Callable[[int], float]
    minibatch_size: int | Literal["all"]


@dataclass(frozen=True)
class TrainedWith:
    """What a strategy trains the network with, and what is measured of it.

    Args:
        objective: what training minimises.
        unlabelled_term: what it minimises besides, on unlabelled examples.
        measures_pool: every round records what its network says of the unlabelled examples.
        measures_without_term: that network only chooses: accuracies, losses and epochs are those of another, trained
            without the term.
    """

    objective: Objective = cross_entropy
    unlabelled_term: UnlabelledTerm | None = None
    measures_pool: bool = False
    measures_without_term: bool = False

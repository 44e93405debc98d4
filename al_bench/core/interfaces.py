"""The vocabulary: what data sets, models and strategies hand to each other.

Shapes: N examples, U unlabelled, L labelled, B queried, C classes, D dimensions of the embedding.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Flag, auto
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from al_bench.core.errors import DIVERGED, StrategyError, TrainingError

Objective = Callable[[Tensor, Tensor], Tensor]
"""(logits (N, C), targets (N,)) -> mean loss (): what training minimises."""


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


class Needs(Flag):
    """What a strategy reads. What it does not declare is not computed, and reading it is an error."""

    NONE = 0
    LOGITS = auto()
    EMBEDDING = auto()
    LABELLED = auto()  # the outputs declared, for the labelled set too


@dataclass(frozen=True)
class Examples:
    """Inputs (N, ...), float32 or uint8, and targets (N,), int64 in 0 .. C-1."""

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, indices: Tensor) -> "Examples":
        """The examples at these positions, in this order."""
        return Examples(self.inputs.index_select(0, indices), self.targets[indices])

    def to(self, device: str) -> "Examples":
        """The same examples on a device."""
        return Examples(self.inputs.to(device), self.targets.to(device))


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation per channel of inputs scaled to 0 .. 1; for uint8 images (N, C, H, W)."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Dataset:
    """The training pool, the test set, and what models need to know of them.

    Multi-modal inputs are (N, D), the modalities side by side: `modalities` names them in their order, with the number
    of columns of each; it is empty for inputs of one kind.
    """

    train: Examples
    test: Examples
    num_classes: int
    normalisation: Normalisation | None = None
    modalities: Mapping[str, int] = field(default_factory=dict)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return tuple(self.train.inputs.shape[1:])

    def to(self, device: str) -> "Dataset":
        """The same data set on a device."""
        return replace(self, train=self.train.to(device), test=self.test.to(device))


class Network(nn.Module, ABC):
    """A classifier: `embed`, then the last linear layer `head`.

    One that says `is_pretrained` learns from the whole pool without labels, in `pretrain`, once per seed: what comes of
    it is what the network of every round starts from, all but the head.
    """

    head: nn.Linear
    is_pretrained: bool = False

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


@dataclass(frozen=True)
class Outputs:
    """A network's float32 outputs in evaluation mode, as far as they were declared in `needs`.

    Reading one that was not declared is a StrategyError, reading one that is not finite a TrainingError.
    """

    logits: Tensor | None = None
    embedding: Tensor | None = None

    @property
    def logits_NC(self) -> Tensor:
        """The logits."""
        return self._declared(self.logits, "LOGITS")

    @property
    def embedding_ND(self) -> Tensor:
        """The input of the last linear layer."""
        return self._declared(self.embedding, "EMBEDDING")

    @staticmethod
    def _declared(value: Tensor | None, need: str) -> Tensor:
        if value is None:
            raise StrategyError(f"the strategy reads {need} without declaring it: add Needs.{need} to its needs")
        if not value.sum().isfinite() and not value.isfinite().all():  # a sum is cheaper, but may overflow
            raise TrainingError(f"the network's {need.lower()} of the pool has values that are not finite; {DIVERGED}")
        return value


@dataclass(frozen=True)
class QueryContext:
    """All that a strategy sees.

    Row r of `unlabelled` is the r-th unlabelled example in ascending pool order; row l of `labelled` and
    `labelled_targets` the l-th in labelling order. `labelled` is empty unless declared.
    """

    unlabelled: Outputs
    labelled: Outputs
    labelled_targets: Tensor
    num_unlabelled: int
    num_classes: int
    round: int


def cross_entropy(logits_NC: Tensor, targets: Tensor) -> Tensor:
    """The mean cross-entropy: the objective unless a strategy brings its own."""
    return functional.cross_entropy(logits_NC, targets)


class Strategy(ABC):
    """A query strategy: a pure function of (context, batch size, random numbers).

    One that learns between rounds keeps what it learned in `state_dict`, so that a killed run goes on. What the
    network is trained with is the strategy's as well: `objective`, and `unlabelled_term` if there is one. With
    `measures_pool` every round records what its network says of the unlabelled examples. With `measures_without_term`
    that network only chooses: accuracies, losses and epochs are those of another, trained without the term.
    """

    needs: Needs = Needs.NONE
    objective: Objective = staticmethod(cross_entropy)
    unlabelled_term: UnlabelledTerm | None = None
    measures_pool: bool = False
    measures_without_term: bool = False

    def check(self, *, pool_size: int, batch_size: int, num_classes: int, num_dimensions: int) -> None:  # noqa: B027
        """Before anything is trained: ConfigError for what cannot work with so many examples, classes C and D."""

    @abstractmethod
    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """Distinct rows (batch_size,) of the unlabelled examples, int64, in the order of choice."""

    def state_dict(self) -> dict[str, Any] | None:
        """What the strategy has learned, as JSON, written once per round; None if it learns nothing."""
        return None

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned: called for every finished round in turn, the last of which counts.

        So a state may hold what one round added.
        """
        raise NotImplementedError(f"{type(self).__name__} has a state_dict but no load_state_dict")


@dataclass(frozen=True)
class Batch:
    """Examples labelled together: pool indices (B,) in labelling order and their targets (B,), int64."""

    indices: NDArray[np.int64]
    targets: NDArray[np.int64]


@dataclass(frozen=True)
class Metrics:
    """On a test or validation set: accuracy, mean recall over the classes present, mean cross-entropy in nats."""

    accuracy: float
    balanced_accuracy: float
    loss: float


@dataclass(frozen=True)
class PoolMetrics:
    """On the unlabelled examples: mean entropy in nats, and the mean probability of each class (C,)."""

    mean_entropy: float
    class_marginals: tuple[float, ...]


@dataclass(frozen=True)
class RoundRecord:
    """One round: the batch labelled before it, and the network then trained from scratch.

    `num_labelled` counts all labels, those of the `num_validation` validation examples among them; `query_seconds` is
    the time taken to choose `batch` (0 for the initial labels), with the forward pass; `class_counts` (C,) counts the
    classes in `batch`; `strategy_state` is the state after that choice. `num_steps` counts the mini-batches that the
    measured network was trained on. The `_cpu_seconds` are of this process on the processor, over what the other
    seconds span (on CUDA: of the clock, with the device's work done). `num_copies` of the examples in `batch` have the
    same inputs as one that was labelled before, or earlier in it.
    """

    round: int
    batch: Batch
    num_labelled: int
    train_accuracy: float
    test: Metrics
    num_epochs: int
    epoch_limit_hit: bool
    fit_seconds: float
    query_seconds: float
    class_counts: tuple[int, ...]
    num_validation: int = 0
    validation: Metrics | None = None
    unlabelled: PoolMetrics | None = None
    strategy_state: dict[str, Any] | None = None
    num_steps: int = 0
    fit_cpu_seconds: float = 0.0
    query_cpu_seconds: float = 0.0
    num_copies: int = 0

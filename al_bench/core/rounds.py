"""Rounds, as they are recorded and gone on from; shapes: B queried, C classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:  # a tenth of a second, which --help need not wait
    import numpy as np
    from numpy.typing import NDArray

RoundWeights = Mapping[str, Mapping[str, Any]]
"""Of the networks of a round, by what they are for: parameters and buffers by name, as tensors."""


@dataclass(frozen=True)
class Batch:
    """Examples labelled together: pool indices (B,) in labelling order and their targets (B,), int64."""

    indices: "NDArray[np.int64]"
    targets: "NDArray[np.int64]"


@dataclass(frozen=True)
class About:
    """What a measure is called and can be: columns, axes and tables are made of it.

    `label`: of the test set; `high` is its largest value (None: there is none), 0 its smallest. Differences of a share
    are told in percentage points, of others in their `unit`, if they have one. `description`: what the label does not
    say.
    """

    label: str
    better: Literal["higher", "lower"] = "higher"
    high: float | None = 1
    unit: str = ""
    is_share: bool = True
    description: str = ""


def _later(label: str, **about: Any) -> Any:
    """A measure that was not always there, and that need not have a value."""
    return field(default=None, metadata={"about": About(label, **about)})


def _always(label: str, **about: Any) -> Any:
    return field(metadata={"about": About(label, **about)})


@dataclass(frozen=True)
class Metrics:
    """On a test or validation set. How each is computed stands in `al_bench.training.trained`, under its name."""

    accuracy: float = _always("test accuracy")
    balanced_accuracy: float = _always("balanced accuracy", description="recall, averaged over the classes")
    loss: float = _always("test loss", better="lower", high=None, unit="nats", is_share=False)
    macro_f1: float | None = _later("macro F1", description="F1, averaged over the classes of the test set")
    brier: float | None = _later(
        "Brier score",
        better="lower",
        high=2,
        is_share=False,
        description="squared error of the probabilities, summed over the classes",
    )
    ece: float | None = _later(
        "calibration error",
        better="lower",
        description="mean gap between the largest probability and accuracy, 15 bins",
    )
    auroc: float | None = _later("AUROC", description="area under the ROC curve, one class against the rest, averaged")


ABOUT: dict[str, About] = {each.name: each.metadata["about"] for each in fields(Metrics)}


@dataclass(frozen=True)
class PoolMetrics:
    """On the unlabelled examples: mean entropy in nats, and the mean probability of each class (C,)."""

    mean_entropy: float
    class_marginals: tuple[float, ...]


@dataclass(frozen=True)
class RoundRecord:
    """One round: the batch labelled before it, and the network then trained.

    `num_labelled` counts all labels, those of the `num_validation` validation examples among them; `query_seconds` is
    the time taken to choose `batch` (0 where the first batch is drawn), with the forward pass; `class_counts` (C,)
    counts the classes in `batch`; `strategy_state` is the state after that choice. `num_steps` counts the mini-batches
    that the measured network was trained on. The `_cpu_seconds` are of this process on the processor, over what the
    other seconds span (on CUDA: of the clock, with the device's work done). `num_copies` of the examples in `batch`
    have the same inputs as one that was labelled before, or earlier in it. `weights` are those that the next round
    starts from, None if it starts from scratch.
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
    weights: RoundWeights | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Committed:
    """What an earlier, interrupted call has done: the batches of its rounds, and the strategy's states after them.

    `strategy_states` is empty, or has one for each round: None after a round for which it kept none. `weights` are
    those of the last round's record, if rounds start from them.
    """

    batches: Sequence[Batch] = ()
    strategy_states: Sequence[dict[str, Any] | None] = ()
    weights: RoundWeights | None = field(default=None, compare=False, repr=False)

    @property
    def num_trained_on(self) -> int:
        """How many labels all committed batches have; no validation examples."""
        return sum(len(batch.indices) for batch in self.batches)

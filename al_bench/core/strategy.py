"""Query strategies, and all that they see.

Shapes: N examples, U unlabelled, L labelled, B queried, C classes, D dimensions of the embedding, S samples.
"""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from enum import Flag, auto
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from al_bench.core.errors import DIVERGED, StrategyError, TrainingError
from al_bench.core.network import TrainedWith


class Needs(Flag):
    """What a strategy reads. What it does not declare is not computed, and reading it is an error."""

    NONE = 0
    LOGITS = auto()
    EMBEDDING = auto()
    LABELLED = auto()  # the outputs declared, for the labelled set too
    FEATURES = auto()  # what the network is given, as rows: a space that stays the same in every round
    HEAD = auto()  # weight and bias of the last layer
    VALIDATION = auto()  # the outputs declared, for the validation examples too
    POOL_TARGETS = auto()  # those of the unlabelled examples; for oracles alone
    TEST = auto()  # the outputs declared and the targets, of the test set; for oracles alone
    SAMPLES = auto()  # logits under samples of the weights, which `Strategy.samples` says how to draw
    INDICES = auto()  # where in the pool the unlabelled examples are


Family = Literal["uncertainty", "diversity", "both", "Bayesian", "other"]
OF_ORACLES = Needs.POOL_TARGETS | Needs.TEST


@dataclass(frozen=True)
class Outputs:
    """A network's float32 outputs in evaluation mode, as far as they were declared in `needs`; None for the others.

    Each is called as its flag of `Needs`, and made by its producer in `al_bench.training.outputs`.
    Reading one that was not declared is a StrategyError, reading one that is not finite a TrainingError.
    """

    logits: Tensor | None = None
    embedding: Tensor | None = None
    features: Tensor | None = None
    samples: Tensor | None = None  # (N, S, C): an example a row, as all outputs

    @property
    def logits_NC(self) -> Tensor:
        """Logits (N, C), a row for each example."""
        return self._declared(self.logits, "LOGITS")

    @property
    def embedding_ND(self) -> Tensor:
        """The input of the last linear layer (N, D)."""
        return self._declared(self.embedding, "EMBEDDING")

    @property
    def features_ND(self) -> Tensor:
        """The normalised inputs (N, F), a row each: frozen features where `features=...` makes them."""
        return self._declared(self.features, "FEATURES")

    @property
    def samples_SNC(self) -> Tensor:
        """The logits (S, N, C) under each sample of the weights; the first one of an ensemble is the network itself."""
        return self._declared(self.samples, "SAMPLES").movedim(1, 0)

    def restricted(self, needs: Needs) -> "Outputs":
        """The same examples with the outputs alone that are declared in `needs`."""
        return self._of_each(lambda name, value: value if Needs[name.upper()] in needs else None)

    def take(self, rows: Tensor) -> "Outputs":
        """The outputs for these rows (R,), in this order."""
        return self._of_each(lambda _, value: None if value is None else value[rows])

    def _of_each(self, changed: Callable[[str, Tensor | None], Tensor | None]) -> "Outputs":
        return Outputs(**{each.name: changed(each.name, getattr(self, each.name)) for each in fields(self)})

    def _declared(self, value: Tensor | None, need: str) -> Tensor:
        value = _declared(value, need)
        if not value.sum().isfinite() and not value.isfinite().all():  # a sum is cheaper, but may overflow
            raise TrainingError(f"the network's {need.lower()} of the pool has values that are not finite; {DIVERGED}")
        return value


class Undeclared(Outputs):
    """The outputs for examples that are not declared: whoever reads them is told by which flag they would be."""

    flag: Needs  # of the examples; no field, as it is no output

    def __init__(self, flag: Needs) -> None:
        super().__init__()
        object.__setattr__(self, "flag", flag)

    def _of_each(self, changed: Callable[[str, Tensor | None], Tensor | None]) -> Outputs:  # noqa: ARG002
        return self

    def _declared(self, value: Tensor | None, need: str) -> Tensor:  # noqa: ARG002
        raise StrategyError(
            f"the strategy reads {need} without declaring it for these examples: add Needs.{self.flag.name} to its "
            f"needs, beside Needs.{need}"
        )


def _declared(value: Tensor | None, need: str) -> Tensor:
    if value is None:
        raise StrategyError(f"the strategy reads {need} without declaring it: add Needs.{need} to its needs")
    return value


@dataclass(frozen=True)
class Known:
    """Outputs for examples whose targets are known; row i of both is the i-th example. Empty where there are none."""

    outputs: Outputs = Outputs()
    targets: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))


@dataclass(frozen=True)
class QueryContext:
    """All that a strategy sees: U unlabelled examples, L labelled ones, C classes, embeddings of D dimensions.

    Row r of `unlabelled` is the r-th unlabelled example in ascending pool order; row l of `labelled` and
    `labelled_targets` (L,) the l-th in labelling order. `round` is the last one trained, -1 before any. `labelled`,
    `validation` and `test` are empty unless declared; `head` (weight (C, D) and bias (C,)), `pool_targets` and
    `indices` (U,) are read by `head_weight_CD`, `head_bias_C`, `unlabelled_targets` and `unlabelled_indices`.
    """

    unlabelled: Outputs
    labelled: Outputs
    labelled_targets: Tensor
    num_unlabelled: int
    num_classes: int
    round: int
    head: tuple[Tensor, Tensor] | None = None
    validation: Known = field(default_factory=Known)
    pool_targets: Tensor | None = None
    test: Known = field(default_factory=Known)
    indices: Tensor | None = None

    @property
    def head_weight_CD(self) -> Tensor:
        """A float32 copy of the last layer's weight: logits are embedding_ND @ head_weight_CD.T + head_bias_C."""
        return _declared(self.head and self.head[0], "HEAD")

    @property
    def head_bias_C(self) -> Tensor:
        """A float32 copy of the last layer's bias; zeros if it has none."""
        return _declared(self.head and self.head[1], "HEAD")

    @property
    def unlabelled_targets(self) -> Tensor:
        """What the unlabelled examples (U,) would be labelled as."""
        return _declared(self.pool_targets, "POOL_TARGETS")

    @property
    def unlabelled_indices(self) -> Tensor:
        """Pool indices (U,) of the unlabelled examples."""
        return _declared(self.indices, "INDICES")

    def restricted(self, rows: Tensor) -> "QueryContext":
        """What a strategy would see if these rows (R,) of the unlabelled examples were all there are, in this order."""
        shown = self.unlabelled.take(rows)
        targets, indices = (None if each is None else each[rows] for each in (self.pool_targets, self.indices))
        return replace(self, unlabelled=shown, num_unlabelled=len(rows), pool_targets=targets, indices=indices)

    def declared(self, needs: Needs) -> "QueryContext":
        """What a strategy of these needs would see of it."""
        validation, test = (
            Known(each.outputs.restricted(needs), each.targets) if need in needs else Known(Undeclared(need))
            for each, need in ((self.validation, Needs.VALIDATION), (self.test, Needs.TEST))
        )
        return replace(
            self,
            unlabelled=self.unlabelled.restricted(needs),
            labelled=self.labelled.restricted(needs) if Needs.LABELLED in needs else Undeclared(Needs.LABELLED),
            head=self.head if Needs.HEAD in needs else None,
            validation=validation,
            pool_targets=self.pool_targets if Needs.POOL_TARGETS in needs else None,
            test=test,
            indices=self.indices if Needs.INDICES in needs else None,
        )


@dataclass(frozen=True)
class Samples:
    """How the weights are sampled for `Needs.SAMPLES`: `num` times, each sample the same for all examples.

    Args:
        num: S.
        kind: `network`: the network that was trained, with a mask for each of its dropout modules; `ensemble`: networks
            that are trained alike, from other random numbers, the first of which is that of the round.
    """

    num: int
    kind: Literal["network", "ensemble"]


class Strategy(ABC):
    """A query strategy: a pure function of (context, batch size, random numbers).

    One that learns between rounds keeps it in `state_dict`, so that a killed run goes on. An oracle (`is_oracle`), in
    no ranks or penalties, sees what no annotator could tell ahead. Figures and `--help` go by the `family`.

    Args:
        subset_size: it is shown so many of the unlabelled examples, drawn anew each round. None: all of them.
    """

    needs: Needs = Needs.NONE
    trained_with: TrainedWith = TrainedWith()
    samples: Samples | None = None
    is_oracle: bool = False
    family: Family = "other"
    subset_size: int | None = None

    def check(self, *, pool_size: int, batch_size: int, num_classes: int, num_dimensions: int) -> None:  # noqa: B027
        """Before anything is trained: ConfigError for what cannot work with so many examples, classes C and D."""

    def cost_of_query(self, batch_size: int) -> str:  # noqa: ARG002
        """What a query takes beside passes over the pool, where that can be more than the training; else nothing."""
        num_more = self.samples.num - 1 if self.samples and self.samples.kind == "ensemble" else 0
        return f"training {num_more} more networks" if num_more else ""

    @abstractmethod
    def query(self, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
        """Distinct rows (batch_size,) of the unlabelled examples, int64, in the order of choice."""

    def state_dict(self) -> dict[str, Any] | None:
        """What the strategy has learned, as JSON, written once per round; None if it learns nothing."""
        return None

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state: called for every finished round in turn, so that one may hold what its round added."""
        raise NotImplementedError(f"{type(self).__name__} has a state_dict but no load_state_dict")


def trained_with(strategy: Strategy) -> TrainedWith:
    """`strategy.trained_with`; what a strategy for version 0.1 has as members of its own counts, with a warning."""
    members = {each.name: getattr(strategy, each.name) for each in fields(TrainedWith) if hasattr(strategy, each.name)}
    if not members:
        return strategy.trained_with
    told = f"{', '.join(members)}: say trained_with = al_bench.TrainedWith({', '.join(members)}=...)"
    warnings.warn(f"{type(strategy).__name__}: {told}", FutureWarning, 2)
    return replace(strategy.trained_with, **members)

"""Query strategies, and all that they see.

Shapes: N examples, U unlabelled, L labelled, B queried, C classes, D dimensions of the embedding.
"""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from enum import Flag, auto
from typing import Any

import numpy as np
from torch import Tensor

from al_bench.core.errors import DIVERGED, StrategyError, TrainingError
from al_bench.core.network import Objective, UnlabelledTerm, cross_entropy


class Needs(Flag):
    """What a strategy reads. What it does not declare is not computed, and reading it is an error."""

    NONE = 0
    LOGITS = auto()
    EMBEDDING = auto()
    LABELLED = auto()  # the outputs declared, for the labelled set too


@dataclass(frozen=True)
class Outputs:
    """A network's float32 outputs in evaluation mode, as far as they were declared in `needs`; None for the others.

    Each is called as its flag of `Needs`, and made by its producer in `al_bench.training.outputs`.
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

    def restricted(self, needs: Needs) -> "Outputs":
        """Those of the outputs that are declared in `needs`."""
        return self._of_each(lambda name, value: value if Needs[name.upper()] in needs else None)

    def take(self, rows: Tensor) -> "Outputs":
        """The outputs for these rows (R,), in this order."""
        return self._of_each(lambda _, value: None if value is None else value[rows])

    def _of_each(self, changed: Callable[[str, Tensor | None], Tensor | None]) -> "Outputs":
        return Outputs(**{each.name: changed(each.name, getattr(self, each.name)) for each in fields(self)})

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

    def restricted(self, rows: Tensor) -> "QueryContext":
        """What a strategy would see if these rows (R,) of the unlabelled examples were all there are, in this order."""
        return replace(self, unlabelled=self.unlabelled.take(rows), num_unlabelled=len(rows))


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


class Strategy(ABC):
    """A query strategy: a pure function of (context, batch size, random numbers).

    One that learns between rounds keeps what it learned in `state_dict`, so that a killed run goes on. What the network
    is trained with is the strategy's as well: `trained_with`.
    """

    needs: Needs = Needs.NONE
    trained_with: TrainedWith = TrainedWith()

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


def trained_with(strategy: Strategy) -> TrainedWith:
    """`strategy.trained_with`; what a strategy of before 0.2 has as members of its own counts, with a warning."""
    members = {each.name: getattr(strategy, each.name) for each in fields(TrainedWith) if hasattr(strategy, each.name)}
    if not members:
        return strategy.trained_with
    names = ", ".join(members)
    warnings.warn(
        f"{type(strategy).__name__}: {names}: say trained_with = al_bench.TrainedWith({names}=...)", FutureWarning, 2
    )
    return replace(strategy.trained_with, **members)

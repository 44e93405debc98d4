"""A strategy whose contract is checked, and how it is asked."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from torch import Tensor

from al_bench.core.errors import described
from al_bench.core.strategy import QueryContext, Strategy
from al_bench.loop import querying
from al_bench.testing.contexts import made_context


class Case(NamedTuple):
    """A pool, and how many are asked for."""

    num_unlabelled: int = 40
    batch_size: int = 10
    num_classes: int = 3
    num_dimensions: int = 8
    spread: float = 1.0
    num_labelled: int = 7


USUAL = Case()
CASES = (
    USUAL,
    Case(batch_size=1),
    Case(batch_size=40, num_dimensions=20),
    Case(num_labelled=1),
    Case(1, 1, num_classes=2, num_dimensions=4),
    Case(30, 12, num_classes=2, num_dimensions=1),
    Case(30, 1, num_dimensions=1),
    Case(30, 12, num_classes=1000),
    Case(30, 12, num_dimensions=4, spread=0),
    Case(30, 30, num_dimensions=4, spread=0),
    Case(30, 12, spread=1e4),
    Case(3000, 1100, num_dimensions=4),
)


@dataclass(frozen=True)
class Subject:
    """A strategy, of which copies are asked, and what is known of it: see `check_strategy`."""

    strategy: Strategy
    breaks_ties_by_pool_order: bool = False
    largest_batch: Callable[[QueryContext], int] | None = None
    max_batch_size: int = 10_000
    num_draws: int = 400

    def new(self) -> Strategy:
        """One that was never asked."""
        try:
            return copy.deepcopy(self.strategy)
        except Exception as error:  # whatever it holds
            raise self.failure(f"it cannot be copied, so that each check has a new one: {described(error)}") from error

    def context(self, case: Case = USUAL) -> QueryContext:
        """What it would see of a pool."""
        sizes = {"num_labelled": case.num_labelled, "spread": case.spread}
        return made_context(self.strategy.needs, case.num_unlabelled, case.num_classes, case.num_dimensions, **sizes)  # type: ignore[arg-type]

    def asked(self, of: QueryContext, batch_size: int, seed: int = 0, strategy: Strategy | None = None) -> Tensor:
        """Its rows (B,), by a new strategy unless one is given; AssertionError if they are none, or it raises."""
        try:
            return querying.chosen(strategy or self.new(), of, batch_size, np.random.default_rng(seed))
        except Exception as error:  # whatever it raises
            raise self.failure(f"{asked_for(of, batch_size)} it raised {described(error)}") from error

    def failure(self, what: str) -> AssertionError:
        """The error of a check, which begins with the strategy's name."""
        return AssertionError(f"{type(self.strategy).__name__}: {what}")


def asked_for(of: QueryContext, batch_size: int) -> str:
    """The first words of what went wrong."""
    return (
        f"asked for {batch_size} of {of.num_unlabelled} unlabelled examples, with {len(of.labelled_targets)} labels of "
        f"{of.num_classes} classes,"
    )

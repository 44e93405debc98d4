"""Strategies as members of others, by name, each at its defaults."""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from al_bench.core.strategy import Needs, QueryContext, Strategy
from al_bench.strategies.alfamix import AlfaMix
from al_bench.strategies.badge import Badge
from al_bench.strategies.bait import Bait
from al_bench.strategies.coreset import Coreset
from al_bench.strategies.dropquery import DropQuery
from al_bench.strategies.maxherding import MaxHerding
from al_bench.strategies.random import Random
from al_bench.strategies.typiclust import TypiClust
from al_bench.strategies.uherding import UHerding
from al_bench.strategies.uncertainty import Margin

Diverse = Literal["random", "coreset", "typiclust", "maxherding", "uherding"]
Uncertain = Literal["margin", "badge", "bait", "alfamix", "dropquery"]
Member = Diverse | Uncertain
MEMBERS: Mapping[Member, Callable[[], Strategy]] = {
    "random": Random,
    "margin": Margin,
    "coreset": Coreset,
    "badge": Badge,
    "bait": Bait,
    "typiclust": TypiClust,
    "alfamix": AlfaMix,
    "dropquery": DropQuery,
    "maxherding": MaxHerding,
    "uherding": UHerding,
}


def members_of(names: Sequence[Member]) -> list[Strategy]:
    """A strategy with its usual options for each of these names, in their order."""
    return [MEMBERS[name]() for name in names]


def needs_of(members: Sequence[Strategy]) -> Needs:
    """What any of them reads."""
    return reduce(or_, (member.needs for member in members), Needs.NONE)


def proposed(
    member: Strategy, context: QueryContext, pool: Tensor, subset_size: int, batch_size: int, rng: np.random.Generator
) -> Tensor:
    """The batch (B,) of a member that is shown a uniform subset of the rows `pool`, ascending, of the context."""
    positions = np.sort(rng.permutation(len(pool))[:subset_size])
    rows = pool[torch.from_numpy(positions).to(pool.device)]
    shown = context.restricted(rows).declared(member.needs)
    return rows[member.query(shown, batch_size, rng).to(rows.device)]

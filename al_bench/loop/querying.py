"""Asking a strategy: it is shown exactly what it declares, and rows become pool indices here alone."""

import logging

import numpy as np
import torch
from numpy.typing import NDArray

from al_bench.core.errors import StrategyError
from al_bench.core.seeding import Stream, generator
from al_bench.core.strategy import Needs, Outputs, QueryContext, Strategy
from al_bench.loop.pool import Pool
from al_bench.training.trained import Trained

log = logging.getLogger(__name__)


def query(
    pool: Pool,
    trained: Trained,
    strategy: Strategy,
    batch_size: int,
    num_classes: int,
    *,
    seed: int,
    round: int,
    outputs: Outputs | None = None,
) -> NDArray[np.int64]:
    """Pool indices (batch_size,) of the examples that the strategy chooses, in its order.

    `outputs` are those for the unlabelled examples, if they are known already.
    """
    unlabelled, labelled = pool.unlabelled_indices, pool.labelled_indices
    wants_labelled = Needs.LABELLED in strategy.needs
    context = QueryContext(
        unlabelled=outputs or pool_outputs(pool, trained, strategy),
        labelled=trained.outputs(pool.inputs, labelled, strategy.needs) if wants_labelled else Outputs(),
        labelled_targets=pool.labelled_targets.to(trained.prepare.device),
        num_unlabelled=len(unlabelled),
        num_classes=num_classes,
        round=round,
    )
    rows = strategy.query(context, batch_size, generator(seed, Stream.QUERY, round))
    name = type(strategy).__name__
    if not isinstance(rows, torch.Tensor):
        raise StrategyError(f"{name} returned a {type(rows).__name__} where a tensor of rows was asked for")
    rows = rows.cpu()
    if rows.dtype != torch.int64 or rows.shape != (batch_size,):
        raise StrategyError(
            f"{name} returned {rows.dtype} rows of shape {tuple(rows.shape)} where int64 rows of shape "
            f"({batch_size},) were asked for"
        )
    if len(rows.unique()) != batch_size or rows.min() < 0 or rows.max() >= len(unlabelled):
        raise StrategyError(f"{name} returned rows that are not distinct or not within 0 .. {len(unlabelled) - 1}")
    chosen: NDArray[np.int64] = unlabelled.cpu()[rows].numpy()
    return chosen


def pool_outputs(pool: Pool, trained: Trained, strategy: Strategy) -> Outputs:
    """What the strategy needs of the unlabelled examples."""
    return trained.outputs(pool.inputs, pool.unlabelled_indices, strategy.needs)

"""Asking a strategy: it is shown exactly what it declares, and rows become pool indices here alone."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from al_bench.core.data import Dataset, Examples
from al_bench.core.errors import ConfigError, StrategyError
from al_bench.core.seeding import Stream, generator
from al_bench.core.strategy import OF_ORACLES, Known, Needs, Outputs, QueryContext, Strategy
from al_bench.loop.pool import Pool
from al_bench.training.trained import Trained


def check_can_be_asked(strategy: Strategy, batch_size: int) -> None:
    """ConfigError for what no run can go on with: hidden labels for no oracle, a subset below a batch."""
    hidden = strategy.needs & OF_ORACLES
    if hidden and not strategy.is_oracle:
        raise ConfigError(
            f"strategy: {type(strategy).__name__} declares {hidden!s}, which is hidden from strategies; say "
            "is_oracle = True if it is a line of reference, to be kept out of ranks and penalties"
        )
    if Needs.SAMPLES in strategy.needs and strategy.samples is None:
        raise ConfigError(
            f"strategy: {type(strategy).__name__} declares Needs.SAMPLES, but not how many of which kind; say "
            'samples = al_bench.Samples(20, "network") or al_bench.Samples(5, "ensemble")'
        )
    if strategy.subset_size is not None and strategy.subset_size < batch_size:
        raise ConfigError(
            f"strategy.subset_size={strategy.subset_size}: a batch of {batch_size} is drawn from it; at least as many"
        )


def query(
    pool: Pool,
    trained: Trained,
    strategy: Strategy,
    dataset: Dataset,
    batch_size: int,
    *,
    seed: int,
    round: int,
    outputs: Outputs | None = None,
) -> NDArray[np.int64]:
    """Pool indices (batch_size,) of the examples that the strategy chooses, in its order.

    `outputs` are those for all unlabelled examples but for samples, if they are known. Oracles see the test set. In
    round -1 nothing is labelled.
    """
    of_subset, of_query = generator(seed, Stream.SUBSET, max(round, 0), member=int(round < 0)), _of_query(seed, round)
    unlabelled = pool.unlabelled_indices
    if strategy.subset_size is not None and strategy.subset_size < len(unlabelled):
        drawn = of_subset.permutation(len(unlabelled))[: strategy.subset_size]
        rows = torch.from_numpy(np.sort(drawn)).to(unlabelled.device)
        unlabelled, outputs = unlabelled[rows], None if outputs is None else outputs.take(rows)
    if outputs is None:
        outputs = trained.outputs(pool.inputs, unlabelled, strategy.needs)
    elif Needs.SAMPLES in strategy.needs:
        outputs = replace(outputs, samples=trained.outputs(pool.inputs, unlabelled, Needs.SAMPLES).samples)
    context = replace(_context(pool, trained, strategy.needs, unlabelled, dataset), unlabelled=outputs, round=round)
    return unlabelled.cpu()[chosen(strategy, context.declared(strategy.needs), batch_size, of_query)].numpy()


def _of_query(seed: int, round: int) -> np.random.Generator:
    return generator(seed, Stream.INITIAL) if round < 0 else generator(seed, Stream.QUERY, round)


def pool_outputs(pool: Pool, trained: Trained, strategy: Strategy) -> Outputs:
    """What the strategy needs of the unlabelled examples, but for samples."""
    return trained.outputs(pool.inputs, pool.unlabelled_indices, strategy.needs & ~Needs.SAMPLES)


def _context(pool: Pool, trained: Trained, needs: Needs, unlabelled: Tensor, dataset: Dataset) -> QueryContext:
    """All but the round and the outputs for the unlabelled examples, as far as it is declared."""
    device = trained.passes.device

    def known(examples: Examples | None, need: Needs) -> Known:
        if examples is None or need not in needs:
            return Known()
        rows = torch.arange(len(examples), device=examples.targets.device)
        return Known(trained.outputs(examples.inputs, rows, needs), examples.targets.to(device))

    return QueryContext(
        unlabelled=Outputs(),
        labelled=trained.outputs(pool.inputs, pool.labelled_indices, needs) if Needs.LABELLED in needs else Outputs(),
        labelled_targets=pool.labelled_targets.to(device),
        num_unlabelled=len(unlabelled),
        num_classes=dataset.num_classes,
        round=0,
        head=trained.head(pool.inputs, unlabelled) if Needs.HEAD in needs else None,
        validation=known(pool.validation(), Needs.VALIDATION),
        pool_targets=pool.targets_for_oracles(unlabelled).to(device) if Needs.POOL_TARGETS in needs else None,
        test=known(dataset.test, Needs.TEST),
        indices=unlabelled if Needs.INDICES in needs else None,
    )


def chosen(strategy: Strategy, context: QueryContext, batch_size: int, rng: np.random.Generator) -> Tensor:
    """What the strategy returns, if that is distinct rows."""
    rows = strategy.query(context, batch_size, rng)
    name = type(strategy).__name__
    if not isinstance(rows, torch.Tensor):
        raise StrategyError(f"{name} returned a {type(rows).__name__} where a tensor of rows was asked for")
    rows = rows.cpu()
    if rows.dtype != torch.int64 or rows.shape != (batch_size,):
        raise StrategyError(
            f"{name} returned {rows.dtype} rows of shape {tuple(rows.shape)} where int64 rows of shape "
            f"({batch_size},) were asked for"
        )
    if len(rows.unique()) != batch_size or rows.min() < 0 or rows.max() >= context.num_unlabelled:
        raise StrategyError(
            f"{name} returned rows that are not distinct or not within 0 .. {context.num_unlabelled - 1}"
        )
    return rows

"""The one training/query loop: it knows no Hydra, no files and no wandb, so it also runs in a notebook."""

import itertools
import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from al_bench.core.errors import DIVERGED, ConfigError, DataError, StrategyError, TrainingError, described
from al_bench.core.interfaces import (
    Batch,
    Dataset,
    Examples,
    RoundRecord,
    Strategy,
    UnlabelledTerm,
)
from al_bench.core.ranges import check_budget
from al_bench.core.seeding import Stream, generator
from al_bench.core.timing import Seconds, Stopwatch
from al_bench.datasets.checks import check_dataset
from al_bench.loop.heartbeat import Heartbeat
from al_bench.loop.pool import Pool
from al_bench.loop.querying import measured, pool_outputs, query
from al_bench.training.learner import Learner
from al_bench.training.stopping import FewEpochs
from al_bench.training.unlabelled_term import Unlabelled

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Committed:
    """What an earlier, interrupted call has done: the batches of its rounds, and the strategy's states after them.

    `strategy_states` is empty, or has one for each round: None after a round for which it kept none.
    """

    batches: Sequence[Batch] = ()
    strategy_states: Sequence[dict[str, Any] | None] = ()

    @property
    def num_labelled(self) -> int:
        """Labels in all batches."""
        return sum(len(batch.indices) for batch in self.batches)


def active_learning(
    dataset: Dataset,
    learner: Learner,
    strategy: Strategy,
    *,
    seed: int,
    num_initial: int = 100,
    batch_size: int = 100,
    budget: int | None = None,
    num_validation: int = 0,
    committed: Committed = Committed(),
    heartbeat: Heartbeat | None = None,
) -> Iterator[RoundRecord]:
    """Train from scratch, measure, query a batch, label, repeat; one record per round, as it ends.

    Args:
        dataset: the pool and the test set.
        learner: trains the networks.
        strategy: chooses the batches.
        seed: of every random number (see `al_bench.core.seeding`).
        num_initial: labels that round 0 is trained on, drawn uniformly.
        batch_size: labels added per round; the last round adds what is left.
        budget: labels in all; None for the whole pool.
        num_validation: labelled examples, drawn uniformly from the pool, that are neither trained on nor queried. They
            are measured in every round, and decide when training ends if it has `patience`; they count as labels.
        committed: rounds already done. They are replayed, not repeated or yielded; the networks of all but the
            last are not needed any more, and the last is trained again to query from it.
        heartbeat: says what is going on, where that takes minutes.

    Raises:
        ConfigError: if `num_initial` or `budget` does not fit the pool.
        DataError: if a committed batch does not fit the data set.
        StrategyError: if the strategy returns anything but distinct unlabelled rows, or does not take a state.
        TrainingError: if a loss is not finite.
    """
    check_dataset(dataset)
    budget = checked_budget(len(dataset.train), num_initial, num_validation, budget)
    pool, indices = _drawn(dataset.train, num_initial, num_validation, seed)
    validation = pool.validation()
    _load(strategy, committed.strategy_states)
    replayed = [_replayed(pool, batch, round) for round, batch in enumerate(committed.batches)]
    if replayed and pool.num_labelled >= budget:
        return
    heartbeat, few_epochs = heartbeat or Heartbeat(), FewEpochs(learner.training, math.prod(dataset.input_shape))
    with heartbeat.during("pre-training", f"pre-training on {len(pool):,} examples"):
        learner = learner.pretrained(dataset.train.inputs, seed)
    of_query, last_committed = Seconds(), len(replayed) - 1
    for round in itertools.count(max(0, last_committed)):
        is_committed = round == last_committed
        batch = replayed[round] if is_committed else pool.label(indices)
        if is_committed:
            _warn_of_a_cut(batch, batch_size, round)
        fit = partial(learner.fit, pool.labelled(), strategy.objective, seed=seed, round=round, validation=validation)
        unlabelled = _unlabelled(pool, strategy.unlabelled_term)
        with heartbeat.during("training", f"round {round}: training on {pool.num_labelled - num_validation:,} labels"):
            trained = fit(unlabelled=unlabelled)
        is_other_measured = strategy.measures_without_term and unlabelled is not None
        stopwatch = Stopwatch(learner.device)
        is_pool_measured = strategy.measures_pool and pool.num_labelled < len(pool)
        outputs = pool_outputs(pool, trained, strategy) if is_pool_measured else None
        of_measuring = stopwatch.seconds()
        if not is_committed:
            to_measure = fit() if is_other_measured else trained
            few_epochs.look(round, to_measure, pool.num_labelled - num_validation)
            with heartbeat.during("measuring", f"round {round}: measuring on {len(dataset.test):,} test examples"):
                test = to_measure.evaluate(dataset.test)
            if not math.isfinite(test.loss):
                raise TrainingError(f"round {round}: the test loss is {test.loss}; {DIVERGED}")
            yield RoundRecord(
                round=round,
                batch=batch,
                num_labelled=pool.num_labelled,
                train_accuracy=to_measure.train_accuracy,
                test=test,
                num_epochs=to_measure.num_epochs,
                epoch_limit_hit=to_measure.epoch_limit_hit,
                fit_seconds=to_measure.fit_seconds,
                query_seconds=of_query.wall,
                class_counts=tuple(np.bincount(batch.targets, minlength=dataset.num_classes).tolist()),
                num_validation=num_validation,
                validation=None if validation is None else to_measure.evaluate(validation),
                unlabelled=None if outputs is None else measured(outputs, pool, dataset.num_classes, round),
                strategy_state=strategy.state_dict(),
                num_steps=to_measure.num_steps,
                fit_cpu_seconds=to_measure.fit_cpu_seconds,
                query_cpu_seconds=of_query.cpu,
                num_copies=pool.num_copies,
            )
        if pool.num_labelled >= budget:
            return
        size = min(batch_size, budget - pool.num_labelled)
        stopwatch = Stopwatch(learner.device)
        with heartbeat.during("choosing", f"round {round}: choosing {size:,} of {len(pool) - pool.num_labelled:,}"):
            indices = query(pool, trained, strategy, size, dataset.num_classes, seed=seed, round=round, outputs=outputs)
        of_query = of_measuring + stopwatch.seconds()
        if is_other_measured:
            of_query += Seconds(trained.fit_seconds, trained.fit_cpu_seconds)


def _warn_of_a_cut(batch: Batch, batch_size: int, round: int) -> None:
    if 0 < len(batch.indices) < batch_size and round > 0:
        log.warning(
            "an earlier budget cut the batch of round %d to %d labels, so the label counts from here on are not those "
            "of a run that was asked for all at once",
            *(round, len(batch.indices)),
        )


def _unlabelled(pool: Pool, term: UnlabelledTerm | None) -> Unlabelled | None:
    rows = pool.unlabelled_indices
    return Unlabelled(pool.inputs, rows, term) if term is not None and len(rows) else None


def _drawn(examples: Examples, num_initial: int, num_validation: int, seed: int) -> tuple[Pool, NDArray[np.int64]]:
    """The pool with its validation examples, and the pool indices of the initial labels."""
    validation_indices = generator(seed, Stream.VALIDATION).permutation(len(examples))[:num_validation]
    order = generator(seed, Stream.INITIAL).permutation(len(examples))
    return Pool(examples, validation_indices), order[~np.isin(order, validation_indices)][:num_initial]


def checked_budget(pool_size: int, num_initial: int, num_validation: int, budget: int | None) -> int:
    """Labels in all; ConfigError if that, or what is bought before the first query, is not in the pool."""
    for key, value in (("num_initial", num_initial), ("num_validation", num_validation), ("budget", budget)):
        if value is not None and value > pool_size:
            raise ConfigError(f"{key}={value}: the training pool has {pool_size} examples; at most that many")
    check_budget(budget, num_initial, num_validation)
    if num_initial + num_validation > pool_size:
        raise ConfigError(
            f"num_validation={num_validation}: with num_initial={num_initial} that is more than the training pool's "
            f"{pool_size} examples"
        )
    return pool_size if budget is None else budget


def _load(strategy: Strategy, states: Sequence[dict[str, Any] | None]) -> None:
    for round, state in enumerate(states):
        try:
            if state is not None:
                strategy.load_state_dict(state)
        except Exception as error:  # whatever a strategy makes of what it did not write
            raise StrategyError(
                f"the strategy does not take its state after round {round} (line {round + 1} of strategy_state.jsonl): "
                f"{described(error)}; put back what it wrote, or delete the run to start again"
            ) from error


def _replayed(pool: Pool, batch: Batch, round: int) -> Batch:
    try:
        is_same = np.array_equal(pool.label(batch.indices).targets, batch.targets)
    except (IndexError, ValueError):  # outside the pool, or labelled twice
        is_same = False
    if not is_same:
        raise DataError(
            f"the data set has changed: the labels that were queried for round {round} are not those of the pool "
            "any more; restore the data, or give the run another name"
        )
    return batch

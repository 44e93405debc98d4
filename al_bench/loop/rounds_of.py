"""The one training/query loop: it knows no Hydra, no files and no wandb, so it also runs in a notebook."""

import itertools
import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from al_bench.core.data import Dataset
from al_bench.core.devices import Seconds, Stopwatch
from al_bench.core.errors import ConfigError, DataError, StrategyError, described
from al_bench.core.ranges import check_budget
from al_bench.core.rounds import Batch, Committed, RoundRecord
from al_bench.core.seeding import Stream, generator
from al_bench.core.strategy import Strategy
from al_bench.datasets.checks import check_dataset
from al_bench.loop.heartbeat import Heartbeat
from al_bench.loop.initial import check_first, untrained
from al_bench.loop.measuring import MeasuredRound, Measuring
from al_bench.loop.networks import Fitted, RoundNetworks
from al_bench.loop.pool import Pool
from al_bench.loop.querying import check_can_be_asked, query
from al_bench.training.learner import Learner
from al_bench.training.stopping import FewEpochs
from al_bench.training.trained import Trained

log = logging.getLogger(__name__)

NOTHING = np.empty(0, dtype=np.int64)


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
) -> Iterator[RoundRecord]:
    """Train from scratch, measure, query a batch, label, repeat; one record per round, as it ends.

    Arguments and errors are those of `ActiveLearning`, which can also go on from rounds that are done, and takes a
    strategy for the first batch.
    """
    return ActiveLearning(
        dataset,
        learner,
        strategy,
        seed=seed,
        num_initial=num_initial,
        batch_size=batch_size,
        budget=budget,
        num_validation=num_validation,
    ).rounds()


@dataclass(frozen=True, kw_only=True)
class ActiveLearning:
    """The loop of one run.

    Args:
        dataset: the pool and the test set.
        learner: trains the networks.
        strategy: chooses the batches.
        seed: of every random number (see `al_bench.core.seeding`).
        num_initial: labels that round 0 is trained on; 0: as many as `batch_size`, and the strategy chooses them.
        batch_size: labels added per round; the last round adds what is left.
        budget: labels in all; None for the whole pool.
        num_validation: labelled examples, drawn uniformly from the pool, that are neither trained on nor queried. They
            are measured in every round, and decide when training ends if it has `patience`; they count as labels.
        committed: rounds already done. They are replayed, not repeated or yielded; the networks of all but the
            last are not needed any more, and the last is trained again to query from it, or is that of its weights.
        heartbeat: says what is going on, where that takes minutes.
        initial: chooses the first batch, without a network; None: it is drawn uniformly.
    """

    dataset: Dataset = field(kw_only=False)
    learner: Learner = field(kw_only=False)
    strategy: Strategy = field(kw_only=False)
    seed: int
    num_initial: int = 100
    batch_size: int = 100
    budget: int | None = None
    num_validation: int = 0
    committed: Committed = field(default_factory=Committed)
    heartbeat: Heartbeat = field(default_factory=Heartbeat)
    initial: Strategy | None = None

    def rounds(self) -> Iterator[RoundRecord]:
        """One record per round, as it ends; `measured_rounds` without the networks, which a list of it would hold.

        Raises:
            ConfigError, DataError, StrategyError, TrainingError: as `measured_rounds`.
        """
        for measured in self.measured_rounds():
            yield measured.record

    def measured_rounds(self) -> Iterator[MeasuredRound]:
        """One round after another, as it ends, with the network that was measured and its logits for the test set.

        Raises:
            ConfigError: if `num_initial` or `budget` does not fit the pool, or the strategy cannot be asked, or not of
                these networks.
            DataError: if a committed batch does not fit the data set.
            StrategyError: if the strategy returns anything but distinct unlabelled rows, or does not take a state.
            TrainingError: if a loss is not finite.
        """
        check_dataset(self.dataset)
        check_can_be_asked(self.strategy, self.batch_size)
        if self._chooser is not None:
            check_first(self._chooser, self.strategy, self.num_initial, self.batch_size)
        budget = checked_budget(len(self.dataset.train), self.num_initial, self.num_validation, self.budget)
        pool = self._pool()
        _load(self.strategy, self.committed.strategy_states)
        replayed = [_replayed(pool, batch, round) for round, batch in enumerate(self.committed.batches)]
        if replayed and pool.num_labelled >= budget:
            return
        self.learner.check(self.strategy)
        start = self.learner.training.start
        if replayed and start != "scratch" and not self.committed.weights:
            raise ConfigError(f"committed: with start={start} its weights are needed, those of the last round's record")
        with self.heartbeat.during("pre-training", f"pre-training on {len(pool):,} examples"):
            learner = self.learner.pretrained(self.dataset.train.inputs, self.seed)
        earlier = dict(self.committed.weights or {})
        networks = RoundNetworks(pool, learner, self.strategy, self.seed, self.heartbeat, earlier)
        few_epochs = FewEpochs(learner.training, math.prod(self.dataset.input_shape))
        measuring = Measuring(self.dataset, pool, self.strategy, self.heartbeat, few_epochs)
        indices, of_query = (NOTHING, Seconds()) if replayed else self._first_batch(pool, budget)
        for round in itertools.count(max(0, len(replayed) - 1)):
            is_new = round >= len(replayed)
            batch = pool.label(indices) if is_new else replayed[round]
            fitted = networks.fitted(round, is_measured=is_new)
            if is_new:
                yield measuring.measured(round, batch, fitted, of_query)
            else:
                self._warn_of_a_cut(batch, round)
            if pool.num_labelled >= budget:
                return
            size = min(self.batch_size, budget - pool.num_labelled)
            stopwatch = Stopwatch(learner.device)
            indices = self._queried(pool, fitted, networks.sampled(round, fitted.choosing), size, round)
            of_query = fitted.spent + stopwatch.seconds()

    @property
    def _chooser(self) -> Strategy | None:
        """Of the first batch."""
        return self.initial or (self.strategy if self.num_initial == 0 else None)

    def _pool(self) -> Pool:
        """With its validation examples."""
        examples = self.dataset.train
        return Pool(examples, validation_indices(len(examples), self.num_validation, self.seed))

    def _first_batch(self, pool: Pool, budget: int) -> tuple[NDArray[np.int64], Seconds]:
        """Pool indices of the labels of round 0, and what it took to choose them: no time if they are drawn."""
        size = min(self.num_initial or self.batch_size, budget - pool.num_labelled)
        if self._chooser is None:
            order = generator(self.seed, Stream.INITIAL).permutation(len(pool))
            return order[np.isin(order, pool.unlabelled_indices.cpu().numpy())][:size], Seconds()
        stopwatch = Stopwatch(self.learner.device)
        with self.heartbeat.during("choosing", f"choosing the first {size:,} of {pool.num_unlabelled:,}"):
            none = untrained(self.learner)
            indices = query(pool, none, self._chooser, self.dataset, size, seed=self.seed, round=-1)
        return indices, stopwatch.seconds()

    def _queried(self, pool: Pool, fitted: Fitted, choosing: Trained, size: int, round: int) -> NDArray[np.int64]:
        """Pool indices (size,) of the next batch."""
        with self.heartbeat.during("choosing", f"round {round}: choosing {size:,} of {pool.num_unlabelled:,}"):
            return query(
                pool,
                choosing,
                self.strategy,
                self.dataset,
                size,
                seed=self.seed,
                round=round,
                outputs=fitted.outputs,
            )

    def _warn_of_a_cut(self, batch: Batch, round: int) -> None:
        if 0 < len(batch.indices) < self.batch_size and round > 0:
            log.warning(
                "an earlier budget cut the batch of round %d to %d labels, so the label counts from here on are not "
                "those of a run that was asked for all at once",
                *(round, len(batch.indices)),
            )


def validation_indices(pool_size: int, num_validation: int, seed: int) -> NDArray[np.int64]:
    """Pool indices (num_validation,) of the validation examples, in the order in which they are drawn."""
    return generator(seed, Stream.VALIDATION).permutation(pool_size)[:num_validation]


def checked_budget(pool_size: int, num_initial: int, num_validation: int, budget: int | None) -> int:
    """Labels in all; ConfigError if that, or what is bought before the first query, is not in the pool."""
    for key, value in (("num_initial", num_initial), ("num_validation", num_validation), ("budget", budget)):
        if value is not None and value > pool_size:
            raise ConfigError(f"{key}={value}: the training pool has {pool_size} examples; at most that many")
    check_budget(budget, num_initial, num_validation)
    if max(num_initial, 1) + num_validation > pool_size:
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

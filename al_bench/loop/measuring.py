"""What is measured in a round: the network that chooses, the one that is measured, and the record of both."""

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
from torch import Tensor

from al_bench.core.data import Dataset, Examples
from al_bench.core.devices import Seconds, Stopwatch
from al_bench.core.errors import DIVERGED, TrainingError
from al_bench.core.network import Network
from al_bench.core.rounds import Batch, PoolMetrics, RoundRecord
from al_bench.core.strategy import Needs, Outputs, Strategy, trained_with
from al_bench.loop.heartbeat import Heartbeat
from al_bench.loop.pool import Pool
from al_bench.loop.querying import pool_outputs
from al_bench.models.dropout import dropout_samples
from al_bench.training.learner import Learner
from al_bench.training.stopping import FewEpochs
from al_bench.training.trained import Trained, metrics_of
from al_bench.training.unlabelled_term import Unlabelled, collapsed_class, pool_metrics

CHOOSES, MEASURED = "chooses", "measured"  # what a network of a round is for

log = logging.getLogger(__name__)

Keep = Callable[[int, Network, Tensor, Tensor], None]
"""Is given a round, the network that was measured, and of the test set its logits (N, C), float32, and targets (N,)."""


@dataclass(frozen=True)
class Fitted:
    """The networks of a round: the one that chooses, and the one that is measured, mostly the same.

    `outputs` are those of the first for the unlabelled examples, if they are recorded; `spent`, by then, on choosing.
    """

    chooses: Trained
    measured: Trained
    outputs: Outputs | None
    spent: Seconds


@dataclass(frozen=True)
class Measuring:
    """Trains and measures, round by round, with what is labelled in the pool by then.

    `earlier` is the state of each network of the last round, by what it is for, where the next one starts from it.
    """

    dataset: Dataset
    pool: Pool
    learner: Learner
    strategy: Strategy
    seed: int
    heartbeat: Heartbeat
    earlier: dict[str, Mapping[str, Tensor]]
    keep: Keep | None = None

    def fitted(self, round: int, *, is_measured: bool) -> Fitted:
        """The networks of a round; if they are not measured any more, the one that chooses stands for both."""
        wanted, pool = trained_with(self.strategy), self.pool
        with self.heartbeat.during("training", f"round {round}: training on {pool.num_trained_on:,} labels"):
            is_kept = CHOOSES in self.earlier and not is_measured
            chooses = self.learner.restored(self.earlier[CHOOSES]) if is_kept else self._fit(round, CHOOSES)
        stopwatch = Stopwatch(self.learner.device)
        is_recorded = wanted.measures_pool and pool.num_unlabelled > 0
        outputs = pool_outputs(pool, chooses, self.strategy) if is_recorded else None
        spent, measured = stopwatch.seconds(), chooses
        if wanted.measures_without_term and self._unlabelled() is not None:
            spent += Seconds(chooses.fit_seconds, chooses.fit_cpu_seconds)
            measured = self._fit(round, MEASURED) if is_measured else chooses
        return Fitted(chooses, measured, outputs, spent)

    def sampled(self, round: int, chooses: Trained) -> Trained:
        """The network that chooses, with the samples of its weights that the strategy needs; of a few networks of an
        ensemble it is the first, and the others are trained now.
        """
        wanted, prepare = self.strategy.samples, chooses.prepare
        if wanted is None or Needs.SAMPLES not in self.strategy.needs:
            return chooses
        if wanted.kind == "network":
            through = partial(prepare.logits, chooses.network)
            return replace(chooses, samples=dropout_samples(chooses.network, wanted.num, self.seed, round, through))
        networks = [chooses.network]
        for member in range(1, wanted.num):
            what = f"round {round}: training network {member + 1} of {wanted.num} that choose"
            with self.heartbeat.during("training", what):
                networks.append(self._fit(round, CHOOSES, member=member).network)
        return replace(chooses, samples=tuple(partial(prepare.logits, each) for each in networks))

    def _fit(self, round: int, purpose: str, *, member: int = 0) -> Trained:
        trained = self.learner.fit(
            self.pool.labelled(),
            trained_with(self.strategy).objective,
            seed=self.seed,
            round=round,
            validation=self._validation,
            unlabelled=self._unlabelled() if purpose == CHOOSES else None,
            member=member,
            earlier=self.earlier.get(purpose),
        )
        if self.learner.training.start != "scratch":
            self.earlier[purpose] = trained.network.state_dict()
        return trained

    def _unlabelled(self) -> Unlabelled | None:
        """What training makes of the unlabelled examples, if anything."""
        term = trained_with(self.strategy).unlabelled_term
        if term is None or not self.pool.num_unlabelled:
            return None
        return Unlabelled(self.pool.inputs, self.pool.unlabelled_indices, term)

    def record(self, round: int, batch: Batch, fitted: Fitted, of_query: Seconds) -> RoundRecord:
        """What is recorded of a round whose batch took `of_query` to choose.

        Raises:
            TrainingError: if the test loss is not finite.
        """
        measured, pool, num_classes = fitted.measured, self.pool, self.dataset.num_classes
        self._few_epochs.look(round, measured, pool.num_trained_on)
        num_test = len(self.dataset.test)
        with self.heartbeat.during("measuring", f"round {round}: measuring on {num_test:,} test examples"):
            logits_NC, targets_N = measured.logits(self.dataset.test)
            test = metrics_of(logits_NC, targets_N)
        if not math.isfinite(test.loss):
            raise TrainingError(f"round {round}: the test loss is {test.loss}; {DIVERGED}")
        if self.keep is not None:
            self.keep(round, measured.network, logits_NC, targets_N)
        validation = self._validation
        return RoundRecord(
            round=round,
            batch=batch,
            num_labelled=pool.num_labelled,
            train_accuracy=measured.train_accuracy,
            test=test,
            num_epochs=measured.num_epochs,
            epoch_limit_hit=measured.epoch_limit_hit,
            fit_seconds=measured.fit_seconds,
            query_seconds=of_query.wall,
            class_counts=tuple(np.bincount(batch.targets, minlength=num_classes).tolist()),
            num_validation=pool.num_validation,
            validation=None if validation is None else measured.evaluate(validation),
            unlabelled=None if fitted.outputs is None else _of_pool(fitted.outputs, pool, num_classes, round),
            strategy_state=self.strategy.state_dict(),
            num_steps=measured.num_steps,
            fit_cpu_seconds=measured.fit_cpu_seconds,
            query_cpu_seconds=of_query.cpu,
            num_copies=pool.num_copies,
            weights=dict(self.earlier) or None,
        )

    @cached_property
    def _validation(self) -> Examples | None:
        return self.pool.validation()

    @cached_property
    def _few_epochs(self) -> FewEpochs:
        return FewEpochs(self.learner.training, math.prod(self.dataset.input_shape))


def _of_pool(outputs: Outputs, pool: Pool, num_classes: int, round: int) -> PoolMetrics:
    """What the outputs for the unlabelled examples say; a collapse to one class is warned of."""
    metrics = pool_metrics(outputs.logits_NC)
    labelled_counts_C = np.bincount(pool.labelled_targets.cpu().numpy(), minlength=num_classes)
    collapsed = collapsed_class(metrics, labelled_counts_C)
    if collapsed is not None:
        log.warning(
            "round %d: the network has collapsed to class %d: %.1f %% of its predicted probability on the unlabelled "
            "examples, beside %.1f %% of the labels; a smaller entropy_weight or a ramp may help",
            *(round, collapsed, 100 * metrics.class_marginals[collapsed]),
            100 * labelled_counts_C[collapsed] / labelled_counts_C.sum(),
        )
    return metrics

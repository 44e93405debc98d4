"""What is measured of the network of a round, and the record of it. Nothing is trained here."""

import logging
import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from al_bench.core.data import Dataset
from al_bench.core.devices import Seconds
from al_bench.core.errors import DIVERGED, TrainingError
from al_bench.core.network import Network
from al_bench.core.rounds import Batch, Metrics, PoolMetrics, RoundRecord
from al_bench.core.strategy import Outputs, Strategy
from al_bench.loop.heartbeat import Heartbeat
from al_bench.loop.networks import Fitted
from al_bench.loop.pool import Pool
from al_bench.training.fitting.course import Course
from al_bench.training.stopping import FewEpochs
from al_bench.training.trained import metrics_of
from al_bench.training.unlabelled_term import collapsed_class, pool_metrics

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MeasuredRound:
    """The record of a round, and what can be saved of it: the network that was measured, and what it says of the test
    set, logits (N, C), float32, and targets (N,), on one device.
    """

    record: RoundRecord
    network: Network
    logits_NC: Tensor
    targets_N: Tensor


@dataclass(frozen=True)
class Measuring:
    """Measures one round after another, of what is labelled in the pool by then; `few_epochs` warns once."""

    dataset: Dataset
    pool: Pool
    strategy: Strategy
    heartbeat: Heartbeat
    few_epochs: FewEpochs

    def measured(self, round: int, batch: Batch, fitted: Fitted, of_query: Seconds) -> MeasuredRound:
        """A round whose batch took `of_query` to choose.

        Raises:
            TrainingError: if the test loss is not finite.
        """
        trained, num_test = fitted.measured, len(self.dataset.test)
        assert trained.course is not None  # it was fitted in this round
        self.few_epochs.look(round, trained.course, self.pool.num_trained_on)
        with self.heartbeat.during("measuring", f"round {round}: measuring on {num_test:,} test examples"):
            logits_NC, targets_N = trained.logits(self.dataset.test)
            test = metrics_of(logits_NC, targets_N)
        if not math.isfinite(test.loss):
            raise TrainingError(f"round {round}: the test loss is {test.loss}; {DIVERGED}")
        record = self._record(round, batch, fitted, trained.course, of_query, test)
        return MeasuredRound(record, trained.network, logits_NC, targets_N)

    def _record(
        self, round: int, batch: Batch, fitted: Fitted, course: Course, of_query: Seconds, test: Metrics
    ) -> RoundRecord:
        trained, pool, num_classes = fitted.measured, self.pool, self.dataset.num_classes
        validation = pool.validation()
        return RoundRecord(
            round=round,
            batch=batch,
            num_labelled=pool.num_labelled,
            train_accuracy=course.train_accuracy,
            test=test,
            num_epochs=course.num_epochs,
            epoch_limit_hit=course.epoch_limit_hit,
            fit_seconds=trained.fit_seconds,
            query_seconds=of_query.wall,
            class_counts=tuple(np.bincount(batch.targets, minlength=num_classes).tolist()),
            num_validation=pool.num_validation,
            validation=None if validation is None else trained.evaluate(validation),
            unlabelled=None if fitted.outputs is None else _of_pool(fitted.outputs, pool, num_classes, round),
            strategy_state=self.strategy.state_dict(),
            num_steps=course.num_steps,
            fit_cpu_seconds=trained.fit_cpu_seconds,
            query_cpu_seconds=of_query.cpu,
            num_copies=pool.num_copies,
            weights=fitted.weights,
        )


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

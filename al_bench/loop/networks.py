"""The networks of a round: the one that chooses, and the one that is measured, trained in turn.

What a strategy has no say in is a function of the seed, the round and the labels: nothing is measured here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from torch import Tensor

from al_bench.core.devices import Seconds, Stopwatch
from al_bench.core.rounds import RoundWeights
from al_bench.core.strategy import Needs, Outputs, Strategy, trained_with
from al_bench.loop.heartbeat import Heartbeat
from al_bench.loop.pool import Pool
from al_bench.loop.querying import pool_outputs
from al_bench.models.dropout import dropout_samples
from al_bench.training.learner import Learner
from al_bench.training.trained import Trained
from al_bench.training.unlabelled_term import Unlabelled

CHOOSES, MEASURED = "chooses", "measured"  # what a network of a round is for; names in weights_*.bin


@dataclass(frozen=True)
class Fitted:
    """The networks of a round: the one that chooses, and the one that is measured, mostly the same.

    `outputs` are those of the first for the unlabelled examples, if they are recorded; `spent`, by then, on choosing.
    `weights` are those that the networks of the next round start from; None if it starts from scratch.
    """

    choosing: Trained
    measured: Trained
    outputs: Outputs | None
    spent: Seconds
    weights: RoundWeights | None


@dataclass
class RoundNetworks:
    """Trains the networks of one round after another, on what is labelled in the pool by then.

    `earlier` changes with each: it is the state of each network of the last round, by what it is for, where the next
    one starts from it.
    """

    pool: Pool
    learner: Learner
    strategy: Strategy
    seed: int
    heartbeat: Heartbeat
    earlier: dict[str, Mapping[str, Tensor]] = field(default_factory=dict)

    def fitted(self, round: int, *, is_measured: bool) -> Fitted:
        """The networks of a round; if they are not measured any more, the one that chooses stands for both."""
        wanted, pool = trained_with(self.strategy), self.pool
        with self.heartbeat.during("training", f"round {round}: training on {pool.num_trained_on:,} labels"):
            is_kept = CHOOSES in self.earlier and not is_measured
            choosing = self.learner.restored(self.earlier[CHOOSES]) if is_kept else self._fit(round, CHOOSES)
        stopwatch = Stopwatch(self.learner.device)
        is_recorded = wanted.measures_pool and pool.num_unlabelled > 0
        outputs = pool_outputs(pool, choosing, self.strategy) if is_recorded else None
        spent, measured = stopwatch.seconds(), choosing
        if wanted.measures_without_term and self._unlabelled() is not None:
            spent += Seconds(choosing.fit_seconds, choosing.fit_cpu_seconds)
            measured = self._fit(round, MEASURED) if is_measured else choosing
        return Fitted(choosing, measured, outputs, spent, dict(self.earlier) or None)

    def sampled(self, round: int, choosing: Trained) -> Trained:
        """The network that chooses, with the samples of its weights that the strategy needs; of a few networks of an
        ensemble it is the first, and the others are trained now.
        """
        wanted, passes = self.strategy.samples, choosing.passes
        if wanted is None or Needs.SAMPLES not in self.strategy.needs:
            return choosing
        if wanted.kind == "network":
            through = partial(passes.logits, choosing.network)
            return replace(choosing, samples=dropout_samples(choosing.network, wanted.num, self.seed, round, through))
        networks = [choosing.network]
        for member in range(1, wanted.num):
            what = f"round {round}: training network {member + 1} of {wanted.num} that choose"
            with self.heartbeat.during("training", what):
                networks.append(self._fit(round, CHOOSES, member=member).network)
        return replace(choosing, samples=tuple(partial(passes.logits, each) for each in networks))

    def _fit(self, round: int, purpose: str, *, member: int = 0) -> Trained:
        trained = self.learner.fit(
            self.pool.labelled(),
            trained_with(self.strategy).objective,
            seed=self.seed,
            round=round,
            validation=self.pool.validation(),
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

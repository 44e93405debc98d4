"""Rounds of a submission done again: our learner, on the labels that queries.csv names. Nothing of theirs is built."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from al_bench.core.errors import DataError
from al_bench.job.built import Parts
from al_bench.job.features.replacing import Where
from al_bench.job.loading import loaded
from al_bench.job.one_run import set_up_torch
from al_bench.leaderboard.board import Place
from al_bench.leaderboard.comparing import is_off
from al_bench.leaderboard.published import First
from al_bench.leaderboard.submission import Run
from al_bench.loop.heartbeat import Heartbeat
from al_bench.loop.networks import RoundNetworks
from al_bench.loop.pool import Pool

NUM_RETRAINED = 3

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Drawn:
    """A round of a run, and where that stands."""

    run: Run
    round: int
    place: Place
    first: First


def drawn(candidates: Sequence[tuple[Run, Place, First]], digest: str) -> list[Drawn]:
    """The rounds to be done again, drawn from the digest of the archive: nobody chooses them."""
    rounds = [(place, round) for place, (run, _, _) in enumerate(candidates) for round in range(len(run.batches))]
    rng = np.random.default_rng(int(digest, 16))
    chosen = rng.choice(len(rounds), size=min(NUM_RETRAINED, len(rounds)), replace=False)
    return [Drawn(candidates[which][0], round, *candidates[which][1:]) for which, round in (rounds[i] for i in chosen)]


def retrained(drawn: Drawn) -> str:
    """What is wrong with a round, by training its network; empty if nothing is.

    Raises:
        ConfigError, DataError: if it cannot be trained here, as without the data.
    """
    run, round, first = drawn.run, drawn.round, drawn.first
    config = drawn.place.planned.config.with_seed(first.seed)  # ours
    parts = Parts.checked(config)
    set_up_torch(config.num_threads, parts.device)
    as_loaded = loaded(parts.dataset, config.data_dir, config.seed)
    data, split = parts.prepared(as_loaded, Where(config.features, config.data_dir, parts.device), config.seed)
    if split != first.split_digest:
        raise DataError(
            f"{drawn.place}: the data here are not those that are published (seed {first.seed}: {split}, where "
            f"{first.split_digest} is right); see {config.data_dir.absolute()}"
        )
    dataset = data.dataset.to(parts.device) if config.storage_device == "auto" else data.dataset
    pool = Pool(dataset.train)
    for number, batch in enumerate(run.batches[: round + 1]):
        if (wrong := pool.label(batch.indices).targets != batch.targets).any():
            index, target = batch.indices[wrong][0], batch.targets[wrong][0]
            return f"{run.name}/queries.csv: target={target} of pool_index={index} in round {number} is not its label"
    log.info("%s: training round %d again, on %d labels", run.name, round, pool.num_trained_on)
    learner = parts.learner(dataset).pretrained(dataset.train.inputs, config.seed)
    networks = RoundNetworks(pool, learner, parts.strategy, config.seed, Heartbeat(run.name))
    accuracy = networks.fitted(round, is_measured=True).measured.evaluate(dataset.test).accuracy
    said = run.rounds["test_accuracy"][round]
    if problem := is_off(said, accuracy, first):
        return f"{run.name}/rounds.csv: test_accuracy={said:.4f} in round {round}, where our learner finds {problem}"
    log.info("%s: round %d has %.4f, and our learner finds %.4f", run.name, round, said, accuracy)
    return ""

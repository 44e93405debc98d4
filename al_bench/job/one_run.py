"""One run: from a checked configuration to a finished run directory."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from al_bench.config.own_code import own_code
from al_bench.config.planning import Planned
from al_bench.core.data import Dataset
from al_bench.core.errors import ConfigError
from al_bench.core.features import Extractor
from al_bench.core.network import Network
from al_bench.files.digests import digest_of_paths
from al_bench.job.built import Parts, check_trainable, tried
from al_bench.job.environment import describe
from al_bench.job.features.replacing import Where
from al_bench.job.loading import Loaded, dataset_family, loaded
from al_bench.job.observer import Observer, Plan
from al_bench.job.pretraining import pretrained
from al_bench.job.saving import save_round, warn_of_lacking
from al_bench.job.weights import keep_weights, with_weights
from al_bench.loop.heartbeat import Heartbeat
from al_bench.loop.measuring import MeasuredRound
from al_bench.loop.rounds_of import ActiveLearning, checked_budget, validation_indices
from al_bench.records.directory import RunDirectory
from al_bench.records.identity import own_paths
from al_bench.records.run_config import RunConfig
from al_bench.training.learner import Learner
from al_bench.training.stopping import warn_if_out_of_reach

log = logging.getLogger(__name__)

ModelNodes = Callable[[], Mapping[str, Any]]


def run(planned: Planned, parts: Parts, observers: Sequence[Observer] = (), model_nodes: ModelNodes = dict) -> None:
    """Do the rounds that are not done yet, recording each as it ends.

    Args:
        planned: which run it is.
        parts: built from its configuration.
        observers: are told of what is committed; the configured tracker, too.
        model_nodes: all models there are, to name those that can take the inputs if the chosen one cannot.

    Raises:
        UserError: for what a user can mend; the run directory keeps the rounds before it.
    """
    config, identity = planned.config, planned.identity
    check_trainable(parts, f"model={identity.model}", model_nodes)
    set_up_torch(config.num_threads, parts.device)
    environment = _environment(planned, parts)
    with RunDirectory.opened(planned.path, identity, config.plain, environment, planned.default) as directory:
        directory.check_states(is_stateful=parts.strategy.state_dict() is not None)
        heartbeat = Heartbeat(identity.title)
        data = _data(planned, parts, directory, heartbeat)
        warn_if_out_of_reach(parts.training, data.best_accuracy)
        learner, network = _learner(planned, parts, data.dataset, model_nodes)
        dataset = data.dataset.to(parts.device) if config.storage_device == "auto" else data.dataset
        plan = _plan(planned, parts, dataset, network, directory)
        directory.keep_validation(_validation(dataset, config))
        is_cold = parts.training.start == "scratch"
        committed = directory.committed if is_cold else with_weights(directory, network)
        warn_of_lacking(directory, config.save)
        observers = (parts.tracker, *observers)  # whose start is no part of the first round's time
        with _watching(plan, observers):
            if plan.num_done < plan.budget:
                inputs, has_rounds = dataset.train.inputs, plan.num_done > 0
                with heartbeat.during("pre-training", f"pre-training on {len(inputs):,} examples"):
                    learner = pretrained(learner, network, data, config, inputs, has_rounds=has_rounds)
            loop = _loop(planned, parts, dataset, learner, plan.budget)
            rounds = replace(loop, committed=committed, heartbeat=heartbeat).measured_rounds()
            num_labelled = _recorded(rounds, directory, config.save, observers)
            directory.finish(num_labelled or plan.num_done, len(dataset.train))


def set_up_torch(num_threads: int, device: str) -> None:
    """Have the same numbers at every start: the thread count and deterministic algorithms are ours to set."""
    torch.set_num_threads(num_threads)
    threadpool_limits(num_threads)
    torch.set_flush_denormal(True)  # certain networks have gradients below 1e-38, on which a CPU takes its time
    if device != "cpu":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # costs kernels
        torch.backends.cudnn.benchmark = False
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False


def _data(planned: Planned, parts: Parts, directory: RunDirectory, heartbeat: Heartbeat) -> Loaded:
    """What the run learns from; DataError if its rounds so far were trained on something else."""
    config = planned.config
    own_files = digest_of_paths(own_paths(config.dataset))  # before they are read, lest they change meanwhile
    with heartbeat.during("reading", "reading the data set"):
        as_loaded = loaded(parts.dataset, config.data_dir, config.seed)
    where = Where(config.features, config.data_dir, parts.device, directory.check_weights)
    data, examples_digest = parts.prepared(as_loaded, where, config.seed)
    directory.check_data(
        data.digest,
        data.copies.as_dict(),
        data.flips,
        budget=_scheduled(config, len(data.dataset.train)),
        examples_digest=None if examples_digest == data.digest else examples_digest,
        own_files=own_files,
    )
    parts.purchases.check(examples_digest, directory.committed.batches)
    return data


def _environment(planned: Planned, parts: Parts) -> dict[str, Any]:
    """What is noted of a start."""
    config = planned.config
    packages = parts.features.packages if isinstance(parts.features, Extractor) else ()
    return describe(parts.device, packages) | {
        "budget": config.budget,
        "family": dataset_family(config.dataset, planned.identity.dataset),
        "own_code": own_code(config.plain),
        **({"is_oracle": True} if parts.strategy.is_oracle else {}),
    }


def _learner(planned: Planned, parts: Parts, dataset: Dataset, model_nodes: ModelNodes) -> tuple[Learner, Network]:
    """What trains the networks of the run, and one of them; ConfigError if it or the strategy cannot work."""
    learner = parts.learner(dataset)
    network, num_dimensions = tried(learner, dataset, f"model={planned.identity.model}", model_nodes)
    parts.strategy.check(
        pool_size=len(dataset.train),
        batch_size=planned.config.batch_size,
        num_classes=dataset.num_classes,
        num_dimensions=num_dimensions,
    )
    learner.check(parts.strategy)
    return learner, network


def _scheduled(config: RunConfig, pool_size: int) -> int | None:
    """Labels in all by the schedule, now that the pool is there; ConfigError if it has no room for them."""
    if config.schedule is None:
        return None
    if config.wanted.first > pool_size // 3:
        raise ConfigError(
            f"schedule.labels_per_class={config.schedule.labels_per_class}: that is {config.wanted.first:,} labels "
            f"at once, beyond a third of the training pool's {pool_size:,} examples; take a lower schedule"
        )
    budget = config.wanted.within(pool_size)
    if budget == config.wanted.first:
        log.warning("the first batch leaves no room for another in a third of the pool, so the strategy is never asked")
    elif budget < (config.budget or 0):
        log.info("the schedule ends at %d labels, within a third of the pool", budget)
    return budget


def _plan(planned: Planned, parts: Parts, dataset: Dataset, network: Network, directory: RunDirectory) -> Plan:
    config, committed, pool_size = planned.config, directory.committed, len(dataset.train)
    budget = config.budget and config.wanted.within(pool_size)
    return Plan(
        identity=planned.identity,
        path=planned.path,
        config=config.plain,
        pool_size=pool_size,
        test_size=len(dataset.test),
        input_shape=dataset.input_shape,
        num_classes=dataset.num_classes,
        num_initial=config.num_initial or config.batch_size,
        num_validation=config.num_validation,
        budget=checked_budget(pool_size, config.num_initial, config.num_validation, budget),
        device=parts.device,
        num_threads=config.num_threads,
        num_parameters=sum(parameter.numel() for parameter in network.parameters()),
        num_done=config.num_validation * bool(committed.batches) + committed.num_trained_on,
    )


def _validation(dataset: Dataset, config: RunConfig) -> NDArray[np.int64] | None:
    """Pool indices and targets (num_validation, 2) of the validation examples; None without any."""
    if not config.num_validation:
        return None
    indices = validation_indices(len(dataset.train), config.num_validation, config.seed)
    return np.stack([indices, dataset.train.targets.cpu().numpy()[indices]], axis=1)


def _loop(planned: Planned, parts: Parts, dataset: Dataset, learner: Learner, budget: int) -> ActiveLearning:
    config = planned.config
    return ActiveLearning(
        dataset,
        learner,
        parts.strategy,
        seed=config.seed,
        num_initial=config.num_initial,
        initial=parts.initial,
        batch_size=config.batch_size,
        budget=budget,
        num_validation=config.num_validation,
    )


def _recorded(
    rounds: Iterable[MeasuredRound], directory: RunDirectory, save: Sequence[str], observers: Sequence[Observer]
) -> int | None:
    """Labels after the last of the rounds; None without any.

    What is saved of each is written before the row that commits it, and nobody is told before that.
    """
    num_labelled = None
    for measured in rounds:
        record = measured.record
        save_round(directory, save, measured)
        keep_weights(directory, record)
        directory.append(record)
        num_labelled = record.num_labelled
        for observer in observers:
            observer.round(record)
    return num_labelled


@contextmanager
def _watching(plan: Plan, observers: Sequence[Observer]) -> Iterator[None]:
    """Within it the rounds go on: observers are told that they start, and how they ended."""
    for observer in observers:
        observer.start(plan)
    exit_code = 1
    try:
        yield
        exit_code = 0
    finally:
        for observer in observers:
            observer.finish(exit_code)

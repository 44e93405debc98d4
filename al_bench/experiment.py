"""One run: from a checked configuration to a finished run directory."""

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from al_bench.console import Plan, RunDisplay
from al_bench.datasets.checks import digest
from al_bench.environment import describe
from al_bench.errors import ConfigError, DataError
from al_bench.identity import Identity
from al_bench.interfaces import Dataset, Network, Strategy
from al_bench.learner import Learner, Training
from al_bench.loop import active_learning
from al_bench.parts import called, checked_arguments, checked_part, located
from al_bench.records import RunDirectory
from al_bench.seeding import Stream, generator, torch_seeded
from al_bench.tracking import SafeTracker, Tracker

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """The parts of a run, checked against their constructors; nothing is loaded yet."""

    dataset: Callable[..., Dataset]
    network: Callable[..., Network]
    training: Training
    strategy: Strategy
    tracker: Tracker
    device: str

    @classmethod
    def checked(cls, config: Mapping[str, Any]) -> "Parts":
        """ConfigError for anything that a part's constructor would not take."""
        network, training = checked_model(config["model"])
        strategy = called("strategy", checked_part("strategy", config["strategy"]))
        if not isinstance(strategy, Strategy):
            raise ConfigError(f"strategy._target_={config['strategy']['_target_']}: no al_bench.interfaces.Strategy")
        dataset = {key: value for key, value in config["dataset"].items() if key != "hyperparameters"}
        return cls(
            dataset=checked_part("dataset", dataset, facts={"data_dir", "rng"}),
            network=network,
            training=training,
            strategy=strategy,
            tracker=SafeTracker(called("tracker", checked_part("tracker", config["tracker"]))),
            device=_device(config["device"]),
        )


def run(config: Mapping[str, Any], identity: Identity, path: Path, parts: Parts, display: RunDisplay) -> None:
    """Do the rounds that are not done yet, recording each as it ends.

    Raises:
        UserError: for what a user can mend; the run directory keeps the rounds before it.
    """
    set_up_torch(config["num_threads"], parts.device)
    environment = describe(parts.device) | {"budget": config["budget"]}
    with RunDirectory.opened(path, identity, config, environment) as directory:
        facts = {"data_dir": Path(config["data_dir"]), "rng": generator(config["seed"], Stream.SPLIT)}
        dataset: Dataset = called("dataset", parts.dataset, **facts)
        if not isinstance(dataset, Dataset):
            raise DataError(f"dataset._target_={config['dataset']['_target_']}: returned no Dataset")
        directory.check_data(digest(dataset))
        if config["storage_device"] == "auto":
            dataset = dataset.to(parts.device)
        shapes = {"input_shape": dataset.input_shape, "num_classes": dataset.num_classes}
        build: Callable[[], Network] = partial(called, "model", parts.network, **shapes)
        learner = Learner(build, parts.training, parts.device, dataset.normalisation)
        rounds = active_learning(
            dataset,
            learner,
            parts.strategy,
            seed=config["seed"],
            num_initial=config["num_initial"],
            batch_size=config["batch_size"]["size"],
            budget=config["budget"],
            committed=directory.committed,
        )
        num_labelled = directory.committed.num_labelled
        display.start(_plan(config, identity, path, dataset, learner, num_labelled))
        parts.tracker.start(identity, config, path)
        try:
            for record in rounds:
                directory.append(record)
                num_labelled = record.num_labelled
                parts.tracker.log(record)
                display.round(record)
        finally:
            parts.tracker.finish()
            display.stop()
        directory.finish(num_labelled, len(dataset.train))


def _plan(
    config: Mapping[str, Any], identity: Identity, path: Path, dataset: Dataset, learner: Learner, num_done: int
) -> Plan:
    with torch_seeded(config["seed"], Stream.WEIGHTS, 0):
        network = learner.build()
    return Plan(
        identity=identity,
        path=path,
        pool_size=len(dataset.train),
        test_size=len(dataset.test),
        input_shape=dataset.input_shape,
        num_classes=dataset.num_classes,
        num_parameters=sum(parameter.numel() for parameter in network.parameters()),
        num_initial=config["num_initial"],
        budget=config["budget"] or len(dataset.train),
        num_done=num_done,
        device=learner.device,
        num_threads=config["num_threads"],
    )


def set_up_torch(num_threads: int, device: str) -> None:
    """The same numbers at every start: the thread count and deterministic algorithms are ours to set."""
    torch.set_num_threads(num_threads)
    threadpool_limits(num_threads)
    if device != "cpu":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # costs kernels
        torch.backends.cudnn.benchmark = False
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False


def checked_model(node: Any) -> tuple[Callable[..., Network], Training]:
    """A model's node holds the arguments of its network and of `Training`."""
    network = located("model", node)
    given = {key: value for key, value in node.items() if key != "_target_"}
    arguments = checked_arguments("model", [network, Training], given, facts={"input_shape", "num_classes"})
    of_training = {field.name for field in fields(Training)} & arguments.keys()
    try:
        training = Training(**{key: arguments.pop(key) for key in of_training})
    except ValueError as error:
        raise ConfigError(f"model.{error}") from error
    return partial(network, **arguments), training


def _device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f"device={name}: PyTorch sees {torch.cuda.device_count()} CUDA devices here; try device=cpu")
    return name

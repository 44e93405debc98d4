"""One run: from a checked configuration to a finished run directory."""

import logging
import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from al_bench.cli.display import Plan, RunDisplay
from al_bench.config.parts import called, checked_arguments, checked_part, located
from al_bench.core.errors import ConfigError, InputsError
from al_bench.core.interfaces import Dataset, Network, RoundRecord, Strategy
from al_bench.job.environment import describe
from al_bench.job.loading import checked_node, loaded
from al_bench.job.pretraining import kept, kept_path
from al_bench.loop.heartbeat import Heartbeat
from al_bench.loop.rounds_of import active_learning, checked_budget
from al_bench.records.directory import RunDirectory
from al_bench.records.identity import Identity
from al_bench.sweeps.workers import is_child, own_gpu
from al_bench.tracking.tracker import SafeTracker, Tracker
from al_bench.training.learner import Learner, body_of
from al_bench.training.options import Training
from al_bench.training.stopping import warn_if_out_of_reach

FACTS = {"input_shape", "num_classes", "modalities"}  # of the data set, for models

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """The parts of a run, checked against their constructors; nothing is loaded yet."""

    dataset: Mapping[str, Any]
    network: Callable[..., Network]
    training: Training
    strategy: Strategy
    tracker: Tracker
    device: str

    @classmethod
    def checked(cls, config: Mapping[str, Any]) -> "Parts":
        """ConfigError for anything that a part's constructor would not take."""
        network, training = checked_model(config["model"])
        if training.patience is not None and not config["num_validation"]:
            raise ConfigError(f"model.patience={training.patience}: needs validation examples; say num_validation=...")
        strategy = called("strategy", checked_part("strategy", config["strategy"]))
        if not isinstance(strategy, Strategy):
            raise ConfigError(
                f"strategy._target_={config['strategy']['_target_']}: no al_bench.core.interfaces.Strategy"
            )
        return cls(
            dataset=checked_node(config),
            network=network,
            training=training,
            strategy=strategy,
            tracker=SafeTracker(called("tracker", checked_part("tracker", config["tracker"]))),
            device=_device(config["device"]),
        )


def run(
    config: Mapping[str, Any],
    default: Mapping[str, Any],
    identity: Identity,
    path: Path,
    parts: Parts,
    display: RunDisplay,
    model_nodes: Callable[[], Mapping[str, Any]] = dict,
) -> None:
    """Do the rounds that are not done yet, recording each as it ends.

    Args:
        config: plain values, checked.
        default: what its choices alone give (see `al_bench.records.identity.differing_keys`).
        identity: of the run.
        path: of its directory.
        parts: built from `config`.
        display: what people see.
        model_nodes: all models there are, to name those that can take the inputs if the chosen one cannot.

    Raises:
        UserError: for what a user can mend; the run directory keeps the rounds before it.
    """
    set_up_torch(config["num_threads"], parts.device)
    environment = describe(parts.device) | {"budget": config["budget"]}
    with RunDirectory.opened(path, identity, config, environment, default) as directory:
        directory.check_states(is_stateful=parts.strategy.state_dict() is not None)
        heartbeat = Heartbeat(identity.title)
        with heartbeat.during("reading", "reading the data set"):
            data = loaded(parts.dataset, Path(config["data_dir"]), config["seed"])
        directory.check_data(data.digest, data.copies.as_dict())
        dataset = data.dataset
        warn_if_out_of_reach(parts.training, data.best_accuracy)
        learner = _learner(parts.network, parts.training, parts.device, dataset)
        network, num_dimensions = _tried(learner, dataset, f"model={identity.model}", model_nodes)
        parts.strategy.check(
            pool_size=len(dataset.train),
            batch_size=config["batch_size"]["size"],
            num_classes=dataset.num_classes,
            num_dimensions=num_dimensions,
        )
        if network.is_pretrained:
            where = kept_path(learner, network, data, config)
            has_rounds = bool(directory.committed.batches)
            learner = replace(learner, keep=partial(kept, where, body_of(network), has_rounds))
        if config["storage_device"] == "auto":
            dataset = dataset.to(parts.device)
        rounds = active_learning(
            dataset,
            learner,
            parts.strategy,
            seed=config["seed"],
            num_initial=config["num_initial"],
            batch_size=config["batch_size"]["size"],
            budget=config["budget"],
            num_validation=config["num_validation"],
            committed=directory.committed,
            heartbeat=heartbeat,
        )
        num_done = config["num_validation"] * bool(directory.committed.batches) + directory.committed.num_labelled
        num_parameters = sum(parameter.numel() for parameter in network.parameters())
        display.start(_plan(config, identity, path, dataset, parts.device, num_parameters, num_done))
        parts.tracker.start(identity, config, path)
        exit_code = 1
        try:
            num_labelled = _recorded(rounds, directory, parts.tracker, display)
            directory.finish(num_labelled or num_done, len(dataset.train))
            exit_code = 0
        finally:
            parts.tracker.finish(exit_code)
            display.stop()


def _recorded(rounds: Iterable[RoundRecord], directory: RunDirectory, tracker: Tracker, show: RunDisplay) -> int | None:
    """Labels after the last of the rounds, each of which is committed before anybody is told; None without any."""
    num_labelled = None
    for record in rounds:
        directory.append(record)
        num_labelled = record.num_labelled
        tracker.log(record)
        show.round(record)
    return num_labelled


def _learner(network: Callable[..., Network], training: Training, device: str, dataset: Dataset) -> Learner:
    build = partial(called, "model", network, **facts_of(dataset))
    return Learner(build, training, device, dataset.normalisation)


def facts_of(dataset: Dataset) -> dict[str, Any]:
    """What a model may ask to be told of the data set; inputs of one kind are one modality, `inputs`."""
    return {
        "input_shape": dataset.input_shape,
        "num_classes": dataset.num_classes,
        "modalities": dataset.modalities or {"inputs": math.prod(dataset.input_shape)},
    }


def _tried(
    learner: Learner, dataset: Dataset, name: str, model_nodes: Callable[[], Mapping[str, Any]]
) -> tuple[Network, int]:
    """As `Learner.tried`; ConfigError, with the models that can take the inputs, if this one cannot."""
    some_inputs = dataset.train.inputs[:2]
    try:
        return learner.tried(some_inputs)
    except InputsError as error:
        able = [name for name, node in model_nodes().items() if _takes(node, dataset, some_inputs)]
        raise ConfigError(
            f"{name} cannot be used for {error}; models that can: {', '.join(sorted(able)) or 'none'}"
        ) from error


def _takes(node: Any, dataset: Dataset, inputs: Tensor) -> bool:
    try:
        _learner(*checked_model(node), "cpu", dataset).tried(inputs)
    except Exception:  # whatever another model of the user's raises
        return False
    return True


def _plan(
    config: Mapping[str, Any],
    identity: Identity,
    path: Path,
    dataset: Dataset,
    device: str,
    num_parameters: int,
    num_done: int,
) -> Plan:
    return Plan(
        identity=identity,
        path=path,
        pool_size=len(dataset.train),
        test_size=len(dataset.test),
        input_shape=dataset.input_shape,
        num_classes=dataset.num_classes,
        num_initial=config["num_initial"],
        num_validation=config["num_validation"],
        budget=checked_budget(len(dataset.train), config["num_initial"], config["num_validation"], config["budget"]),
        device=device,
        num_threads=config["num_threads"],
        num_parameters=num_parameters,
        num_done=num_done,
    )


def set_up_torch(num_threads: int, device: str) -> None:
    """The same numbers at every start: the thread count and deterministic algorithms are ours to set."""
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


def checked_model(node: Any) -> tuple[Callable[..., Network], Training]:
    """A model's node holds the arguments of its network and of `Training`."""
    network = located("model", node)
    given = {key: value for key, value in node.items() if key != "_target_"}
    arguments = checked_arguments("model", [network, Training], given, facts=FACTS)
    of_training = {field.name for field in fields(Training)} & arguments.keys()
    try:
        training = Training(**{key: arguments.pop(key) for key in of_training})
    except ValueError as error:
        raise ConfigError(f"model.{error}") from error
    return partial(network, **arguments), training


def _device(name: str) -> str:
    if name == "auto" and torch.cuda.is_available():
        num_gpus = torch.cuda.device_count()
        if num_gpus == 1 or not is_child():
            return "cuda"
        names = tuple(str(torch.cuda.get_device_properties(gpu).uuid) for gpu in range(num_gpus))
        return f"cuda:{own_gpu(names)}"
    if name == "auto":
        return "cpu"
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f"device={name}: PyTorch sees {torch.cuda.device_count()} CUDA devices here; try device=cpu")
    return name

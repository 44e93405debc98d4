"""The parts of a run: checked against their constructors, then built with what is known of the data set."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

from torch import Tensor

from al_bench.config.parts import called, checked_arguments, checked_part, checked_value, located
from al_bench.core.data import Dataset
from al_bench.core.errors import ConfigError, InputsError
from al_bench.core.features import FittedExtractor
from al_bench.core.network import Network
from al_bench.core.ranges import PositiveInt
from al_bench.core.strategy import Needs, Strategy
from al_bench.job.features.replacing import Features, Where, fitted_to, on_features
from al_bench.job.gpus import device_of
from al_bench.job.loading import Loaded, check_features, checked_node
from al_bench.job.observer import Observer, Safe
from al_bench.job.purchases import Purchases
from al_bench.job.wrapping import Wrapper, checked_wrappers, pool_digest, wrapped
from al_bench.loop.initial import check_first
from al_bench.loop.querying import check_can_be_asked
from al_bench.records.run_config import RunConfig
from al_bench.strategies.replay import Bought
from al_bench.training.fitting.checks import check_linear, check_passes, check_patience, check_wanted
from al_bench.training.learner import Learner
from al_bench.training.options import TrainingOptions

FACTS = {"input_shape", "num_classes", "modalities"}  # of the data set, for models
NETWORK_KEYS_OF_PROBES = {"preprocess", "bias"}  # keys that no other file of conf/training has


@dataclass(frozen=True)
class Parts:
    """The parts of a run, checked against their constructors; nothing is loaded yet."""

    dataset: Mapping[str, Any]
    wrappers: Mapping[str, Wrapper]
    features: Features
    network: "partial[Network]"
    training: TrainingOptions
    strategy: Strategy
    initial: Strategy | None
    purchases: Purchases
    tracker: Observer
    device: str

    @classmethod
    def checked(cls, config: RunConfig) -> "Parts":
        """ConfigError for anything that a part's constructor would not take."""
        network, training = checked_model(config.model)
        check_passes(training, network.func.__name__, is_linear=getattr(network.func, "is_linear", False))
        check_patience(training, has_validation=config.num_validation > 0)
        purchases = Purchases(config)
        strategy = checked_strategy(config.strategy, config.batch_size, purchases)
        check_wanted(training, strategy)
        if Needs.VALIDATION in strategy.needs and not config.num_validation:
            raise ConfigError("num_validation=0: the strategy reads validation examples; say num_validation=...")
        dataset, features = checked_node(config.dataset), checked_features(config.features)
        check_features(dataset, features)
        return cls(
            dataset=dataset,
            wrappers=checked_wrappers(config.dataset),
            features=features,
            network=network,
            training=training,
            strategy=strategy,
            initial=checked_initial(config, strategy),
            purchases=purchases,
            tracker=Safe(called("tracker", checked_part("tracker", config.tracker))),
            device=device_of(config.device),
        )

    def prepared(self, as_loaded: Loaded, where: Where, seed: int) -> tuple[Loaded, str]:
        """What is learned from, of what was loaded; and a digest of the examples that an index in its pool means.

        Raises:
            ConfigError, DataError: if features or wrappers do not fit the data set.
        """
        pool = wrapped(on_features(as_loaded, self.features, where), self.wrappers, seed)
        return fitted_to(pool, self.features, where), pool_digest(as_loaded, self.wrappers, seed)

    def learner(self, dataset: Dataset) -> Learner:
        """What trains the networks on this data set."""
        return _learner(self.network, self.training, self.device, dataset)


def checked_features(node: Mapping[str, Any]) -> Features:
    """What makes features; nothing of it is loaded yet."""
    features: Features = called("features", checked_part("features", node))
    if not isinstance(features, FittedExtractor) and not callable(features):
        raise ConfigError(f"features._target_={node['_target_']}: no function of the inputs")
    return features


def checked_strategy(
    node: Mapping[str, Any], batch_size: int, bought_by: Callable[[str], Bought] | None = None
) -> Strategy:
    """The strategy; `subset_size` is a key of every strategy, beside its arguments.

    `bought_by` tells what the runs of a folder have bought, to a strategy that asks.
    """
    strategy = called("strategy", checked_part("strategy", node, facts={"bought_by"}), bought_by=bought_by)
    if not isinstance(strategy, Strategy):
        raise ConfigError(f"strategy._target_={node['_target_']}: no al_bench.Strategy")
    if "subset_size" in node:
        strategy.subset_size = checked_value("strategy.subset_size", PositiveInt | None, node["subset_size"])
    check_can_be_asked(strategy, batch_size)
    return strategy


def checked_initial(config: RunConfig, strategy: Strategy) -> Strategy | None:
    """Who chooses the first batch, maybe the strategy of the run; None if it is drawn."""
    part = checked_part("initial", config.initial, facts={"strategy"})
    chooser: Strategy | None = called("initial", part, strategy=strategy)
    if chooser is not None:
        if not isinstance(chooser, Strategy):
            raise ConfigError(f"initial._target_={config.initial['_target_']}: no al_bench.Strategy")
        check_first(chooser, strategy, config.num_initial, config.batch_size)
    return chooser


def checked_model(node: Any) -> tuple["partial[Network]", TrainingOptions]:
    """A model's node holds the arguments of its network and of `TrainingOptions`."""
    network = located("model", node)
    given = {key: value for key, value in node.items() if key != "_target_"}
    if given.keys() - inspect.signature(network).parameters.keys() >= NETWORK_KEYS_OF_PROBES:
        raise ConfigError(
            f"training@model=probe_sgd and probe_adamw are for model=linear: they say model.preprocess and model.bias, "
            f"and {node['_target_'].rpartition('.')[2]} has neither; say training@model=fixed or regularised"
        )
    arguments = checked_arguments("model", [network, TrainingOptions], given, facts=FACTS)
    of_training = {field.name for field in fields(TrainingOptions)} & arguments.keys()
    try:
        training = TrainingOptions(**{key: arguments.pop(key) for key in of_training})
    except ValueError as error:
        raise ConfigError(f"model.{error}") from error
    return partial(network, **arguments), training


def facts_of(dataset: Dataset) -> dict[str, Any]:
    """What a model may ask to be told of the data set; inputs of one kind are one modality, `inputs`."""
    return {
        "input_shape": dataset.input_shape,
        "num_classes": dataset.num_classes,
        "modalities": dataset.modalities or {"inputs": math.prod(dataset.input_shape)},
    }


def check_trainable(parts: Parts, name: str, model_nodes: Callable[[], Mapping[str, Any]]) -> None:
    """ConfigError, with the models that can be, if a model, of a name, is of a class that cannot be trained so."""
    if parts.training.ridge is None or getattr(parts.network.func, "is_linear", True):
        return  # of a function nobody knows before there is a network
    able = [option for option, node in model_nodes().items() if getattr(located("model", node), "is_linear", False)]
    check_linear(parts.training, name, is_linear=False, able=f"; models that can: {', '.join(sorted(able)) or 'none'}")


def tried(
    learner: Learner, dataset: Dataset, name: str, model_nodes: Callable[[], Mapping[str, Any]]
) -> tuple[Network, int]:
    """As `Learner.tried`; ConfigError, with the models that can take the inputs, if this one, of a name, cannot."""
    some_inputs = dataset.train.inputs[:2]
    try:
        return learner.tried(some_inputs)
    except InputsError as error:
        able = [name for name, node in model_nodes().items() if _takes(node, dataset, some_inputs)]
        raise ConfigError(
            f"{name} cannot be used for {error}; models that can: {', '.join(sorted(able)) or 'none'}"
        ) from error


def _learner(network: Callable[..., Network], training: TrainingOptions, device: str, dataset: Dataset) -> Learner:
    build = partial(called, "model", network, **facts_of(dataset))
    return Learner(build, training, device, dataset.normalisation)


def _takes(node: Any, dataset: Dataset, inputs: Tensor) -> bool:
    try:
        _learner(*checked_model(node), "cpu", dataset).tried(inputs)
    except Exception:  # whatever another model of the user's raises
        return False
    return True

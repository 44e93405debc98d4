"""The root keys of a configuration: their types, ranges and defaults, and the schema that Hydra composes by."""

import re
import textwrap
import warnings
from copy import copy
from dataclasses import Field, dataclass, field, make_dataclass
from functools import partial
from pathlib import Path
from shutil import get_terminal_size
from typing import Any, Literal, get_type_hints

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from al_bench.config.parts import checked_value, is_plain
from al_bench.config.reading.sources import CONF as CONF  # whoever composes what is there needs what is registered here
from al_bench.config.remembered.yaml_files import parse_once
from al_bench.core.errors import ConfigError, nearest
from al_bench.core.ranges import PositiveFloat, PositiveInt, check_budget
from al_bench.records.identity import GROUPS, canonical, flattened
from al_bench.records.run_config import KEYS, SAVED, VARIANT_GROUPS, BatchSize, RunConfig, Schedule

RANDOM = "al_bench.strategies.random.Random"
UNIFORM, BY_STRATEGY = "al_bench.loop.initial.uniform", "al_bench.loop.initial.by_strategy"


@dataclass
class Hyperparameters:
    """What a data set's yaml may set for the models trained on it, where their yaml files pick it up.

    Args:
        width: of hidden layers.
        lr: learning rate.
        minibatch_size: examples per step.
        pretraining_epochs: of `model=dbn`.
    """

    width: PositiveInt = MISSING
    lr: PositiveFloat = MISSING
    minibatch_size: PositiveInt = MISSING
    pretraining_epochs: PositiveInt = MISSING


@dataclass
class EveryDataset:
    """Keys of every data set, beside those of its function; what is done to the pool is done in this order.

    Args:
        copies: `keep`; `pool`: of equal examples of the pool the first is kept; `test`: test examples with a copy in
            the pool are left out.
        max_pool_size: at most so many examples of the pool, drawn uniformly.
        long_tail: classes that become rarer, one after the other.
        duplicates: copies that are added to the pool.
        label_noise: labels of the pool that are wrong.
        num_classes: compared with the data, and what a schedule multiplies; no part of what a run is called.
        family: data sets that are views of the same examples have one; it counts for what is said over settings alone.
        hyperparameters: of the models trained on it.
    """

    copies: Literal["keep", "pool", "test"]
    max_pool_size: PositiveInt | None
    long_tail: Any
    duplicates: Any
    label_noise: Any
    num_classes: PositiveInt | None
    family: str | None
    hyperparameters: Hyperparameters


def _schema(key: "Field[Any]") -> tuple[str, Any, Any]:
    """Its name, its type as it is composed, and what it is where no file says it."""
    about = key.metadata
    default = field(default_factory=partial(copy, about["default"])) if "default" in about else MISSING
    return key.name, about.get("schema", HINTS[key.name]), default


HINTS = get_type_hints(RunConfig, include_extras=True)
RootConfig = make_dataclass("RootConfig", map(_schema, KEYS), namespace={"__module__": __name__})
"""Schema of the root. The values are those of conf/config.yaml; the groups are checked by `al_bench.config.parts`."""


def _num_workers(device: str) -> int:
    """One per GPU; one per core (-1, to joblib) where there is none, or none is wanted."""
    if device == "cpu":
        return -1
    from al_bench.core.devices import num_gpus  # torch, which `--help` does not wait for

    return num_gpus() or -1


ConfigStore.instance().store(name="schema", node=RootConfig)
parse_once()


def _budget(of_random: int | None, of_others: int, *, _root_: DictConfig) -> int | None:
    """Random's curve decides at which budgets strategies are compared; the others need not go further."""
    return of_random if OmegaConf.select(_root_, "strategy._target_") == RANDOM else of_others


def _keys(*, _root_: DictConfig) -> str:
    """Of `--help`, in which a `$` is one of a template."""
    from al_bench.config.reading.meanings import shown

    return shown(_root_, min(get_terminal_size().columns, 100)).replace("$", "$$")


def _family(family: str, note: str) -> str:
    """Of `--help`: the options of a family of strategies."""
    from al_bench.config.reading.families import families

    text = f"{family:<13}{', '.join(families()[family])}: {note}"
    return textwrap.fill(text, 78, subsequent_indent=" " * 13, break_on_hyphens=False)


def _scheduled_batch(*, _root_: DictConfig) -> int:
    """Labels of the first batch, and of each that follows."""
    return int(_root_.schedule.labels_per_class * _root_.dataset.num_classes)


def _scheduled_budget(*, _root_: DictConfig) -> int:
    """Labels in all, of a pool of which they are at most a third."""
    return int(_root_.num_validation + (1 + _root_.schedule.num_rounds) * _scheduled_batch(_root_=_root_))


OmegaConf.register_new_resolver("al_bench_schedule_batch", _scheduled_batch)
OmegaConf.register_new_resolver("al_bench_schedule_budget", _scheduled_budget)
OmegaConf.register_new_resolver("al_bench_workers", _num_workers)
OmegaConf.register_new_resolver("al_bench_budget", _budget)
OmegaConf.register_new_resolver("al_bench_sum", lambda *numbers: sum(numbers))
OmegaConf.register_new_resolver("al_bench_keys", _keys)
OmegaConf.register_new_resolver("al_bench_family", _family)
OmegaConf.register_new_resolver("al_bench_at_home", lambda folder: at_home("output_dir", folder))
# conf/hydra/launcher/joblib.yaml and others are checked against the schema of Hydra's plugin of that name: as we want
warnings.filterwarnings("ignore", r"\n'hydra/\w+/\w+' is validated against ConfigStore schema")


def at_home(key: str, folder: str) -> str:
    """A folder of the user's home by its path: in `key=~/x` no shell writes it out. ConfigError if there is no home."""
    try:
        return str(Path(folder).expanduser()) if folder.startswith("~") else folder
    except RuntimeError as error:
        raise ConfigError(f"{key}={folder}: {error} Say it without ~, or ./{folder}") from error


def checked_root(cfg: DictConfig) -> RunConfig:
    """The resolved configuration, typed, if every root key is what it has to be.

    Raises:
        ConfigError: for a key that is unknown or has no value, and for a value out of range.
    """
    try:
        resolved: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
        missing = sorted(OmegaConf.missing_keys(cfg)) if MISSING in repr(resolved) else []
    except OmegaConfBaseException as error:
        problem = str(error).splitlines()[0]
        key = error.full_key or "the configuration"
        typed = dict(flattened(OmegaConf.to_container(cfg, resolve=False))).get(key)
        raise ConfigError(f"{key}{'' if typed is None else f'={typed}'}: cannot be resolved: {problem}") from error
    if missing:
        raise ConfigError(f"{missing[0]} has no value; say {missing[0]}=...")
    _check_names("", resolved)
    _check_keys("", RootConfig, resolved)
    absent = [key for key in RootConfig.__annotations__ if key not in resolved]
    if absent:
        raise ConfigError(f"{absent[0]} was removed; say {absent[0]}=..., or leave it as it is")
    for group in (*GROUPS, *VARIANT_GROUPS, "tracker"):
        if not isinstance(resolved[group], dict):
            raise ConfigError(f"{group}={canonical(resolved[group])}: must hold the key _target_, and arguments for it")
    _check_keys("batch_size.", BatchSize, resolved["batch_size"])
    if resolved["schedule"] is not None:
        _check_keys("schedule.", Schedule, resolved["schedule"])
    _check_keys("dataset.hyperparameters.", Hyperparameters, resolved["dataset"].get("hyperparameters", {}))
    _check_values(resolved)
    return RunConfig.of(resolved)


def _check_values(resolved: dict[str, Any]) -> None:
    """What the types of the schema do not say."""
    if resolved["num_initial"] == 0 and resolved["initial"].get("_target_") == UNIFORM:
        resolved["initial"] = {"_target_": BY_STRATEGY}
    check_budget(resolved["budget"], resolved["num_initial"], resolved["num_validation"])
    for key in ("name", "output_dir", "data_dir"):
        if not resolved[key].strip() or "\0" in resolved[key]:
            raise ConfigError(f"{key}={resolved[key]!r}: must name a folder")
    for key in ("output_dir", "data_dir"):
        resolved[key] = at_home(key, resolved[key])
    if "/" in resolved["name"] or resolved["name"] in (".", ".."):
        raise ConfigError(f"name={resolved['name']}: one folder below output_dir, without '/'")
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", resolved["device"]):
        raise ConfigError(f"device={resolved['device']}: must be auto, cpu, cuda or cuda:<number>")
    resolved["save"] = _checked_save(resolved["save"])
    if resolved["storage_device"] not in ("auto", "cpu"):
        raise ConfigError(f"storage_device={resolved['storage_device']}: must be auto (on the device) or cpu")


def _checked_save(value: Any) -> list[str]:
    """The names of what is saved, each once; a single one may stand for itself."""
    names = value if isinstance(value, list) else [value]
    for name in names:
        if name not in SAVED:
            raise ConfigError(f"save={canonical(value)}: {canonical(name)} cannot be saved; {nearest(name, SAVED)}")
    return list(dict.fromkeys(names))


def _check_names(prefix: str, node: Any) -> None:
    """ConfigError for a key of a yaml file that is a number or anything else but a text, at any depth."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        if isinstance(node, dict) and not isinstance(key, str):
            raise ConfigError(f"{prefix}{key}={canonical(value)}: there is no such key; a key is a text")
        if isinstance(value, dict | list):
            _check_names(f"{prefix}{key}.", value)


def _check_keys(prefix: str, schema: type, values: Any) -> None:
    hints = schema.__annotations__
    if not isinstance(values, dict):
        raise ConfigError(f"{prefix.rstrip('.')}={canonical(values)}: must hold the keys {', '.join(hints)}")
    for key, value in values.items():
        if key not in hints:
            leaf, leaf_value = next(flattened(value, f"{prefix}{key}"))
            raise ConfigError(f"{leaf}={canonical(leaf_value)}: there is no such key; {nearest(key, hints)}")
        if not isinstance(value, dict) or is_plain(hints[key]):  # the groups are checked by themselves
            checked_value(f"{prefix}{key}", hints[key], value)

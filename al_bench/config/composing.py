"""What Hydra composes: the identity of a job, what choices alone give, and the models that there are."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import is_dataclass
from functools import cache, lru_cache
from typing import Any, get_type_hints

from hydra import compose
from hydra.conf import HydraConf, JobConf, OverridesConf, RuntimeConf
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from al_bench.core.errors import ConfigError, nearest
from al_bench.records.identity import GROUPS, Identity, identity_of
from al_bench.records.run_config import VARIANT_GROUPS

NESTED = re.compile(rf"[\w/]+@({'|'.join(GROUPS)})\..+")  # the key of a choice inside a part: strategy@strategy.query
TRAINING, TRAINING_PATH = "training@model", "model.training"  # the choice of how, and what it is called in a name
UNNAMED_TRAINING = {"paper", "fixed", "reference"}  # of before choices of it were named: names say what they change


def identity_of_job(config: Mapping[str, Any], hydra: HydraConf) -> tuple[Identity, Mapping[str, Any]]:
    """The identity of the configuration of a Hydra job, whose own node is `hydra`, and what its choices alone give."""
    choices: dict[str, str] = {}
    for group in (*GROUPS, *VARIANT_GROUPS):
        choice = hydra.runtime.choices.get(group)
        if not isinstance(choice, str):
            given = [override for override in hydra.overrides.task if override.startswith(f"{group}=")]
            raise ConfigError(f"{' '.join(given) or group}: must be the name of one option; see `al-bench --help`")
        choices[group] = choice
    if config["num_initial"] == 0 and choices["initial"] == "random":  # which is another way to say so
        choices["initial"] = "strategy"
    name = str(hydra.job.config_name)
    usual = _all_choices(name, tuple(choices.items()))
    changed = {key: option for key, option in hydra.runtime.choices.items() if _is_named(key, option, usual.get(key))}
    default = _default_config(name, (*choices.items(), *changed.items()))
    inner = {TRAINING_PATH if key == TRAINING else key.partition("@")[2]: option for key, option in changed.items()}
    return identity_of(config, default, choices, inner), default


def choices_of_default(config_name: str) -> Mapping[str, str]:
    """The options that are chosen where the command line says nothing."""
    return _all_choices(config_name, ())


def parted(composed: DictConfig) -> tuple[DictConfig, HydraConf]:
    """A configuration without Hydra's own node; and what that says of the choices, as plain values, which are quick."""
    own = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
    hydra = composed.hydra
    task, choices = (OmegaConf.to_container(each) for each in (hydra.overrides.task, hydra.runtime.choices))
    return own, HydraConf(
        overrides=OverridesConf(task=task),  # type: ignore[arg-type]
        job=JobConf(config_name=hydra.job.config_name),
        runtime=RuntimeConf(choices=choices),  # type: ignore[arg-type]
    )


def _is_named(key: str, option: object, usual: object) -> bool:
    """Whether the choice of an option goes into what a run is called."""
    if option == usual or not isinstance(option, str):
        return False
    return bool(NESTED.fullmatch(key)) or (key == TRAINING and not {option, usual} <= UNNAMED_TRAINING)


def task_overrides() -> list[str]:
    """What the command line, or the sweep, has set for the Hydra job that runs now."""
    overrides: list[str] = OmegaConf.to_container(HydraConfig.get().overrides.task, resolve=False)  # type: ignore[assignment]
    return overrides


def check_hydra_overrides() -> None:
    """ConfigError for a key added with `+` to a part of Hydra's own configuration that has a schema."""
    overrides: list[str] = OmegaConf.to_container(HydraConfig.get().overrides.hydra, resolve=False)  # type: ignore[assignment]
    for override in overrides:
        if not override.startswith("+hydra.") and not override.startswith("++hydra."):
            continue
        schema: Any = HydraConf
        for name in override.lstrip("+").partition("=")[0].split(".")[1:]:
            if not is_dataclass(schema):
                break
            hints = get_type_hints(schema)
            if name not in hints:
                raise ConfigError(f"{override.lstrip('+')}: there is no such key; {nearest(name, hints)}")
            schema = hints[name]


def model_nodes() -> dict[str, Any]:
    """The nodes of all options of the group `model`, with the other choices of the Hydra job that runs now."""
    hydra = HydraConfig.get()
    chosen = [f"dataset={hydra.runtime.choices['dataset']}"]
    options = GlobalHydra.instance().config_loader().get_group_options("model")
    nodes = {}
    for option in options:
        with suppress(Exception):  # one that cannot be composed is none to choose
            composed = compose(hydra.job.config_name, [*chosen, f"model={option}"])
            nodes[option] = OmegaConf.to_container(composed.model, resolve=True)
    return nodes


@lru_cache(8)  # each takes a third of a megabyte
def _composed(config_name: str, choices: tuple[tuple[str, str], ...]) -> DictConfig:
    """What these choices alone give, with Hydra's own node."""
    return compose(config_name, [f"{group}={option}" for group, option in choices], return_hydra_config=True)


@cache
def _all_choices(config_name: str, choices: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    """These, and those that come with them."""
    chosen = _composed(config_name, choices).hydra.runtime.choices
    return OmegaConf.to_container(chosen)  # type: ignore[return-value]


@cache
def _default_config(config_name: str, choices: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """What these choices alone give, without Hydra's own node; keys without a value stay `???`."""
    own, _ = parted(_composed(config_name, choices))
    plain: dict[str, Any] = OmegaConf.to_container(own, resolve=True)  # type: ignore[assignment]
    return plain

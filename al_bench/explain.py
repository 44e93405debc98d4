"""Errors that Hydra raises before our code runs, as one message that names the key, the value and the way out."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError

from al_bench.config import CONF
from al_bench.errors import UserError, nearest
from al_bench.identity import flattened

EXTRAS = ("joblib", "ray", "slurm")  # packages of launchers


def explained(error: Exception, arguments: Sequence[str]) -> str | None:
    """The message for an error that ended a command; None if it is not the user's to mend.

    Args:
        error: as raised by Hydra, OmegaConf or al_bench.
        arguments: of the command line.
    """
    if isinstance(error, UserError):
        return str(error)
    if plugin := re.match(r"Unknown plugin class : 'hydra_plugins\.([\w.]+)\.(\w+)'", str(error)):
        extra = next((extra for extra in EXTRAS if extra in "".join(plugin.groups()).lower()), plugin[1])
        return f"hydra/launcher: {plugin[2]} is not installed; pip install 'al-bench[{extra}]'"
    if isinstance(error, MissingConfigException) and error.options is not None and error.missing_cfg_file:
        return _no_such_option(str(error.missing_cfg_file), error.options, arguments)
    if isinstance(error, ValueError) and "Config group override" in str(error):
        return _not_an_option(arguments)
    if isinstance(error, OverrideParseException):
        return f"{error.override}: cannot be read: {_first_line(error)}"
    if unknown := re.match(r"Could not override '(.+)'", str(error)):
        inner = re.search(rf"full_key: ({re.escape(unknown[1])}\.\S+)", f"{error} {error.__cause__}")
        return _unknown_key(inner[1] if inner else unknown[1], arguments)  # `model={a: 1}` is about model.a
    if merged := re.match(r"Error merging override (.+)", str(error)):
        return f"{merged[1]}: {_first_line(error.__cause__ or error)}"
    return _as_it_says(error)


def _as_it_says(error: Exception) -> str | None:
    if "No trials are completed yet" in str(error):
        return "no run of the search has ended well; the reasons are above"
    if isinstance(error, OmegaConfBaseException):
        return f"{error.full_key}: {_first_line(error)}" if error.full_key else _first_line(error)
    if isinstance(error, OSError):
        return f"{error.filename or 'output_dir'}: {error.strerror or error}"
    if isinstance(error, MarkedYAMLError):
        return f"a yaml file cannot be read: {' '.join(str(error).split())}"
    return str(error) if isinstance(error, HydraException) else None


def _no_such_option(missing: str, options: Sequence[str], arguments: Sequence[str]) -> str:
    """`setting=small/mnist`: the file `missing` is not there; others of the group are, some of them in folders."""
    folder, _, name = missing.rpartition("/")
    key, group, option = folder, folder, name
    for argument in arguments:
        typed, _, values = argument.partition("=")
        for value in values.split(","):
            if f"{typed.lstrip('+').partition('@')[0]}/{value}" == missing:
                key, group, option = typed, typed.lstrip("+").partition("@")[0], value
    nested = {path.relative_to(CONF / group).with_suffix("").as_posix() for path in (CONF / group).rglob("*.yaml")}
    extra = f"; or pip install 'al-bench[{option}]'" * (missing == "hydra/sweeper/optuna")
    return f"{key}={option}: there is no such option; {nearest(option, nested.union(options))}{extra}"


def _not_an_option(arguments: Sequence[str]) -> str | None:
    """`batch_size=100`, `tracker=null`: a group is given something that cannot be an option's name."""
    for argument in arguments:
        group, _, values = argument.partition("=")
        for value in values.split(","):
            if group and (CONF / group).is_dir() and (value == "null" or not re.match(r"[A-Za-z]", value)):
                options = [path.stem for path in (CONF / group).glob("*.yaml")]
                message = f"{group}={value}: must be the name of an option; {nearest(value, options)}"
                return f"{message}; any other size: batch_size.size={value}" if group == "batch_size" else message
    return None


def _unknown_key(key: str, arguments: Sequence[str]) -> str:
    given = [argument for argument in arguments if argument.lstrip("+~").partition("=")[0] == key]
    if given and key == "training":
        return f"{given[0]}: say of what, {key}@model={given[0].partition('=')[2]}"
    if "@" in key:
        part = key.partition("@")[2].partition(".")[0]
        chosen = [argument for argument in arguments if argument.startswith(f"{part}=")]
        return f"{given[0] if given else key}: there is no such choice inside of {''.join(chosen) or part}"
    parent, _, name = key.rpartition(".")
    composed = _composed(arguments)
    siblings = composed
    for part in parent.split(".") if parent else ():
        siblings = siblings.get(part) if isinstance(siblings, dict) else None
    problem = f"{given[0] if given else key}: there is no such key"
    if isinstance(siblings, dict) and name in siblings:
        return f"{problem} in what {parent or 'the command'} is chosen to be; in a sweep every option must have it"
    if isinstance(siblings, dict) and siblings:
        return f"{problem}; {nearest(name, siblings.keys() - {'hydra'})}"
    is_hydra = key.startswith("hydra.")
    leaves = [leaf for leaf, _ in flattened(composed) if leaf.startswith("hydra.") == is_hydra]
    return f"{problem}; {nearest(key, leaves)}"


def _composed(arguments: Sequence[str]) -> Any:
    """The configuration that the choices on the command line give, without the other overrides, or {}."""
    parsed = OverridesParser.create().parse_overrides([each for each in arguments if "=" in each and each[0] != "-"])
    choices = [
        f"{override.get_key_element()}={override.value()}"
        for override in parsed
        if (CONF / override.key_or_group).is_dir() and isinstance(override.value(), str)
    ]
    own = re.search(r"(?:^|\0)(?:--config-dir|-cd)[=\0]([^\0]+)", "\0".join(arguments))
    searchpath = [f"hydra.searchpath=[file://{Path(own[1]).absolute()}]"] if own else []
    with initialize_config_dir(str(CONF), version_base="1.3"):
        try:
            composed = compose("config", [*choices, *searchpath], return_hydra_config=True)
        except HydraException:
            return {}
    return OmegaConf.to_container(composed)


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0]

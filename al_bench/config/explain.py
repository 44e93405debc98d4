"""Errors that Hydra raises before our code runs, as one message that names the key, the value and the way out."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError

from al_bench.config.arguments import composed_choices, error_of, parsed, single
from al_bench.config.schema import CONF
from al_bench.core.errors import UserError, described, first_line, message_of, nearest, shortened
from al_bench.records.identity import flattened

LEFT_OUT = {  # strategies that one may look for
    "batchbald": "power_bald",
    "clustermargin": "badge with strategy.subset_size",
    "galaxy": "badge",
    "direct": "badge",
    "vessal": "badge",
}
EXTRAS = ("joblib", "ray", "slurm", "optuna")  # packages of launchers and sweepers


def explained(error: Exception, arguments: Sequence[str]) -> str | None:
    """The message for an error that ended a command; None if nothing is known of it.

    Args:
        error: as raised by Hydra, OmegaConf or al_bench.
        arguments: of the command line.
    """
    message = _explained(error, arguments)
    return None if message is None else shortened(message)


def unexplained(error: Exception, arguments: Sequence[str]) -> str:
    """The message for any other error that came before the first run: the argument that brings it about, if one does.

    Whatever Hydra raises there comes from what was typed, or from a file that it names.
    """
    wanted = type(error), message_of(error)
    culprit = next((each for each in single(arguments) if error_of(each, arguments) == wanted), None)
    problem = " ".join(described(error).split())
    return shortened(
        f"{f'{culprit}:' if culprit else 'the command line'} cannot be used: {problem}; HYDRA_FULL_ERROR=1 shows where"
    )


def _explained(error: Exception, arguments: Sequence[str]) -> str | None:
    if isinstance(error, UserError):
        return str(error)
    if message := _of_a_plugin(error, arguments):
        return message
    if isinstance(error, MissingConfigException) and error.options is not None and error.missing_cfg_file:
        return _no_such_option(str(error.missing_cfg_file), error.options, arguments)
    if isinstance(error, AssertionError):  # OmegaConf's, of a key of a mapping that is null
        given = next((each for each in arguments if each.startswith("schedule.")), None)
        return None if given is None else f"{given}: of no schedule; say schedule=low, medium or high beside it"
    if isinstance(error, (TypeError, ValueError)) and (message := _not_an_option(arguments)):
        return message
    if isinstance(error, OverrideParseException):
        return _not_readable(error)
    if deleted := re.match(r"Could not delete from config\. '(.+)' does not exist", str(error)):
        return _not_there(deleted[1], arguments)
    if unknown := re.match(r"Could not override '(.+)'", str(error)):
        inner = re.search(rf"full_key: ({re.escape(unknown[1])}\.\S+)", f"{error} {error.__cause__}")
        return _unknown_key(inner[1] if inner else unknown[1], arguments)  # `model={a: 1}` is about model.a
    if merged := re.match(r"Error merging override (.+)", str(error)):
        problem = first_line(error.__cause__ or error)
        is_list = problem == "Cannot merge DictConfig with ListConfig"
        return f"{merged[1]}: {'must be a list, as in key=[a,b]' if is_list else problem}"
    return _as_it_says(error, arguments)


def _as_it_says(error: Exception, arguments: Sequence[str]) -> str | None:
    if isinstance(error, OmegaConfBaseException):
        given = [each for each in arguments if each.lstrip("+").partition("=")[0] == error.full_key]
        key = given[0] if given and error.full_key else error.full_key
        return f"{key}: {first_line(error)}" if key else first_line(error)
    if file := re.match(r"In '(.+)': \w+ raised while composing config:\n(.+)\n\s+full_key: (.*)", str(error)):
        return f"{file[1]}.yaml: {f'{file[3]}: ' * bool(file[3])}{file[2]}"
    if isinstance(error, MissingConfigException):
        return first_line(error)
    if isinstance(error, OSError):
        return f"{error.filename or 'output_dir'}: {error.strerror or first_line(error)}"
    if isinstance(error, MarkedYAMLError):
        return f"a yaml file cannot be read: {' '.join(str(error).split())}"
    return " ".join(str(error).split()) if isinstance(error, HydraException) else None


def _of_a_plugin(error: Exception, arguments: Sequence[str]) -> str | None:
    """A launcher or sweeper that is not there: a package is lacking, or the user has set `_target_`."""
    if none := re.match(r"Hydra (sweeper|launcher) is not configured", str(error)):
        return f"hydra.{none[1]}=null: a sweep needs one; choose it as hydra/{none[1]}=..."
    named = re.match(r"(?:Invalid plugin|Unknown plugin class :) '([\w.]+)'", str(error))
    if named is None:
        return None
    for extra in EXTRAS:
        if named[1].startswith("hydra_plugins.") and extra in named[1].lower():
            name = named[1].rpartition(".")[2]
            return f"hydra/{_kind(named[1])}: {name} is not installed; pip install 'al-bench[{extra}]'"
    given = [argument for argument in arguments if argument.endswith(f"_target_={named[1]}")]
    return (
        f"{given[0] if given else named[1]}: there is no such launcher or sweeper; choose one as hydra/launcher=... or "
        "hydra/sweeper=..."
    )


def _kind(plugin: str) -> str:
    return "sweeper" if "sweeper" in plugin.lower() else "launcher"


def _not_readable(error: OverrideParseException) -> str:
    """What Hydra's grammar does not take; in quotes it may."""
    problem = f"{error.override}: cannot be read: {first_line(error)}"
    key, is_pair, value = error.override.partition("=")
    quoted = f"{key}='{value}'"
    return f'{problem}; as a text: "{quoted}"' if is_pair and "'" not in value and parsed([quoted]) else problem


def _not_there(key: str, arguments: Sequence[str]) -> str:
    """`~key` of a key that is null, or that is not there."""
    composed: Any = composed_choices(arguments)
    for part in key.split("."):
        if not isinstance(composed, Mapping) or part not in composed:
            return _unknown_key(key, arguments)
        composed = composed[part]
    return f"~{key}: it is null, so there is nothing to leave out; say nothing of it, or {key}=..."


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
    if group == "strategy" and (instead := LEFT_OUT.get(option.replace("_", "").replace("-", "").lower())):
        return f"{key}={option}: left out, as docs/strategies/left_out.md explains; take {instead} instead"
    extra = f"; or pip install 'al-bench[{option}]'" * (missing == "hydra/sweeper/optuna")
    return f"{key}={option}: there is no such option; {nearest(option, nested.union(options))}{extra}"


def _not_an_option(arguments: Sequence[str]) -> str | None:
    """`batch_size=100`, `tracker=null`, `model=true`: a group is given something that cannot be an option's name."""
    for argument in single(arguments):
        override = next(iter(parsed([argument])), None)
        group = override.key_or_group if override is not None and not override.is_delete() else ""
        if override is None or not group or not (CONF / group).is_dir() or override.is_sweep_override():
            continue
        value, shown = override.value(), argument.partition("=")[2]
        if isinstance(value, str) or (isinstance(value, list) and all(isinstance(each, str) for each in value)):
            continue
        options = [path.relative_to(CONF / group).with_suffix("") for path in (CONF / group).rglob("*.yaml")]
        message = f"{argument}: must be the name of an option; {nearest(shown, map(str, options))}"
        return f"{message}; any other size: batch_size.size={shown}" if group == "batch_size" else message
    return None


def _unknown_key(key: str, arguments: Sequence[str]) -> str:
    given = [argument for argument in arguments if argument.lstrip("+~").partition("=")[0] == key]
    if given and key == "training":
        return f"{given[0]}: say of what, {key}@model={given[0].partition('=')[2]}"
    if "@" in key:
        part = key.partition("@")[2].partition(".")[0]
        chosen = [argument for argument in arguments if argument.startswith(f"{part}=")]
        return f"{given[0] if given else key}: there is no such choice inside of {''.join(chosen) or part or 'nothing'}"
    parent, _, name = key.rpartition(".")
    composed = composed_choices(arguments)
    siblings = composed
    for part in parent.split(".") if parent else ():
        siblings = siblings.get(part) if isinstance(siblings, dict) else None
    problem = f"{given[0] if given else key}: there is no such key"
    if isinstance(siblings, dict) and name in siblings:
        return f"{problem} in what {parent or 'the command'} is chosen to be; in a sweep every option must have it"
    deeper = [leaf for leaf, _ in flattened(composed) if not parent and leaf.endswith(f".{name}")]
    if own := [leaf for leaf in deeper if not leaf.startswith("hydra.")]:
        return f"{problem}; did you mean {' or '.join(sorted(own))}?"
    if isinstance(siblings, dict) and siblings:
        return f"{problem}; {nearest(name, siblings.keys() - {'hydra'})}"
    is_hydra = key.startswith("hydra.")
    leaves = [leaf for leaf, _ in flattened(composed) if leaf.startswith("hydra.") == is_hydra]
    return f"{problem}; {nearest(key, leaves)}"

"""The command line before Hydra reads it, and what can be told of it if Hydra cannot."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override, RangeSweep
from omegaconf import OmegaConf

from al_bench import __version__
from al_bench.config.schema import CONF
from al_bench.core.errors import ConfigError, message_of, nearest

MAX_RUNS = 100_000  # of a sweep
MAX_TRIED = 20  # values of a key that is swept over


class _Token(str):
    """An argument that is told from an equal one by its identity."""

    __slots__ = ()


def in_order(arguments: Sequence[str]) -> list[str]:
    """Options first, then the overrides, in whatever order they were typed: Hydra's parser wants them so.

    Exits with 2, and a line on how to call it, if an option lacks its value; with 0 after `--version`.

    Raises:
        ConfigError: for an option that there is not.
    """
    parser = get_args_parser()
    for action in parser._actions:
        if "--version" in action.option_strings:
            action.version = f"al-bench {__version__}"  # type: ignore[attr-defined]  # Hydra would say its own
    tokens = [_Token(argument) for argument in arguments]
    known, unknown = parser.parse_known_intermixed_args(tokens)
    if unknown:
        names = [name for action in parser._actions for name in action.option_strings if name.startswith("--")]
        raise ConfigError(
            f"{unknown[0]}: there is no such option; {nearest(unknown[0], names)}; a key is set by key=value, without "
            "dashes"
        )
    overrides = {id(override) for override in known.overrides}
    return [*(token for token in tokens if id(token) not in overrides), *known.overrides]


def with_own_folder(ordered: Sequence[str]) -> list[str]:
    """The arguments, options first, with the folder of the user's that is found by itself, unless they name one."""
    folder = own_folder()
    if folder is None or get_args_parser().parse_args(ordered).config_dir is not None:
        return [*ordered]
    return ["--config-dir", str(folder), *ordered]


def own_folder() -> Path | None:
    """`conf` of the working directory, if there are options of our groups in it that are not our own."""
    folder = Path("conf").absolute()
    groups = [group.name for group in CONF.iterdir() if group.is_dir()]
    has_options = any((folder / group).is_dir() for group in groups)
    return folder if has_options and not folder.samefile(CONF) else None


def without_value(ordered: Sequence[str]) -> list[str]:
    """The arguments, given options first, that are neither an option, nor key=value, nor ~key."""
    overrides: list[str] = get_args_parser().parse_args(ordered).overrides
    return [each for each in overrides if each and "=" not in each and each[0] != "~"]


def check_sweeps(overrides: Sequence[Override]) -> None:
    """ConfigError for a key with nothing to sweep over, and for more runs in all than can be listed."""
    num_runs = 1
    for override in overrides:
        if not override.is_discrete_sweep():
            continue
        try:
            num_values = len(first_values(override, MAX_RUNS + 1))
        except Exception as error:  # whatever the grammar lets pass: a step of 0
            raise ConfigError(f"{override.input_line}: nothing can be swept over: {message_of(error)}") from error
        if not num_values:
            more = "; oracles are named one by one: strategy=oracle/boss" * ("oracle" in str(override.input_line))
            raise ConfigError(
                f"{override.input_line}: nothing matches, so there is nothing to run; `al-bench --help` lists the "
                f"options{more}"
            )
        num_runs *= num_values
        if num_runs > MAX_RUNS:
            raise ConfigError(f"{override.input_line}: that makes more than {MAX_RUNS:,} runs; take several sweeps")


def first_values(override: Override, most: int) -> list[str]:
    """At most so many values of a key that is swept over; a range is not shuffled, for which Hydra lists all of it."""
    swept = override.value()
    if isinstance(swept, RangeSweep):
        override = replace(override, _value=replace(swept, shuffle=False))
    return list(islice(swept_values(override), most))


def swept_values(override: Override) -> Iterator[str]:
    """The values of a key that is swept over; a glob takes no option that has a value to be said."""
    group, is_glob = CONF / override.key_or_group, isinstance(override.value(), Glob)
    for value in override.sweep_string_iterator():
        file = group / f"{value}.yaml"
        if not (is_glob and file.is_file() and OmegaConf.missing_keys(OmegaConf.load(file))):
            yield value


def composed_choices(arguments: Sequence[str]) -> Any:
    """The configuration that the choices on the command line give, without the other overrides, or {}."""
    choices = [
        f"{override.get_key_element()}={override.value()}"
        for override in parsed(overrides_among(arguments))
        if (CONF / override.key_or_group).is_dir() and isinstance(override.value(), str)
    ]
    try:
        return OmegaConf.to_container(composed_of(choices, arguments))
    except Exception:  # the choices have a mistake of their own
        return {}


def composed_of(overrides: Sequence[str], arguments: Sequence[str]) -> Any:
    """The configuration of some overrides, with the user's folder that the command line names."""
    own = re.search(r"(?:^|\0)(?:--config-dir|-cd)[=\0]([^\0]+)", "\0".join(arguments))
    searchpath = [f"hydra.searchpath=[file://{Path(own[1]).absolute()}]"] if own else []
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", [*overrides, *searchpath], return_hydra_config=True)


def overrides_among(arguments: Sequence[str]) -> list[str]:
    """The overrides among the arguments: `key=value` and `~key`, no options."""
    return [each for each in arguments if each[:1] not in ("", "-") and ("=" in each or each[0] == "~")]


def parsed(overrides: Sequence[str]) -> list[Override]:
    """The overrides that Hydra's grammar can read; others are left out."""
    parser = OverridesParser.create()
    read: list[Override] = []
    for override in overrides:
        try:
            read += parser.parse_overrides([override])
        except Exception:  # whatever the grammar makes of it
            continue
    return read


def single(arguments: Sequence[str]) -> Iterator[str]:
    """The arguments one by one, of a key that is swept over each value."""
    for argument in overrides_among(arguments):
        read = parsed([argument])
        if not read or not read[0].is_sweep_override():
            yield argument
            continue
        try:
            values = first_values(read[0], MAX_TRIED)
        except Exception:  # that is what is wrong with it
            yield argument
            continue
        for value in values:
            yield f"{read[0].get_key_element()}={value.lower() if value in ('True', 'False') else value}"


def error_of(override: str, arguments: Sequence[str]) -> tuple[type[Exception], str] | None:
    """What goes wrong if that is all that is typed."""
    try:
        for each in OverridesParser.create().parse_overrides([override]):
            if each.is_sweep_override():
                first_values(each, MAX_TRIED)
                return None
        composed_of([override], arguments)
    except Exception as error:
        return type(error), message_of(error)
    return None

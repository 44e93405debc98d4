"""What a search has found, taken in: `tuned=FILE` stands for the values of the file."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from al_bench.core.errors import ConfigError
from al_bench.files.writing import read_text
from al_bench.files.yaml_nodes import LOADER, check_nodes

FILE = "tuned.yaml"  # beside a search's study
KEY = "tuned="
BEFORE_A_QUOTE = re.compile(r"\\+(?='|$)")  # elsewhere Hydra takes backslashes as they are


def taken_in(arguments: Sequence[str]) -> list[str]:
    """The arguments, options first, with the values of a file in place of `tuned=FILE`, before all that is typed.

    Raises:
        ConfigError: for a file that cannot be read, or that holds anything but keys and plain values.
    """
    files = [each.removeprefix(KEY) for each in arguments if each.startswith(KEY)]
    others = [each for each in arguments if not each.startswith(KEY)]
    if not files:
        return others
    first = next((place for place, each in enumerate(others) if _is_override(each)), len(others))
    return [*others[:first], *(value for file in files for value in _values(Path(file))), *others[first:]]


def as_text(values: Mapping[str, Any], remark: str) -> str:
    """The text of a file of tuned values, which begins with a remark."""
    return f"# {remark}\n{yaml.safe_dump(dict(values), sort_keys=False)}"


def _is_override(argument: str) -> bool:
    return not argument.startswith("-") and "=" in argument


def _values(path: Path) -> Iterator[str]:
    """Overrides."""
    try:
        text = read_text(path)
        check_nodes(text)
        content = yaml.load(text, LOADER)  # a safe one
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{KEY}{path}: cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(content, Mapping):
        raise ConfigError(f"{KEY}{path}: must hold keys and their values, such as model.optimizer.lr: 0.001")
    for key, value in content.items():
        if not isinstance(key, str) or not key.replace(".", "").replace("_", "").isalnum() or "_target_" in key:
            raise ConfigError(f"{KEY}{path}: {key!r} is no key of a configuration, such as model.optimizer.lr")
        yield f"{key}={_written(value, f'{KEY}{path}: {key}')}"


def _written(value: Any, where: str) -> str:
    """As Hydra reads it."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        escaped = BEFORE_A_QUOTE.sub(lambda found: 2 * found[0], value).replace("'", r"\'")
        return f"'{escaped}'"
    if isinstance(value, list):
        return f"[{','.join(_written(each, where) for each in value)}]"
    raise ConfigError(f"{where}: must be a plain value, or a list of such")

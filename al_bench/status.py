"""How a run stands, read from its directory without opening it; imports no torch, so that skipping is quick."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from al_bench.errors import RunDirectoryError
from al_bench.files import read_json
from al_bench.identity import NO_DEFAULTS, differing_keys
from al_bench.stored_config import read_config

SCHEMA_VERSION = 1


def is_finished(path: Path, config: Mapping[str, Any], default: Mapping[str, Any] = NO_DEFAULTS) -> bool:
    """Whether the run in this directory has all the labels that this configuration asks for.

    What `default` says see `differing_keys`.

    Raises:
        RunDirectoryError: if the directory belongs to another configuration or another version of al_bench.
    """
    check_same_run(path, config, default)
    try:
        done = read_json(path / "done.json")
        version, num_labelled, pool_size = done["schema_version"], done["num_labelled"], done["pool_size"]
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise RunDirectoryError(f"{path / 'done.json'} cannot be read ({error}); delete it to go on") from error
    if version != SCHEMA_VERSION:
        raise RunDirectoryError(
            f"{path} was written by another version of al_bench (schema {version}, this one writes "
            f"{SCHEMA_VERSION}); give the run another name"
        )
    is_whole = all((path / name).exists() for name in ("config.yaml", "rounds.csv"))
    return is_whole and bool(num_labelled >= (config["budget"] or pool_size))


def check_same_run(path: Path, config: Mapping[str, Any], default: Mapping[str, Any] = NO_DEFAULTS) -> None:
    """RunDirectoryError, with the keys, if the directory holds a run whose results may differ from this one's."""
    try:
        stored: Any = read_config(path / "config.yaml")
    except (FileNotFoundError, NotADirectoryError):
        return
    except Exception as error:  # whatever the YAML reader makes of a foreign file
        raise RunDirectoryError(f"{path / 'config.yaml'} cannot be read ({error})") from error
    if not isinstance(stored, dict) or not stored:
        raise RunDirectoryError(f"{path / 'config.yaml'} is empty; delete {path} to start again")
    differences = differing_keys(config, stored, default)
    if differences:
        listed = "\n  ".join(differences)
        raise RunDirectoryError(f"{path} holds a run of another configuration; give this one another name:\n  {listed}")


def holds_run(path: Path, config: Mapping[str, Any], default: Mapping[str, Any] = NO_DEFAULTS) -> bool:
    """Whether the directory holds a run that this configuration's goes on from; see `check_same_run`."""
    try:
        check_same_run(path, config, default)
    except RunDirectoryError:
        return False
    return (path / "config.yaml").exists()

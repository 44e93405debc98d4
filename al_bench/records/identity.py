"""The names of a run, computed from its resolved configuration: what it is called on disk and in tables.

A name is the group's choice and whatever differs from what that choice alone would give, sorted, in canonical form:
`mlp`, `mlp,optimizer.lr=0.001`, `badge,first=largest`. So `lr=1e-3` and `lr=0.001` are one run, and an override that
repeats a default changes nothing.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from al_bench.core.errors import RunDirectoryError
from al_bench.records.layout import CONFIG, folder_named, identity_of_path, path_of, run_title
from al_bench.records.run_config import IRRELEVANT, VARIANT_GROUPS, VARIANT_KEYS, read_config

GROUPS = ("dataset", "model", "strategy")
UNNAMED = {
    "dataset.hyperparameters",  # its values count where a model takes them
    "dataset.family",  # what is said over settings counts by it
    "dataset.num_classes",  # what the data are compared with
}
OWN = ("arrays.arrays", "modalities.modalities", "texts.texts", "table.table", "images.images")
NAMED = {f"al_bench.datasets.{each}" for each in OWN}  # by `name`, instead of `path` and `test_path`
REPLAY = "al_bench.strategies.replay.Replay"  # `of` runs by their names, wherever their folder is
ORACLES = "oracle/"  # the folder of their options, which names do without
MAX_NAME = 120
NO_DEFAULTS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Identity:
    """What makes a run this run. Runs of the same identity have the same results, as far as their budgets go."""

    dataset: str
    model: str
    strategy: str
    batch_size: int
    variant: str
    seed: int

    @property
    def path(self) -> Path:
        """The run directory, below the folder of the experiment."""
        return path_of(self.as_dict())

    @property
    def title(self) -> str:
        """For people: `digits · mlp · badge · b100 · seed 0`."""
        return run_title(self.as_dict())

    def as_dict(self) -> dict[str, str | int]:
        """The columns that identify a row of a table."""
        return {**vars(self)}  # plain values: no copies of what is in them


def own_paths(dataset: Mapping[str, Any]) -> list[str]:
    """The user's own files, or the folder, that the node of a data set names; none of one that is not a user's."""
    keys = ("path", "test_path") if dataset.get("_target_") in NAMED else ()
    return [path for key in keys if isinstance(path := dataset.get(key), str)]


def identity_of(
    config: Mapping[str, Any],
    default: Mapping[str, Any],
    choices: Mapping[str, str],
    nested: Mapping[str, str] | None = None,
) -> Identity:
    """The identity of a resolved configuration.

    Args:
        config: plain values.
        default: the configuration that the choices alone give.
        choices: the option chosen in each of the groups `GROUPS`, and in those that are named in the variant.
        nested: options chosen inside of those, by their path, that are not the usual ones: `strategy.query: badge`.
    """
    names = {}
    config, unnamed = _by_names(config), _unnamed(config)
    for group in GROUPS:
        inner = [
            f"{path.partition('.')[2]}={option}"
            for path, option in (nested or {}).items()
            if path.startswith(f"{group}.")
        ]
        differences = _differences(*(_relevant(group, each, unnamed) for each in (config, default)))
        names[group] = _name([choices[group].removeprefix(ORACLES), *sorted(inner + differences)])
    chosen = [
        f"{group}={choices[group]}" for group, usual in VARIANT_GROUPS.items() if choices.get(group, usual) != usual
    ]
    named = (*VARIANT_KEYS, *VARIANT_GROUPS)
    variant, usual = ({key: each[key] for key in named if key in each} for each in (config, default))
    return Identity(
        **names,
        batch_size=config["batch_size"]["size"],
        variant=_name(sorted(chosen + _differences(variant, usual))),
        seed=config["seed"],
    )


def differing_keys(
    config: Mapping[str, Any], stored: Mapping[str, Any], default: Mapping[str, Any] = NO_DEFAULTS
) -> list[str]:
    """The keys, with both values, in which a configuration would not have the results of a stored one.

    A key that the stored one lacks was not known when it was written: it counts as its value in `default`, the
    configuration that the choices alone give, which means what was done before there was the key.
    """
    ours, theirs, usual = (_relevant_leaves(each) for each in (config, stored, default))
    return [
        f"{key}: {canonical(theirs[key]) if key in theirs else 'absent'} there, "
        f"{canonical(ours[key]) if key in ours else 'absent'} asked for"
        for key in sorted(ours.keys() | theirs.keys())
        if (key in theirs or not _is_usual(key, ours, usual)) and not _is_equal(key, ours, theirs)
    ]


def _relevant_leaves(config: Mapping[str, Any]) -> dict[str, Any]:
    """Those that change results; an empty mapping says nothing."""
    unnamed = tuple(_unnamed(config))
    relevant = {key: value for key, value in _by_names(config).items() if key not in IRRELEVANT}
    return {
        key: value
        for key, value in flattened(relevant)
        if not key.startswith(unnamed) and not (isinstance(value, Mapping) and not value)
    }


def _is_usual(key: str, leaves: Mapping[str, Any], usual: Mapping[str, Any]) -> bool:
    return key in usual and leaves[key] == usual[key]


def _is_equal(key: str, leaves: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    return key in leaves and key in others and bool(leaves[key] == others[key])


def flattened(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested mappings, with their dotted keys; a list is a leaf."""
    if isinstance(node, Mapping) and node:
        for key, value in node.items():
            yield from flattened(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, node


def canonical(value: Any) -> str:
    """One spelling per value: 1.0 is 1, 1e-3 is 0.001; a text that reads like another value is quoted."""
    if isinstance(value, str):
        return json.dumps(value) if value.startswith("[") or _reads_as_json(value) else value
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_canonical_item, value))}]"
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    return json.dumps(whole, separators=(",", ":"), default=str)


def _canonical_item(value: Any) -> str:
    """Of a list: a text with what separates items is quoted as well."""
    return json.dumps(value) if isinstance(value, str) and set(value) & set(',[]"') else canonical(value)


def _reads_as_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _unnamed(config: Mapping[str, Any]) -> set[str]:
    """The keys that are no part of what a run is called or compared by, though they stand in a group."""
    dataset = config.get("dataset")
    is_named = isinstance(dataset, Mapping) and dataset.get("_target_") in NAMED and dataset.get("name") is not None
    return UNNAMED | {"dataset.path", "dataset.test_path"} if is_named else UNNAMED


def _by_names(node: Mapping[str, Any]) -> dict[str, Any]:
    """A node in which a replay names the runs by `<model>.<strategy>`, as far as their folder tells that."""
    changed = {key: _by_names(value) if isinstance(value, Mapping) else value for key, value in node.items()}
    if changed.get("_target_") == REPLAY and (names := identity_of_path(folder_named(str(changed.get("of"))) / "s0")):
        changed["of"] = f"{names['model']}.{names['strategy']}"
    return changed


def _relevant(group: str, config: Mapping[str, Any], unnamed: Set[str]) -> Mapping[str, Any]:
    return {key: value for key, value in config[group].items() if f"{group}.{key}" not in unnamed}


def _differences(node: Mapping[str, Any], default: Mapping[str, Any]) -> list[str]:
    ours, theirs = dict(flattened(node)), dict(flattened(default))
    changed = [f"{key}={canonical(ours[key])}" for key in ours if key not in theirs or ours[key] != theirs[key]]
    removed = [f"~{key}" for key in theirs if key not in ours and not _is_replaced(key, ours)]
    return sorted(changed + removed)


def _is_replaced(key: str, leaves: Mapping[str, Any]) -> bool:
    """Whether a mapping stands where this leaf was, or a leaf where a mapping around it was."""
    return any(leaf.startswith(f"{key}.") or key.startswith(f"{leaf}.") for leaf in leaves)


def _name(parts: list[str]) -> str:
    """Joined by commas, safe as a folder's name and on a case-preserving file system; a long one ends in a hash."""
    name = quote(",".join(parts), safe="=,+-_.:()[]{} ")
    if len(name) <= MAX_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{name[: MAX_NAME - 13]}~{digest}"


def check_same_run(path: Path, config: Mapping[str, Any], default: Mapping[str, Any] = NO_DEFAULTS) -> None:
    """RunDirectoryError, with the keys, if the directory holds a run whose results may differ from this one's."""
    try:
        stored: Any = read_config(path / CONFIG)
    except (FileNotFoundError, NotADirectoryError):
        return
    except Exception as error:  # whatever the YAML reader makes of a foreign file
        raise RunDirectoryError(f"{path / CONFIG} cannot be read ({error})") from error
    if not isinstance(stored, dict) or not stored:
        problem = "is empty" if not stored else f"holds a {type(stored).__name__} where a run's configuration was"
        raise RunDirectoryError(f"{path / CONFIG} {problem}; delete {path} to start again")
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
    return (path / CONFIG).exists()

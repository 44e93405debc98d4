"""What environment.json tells of each start of a run: the one reader, which checks it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, cast, get_type_hints

from al_bench.files.writing import read_json
from al_bench.records.columns import MOST
from al_bench.records.layout import ENVIRONMENT


class Start(TypedDict, total=False):
    """One start of a run: what is read of it, any of which an older version, or a start that was killed, may lack.

    `commit_clean`: whether code was that of the commit; `budget`: labels asked for, None for all; `data`: a digest of
    what was learned from, `examples` one of the examples themselves where that is another (`split_digest` takes the
    right one); `own_code` and `own_files`: digests of a user's modules, by name, and files; `flips` and `validation`:
    digests of those files; `feature_weights`: of the weights that features are by.
    """

    time: str | None
    command: list[str]
    host: str | None
    device: str | None
    device_name: str | None
    python: str | None
    al_bench: str | None
    torch_build: str | None
    versions: dict[str, str]
    commit: str | None
    commit_clean: bool | None
    budget: int | None
    family: str | None
    is_oracle: bool | None
    own_code: dict[str, str]
    own_files: str | None
    data: str | None
    examples: str | None
    feature_weights: str | None
    flips: str | None
    validation: str | None


TEXTS = {key for key, kind in get_type_hints(Start).items() if kind == str | None}


def starts_of(path: Path) -> list[Start]:
    """The entries of the directory's environment.json, one for each start; none if it cannot be read.

    Values that no run writes are left out; keys of other versions stay, and nobody reads them.
    """
    try:
        starts = raw_starts(path)
    except (OSError, ValueError):
        return []
    written = ({key: value for key, value in start.items() if _is_written(key, value)} for start in starts)
    return [cast(Start, start) for start in written]


def raw_starts(path: Path) -> list[dict[str, Any]]:
    """The entries of environment.json as they are; ValueError if there is anything else in it."""
    try:
        starts = read_json(path / ENVIRONMENT)
    except (FileNotFoundError, NotADirectoryError):
        return []
    if not isinstance(starts, list) or not all(isinstance(start, dict) for start in starts):
        raise ValueError("it is no list of starts")
    return starts


def split_digest(start: Start) -> str | None:
    """The digest of the examples that an index in the pool means, whatever features took the place of their inputs."""
    return start.get("examples") or start.get("data")


def changed_modules(starts: Sequence[Start], now: Mapping[str, str]) -> list[str]:
    """The names of a user's modules, given by their digests, that were others at the last of the starts."""
    known = starts[-1].get("own_code", {}) if starts else {}
    return [module for module in sorted(now) if known.get(module, now[module]) != now[module]]


def _is_written(key: str, value: object) -> bool:
    """Whether a start can have written this value."""
    match key:
        case "budget":
            return value is None or (type(value) is int and 0 < value <= MOST)
        case "command":
            return isinstance(value, list) and all(isinstance(each, str) for each in value)
        case "versions" | "own_code":
            return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())
        case "commit_clean" | "is_oracle":
            return isinstance(value, bool | None)
    return key not in TEXTS or isinstance(value, str | None)

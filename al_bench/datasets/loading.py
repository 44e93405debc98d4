"""Data sets are read once per process: the runs of a sweep share them, unchanged."""

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from al_bench.datasets.checks import check_dataset, digest
from al_bench.errors import DataError
from al_bench.interfaces import Dataset
from al_bench.parts import called, checked_part
from al_bench.seeding import Stream, generator

FACTS = {"data_dir", "rng"}


@dataclass(frozen=True)
class Loaded:
    """A data set that was checked, and which one it is (`al_bench.datasets.checks.digest`)."""

    dataset: Dataset
    digest: str


def checked_node(config: Mapping[str, Any]) -> dict[str, Any]:
    """The node of the data set without what it says to models; ConfigError for what its function would not take."""
    node = {key: value for key, value in config["dataset"].items() if key != "hyperparameters"}
    checked_part("dataset", node, facts=FACTS)
    return node


def loaded(node: Mapping[str, Any], data_dir: Path, seed: int) -> Loaded:
    """The data set of a checked node, whose split is drawn from the seed if it draws one.

    Raises:
        ConfigError, DataError: if its arguments or its files cannot be used.
    """
    draws = "rng" in inspect.signature(checked_part("dataset", node, facts=FACTS)).parameters
    return _read(json.dumps(node), data_dir, seed if draws else None)


@lru_cache(maxsize=1)  # the last one: a pool may be large
def _read(node_text: str, data_dir: Path, seed: int | None) -> Loaded:
    node = json.loads(node_text)
    facts: dict[str, Any] = {"data_dir": data_dir}
    if seed is not None:
        facts["rng"] = generator(seed, Stream.SPLIT)
    try:
        dataset = called("dataset", checked_part("dataset", node, facts=FACTS), **facts)
    except OSError as error:
        raise DataError(f"dataset: {error.filename or ''} cannot be read: {error.strerror or error}") from error
    if not isinstance(dataset, Dataset):
        raise DataError(f"dataset._target_={node['_target_']}: returned no Dataset")
    check_dataset(dataset)
    return Loaded(dataset, digest(dataset))

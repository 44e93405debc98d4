"""Data as it comes: what is done to the pool of any data set after it is loaded, by keys beside its own."""

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from al_bench.config.parts import called, checked_part, located
from al_bench.core.data import Dataset
from al_bench.core.errors import ConfigError, DataError
from al_bench.core.seeding import Stream, generator
from al_bench.datasets.checks import check_dataset, digest
from al_bench.datasets.copies import Copies
from al_bench.job.loading import Loaded
from al_bench.records.identity import canonical, flattened
from al_bench.records.run_config import WRAPPERS

Wrapper = Callable[[Dataset[Any], np.random.Generator], Dataset[Any]]


def checked_wrappers(node: Mapping[str, Any]) -> dict[str, Wrapper]:
    """The wrappers that the node of a data set asks for, in the order of `WRAPPERS`, by what asks for them.

    A key that the function of the data set has itself is the function's.

    Raises:
        ConfigError: for what they would not take.
    """
    own = inspect.signature(located("dataset", node)).parameters
    wrappers: dict[str, Wrapper] = {}
    for key, usual in WRAPPERS.items():
        value = node.get(key, usual)
        if key in own:
            continue
        if isinstance(usual, Mapping) and not isinstance(value, Mapping):
            named = " or ".join(f"dataset.{key}.{name}=..." for name in usual)
            raise ConfigError(f"dataset.{key}={canonical(value)}: say {named}")
        path, arguments = (f"dataset.{key}", value) if isinstance(usual, Mapping) else ("dataset", {key: value})
        given = {name: argument for name, argument in arguments.items() if argument is not None}
        if given:
            class_name = key.title().replace("_", "")
            target = f"al_bench.datasets.wrappers.{key}.{class_name}"
            asked = ", ".join(f"{path}.{name}={canonical(each)}" for name, each in flattened(given))
            wrappers[asked] = called(path, checked_part(path, {"_target_": target, **given}))
    return wrappers


def wrapped(data: Loaded, wrappers: Mapping[str, Wrapper], seed: int) -> Loaded:
    """The data set with another pool, drawn from the seed, one wrapper after the other; it has a digest of its own.

    `flips` are what the last of those that give other labels to the same examples has changed.

    Raises:
        ConfigError, DataError: if a wrapper does not fit the data set, or leaves nothing that could be learned from.
    """
    if not wrappers:
        return data
    dataset, flips, rng = data.dataset, data.flips, generator(seed, Stream.DATA)
    for asked, wrapper in wrappers.items():
        before = dataset.train
        try:
            dataset = wrapper(dataset, rng)
            check_dataset(dataset)
        except DataError as error:  # a class may have nothing left
            raise DataError(f"{asked}: {error}") from error
        if dataset.train.inputs is before.inputs:
            flips = _flips(before.targets.numpy(), dataset.train.targets.numpy())
    copies = Copies.of(dataset)
    return replace(
        data,
        dataset=dataset,
        digest=digest(dataset),
        copies=replace(copies.found(), by_letters=data.copies.by_letters),
        best_accuracy=copies.best_accuracy(),
        flips=flips,
    )


def pool_digest(as_loaded: Loaded, wrappers: Mapping[str, Wrapper], seed: int) -> str:
    """Which examples an index in the pool means, whatever features they have."""
    if not wrappers:
        return as_loaded.digest
    return hashlib.blake2b(json.dumps([as_loaded.digest, *wrappers, seed]).encode(), digest_size=16).hexdigest()


def _flips(targets_N: NDArray[np.int64], given_N: NDArray[np.int64]) -> NDArray[np.int64]:
    """The wrong labels (F, 3): index in the pool, target, and the label that is given."""
    rows = np.flatnonzero(targets_N != given_N)
    return np.stack([rows, targets_N[rows], given_N[rows]], axis=1)

"""Data sets are read: the last one is kept, so that runs of a process which follow each other share it, unchanged."""

import inspect
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray

from al_bench.config.parts import called, checked_part, checked_value, located
from al_bench.config.schema import EveryDataset
from al_bench.core.data import Dataset, Texts
from al_bench.core.errors import ConfigError, DataError
from al_bench.core.seeding import Stream, generator
from al_bench.datasets.checks import check_dataset, digest
from al_bench.datasets.copies import Choice, Copies, Found, by_letters, without_copies
from al_bench.features.inputs import Inputs
from al_bench.records.run_config import WRAPPERS

FACTS = {"data_dir", "rng"}
HINTS = get_type_hints(EveryDataset, include_extras=True)
NONE = Found()
BESIDE = ("hyperparameters", "copies", "family", *WRAPPERS)  # keys of every data set that its function is not given

NO_NUMBERS = "features=none: the data set holds texts, and networks learn from numbers; say features=minilm"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loaded:
    """A data set that was checked, which one it is (`al_bench.datasets.checks.digest`), and its copies.

    `copies` were found before any were left out; `best_accuracy` is what is possible on the pool as it is. `flips` are
    the labels (F, 3) that were made wrong: index in the pool, target, and the label that is given instead.
    """

    dataset: Dataset[Any]
    digest: str
    copies: Found = NONE
    best_accuracy: float = 1.0
    flips: NDArray[np.int64] | None = None


def checked_node(node: Mapping[str, Any]) -> dict[str, Any]:
    """The node of what is loaded, as its function takes it; ConfigError for what it would not take."""
    copies, num_classes = node.get("copies", "keep"), node.get("num_classes")
    for key, value in (("family", node.get("family")), ("copies", copies), ("num_classes", num_classes)):
        checked_value(f"dataset.{key}", HINTS[key], value)
    unsaid = ("num_classes",) if num_classes is None else ()  # a user's function may have a default for it
    node = {key: value for key, value in _of_function(node).items() if key not in unsaid}
    checked_part("dataset", node, facts=FACTS)
    return {**node, "copies": copies}


def check_features(node: Mapping[str, Any], features: object) -> None:
    """ConfigError for features that are the inputs themselves, where the data set's function says it gives texts."""
    try:
        returned = get_type_hints(located("dataset", node)).get("return")
    except (NameError, TypeError):  # of a user's: what it gives is seen when it is read
        return
    if isinstance(features, Inputs) and Texts in get_args(returned):
        raise ConfigError(NO_NUMBERS)


def dataset_family(node: Mapping[str, Any], name: str) -> str | None:
    """What data sets that are views of the same examples have in common: `dataset.family`.

    Without it, what the name says beside its choice, where that stands for many: `openml,id=6`, `arrays,name=mine`.
    """
    choice, *others = name.split(",")
    named = [each for each in others if each.startswith(("id=", "name=", "path="))]
    family: str | None = node.get("family")
    return family or (",".join([choice, *named]) if named else None)


def loaded(node: Mapping[str, Any], data_dir: Path, seed: int) -> Loaded:
    """The data set of a checked node, whose split is drawn from the seed if it draws one.

    Raises:
        ConfigError, DataError: if its arguments or its files cannot be used.
    """
    draws = "rng" in inspect.signature(checked_part("dataset", _of_function(node), facts=FACTS)).parameters
    return _read(json.dumps(node), data_dir, seed if draws else None)


def _of_function(node: Mapping[str, Any]) -> dict[str, Any]:
    """Without the keys that its function is not given; it is if it has one of `WRAPPERS` as its own."""
    own = WRAPPERS.keys() & inspect.signature(located("dataset", node)).parameters.keys()
    return {key: value for key, value in node.items() if key in own or key not in BESIDE}


@lru_cache(maxsize=1)  # the last one: a pool may be large
def _read(node_text: str, data_dir: Path, seed: int | None) -> Loaded:
    node = json.loads(node_text)
    facts: dict[str, Any] = {"data_dir": data_dir}
    if seed is not None:
        facts["rng"] = generator(seed, Stream.SPLIT)
    try:
        dataset = called("dataset", checked_part("dataset", _of_function(node), facts=FACTS), **facts)
    except OSError as error:
        raise DataError(f"dataset: {error.filename or ''} cannot be read: {error.strerror or error}") from error
    if not isinstance(dataset, Dataset):
        raise DataError(f"dataset._target_={node['_target_']}: returned no Dataset")
    check_dataset(dataset)
    if (said := node.get("num_classes")) not in (None, dataset.num_classes):
        raise DataError(f"dataset.num_classes={said}: the data set has {dataset.num_classes} classes")
    copies = Copies.of(dataset)
    found = _found(dataset, copies)
    choice = node.get("copies", "keep")
    if choice != "keep":
        dataset = _without(dataset, copies, choice)
        copies = Copies.of(dataset)
    if warning := copies.warning():
        log.warning("%s", warning)
    return Loaded(dataset, digest(dataset), found, copies.best_accuracy())


def _found(dataset: Dataset[Any], copies: Copies) -> Found:
    """How many copies there are; of texts also by letters and digits alone, which are warned of here."""
    if not isinstance(dataset.train.inputs, tuple):
        return copies.found()
    alike = Copies.of(by_letters(dataset))
    told = alike.told()
    if told and told != copies.told():
        log.warning("by letters and digits alone, %s; dataset.copies leaves such texts where they are", told)
    return replace(copies.found(), by_letters=alike.found())


def _without(dataset: Dataset[Any], copies: Copies, choice: Choice) -> Dataset[Any]:
    left = without_copies(dataset, copies, choice)
    try:
        check_dataset(left)
    except DataError as error:  # all of a class may be copies of others
        raise DataError(f"dataset.copies={choice}: {error}") from error
    return left

"""Features in place of inputs: of a frozen network from files, of anything else made at each start."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from al_bench.core.data import Dataset
from al_bench.core.errors import ConfigError, DataError
from al_bench.core.features import Extractor, FittedExtractor, Rows
from al_bench.datasets.checks import check_dataset, digest
from al_bench.job.features.files import digest_of, kept_features
from al_bench.job.loading import NO_NUMBERS, Loaded
from al_bench.job.pretraining import source_of

FORMAT = 1  # of the files, and of what our own extractors compute
OURS = ("al_bench", "abc", "builtins", "torch")  # whose code has a number, or a version

Features = Extractor | FittedExtractor | Callable[[Any], Tensor]


@dataclass(frozen=True)
class Where:
    """What is to be known besides a data set and what makes its features.

    Args:
        options: the node of the latter.
        data_dir: where files of features are.
        device: on which they are computed.
        check_weights: is told of the digest of the weights before that, and may refuse it.
        must_keep: whether features of a frozen network are of no use unless files hold them.
    """

    options: Mapping[str, Any]
    data_dir: Path
    device: str = "cpu"
    check_weights: Callable[[str], None] = lambda digest: None  # noqa: ARG005
    must_keep: bool = False


@dataclass(frozen=True)
class _Asked:
    """Features of a data set by a frozen network; the same as others that depend on the same."""

    data_digest: str
    depends_on: str
    data_dir: Path
    data: Loaded = field(compare=False)
    extractor: Extractor = field(compare=False)
    device: str = field(compare=False)
    must_keep: bool = field(compare=False)


def on_features(data: Loaded, features: Features, where: Where) -> Loaded:
    """The data set with features of each row in place of its inputs, and a digest of its own.

    It is the same if these are the inputs, or are fitted to the pool, which waits for `fitted_to`.

    Raises:
        ConfigError: if they cannot be made of such inputs; before any time is spent.
        DataError: if they cannot be used.
    """
    _check(data, features)
    if isinstance(features, FittedExtractor):
        return data
    if isinstance(features, Extractor):
        with _named(features):
            weights = digest_of(features.weights())
        where.check_weights(weights)
        depends_on = {"weights": weights, "options": where.options, "code": _code_of(features), "format": FORMAT}
        asked = (data.digest, json.dumps(depends_on, sort_keys=True), where.data_dir)
        return _on_kept(_Asked(*asked, data, features, where.device, where.must_keep))
    train, test = (features(each.inputs) for each in (data.dataset.train, data.dataset.test))
    if isinstance(train, tuple):
        raise DataError(NO_NUMBERS)
    if train is data.dataset.train.inputs:
        return data
    return _replaced(data, train, test)


def fitted_to(data: Loaded, features: Features, where: Where) -> Loaded:
    """The data set with features that are fitted to its pool, if these are; else the same."""
    if not isinstance(features, FittedExtractor):
        return data
    with _named(features):
        function = features.fitted(data.dataset.train.inputs)
        train, test = (function(each.inputs) for each in (data.dataset.train, data.dataset.test))
    # by what they are made of: the last bits of what was fitted are the machine's, and a run may go on on another
    made_of = hashlib.blake2b(json.dumps([data.digest, where.options, FORMAT], sort_keys=True).encode(), digest_size=16)
    return replace(_replaced(data, train, test), digest=made_of.hexdigest())


def name_of(features: Features) -> str:
    """For people: the name of its module, which is that of its option if it is one of ours."""
    return type(features).__module__.rpartition(".")[2]


def _check(data: Loaded, features: Features) -> None:
    """ConfigError for inputs that they cannot be made of."""
    check: Callable[[Rows], None] = getattr(features, "check", lambda inputs: None)  # noqa: ARG005
    with _named(features):
        check(data.dataset.train.inputs)
        check(data.dataset.test.inputs)


@contextmanager
def _named(features: Features) -> Iterator[None]:
    """Errors within it say of which features they are."""
    try:
        yield
    except (ConfigError, DataError) as error:
        raise type(error)(f"features={name_of(features)}: {error}") from error
    except OSError as error:
        told = error.strerror or error
        raise DataError(f"features={name_of(features)}: {error.filename or ''} cannot be read: {told}") from error


def _code_of(features: Features) -> list[str]:
    """The files in which the classes of a user's own are written."""
    modules = dict.fromkeys(each.__module__ for each in type(features).__mro__)
    return [source_of(module) for module in modules if module.partition(".")[0] not in OURS]


@lru_cache(maxsize=1)  # the last one, which all runs of a process share
def _on_kept(asked: _Asked) -> Loaded:
    train, test = asked.data.dataset.train.inputs, asked.data.dataset.test.inputs
    rows = (*train, *test) if isinstance(train, tuple) else torch.cat([train, test])
    with _named(asked.extractor):
        features = kept_features(
            *(name_of(asked.extractor), asked.extractor, rows, json.loads(asked.depends_on)),
            *(asked.data_dir, asked.device),
            must_keep=asked.must_keep,
        )
    return _replaced(asked.data, features[: len(train)], features[len(train) :])


def _replaced(data: Loaded, train: Tensor, test: Tensor) -> Loaded:
    before = data.dataset
    dataset = Dataset(replace(before.train, inputs=train), replace(before.test, inputs=test), before.num_classes)
    check_dataset(dataset)
    return replace(data, dataset=dataset, digest=digest(dataset))

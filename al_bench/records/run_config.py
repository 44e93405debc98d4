"""The configuration of a run: its root keys, known here alone, and config.yaml, read back."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import yaml

from al_bench.core.ranges import NonNegativeInt, NumThreads, PositiveInt, Seed
from al_bench.files.writing import read_text
from al_bench.files.yaml_nodes import LOADER, check_nodes

MISSING: Any = "???"  # OmegaConf's, of a value that is still to be said
# A line that libyaml and PyYAML read alike, and that OmegaConf takes as it is: nearly all that a run writes.
KEY, VALUE = r"[A-Za-z_][\w.]*:", r"(?:[-+]?[\w./][\w./+-]*(?: [\w./+-]+)*|'[ !\"#%-&(-~]*'|\[\]|\{\})"
SIMPLE = re.compile(rf" *(?:- )*{KEY}(?: {VALUE})?| *(?:- )+{VALUE}", re.ASCII)

SAVED = ("predictions", "weights", "last_weights")  # beside the tables, if asked to: see `al_bench.records.saved`

Node = Mapping[str, Any]
"""Of a part: `_target_` and arguments, plain values."""


@dataclass
class BatchSize:
    """Examples labelled per round.

    Args:
        size: of the batch.
    """

    size: PositiveInt = MISSING


@dataclass
class Schedule:
    """A budget in multiples of the number of classes.

    Args:
        labels_per_class: of the first batch, and of each that follows: labels divided by classes.
        num_rounds: that follow the first; fewer where they would go beyond a third of the pool.
    """

    labels_per_class: PositiveInt = MISSING
    num_rounds: PositiveInt = MISSING


# What is done to the pool of any data set, in this order: keys beside its own, and their values where nothing is done.
# What each takes is known to the class of its name in `al_bench.datasets.wrappers`.
WRAPPERS: Mapping[str, Any] = {
    "max_pool_size": None,
    "long_tail": {"ratio": None},
    "duplicates": {"share": None},
    "label_noise": {"rate": None, "matrix": None},
}

# What is known of a root key besides its type. `schema`: the type that is composed, if that is another; `default`: what
# is composed where no file says it; `usual`: of a group that is named in the variant, the option that is not.
IN_VARIANT = {"is_named": True}  # in the name `variant`, where it differs from what the choices alone give
ASIDE = {"is_aside": True}  # runs that differ in it are one run
PART = {"schema": Any}


@dataclass(frozen=True)
class Wanted:
    """Labels in all of a run, validation examples among them, which depend on the pool that it turns out to have.

    Args:
        budget: of all rounds; None for the whole pool.
        batch_size: of each round but the first.
        first: labels of round 0.
        is_scheduled: by a schedule: no round beyond a third of the pool, and none but whole ones.
    """

    budget: int | None
    batch_size: int = 1
    first: int = 1
    is_scheduled: bool = False

    @classmethod
    def of(cls, config: "RunConfig") -> "Wanted":
        """What a checked configuration wants."""
        if config.schedule is None:
            return cls(config.budget)
        return cls(config.budget, config.batch_size, config.num_initial + config.num_validation, is_scheduled=True)

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> "Wanted":
        """What a configuration wants as config.yaml holds it, which may be from before there were schedules."""
        if plain.get("schedule") is None:
            return cls(plain["budget"])
        first = plain["num_initial"] + plain["num_validation"]
        return cls(plain["budget"], plain["batch_size"]["size"], first, is_scheduled=True)

    def within(self, pool_size: int) -> int:
        """How many labels these are of a pool of this size."""
        if self.budget is None or not self.is_scheduled:
            return pool_size if self.budget is None else self.budget
        num_rounds = max(0, pool_size // 3 - self.first) // self.batch_size
        return min(self.budget, self.first + num_rounds * self.batch_size)


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """The root keys, checked: below the check they are attributes. Nodes of parts stay plain, for who builds them.

    `plain` is all of it as config.yaml holds it, in the order in which it was composed. A key that an older config.yaml
    lacks counts as its default, which must mean what was done before there was the key.

    Args:
        seed: at one seed all strategies share split, initial labels, first network and order of mini-batches.
        num_initial: labels that round 0 is trained on; 0: as many as a batch, chosen by the strategy.
        num_validation: more labels of round 0, drawn from the pool: never trained on, measured in every round, counted
            in the budget.
        budget: labels in all; a larger one later goes on from where the run ended. None: the whole pool.
        schedule: labels as multiples of the number of classes, in place of `num_initial`, `batch_size` and `budget`.
        name: of the folder below `output_dir` that results go to.
        output_dir: where results go.
        data_dir: where data sets are, or are downloaded to.
        device: where networks are; `auto`: CUDA if there is any, else the CPU; or `cpu`, `cuda`, `cuda:1`.
        storage_device: where the data lies; `auto`: on the device; `cpu`, for pools that do not fit the GPU.
        dry_run: say what would be run, with an estimate of hours and disk.
        save: beside the results, for each round: `predictions` for the test set, `weights`, or `last_weights` of the
            last round alone; one of them or a list. Changes no result, and is no part of what a run is called.
        num_threads: of PyTorch; sums depend on it, so nothing else may set it.
        dataset: what labels are bought of.
        features: a fixed function of the inputs, applied once, before anything learns.
        initial: who chooses the first batch.
        model: the network, and how it is trained.
        strategy: what chooses the examples that are labelled.
        batch_size: examples labelled per round.
        tracker: where others look at runs.
    """

    seed: Seed
    num_initial: NonNegativeInt = field(metadata=IN_VARIANT)
    num_validation: NonNegativeInt = field(metadata=IN_VARIANT)
    budget: PositiveInt | None = field(metadata=ASIDE)
    schedule: Schedule | None = field(default=None, metadata=ASIDE | {"default": None})
    name: str = field(metadata=ASIDE)
    output_dir: Path = field(metadata=ASIDE | {"schema": str})
    data_dir: Path = field(metadata=ASIDE | {"schema": str})
    device: str = field(metadata=ASIDE)
    storage_device: str = field(metadata=ASIDE)
    dry_run: bool = field(metadata=ASIDE)
    save: Sequence[str] = field(metadata=ASIDE | {"schema": Any})  # of SAVED; or one of them
    num_threads: NumThreads = field(metadata=IN_VARIANT)
    dataset: Node = field(  # keys of every data set
        metadata=PART | {"default": {"copies": "keep", "num_classes": None, **WRAPPERS}}
    )
    features: Node = field(metadata=PART | {"usual": "none"})
    initial: Node = field(metadata=PART | {"usual": "random"})
    model: Node = field(metadata=PART)
    strategy: Node = field(metadata=PART)
    batch_size: int = field(metadata={"schema": BatchSize})
    tracker: Node = field(metadata=ASIDE | PART)
    plain: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "RunConfig":
        """The configuration of plain values that have been checked."""
        values = {each.name: plain[each.name] for each in KEYS if each.name in plain}
        values["batch_size"] = plain["batch_size"]["size"]
        if values.get("schedule") is not None:
            values["schedule"] = Schedule(**plain["schedule"])
        values |= {key: Path(plain[key]) for key in ("output_dir", "data_dir")}
        return cls(**values, plain=plain)

    @property
    def wanted(self) -> "Wanted":
        """How many labels the run wants in all."""
        return Wanted.of(self)

    @property
    def folder(self) -> Path:
        """The folder that the runs of its name are in."""
        return self.output_dir / self.name

    def with_seed(self, seed: int) -> "RunConfig":
        """The same configuration at another seed."""
        return replace(self, seed=seed, plain={**self.plain, "seed": seed})


KEYS = tuple(each for each in fields(RunConfig) if each.name != "plain")
IRRELEVANT = {each.name for each in KEYS if "is_aside" in each.metadata}
VARIANT_KEYS = tuple(each.name for each in KEYS if "is_named" in each.metadata)
VARIANT_GROUPS = {each.name: each.metadata["usual"] for each in KEYS if "usual" in each.metadata}


def read_config(path: Path) -> Any:
    """What the file holds, as plain values.

    Raises:
        OSError, ValueError, yaml.YAMLError: if it cannot be read; ValueError too for what would take long to read.
    """
    text = read_text(path)
    check_nodes(text)
    if text.endswith("\n") and all(map(SIMPLE.fullmatch, text[:-1].split("\n"))):
        with suppress(ValueError, yaml.YAMLError):
            if _is_plain(values := yaml.load(text, _loader())) and isinstance(values, dict):
                return values
    from omegaconf import OmegaConf  # a tenth of a second

    return OmegaConf.to_container(OmegaConf.load(StringIO(text)))


@cache
def _loader() -> Any:
    """OmegaConf's, with the parser in C if there is one: 20 times faster."""
    from omegaconf._utils import get_yaml_loader

    own = get_yaml_loader()
    return own if LOADER is yaml.SafeLoader else type("Loader", (LOADER, own), {})


def _is_plain(value: Any) -> bool:
    """Whether OmegaConf would make the same of it."""
    if isinstance(value, dict):
        return all(type(key) is str and _is_plain(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or type(value) in (str, int, float, bool)

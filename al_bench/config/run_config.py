"""The configuration of a run, checked: below the check nobody indexes it by strings."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

Node = Mapping[str, Any]
"""Of a part: `_target_` and arguments, plain values."""


@dataclass(frozen=True)
class RunConfig:
    """The root keys, with the types of `al_bench.config.schema`; nodes of parts stay plain.

    `plain` is all of it as config.yaml holds it, in the order in which it was composed.
    """

    seed: int
    num_initial: int
    num_validation: int
    budget: int | None
    name: str
    output_dir: Path
    data_dir: Path
    device: str
    storage_device: str
    dry_run: bool
    num_threads: int
    dataset: Node
    model: Node
    strategy: Node
    batch_size: int
    tracker: Node
    plain: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "RunConfig":
        """Of plain values that have been checked."""
        values = {each.name: plain[each.name] for each in fields(cls) if each.name != "plain"}
        values["batch_size"] = plain["batch_size"]["size"]
        values |= {key: Path(plain[key]) for key in ("output_dir", "data_dir")}
        return cls(**values, plain=plain)

    @property
    def folder(self) -> Path:
        """Of the runs of its name."""
        return self.output_dir / self.name

    def with_seed(self, seed: int) -> "RunConfig":
        """The same at another seed."""
        return replace(self, seed=seed, plain={**self.plain, "seed": seed})

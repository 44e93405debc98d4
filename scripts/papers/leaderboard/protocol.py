"""What the leaderboard compares, and what is said of it: docs/results/leaderboard/protocol.yaml."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import yaml
from annotated_types import Ge
from hydra import compose, initialize_config_dir
from pydantic import BaseModel, ConfigDict

from al_bench.config.schema import CONF

RESULTS = CONF.parent / "docs" / "results" / "leaderboard"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Entry(_Strict):
    """A data set: its choice, its learner, whether that sees features of a frozen network, its regimes (None: all)."""

    dataset: str
    learner: Literal["mlp", "linear"]
    is_embedded: bool = False
    regimes: tuple[str, ...] | None = None


class Schedule(_Strict):
    """Of a regime: labels a class in the first batch and in each, and rounds that follow the first."""

    labels_per_class: int
    num_rounds: int


class Protocol(_Strict):
    """The file, key by key."""

    seeds: Annotated[int, Ge(2)]
    baseline: str
    also_against: str
    regimes: Mapping[str, Schedule]
    min_rounds: int
    datasets: Mapping[str, Entry]
    marked: Mapping[str, Entry]
    footnotes: Mapping[str, str]
    learners: Mapping[str, str]
    oracles: tuple[str, ...]
    measures: tuple[str, ...]
    statistic: str
    parts: tuple[str, ...]
    margin: float
    confidence: float
    interval: str
    correction: str
    places: str
    never: tuple[str, ...]
    changes: tuple[str, ...]

    @classmethod
    def read(cls, path: Path = RESULTS / "protocol.yaml") -> "Protocol":
        """Of the file; a key that is unknown, or lacking, is an error."""
        return cls.model_validate(yaml.safe_load(path.read_text()))

    def names(self, regime: str) -> dict[str, str]:
        """Of the data sets that a regime averages over, by the choice of `dataset`."""
        known = self.datasets.items()
        return {each.dataset: name for name, each in known if each.regimes is None or regime in each.regimes}

    @property
    def tables(self) -> frozenset[str]:
        """The data sets that are tables, which a small network learns from."""
        return frozenset(name for name, each in self.datasets.items() if each.learner == "mlp")

    @property
    def on_frozen_features(self) -> frozenset[str]:
        """Those that a probe learns from by the features of a network."""
        return frozenset(name for name, each in self.datasets.items() if each.is_embedded)


def strategies_of(regime: str) -> tuple[str, ...]:
    """The choices of `strategy` that experiment=leaderboard/REGIME runs; of oracles the name alone."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = compose("config", [f"experiment=leaderboard/{regime}"], return_hydra_config=True)
    choices = composed.hydra.sweeper.params["strategy"].split(",")
    return tuple(choice.strip().removeprefix("oracle/") for choice in choices)

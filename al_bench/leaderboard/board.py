"""What a submission is compared with: the runs that the experiments plan, and what is published of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from al_bench.config.planning import Planned
from al_bench.config.reading.experiments import experiments_in
from al_bench.leaderboard.published import Published, read_published
from al_bench.records.columns import SETTING_COLUMNS
from al_bench.records.identity import Identity

FOLDER = "leaderboard"  # of conf/experiment
REGENERATED = ("random_rbf",)  # drawn anew by us, not the file of its source: in no check


@dataclass(frozen=True)
class Place:
    """A data set in a regime: what the run of Random is there, at one seed, and all seeds."""

    regime: str
    name: str
    planned: Planned = field(repr=False, compare=False)
    seeds: tuple[int, ...]

    @property
    def setting(self) -> tuple[object, ...]:
        """The values of `SETTING_COLUMNS` of the runs in this place."""
        return setting_of(self.planned.identity)

    @property
    def is_checked(self) -> bool:
        """Whether anybody has its data."""
        return self.name not in REGENERATED

    def __str__(self) -> str:
        return f"{self.name} in {self.regime}"


@dataclass(frozen=True)
class Board:
    """All places, and what is published of them; `folder` is that of its experiments."""

    places: Sequence[Place]
    published: Published
    folder: str = FOLDER

    @classmethod
    def read(cls, published: Path | None = None, folder: str = FOLDER, config_dir: Path | None = None) -> "Board":
        """The leaderboard of the package; another by its file of published runs, and the folder of its experiments."""
        places = []
        for experiment in experiments_in(folder, config_dir):
            regime = experiment.option.rpartition("/")[2]
            for setting in experiment.settings:
                name = setting.rpartition("/")[2]
                places.append(Place(regime, name, experiment.planned(setting), experiment.seeds))
        return cls(places, read_published() if published is None else read_published(published), folder)

    def is_published(self, place: Place) -> bool:
        """Whether Random's runs in a place are, at each seed."""
        dataset = place.planned.identity.dataset
        return all((place.regime, dataset, seed) in self.published for seed in place.seeds)

    def due(self, regime: str) -> list[Place]:
        """What a submission to a regime has to have."""
        places = (place for place in self.places if place.regime == regime and place.is_checked)
        return [place for place in places if self.is_published(place)]

    def command(self, regime: str, strategy: str) -> str:
        """What runs a strategy on all that is due."""
        settings = ",".join(f"{self.folder}/{place.name}" for place in self.due(regime))
        return f"al-bench experiment={self.folder}/{regime} setting={settings} strategy={strategy} name={strategy}"


def setting_of(identity: Identity) -> tuple[object, ...]:
    """The columns `SETTING_COLUMNS` of a run."""
    return tuple(identity.as_dict()[column] for column in SETTING_COLUMNS)

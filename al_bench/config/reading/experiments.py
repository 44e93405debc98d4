"""What the file of an experiment plans, without running it: settings and seeds, and the run of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra import compose, initialize_config_dir

from al_bench.config.arguments import composed_of, parsed, swept_values
from al_bench.config.composing import parted
from al_bench.config.planning import Planned, planned
from al_bench.config.schema import CONF


@dataclass(frozen=True)
class Experiment:
    """An option of the group `experiment` that sweeps over settings and seeds.

    Args:
        option: `leaderboard/low`.
        settings: options of the group `setting`.
        seeds: of each setting.
        config_dir: with options beside ours.
    """

    option: str
    settings: tuple[str, ...]
    seeds: tuple[int, ...]
    config_dir: Path | None = None

    @classmethod
    def read(cls, option: str, config_dir: Path | None = None) -> "Experiment":
        """By the name of the option. Errors are those of Hydra."""
        own = [] if config_dir is None else ["--config-dir", str(config_dir)]
        swept = composed_of([f"experiment={option}"], own).hydra.sweeper.params
        return cls(option, tuple(_values(swept, "setting")), tuple(map(int, _values(swept, "seed"))), config_dir)

    def planned(self, setting: str) -> Planned:
        """Random's run in a setting, at the first seed. Errors are those of Hydra and `al_bench.config.planning`."""
        choices = [f"experiment={self.option}", f"setting={setting}", "strategy=random", f"seed={self.seeds[0]}"]
        own = [] if self.config_dir is None else [f"hydra.searchpath=[file://{self.config_dir.absolute()}]"]
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return planned(*parted(compose("config", [*choices, "tracker=none", *own], return_hydra_config=True)))


def experiments_in(folder: str, config_dir: Path | None = None) -> Sequence[Experiment]:
    """The experiments whose files lie in a folder of the group: `leaderboard`."""
    places = (place / "experiment" / folder for place in (CONF, config_dir) if place is not None)
    names = sorted({path.stem for place in places for path in place.glob("*.yaml")})
    return [Experiment.read(f"{folder}/{name}", config_dir) for name in names]


def _values(swept: dict[str, str], key: str) -> list[str]:
    (override,) = parsed([f"{key}={swept[key]}"])
    return [*swept_values(override)] if override.is_sweep_override() else [override.get_value_element_as_str()]

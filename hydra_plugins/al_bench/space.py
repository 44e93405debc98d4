"""What a search for hyperparameters is asked for: what it searches, the seeds of a trial, and what all runs share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import ChoiceSweep, Override, RangeSweep, Transformer
from omegaconf import DictConfig

from al_bench.config.arguments import check_sweeps
from al_bench.config.overrides import plain_key
from al_bench.config.schema import RootConfig
from al_bench.core.errors import ConfigError

if TYPE_CHECKING:  # Optuna takes a second, and may not be installed
    from optuna.distributions import BaseDistribution

NO_HYPERPARAMETERS = {*RootConfig.__annotations__, "setting", "experiment"} - {"model", "strategy", "batch_size"}

DIRECTIONS = ("maximize", "minimize")


@dataclass(frozen=True)
class Asked:
    """What the command line and the experiment say.

    Attributes:
        space: what is searched, by the key.
        seeds: of a trial's runs, if there is more than one.
        fixed: the overrides that all runs share.
    """

    space: "Mapping[str, BaseDistribution]"
    seeds: Sequence[int]
    fixed: Sequence[str]

    def overrides(self, point: Mapping[str, Any]) -> list[list[str]]:
        """The overrides of each run of a trial, a list of them for each seed."""
        own = [*self.fixed, *(f"{key}={value}" for key, value in point.items())]
        return [[*own, f"seed={seed}"] for seed in self.seeds] if self.seeds else [own]

    def points(self) -> list[dict[str, Any]]:
        """One of the space, and those that differ from it by the choice of a part."""
        first = {key: _some(distribution)[0] for key, distribution in self.space.items()}
        parts = {key: _some(distribution)[1:] for key, distribution in self.space.items() if _is_part(key)}
        return [first, *(first | {key: choice} for key, others in parts.items() for choice in others)]


def asked(overrides: Sequence[Override]) -> Asked:
    """What these overrides ask for, in which no key is said twice.

    Raises:
        ConfigError: for what cannot be searched.
    """
    space, fixed, seeds = {}, [], []
    for override in overrides:
        key = plain_key(override.get_key_element())
        if not override.is_sweep_override():
            fixed.append(str(override.input_line))
        elif key == "seed":
            seeds = _seeds(override)
        elif key in NO_HYPERPARAMETERS:
            raise ConfigError(
                f"{override.input_line}: no hyperparameter, as trials can be compared only where it is the same; "
                "say one, and search for each under a name=... of its own"
            )
        else:
            space[override.get_key_element()] = _distribution(override)
    if not space:
        raise ConfigError(
            "there is nothing to search; say what, as hydra.sweeper.params in an experiment's file does, or "
            "'model.width=choice(128,256)' 'model.optimizer.lr=tag(log, interval(1e-4, 1e-1))'"
        )
    return Asked(space, seeds, fixed)


def checked_direction(config: DictConfig) -> str:
    """The direction; ConfigError for what Hydra's schema of the sweeper lets pass."""
    settings = config.hydra.sweeper
    if config.dry_run:
        raise ConfigError("dry_run=true: this sweeper chooses its runs as it goes, so there is no list of them")
    if config.hydra.launcher.get("n_jobs") == 0:
        raise ConfigError("hydra.launcher.n_jobs=0: must be above 0, or -1 for one per core")
    for key in ("n_trials", "n_jobs"):
        if settings[key] < 1:
            raise ConfigError(f"hydra.sweeper.{key}={settings[key]}: must be above 0")
    if not 0 <= settings.max_failure_rate <= 1:
        raise ConfigError(f"hydra.sweeper.max_failure_rate={settings.max_failure_rate}: must be from 0 to 1")
    if settings.search_space is not None:
        raise ConfigError("hydra.sweeper.search_space: Hydra has another way now; say hydra.sweeper.params")
    direction = str(getattr(settings.direction, "name", settings.direction))
    if direction not in DIRECTIONS:
        raise ConfigError(
            f"hydra.sweeper.direction={direction}: must be {' or '.join(DIRECTIONS)}, as a trial has one value"
        )
    return direction


def grid(space: "Mapping[str, BaseDistribution]") -> dict[str, list[Any]]:
    """All values of each hyperparameter; ConfigError for one that has no end of them."""
    values = {}
    for key, distribution in space.items():
        if (choices := getattr(distribution, "choices", None)) is not None:
            values[key] = list(choices)
        elif (step := getattr(distribution, "step", getattr(distribution, "q", None))) is not None:
            low, high = distribution.low, distribution.high  # type: ignore[attr-defined]
            values[key] = [low + place * step for place in range(round((high - low) / step) + 1)]
        else:
            raise ConfigError(f"hydra/sweeper/sampler=grid: {key} is an interval; say choice(...) or range(...)")
    return values


def point(values: Mapping[str, Sequence[Any]], number: int) -> dict[str, Any]:
    """One of all combinations, of which the last key varies fastest."""
    found = {}
    for key in reversed([*values]):
        number, place = divmod(number, len(values[key]))
        found[key] = values[key][place]
    return found


def _is_part(key: str) -> bool:
    """Whether its values are names of files: `model`, `strategy@strategy.query`."""
    return "." not in key or "@" in key


def _some(distribution: "BaseDistribution") -> list[Any]:
    """All choices, or one value."""
    choices = getattr(distribution, "choices", None)
    return [distribution.low] if choices is None else list(choices)  # type: ignore[attr-defined]


def _seeds(override: Override) -> list[int]:
    check_sweeps([override])
    texts = list(override.sweep_string_iterator()) if override.is_discrete_sweep() else []
    if not texts or not all(text.isdecimal() for text in texts):
        raise ConfigError(
            f"{override.input_line}: a seed is no hyperparameter; seed=0,1 or 'seed=range(5)' makes the value of a "
            "trial the mean over these seeds"
        )
    return sorted(set(map(int, texts)))


def _distribution(override: Override) -> "BaseDistribution":
    """As Hydra's sweeper makes it, but that ranges end as they do in a sweep, before their end."""
    from hydra_plugins.hydra_optuna_sweeper._impl import create_optuna_distribution_from_override
    from optuna.distributions import CategoricalDistribution

    try:
        if override.is_interval_sweep():
            made: BaseDistribution = create_optuna_distribution_from_override(override)
            return made
        swept = override.value()
        if isinstance(swept, RangeSweep):
            return _of_range(swept)
        given: Any = swept.list if isinstance(swept, ChoiceSweep) else override.sweep_iterator()  # not shuffled
        choices: Any = [Transformer.encode(choice) for choice in given]
        return CategoricalDistribution(choices)
    except (ValueError, LookupError, ArithmeticError) as error:
        raise ConfigError(f"{override.input_line}: nothing can be drawn from it: {error}") from error


def _of_range(swept: RangeSweep) -> "BaseDistribution":
    """From the smallest number to the largest one; without listing them, as there may be many."""
    from optuna.distributions import DiscreteUniformDistribution, IntUniformDistribution

    numbers = swept.range()
    if isinstance(numbers, range):
        low, high = sorted((numbers[0], numbers[-1]))
        return IntUniformDistribution(low, high, step=abs(numbers.step))
    start, stop, step = (Decimal(each) for each in (numbers.start, numbers.stop, numbers.step))
    last = start + (ceil((stop - start) / step) - 1) * step
    if (last - start) * step < 0:
        raise ValueError(f"nothing is between {start} and {stop} in steps of {step}")
    return DiscreteUniformDistribution(float(min(start, last)), float(max(start, last)), float(abs(step)))

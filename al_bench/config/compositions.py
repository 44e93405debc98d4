"""The configurations of a sweep's jobs. Hydra takes a tenth of a second to compose one: here it composes few of them.

Jobs of the same choices differ by values, which Hydra sets in what the choices give, in their order; so does this.
Jobs that differ by their seeds alone are checked and named once.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from al_bench.config.overrides import plain_key
from al_bench.config.parts import checked_value
from al_bench.config.planning import Planned, planned
from al_bench.core.ranges import Seed
from al_bench.records.identity import flattened


class Composition:
    """What jobs have in common that differ by their seeds alone.

    Args:
        own: the configuration, without Hydra's node.
        hydra: Hydra's node.
    """

    def __init__(self, own: DictConfig, hydra: Any) -> None:
        self._own, self._hydra = own, hydra
        self._run: Planned | None = None
        texts = [str(value) for _, value in flattened(OmegaConf.to_container(own, resolve=False))]
        self._reads_seed = any("${" in text and "seed" in text for text in texts)

    def planned(self, seed: int | None) -> Planned:
        """The run of a seed; of the configuration's own, if none is named. Errors are those of `planned`."""
        if self._run is None or self._reads_seed:
            if seed is not None:
                self._own.seed = seed
            self._run = planned(self._own, self._hydra)
        if seed is None or seed == self._run.config.seed:
            return self._run
        checked_value("seed", Seed, seed)
        return replace(
            self._run, config=self._run.config.with_seed(seed), identity=replace(self._run.identity, seed=seed)
        )


class Compositions:
    """Those of the jobs of a sweep: each equals what Hydra composes for the job.

    Args:
        loader: Hydra's.
        sweep: the configuration of the sweep.
        check: is called with each composed configuration, and the choices that gave it.
    """

    def __init__(
        self, loader: ConfigLoader, sweep: DictConfig, check: Callable[[DictConfig, Sequence[str]], None]
    ) -> None:
        self._loader, self._sweep, self._check = loader, sweep, check
        self._parser = OverridesParser.create(config_loader=loader)
        self._is_group = cache(lambda key: bool(loader.get_group_options(key)))
        self._of_choices: dict[tuple[str, ...], DictConfig] = {}
        self._of_values: dict[tuple[str, ...], Composition] = {}

    def of(self, overrides: Sequence[str]) -> tuple[Composition, int | None]:
        """That of a job, and the job's seed, if its overrides name one. Errors are those of Hydra, and of `check`."""
        seeds = [each.partition("=")[2] for each in overrides if plain_key(each) == "seed"]
        seed = int(seeds[0]) if seeds and seeds[0].isdecimal() else None
        key = tuple(each for each in overrides if seed is None or plain_key(each) != "seed")
        if key not in self._of_values:
            choices, values = self._divided(key)
            composed = self._composed(choices)
            own = OmegaConf.masked_copy(composed, [str(name) for name in composed if name != "hydra"])
            OmegaConf.set_struct(own, True)
            ConfigLoaderImpl._apply_overrides_to_config(values, own)
            self._of_values[key] = Composition(own, composed.hydra)
        return self._of_values[key], seed

    def _divided(self, overrides: Sequence[str]) -> tuple[tuple[str, ...], list[Override]]:
        """What is to be composed; and values. With a mapping for a group, whose place among them counts, it is all."""
        parsed = self._parser.parse_overrides([*overrides])
        is_choice = [each.is_hydra_override() or self._is_group(each.key_or_group) for each in parsed]
        if any(is_one and isinstance(each.value(), dict) for each, is_one in zip(parsed, is_choice, strict=True)):
            return (*overrides,), []
        choices = tuple(each for each, is_one in zip(overrides, is_choice, strict=True) if is_one)
        return choices, [each for each, is_one in zip(parsed, is_choice, strict=True) if not is_one]

    def _composed(self, choices: tuple[str, ...]) -> DictConfig:
        if choices not in self._of_choices:
            composed = self._loader.load_sweep_config(self._sweep, [*choices])
            self._check(composed, choices)
            self._of_choices[choices] = composed
        return self._of_choices[choices]

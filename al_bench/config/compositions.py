"""The configurations of a sweep's jobs. Hydra takes 40 milliseconds to compose one: here it composes few of them.

Jobs of the same choices differ by values, which Hydra sets in what the choices give, in their order; so does this.
Jobs that differ by their seeds alone are checked and named once.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy, deepcopy
from dataclasses import replace
from functools import cache, lru_cache, partial
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf, ValueNode

from al_bench.config.composing import parted
from al_bench.config.overrides import plain_key
from al_bench.config.parts import checked_value
from al_bench.config.planning import Planned, planned
from al_bench.core.ranges import Seed
from al_bench.records.identity import flattened

MAX_COMPOSED = 256  # kept for the values of jobs to come; each takes a third of a megabyte
READS_SEED = re.compile(
    r"\$\{.*seed|\$\{[^:}]*\$\{|\$\{oc\.[^}]*\$\{", re.DOTALL
)  # or whatever its keys are computed to be


class Composed:
    """What choices give: `hydra`, which Hydra says of them, and a configuration whose values can be set."""

    def __init__(self, composed: DictConfig) -> None:
        self._own, self.hydra = parted(composed)
        OmegaConf.set_struct(self._own, True)
        values = flattened(OmegaConf.to_container(self._own, resolve=False))
        self.reads_seed = any(READS_SEED.search(str(value)) for _, value in values)

    @contextmanager
    def having(self, values: Sequence[Override], seed: int | None) -> Iterator[DictConfig]:
        """The configuration with these values while this is entered; errors are those of Hydra, which sets them.

        Where each takes the place of another, that is put back; else it is a copy.
        """
        places = [_place(self._own, key) for key in (*(each.key_or_group for each in values), "seed")]
        held = [(content, name, content[name]) for content, name in filter(None, places)]
        is_copy = len(held) < len(places) or not all(map(_is_simple, values))
        own = deepcopy(self._own) if is_copy else self._own
        try:
            for content, name, node in held:
                content[name] = copy(node)
            ConfigLoaderImpl._apply_overrides_to_config([*values], own)
            if seed is not None:
                own.seed = seed
            yield own
        finally:
            for content, name, node in reversed(held):
                content[name] = node


def _place(config: DictConfig, key: str) -> tuple[dict[Any, Any], str] | None:
    """The mapping that holds a plain value, and its name there; None if there is none, or a mapping or list."""
    content, (*above, name) = config._content, key.split(".")
    for part in above:
        node = content.get(part) if isinstance(content, dict) else None
        content = node._content if isinstance(node, DictConfig) else None
    return (content, name) if isinstance(content, dict) and isinstance(content.get(name), ValueNode) else None


def _is_simple(override: Override) -> bool:
    return not override.is_delete() and not isinstance(override.value(), dict | list)


class Composition:
    """What jobs have in common that differ by their seeds alone.

    Args:
        composed: what their choices give.
        values: their values.
    """

    def __init__(self, composed: Callable[[], Composed], values: Sequence[Override]) -> None:
        self._composed, self._values = composed, values
        self._run: Planned | None = None
        self._reads_seed = composed().reads_seed or any(READS_SEED.search(str(each.input_line)) for each in values)

    def planned(self, seed: int | None) -> Planned:
        """The run of a seed; of the configuration's own, if none is named. Errors are those of Hydra and `planned`."""
        if self._run is None or self._reads_seed:
            composed = self._composed()
            with composed.having(self._values, seed) as own:
                self._run = planned(own, composed.hydra)
        if seed is None or seed == self._run.config.seed:
            return self._run
        checked_value("seed", Seed, seed)
        return replace(
            self._run, config=self._run.config.with_seed(seed), identity=replace(self._run.identity, seed=seed)
        )


class Compositions:
    """The configurations of the jobs of a sweep: each equals what Hydra composes for the job.

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
        self._read = cache(self._override)
        self._composed = lru_cache(MAX_COMPOSED)(self._compose)
        self._of_values: dict[tuple[str, ...], Composition] = {}

    def of(self, overrides: Sequence[str]) -> tuple[Composition, int | None]:
        """A job's configuration, and its seed if its overrides name one. Errors are those of Hydra, and of `check`."""
        seeds = [each.partition("=")[2] for each in overrides if plain_key(each) == "seed"]
        seed = int(seeds[0]) if seeds and seeds[0].isdecimal() else None
        key = tuple(each for each in overrides if seed is None or plain_key(each) != "seed")
        if key not in self._of_values:
            choices, values = self._divided(key)
            self._of_values[key] = Composition(partial(self._composed, choices), values)
        return self._of_values[key], seed

    def _divided(self, overrides: Sequence[str]) -> tuple[tuple[str, ...], list[Override]]:
        """What is to be composed; and values. With a mapping for a group, whose place among them counts, it is all."""
        read = [self._read(each) for each in overrides]
        if any(is_choice and isinstance(each.value(), dict) for each, is_choice in read):
            return (*overrides,), []
        choices = tuple(text for text, (_, is_choice) in zip(overrides, read, strict=True) if is_choice)
        return choices, [each for each, is_choice in read if not is_choice]

    def _override(self, text: str) -> tuple[Override, bool]:
        """What it says, and whether it is a choice, or Hydra's own."""
        (override,) = self._parser.parse_overrides([text])
        is_choice = override.is_hydra_override() or bool(self._loader.get_group_options(override.key_or_group))
        return override, is_choice

    def _compose(self, choices: tuple[str, ...]) -> Composed:
        composed = self._loader.load_sweep_config(self._sweep, [*choices])
        self._check(composed, choices)
        return Composed(composed)

"""Hydra reads the same yaml files for every composition; here each is parsed once, until it changes.

So is a text with an interpolation; and the sources are shared by all compositions, as nothing changes them.
"""

import pickle
from contextlib import suppress
from copy import copy
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import omegaconf.base
import yaml
from hydra._internal import defaults_list
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra.plugins.config_source import ConfigResult

from al_bench.core.errors import ConfigError
from al_bench.files.yaml_nodes import check_nodes

OF_FILES = ("file", "pkg")  # schemes of sources

_known: dict[tuple[object, ...], bytes] = {}


def parse_once() -> None:
    """From now on: a configuration is composed in a third of the time."""
    initialise = ConfigRepository.initialize_sources

    def initialize_sources(repository: ConfigRepository, *arguments: Any) -> None:
        initialise(repository, *arguments)
        for source in repository.sources:
            if source.scheme() in OF_FILES:
                source.load_config = partial(_remembered, source, source.load_config)  # type: ignore[method-assign]

    ConfigRepository.initialize_sources = initialize_sources  # type: ignore[method-assign, assignment]
    ConfigRepository.__deepcopy__ = lambda self, _: copy(self)  # type: ignore[attr-defined]
    options = ConfigLoaderImpl.get_group_options

    def get_group_options(loader: ConfigLoaderImpl, group_name: str, *arguments: Any, **named: Any) -> list[str]:
        if len(arguments) > 1 or named.keys() - {"results_filter"}:
            return options(loader, group_name, *arguments, **named)
        return loader.repository.get_group_options(group_name, *arguments, **named)  # without a search path from files

    ConfigLoaderImpl.get_group_options = get_group_options  # type: ignore[method-assign, assignment]
    create = defaults_list._create_interpolation_map

    def create_map(overrides: Any, defaults: Any, self_added: bool) -> Any:
        is_read = any(each.is_interpolation() for each in defaults)
        return create(overrides, defaults, self_added) if is_read else None

    defaults_list._create_interpolation_map = create_map  # type: ignore[assignment]
    omegaconf.base.parse = lru_cache(10_000)(omegaconf.base.parse)  # type: ignore[attr-defined]


def _remembered(source: Any, load: Any, config_path: str) -> ConfigResult:
    key = version_of(source, config_path)
    if key not in _known:
        if source.scheme() == "file":  # somebody's own
            _check(_file(source, config_path))
        _known[key] = pickle.dumps(load(config_path))
    found: ConfigResult = pickle.loads(_known[key])  # its own: whoever composes changes it
    return found


def _file(source: Any, config_path: str) -> Path:
    path = Path(source.path, config_path)
    return path if path.suffix == ".yaml" else path.with_name(f"{path.name}.yaml")


def _check(path: Path) -> None:
    """ConfigError for what would take all memory."""
    with suppress(OSError, UnicodeError, yaml.YAMLError):  # which Hydra tells
        text = path.read_text("utf-8")
        try:
            check_nodes(text)
        except ValueError as error:
            raise ConfigError(f"{path}: {error}") from error


def version_of(source: Any, config_path: str) -> tuple[object, ...]:
    """Of a file of a source: another when it has changed."""
    return source.scheme(), source.path, config_path, *_stamp(_file(source, config_path))


def _stamp(path: Path) -> tuple[int, ...]:
    """Of the file, if it is one: packages do not change while they are used."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_mtime_ns, status.st_size, status.st_ino

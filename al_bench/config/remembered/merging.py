"""What Hydra merges for many compositions: each part of a configuration once.

Hydra's own code says which files a composition takes, in which order. What is below a root key is made of those of them
that hold it alone, so it is known once they have been merged in that order; where that is not certain, Hydra merges.
"""

import pickle
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_store import ConfigStore
from hydra.core.default_element import ResultDefault
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigLoadError, ConfigResult
from omegaconf import DictConfig, ListConfig, Node
from omegaconf.base import Container

from al_bench.config.remembered.yaml_files import version_of

MAX_KNOWN = 20_000  # root keys merged, of some kilobytes each

Path = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Loaded:
    """A file as it is merged: in its package, checked against its schema."""

    config: DictConfig
    is_root: bool

    @cached_property
    def keys(self) -> tuple[Any, ...]:
        """At the root."""
        if not isinstance(self.config._content, dict):
            raise TypeError("no mapping")
        return (*self.config._content,)

    @property
    def is_typed(self) -> bool:
        """Whether what the root may hold, from here on, is its to say."""
        return self.is_root and self.config._is_typed()

    @cached_property
    def nodes(self) -> dict[Path, Node]:
        """All, by their paths."""
        return dict(_nodes((), self.config))


class Merging:
    """Of the compositions of one loader."""

    def __init__(self) -> None:
        self._results: dict[tuple[Any, ...], ConfigResult] = {}
        self._loaded: dict[tuple[Any, ...], Loaded] = {}
        self._known: dict[tuple[Any, ...], bytes] = {}
        self._held: dict[int, Any] = {}  # so that an id stays what it is

    def result(self, load: Callable[..., Any], repository: ConfigRepository, path: str) -> ConfigResult | None:
        """A file as it was read, which nobody may change."""
        source = repository._find_object_source(path, ObjectType.CONFIG)
        key = () if source is None else self._version(source, path)
        if not key:
            found: ConfigResult | None = load(repository, path)
            return found
        if key not in self._results:
            self._results[key] = load(repository, path)
        return self._results[key]

    def merged(
        self, merge: Callable[..., DictConfig], loader: ConfigLoaderImpl, defaults: Any, repo: Any
    ) -> DictConfig:
        """What Hydra makes of a defaults list."""
        try:
            files = [self._file(loader, each, repo) for each in defaults]
            keys = dict.fromkeys(key for file in files for key in file.keys)
        except Exception:  # which Hydra says in its own order
            return merge(loader, defaults, repo)
        parts = {key: self._part(key, files) for key in keys}
        root = (None, *(id(file) for file in files if file.is_typed))
        if root in self._known and all(part in self._known for part in parts.values()):
            return self._assembled(root, parts)
        merged = merge(loader, defaults, repo)
        if list(keys) == list(merged._content):  # type: ignore[arg-type]
            self._remember(root, merged, parts, files)
        return merged

    def _version(self, source: Any, path: str) -> tuple[Any, ...]:
        """Of a file; nothing of one that cannot be told to be the same later."""
        return self._of_store(path) if source.scheme() == "structured" else version_of(source, path)

    def _of_store(self, path: str) -> tuple[Any, ...]:
        """What is known by this name to Hydra's store, if anything is."""
        name = path if path.endswith(".yaml") else f"{path}.yaml"
        with suppress(ConfigLoadError):
            return "structured", path, self._id(ConfigStore.instance()._load(name).node)
        return ()

    def _id(self, thing: Any) -> int:
        self._held[id(thing)] = thing
        return id(thing)

    def _file(self, loader: ConfigLoaderImpl, default: ResultDefault, repo: Any) -> Loaded:
        path = default.config_path
        assert path is not None
        result = repo.load_config(path)
        schema = () if result.is_schema_source else self._of_store(path)
        key = (self._id(result), schema, path, default.package, default.primary)
        if key not in self._loaded:
            read = loader._load_single_config(default, repo)
            package = read.header["package"] if default.package is None else default.package
            assert isinstance(read.config, DictConfig)
            self._loaded[key] = Loaded(read.config, is_root=not package)
        return self._loaded[key]

    def _part(self, key: Any, files: Sequence[Loaded]) -> tuple[Any, ...]:
        return key, *(id(file) for file in files if key in file.keys)

    def _remember(self, root: Any, merged: DictConfig, parts: dict[Any, Any], files: Sequence[Loaded]) -> None:
        content: dict[Any, Any] = merged._content  # type: ignore[assignment]
        while len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]
        for key, part in parts.items():
            if part not in self._known and _is_certain([file for file in files if key in file.keys], key):
                self._known[part] = _dumped(content[key])
        if root not in self._known:
            merged.__dict__["_content"] = {}
            try:
                self._known[root] = _dumped(merged)
            finally:
                merged.__dict__["_content"] = content

    def _assembled(self, root: Any, parts: dict[Any, Any]) -> DictConfig:
        merged: DictConfig = pickle.loads(self._known[root])
        merged._metadata.resolver_cache.clear()  # such as the time
        for key, part in parts.items():
            node: Node = pickle.loads(self._known[part])
            node._set_parent(merged)
            merged._content[key] = node  # type: ignore[index]
        return merged


def _nodes(path: Path, node: Any) -> Iterator[tuple[Path, Node]]:
    yield path, node
    content = node._content if isinstance(node, Container) else None
    for key, inner in content.items() if isinstance(content, dict) else enumerate(content or ()):
        if isinstance(content, dict | list):
            yield from _nodes((*path, key), inner)


def _is_certain(files: Sequence[Loaded], key: Any) -> bool:
    """Whether nothing else has a say in what these give below a key, in this order.

    Where something takes the place of an interpolation, Hydra looks at what that names, wherever it is: that changes
    what is merged into it (a mapping or a list), and what counts as not said (???).
    """
    earlier: set[Path] = set()
    for file in files:
        over = [file.nodes[path] for path in earlier & file.nodes.keys()]
        if any(isinstance(node, DictConfig | ListConfig) or node._is_missing() for node in over):
            return False
        earlier |= {path for path, node in file.nodes.items() if path[:1] == (key,) and _looks_elsewhere(node, key)}
    return True


def _looks_elsewhere(node: Node, key: object) -> bool:
    """Whether it may be a mapping or a list of another root key; with a text around it, it is a text."""
    value = str(node._value()) if node._is_interpolation() else ""
    return (
        value.startswith("${")
        and value.endswith("}")
        and not re.fullmatch(rf"\$\{{{re.escape(str(key))}(\.\w+)+\}}", value)
    )


def _dumped(node: Node) -> bytes:
    """By itself."""
    parent = node._get_parent()
    node._set_parent(None)
    try:
        return pickle.dumps(node)
    finally:
        node._set_parent(parent)


class _Copies:
    """A repository whose files may be changed."""

    def __init__(self, repo: Any) -> None:
        self._repo = repo
        self.get_schema_source = repo.get_schema_source

    def load_config(self, config_path: str) -> Any:
        return pickle.loads(pickle.dumps(self._repo.load_config(config_path)))


@contextmanager
def merged_once(loader: ConfigLoader) -> Iterator[None]:
    """While this is entered, compositions by the loader are made of parts that are merged once."""
    assert isinstance(loader, ConfigLoaderImpl)
    merging, own = Merging(), vars(loader)
    load, single = ConfigRepository.load_config, ConfigLoaderImpl._load_single_config
    merge = ConfigLoaderImpl._compose_config_from_defaults_list

    def load_single(default: Any, repo: Any) -> Any:
        return single(loader, default, _Copies(repo))  # type: ignore[arg-type]

    ConfigRepository.load_config = lambda self, config_path: merging.result(load, self, config_path)  # type: ignore[method-assign]
    own["_load_single_config"] = load_single
    own["_compose_config_from_defaults_list"] = lambda defaults, repo: merging.merged(merge, loader, defaults, repo)
    try:
        yield
    finally:
        ConfigRepository.load_config = load  # type: ignore[method-assign]
        del own["_load_single_config"], own["_compose_config_from_defaults_list"]

"""Packages that an extractor needs, and that may not be installed."""

from importlib.util import find_spec
from pathlib import Path

from al_bench.core.errors import ConfigError


def require(extra: str, *modules: str) -> None:
    """ConfigError, with what to install, unless the top-level modules of an extra are there; imports none of them."""
    lacking = [module for module in modules if find_spec(module) is None]
    named = extra.replace("_", "-")  # as it is in the metadata: pip 23 finds it by no other name
    if lacking:
        raise ConfigError(
            f"features={extra}: {', '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} not installed; "
            f"pip install 'al-bench[{named}]'"
        )


def folder_of(module: str) -> Path:
    """The folder of an installed package, which is not imported."""
    spec = find_spec(module)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])

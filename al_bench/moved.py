"""Import paths of version 0.1, which go on working in 0.3 alone, with a warning that names the new ones."""

import sys
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

CORE = ("core.data", "core.network", "core.strategy", "core.rounds")
STATISTICS = ("areas", "cdf", "curves", "paired", "penalty", "ranks", "savings")
MODULES: dict[str, tuple[str, ...]] = {  # that are gone, and where their names are
    "interfaces": CORE,
    "seeding": ("core.seeding",),
    "learner": ("training.learner",),
    **{f"analysis.{name}": (f"analysis.statistics.{name}",) for name in STATISTICS},
    "analysis.costs": ("analysis.spent.costs", "analysis.spent.bought"),
    "analysis.training_steps": ("analysis.spent.training_steps",),
    "analysis.interactive": ("analysis.pictures.interactive",),
    "analysis.figures": ("analysis.pictures.figures",),
}
PACKAGES: dict[str, tuple[str, ...]] = {  # where modules were, and where their names are
    "datasets.split": ("datasets.from_arrays",),
    "loop": ("loop.rounds_of", "core.rounds"),
    "tracking": ("tracking.tracker",),
    "training": ("training.options",),
}
RENAMED = {"Training": "TrainingOptions", "seconds": "costs"}


def find_old_modules() -> None:
    """From now on they can be imported."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())


def old_names(module: str) -> Callable[[str], Any]:
    """The `__getattr__` of a module that is now a package, or has lost some of its names."""
    places = (MODULES | PACKAGES)[module.removeprefix("al_bench.")]

    def found(name: str) -> Any:
        if not name.startswith("__"):
            for place in places:
                new = import_module(f"al_bench.{place}")
                if hasattr(new, RENAMED.get(name, name)):
                    return _warned(module, name, new)
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return found


def _warned(old: str, name: str, new: ModuleType) -> Any:
    import al_bench

    own = RENAMED.get(name, name)
    place = "al_bench" if own in al_bench.__all__ else new.__name__
    warnings.warn(
        f"{old}.{name} has moved: from {place} import {own} (the old path goes with the next version)",
        FutureWarning,
        stacklevel=3,
    )
    return _active_learning if name == "active_learning" else getattr(new, own)


def _active_learning(dataset: Any, learner: Any, strategy: Any, **options: Any) -> Iterator[Any]:
    """As it was, with `committed` and `heartbeat` among its options."""
    loop = import_module("al_bench.loop.rounds_of").ActiveLearning(dataset, learner, strategy, **options)
    rounds: Iterator[Any] = loop.rounds()
    return rounds


class _Finder(MetaPathFinder, Loader):
    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        if fullname.removeprefix("al_bench.") in MODULES and fullname.startswith("al_bench."):
            return ModuleSpec(fullname, self)
        return None

    def exec_module(self, module: ModuleType) -> None:
        module.__getattr__ = old_names(module.__name__)  # type: ignore[method-assign]

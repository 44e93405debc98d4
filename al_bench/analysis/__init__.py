"""What is read out of folders of results: no torch, no Hydra."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from al_bench.analysis.page.report import report
    from al_bench.analysis.results import load_results
    from al_bench.analysis.statistics.curves import learning_curves
    from al_bench.analysis.statistics.penalty import penalty_matrices

MODULE_OF = {
    "learning_curves": "statistics.curves",
    "load_results": "results",
    "penalty_matrices": "statistics.penalty",
    "report": "page.report",
}
__all__ = ["learning_curves", "load_results", "penalty_matrices", "report"]


def __getattr__(name: str) -> Any:
    if name not in MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__]

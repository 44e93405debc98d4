"""A benchmark of deep active learning strategies.

What a strategy, a data set, a model or a notebook needs is imported from here; PyTorch is loaded when it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from al_bench.moved import find_old_modules

if TYPE_CHECKING:
    from al_bench.core.data import Dataset, Examples, Normalisation
    from al_bench.core.errors import UserError
    from al_bench.core.features import Extractor, FittedExtractor
    from al_bench.core.network import Network, TrainedWith, UnlabelledTerm
    from al_bench.core.rounds import Batch, Committed, RoundRecord
    from al_bench.core.seeding import Stream, generator
    from al_bench.core.strategy import Needs, Outputs, QueryContext, Samples, Strategy
    from al_bench.datasets.from_arrays import drawn_dataset
    from al_bench.loop.rounds_of import ActiveLearning, active_learning
    from al_bench.training.learner import Learner
    from al_bench.training.options import TrainingOptions

__version__ = "0.3.0"

WHERE = {
    "core.data": ("Dataset", "Examples", "Normalisation"),
    "core.errors": ("UserError",),
    "core.features": ("Extractor", "FittedExtractor"),
    "core.network": ("Network", "TrainedWith", "UnlabelledTerm"),
    "core.rounds": ("Batch", "Committed", "RoundRecord"),
    "core.seeding": ("Stream", "generator"),
    "core.strategy": ("Needs", "Outputs", "QueryContext", "Samples", "Strategy"),
    "datasets.from_arrays": ("drawn_dataset",),
    "loop.rounds_of": ("ActiveLearning", "active_learning"),
    "training.learner": ("Learner",),
    "training.options": ("TrainingOptions",),
}
MODULE_OF = {name: f"{__name__}.{module}" for module, names in WHERE.items() for name in names}
__all__ = [
    "ActiveLearning",
    "Batch",
    "Committed",
    "Dataset",
    "Examples",
    "Extractor",
    "FittedExtractor",
    "Learner",
    "Needs",
    "Network",
    "Normalisation",
    "Outputs",
    "QueryContext",
    "RoundRecord",
    "Samples",
    "Strategy",
    "Stream",
    "TrainedWith",
    "TrainingOptions",
    "UnlabelledTerm",
    "UserError",
    "active_learning",
    "drawn_dataset",
    "generator",
]

find_old_modules()


def __getattr__(name: str) -> Any:
    if name not in MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

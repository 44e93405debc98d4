"""What `import al_bench` offers, and the import paths of the version before."""

import importlib
import pkgutil
import subprocess
import sys

import pytest

import al_bench
import al_bench.analysis
from al_bench.loop.rounds_of import ActiveLearning
from al_bench.moved import MODULES
from al_bench.strategies.random import Random
from tests.conftest import blobs, small_learner
from tests.support.made_results import write_sweep

API = (
    *("active_learning", "Learner", "TrainingOptions", "Dataset", "Examples", "Normalisation", "Network", "Strategy"),
    *(
        "Needs",
        "Outputs",
        "QueryContext",
        "RoundRecord",
        "Samples",
        "UnlabelledTerm",
        "TrainedWith",
        "Batch",
        "drawn_dataset",
    ),
    *("generator", "Stream", "UserError", "ActiveLearning", "Committed", "Extractor", "FittedExtractor"),
)
OF_ANALYSIS = ["learning_curves", "load_results", "penalty_matrices", "report"]
OLD = {  # paths that README and docs named
    "al_bench.interfaces": "Dataset Examples Needs Network Normalisation Outputs QueryContext RoundRecord Strategy",
    "al_bench.training": "Training",
    "al_bench.loop": "active_learning Committed",
    "al_bench.learner": "Learner",
    "al_bench.seeding": "Stream generator",
    "al_bench.datasets.split": "drawn_dataset",
    "al_bench.tracking": "NullTracker WandbTracker",
    "al_bench.analysis.areas": "areas mean_areas",
    "al_bench.analysis.cdf": "normalised_errors",
    "al_bench.analysis.costs": "batch_balance class_balance seconds",
    "al_bench.analysis.curves": "learning_curves",
    "al_bench.analysis.paired": "pairwise_differences",
    "al_bench.analysis.penalty": "penalty_matrices",
    "al_bench.analysis.ranks": "ranked",
    "al_bench.analysis.savings": "labels_saved",
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of SQLAlchemy
@pytest.mark.parametrize(("package", "names"), [(al_bench, API), (al_bench.analysis, OF_ANALYSIS)])
def test_the_names_are_frozen_and_no_submodule_takes_one(package, names):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    assert sorted(package.__all__) == sorted(names) == sorted({*dir(package)} - {"__version__"})
    for name in names:
        found = getattr(package, name)
        assert callable(found)
        assert found.__module__.startswith("al_bench.")
    with pytest.raises(AttributeError, match="no attribute 'strategy'"):
        package.strategy  # noqa: B018


@pytest.mark.command
def test_nothing_heavy_is_loaded_until_it_is_used():
    code = "import sys, al_bench, al_bench.analysis; print({'torch', 'numpy', 'pandas', 'hydra'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


@pytest.mark.parametrize(("path", "name"), [(path, name) for path, names in OLD.items() for name in names.split()])
def test_an_old_path_goes_on_working_with_a_warning_that_names_the_new_one(path, name):
    with pytest.warns(FutureWarning, match=rf"{path}.{name} has moved: from [\w.]+ import \w+ ") as told:
        exec(f"from {path} import {name}", found := {})
    words = str(told[0].message).split()
    assert told[0].filename == "<string>"
    new = getattr(importlib.import_module(words[4]), words[6])
    if name != "active_learning":
        assert found[name] is new
    assert (words[4] == "al_bench") is (words[6] in API)


def test_the_old_loop_goes_on_from_committed_rounds():
    dataset, options = blobs(), {"seed": 0, "num_initial": 20, "batch_size": 30, "budget": 80}
    with pytest.warns(FutureWarning):
        from al_bench.loop import Committed, active_learning
    whole = [*ActiveLearning(dataset, small_learner(dataset), Random(), **options).rounds()]
    committed = Committed([whole[0].batch])
    rest = [*active_learning(dataset, small_learner(dataset), Random(), **options, committed=committed)]
    assert [each.test for each in rest] == [each.test for each in whole[1:]]


@pytest.mark.parametrize("path", [*MODULES, "loop", "training"])
def test_what_never_was_there_is_an_error(path):
    with pytest.raises(ImportError, match="cannot import name 'nothing'"):
        exec(f"from al_bench.{path} import nothing")
    with pytest.raises(ModuleNotFoundError, match="al_bench.none"):
        importlib.import_module("al_bench.none")


@pytest.mark.slow
def test_a_folder_is_analysed_in_a_few_lines(tmp_path):
    write_sweep(tmp_path, lambda strategy, seed, share: 0.5 + share / 3 - seed / 100, num_seeds=3)
    rounds = al_bench.analysis.load_results(tmp_path).rounds
    assert {"badge", "random"} <= {*al_bench.analysis.learning_curves(rounds)["strategy"]}
    assert al_bench.analysis.penalty_matrices(rounds)
    assert al_bench.analysis.report(str(tmp_path)).startswith("<!doctype html>")

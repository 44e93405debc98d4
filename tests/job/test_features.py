"""Features: a function of the inputs, applied once, between loading and the learner; named in the variant."""

import json
from pathlib import Path

import pytest
import torch

from al_bench.core.data import Normalisation
from al_bench.core.errors import DataError
from al_bench.datasets.checks import digest
from al_bench.features.inputs import Inputs
from al_bench.job.features import Where, on_features
from al_bench.job.loading import Loaded
from tests.conftest import blobs, run_directory

HERE = Where({}, Path("data"))
QUICK = ("model.width=8", "model.max_epochs=2", "num_initial=20", "batch_size.size=20", "budget=40")
EXTRACTOR = """
class Signs:
    def __init__(self, scale: float = 1.0):
        self.scale = scale

    def __call__(self, inputs):
        return self.scale * inputs.sign()
"""


def data() -> Loaded:
    dataset = blobs()
    return Loaded(dataset, digest(dataset))


def test_the_inputs_themselves_change_nothing():
    loaded = data()
    assert on_features(loaded, Inputs(), HERE) is loaded


def test_others_take_the_place_of_the_inputs_of_the_pool_and_the_test_set():
    loaded = data()
    found = on_features(loaded, torch.sign, HERE)
    for part in ("train", "test"):
        ours, theirs = getattr(found.dataset, part), getattr(loaded.dataset, part)
        assert torch.equal(ours.inputs, theirs.inputs.sign())
        assert torch.equal(ours.targets, theirs.targets)
    assert found.digest == digest(found.dataset) != loaded.digest
    assert found.dataset.normalisation is None is not Normalisation((0.0,), (1.0,))


def test_features_that_are_no_numbers_are_refused():
    with pytest.raises(DataError, match="finite"):
        on_features(data(), lambda inputs: inputs / 0, HERE)


@pytest.mark.parametrize(
    ("features", "told"),
    [
        (
            lambda inputs: inputs.numpy(),
            "the inputs of the training pool are of the type ndarray; a torch.Tensor is needed",
        ),
        (lambda inputs: inputs[1:], "the training pool has 199 inputs and 200 targets"),
        (lambda inputs: inputs.double(), "the inputs of the training pool are torch.float64; they must be float32"),
    ],
)
def test_what_is_no_features_is_refused(features, told):
    with pytest.raises(DataError, match=told):
        on_features(data(), features, HERE)


def test_what_is_no_function_is_refused(cli, tmp_path):
    refused = cli("features._target_=al_bench.core.data.Normalisation", "+features.mean=[0.0]", "+features.std=[1.0]")
    assert refused.err == "al-bench: features._target_=al_bench.core.data.Normalisation: no function of the inputs\n"


@pytest.mark.slow
def test_a_users_own_are_named_in_the_variant(cli, tmp_path):
    (tmp_path / "signs.py").write_text(EXTRACTOR)
    (tmp_path / "conf" / "features").mkdir(parents=True)
    (tmp_path / "conf" / "features" / "signs.yaml").write_text("_target_: signs.Signs\nscale: 1.0\n")
    own = ("--config-dir", "conf", *QUICK)
    assert cli(*own, "features=signs", "features.scale=2").code == 0
    path = run_directory(tmp_path / "outputs")
    assert path.parent.name == "features.scale=2,features=signs,num_initial=20"
    assert cli(*own, "name=plain").code == 0
    plain = run_directory(tmp_path / "outputs" / "plain")
    assert plain.parent.name == "num_initial=20"
    ours, theirs = (json.loads((each / "environment.json").read_text())[-1]["data"] for each in (path, plain))
    assert ours != theirs
    assert cli(*own, "features=signs", "features.scale=x").err.startswith("al-bench: features.scale=x: ")


def test_a_folder_of_before_there_were_any_is_finished(cli, tmp_path):
    assert cli(*QUICK).code == 0
    config = run_directory(tmp_path) / "config.yaml"
    lines = config.read_text().splitlines(keepends=True)
    start = lines.index("features:\n")
    config.write_text("".join(lines[:start] + lines[start + 2 :]))
    assert "features" not in config.read_text()
    assert "finished before" in cli(*QUICK).out

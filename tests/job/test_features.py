"""Features: a function of the inputs, applied once, between loading and the learner; named in the variant."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from al_bench.core.data import Normalisation
from al_bench.core.errors import ConfigError, DataError
from al_bench.datasets.checks import digest
from al_bench.features.inputs import Inputs
from al_bench.features.networks.images import ImageExtractor
from al_bench.features.pca import PCA
from al_bench.job.features.files import digest_of
from al_bench.job.features.replacing import Where, fitted_to, on_features
from al_bench.job.loading import Loaded
from tests.conftest import blobs, run_directory
from tests.support.extractors import Tiny

HERE = Where({}, Path("data"))
QUICK = ("model.width=8", "model.max_epochs=2", "num_initial=20", "batch_size.size=20", "budget=40")
EXTRACTOR = """
class Signs:
    def __init__(self, scale: float = 1.0):
        self.scale = scale

    def __call__(self, inputs):
        return self.scale * inputs.sign()
"""


NETWORK = """
import numpy as np
import torch
from pathlib import Path
from al_bench import Extractor


class Kept(Extractor):
    def __init__(self, path: str, scale: float = 1.0):
        self.path, self.scale = path, scale

    def check(self, inputs):
        pass

    def weights(self):
        return [("weights", Path(self.path))]

    def __call__(self, rows, device):
        with open("calls", "a") as file:
            file.write(f"{len(rows)}\\n")
        return self.scale * rows @ torch.from_numpy(np.load(self.path))
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


class TestOfFrozenNetworks:
    def where(self, folder: Path, **given) -> Where:
        return Where({"_target_": "tiny"}, folder, **given)

    def test_pool_and_test_set_are_replaced_and_the_rows_are_those_of_both(self, tmp_path):
        loaded = data()
        calls: list[int] = []
        found = on_features(loaded, Tiny(called=calls.append), self.where(tmp_path))
        assert sum(calls) == len(loaded.dataset.train) + len(loaded.dataset.test)
        for part in ("train", "test"):
            ours, theirs = getattr(found.dataset, part), getattr(loaded.dataset, part)
            assert torch.allclose(ours.inputs, Tiny()(theirs.inputs, "cpu"), atol=1e-3)
            assert torch.equal(ours.targets, theirs.targets)
        assert found.digest == digest(found.dataset) != loaded.digest

    def test_runs_of_a_process_share_them(self, tmp_path):
        first = on_features(data(), Tiny(), self.where(tmp_path))
        assert on_features(data(), Tiny(), self.where(tmp_path)) is first
        assert on_features(data(), Tiny(seed=1), self.where(tmp_path)).digest != first.digest

    def test_weights_are_looked_at_before_any_time_is_spent(self, tmp_path):
        told: list[str] = []

        def check(digest_of_weights: str) -> None:
            told.append(digest_of_weights)
            raise DataError("others")

        calls: list[int] = []
        with pytest.raises(DataError, match="^others$"):
            on_features(data(), Tiny(called=calls.append), self.where(tmp_path, check_weights=check))
        assert (told, calls) == ([digest_of(Tiny().weights())], [])

    def test_a_mistake_names_the_features(self, tmp_path):
        class Missing(Tiny):
            def weights(self):
                return [("weights", tmp_path / "none")]

        with pytest.raises(DataError, match=f"^features=test_features: {tmp_path / 'none'} cannot be read: No such"):
            on_features(data(), Missing(), self.where(tmp_path))

    def test_what_they_cannot_be_made_of_is_told_first(self, tmp_path):
        class Images(ImageExtractor):
            load = weights = None

        with pytest.raises(ConfigError, match=r"^features=test_features: they are made of images .* holds tables"):
            on_features(data(), Images(), self.where(tmp_path))


class TestFittedOnes:
    def test_they_are_of_the_pool_alone(self):
        loaded = data()
        assert on_features(loaded, PCA(3), HERE) is loaded
        found = fitted_to(loaded, PCA(3), HERE).dataset
        function = PCA(3).fitted(loaded.dataset.train.inputs)
        assert torch.equal(found.train.inputs, function(loaded.dataset.train.inputs))
        assert torch.equal(found.test.inputs, function(loaded.dataset.test.inputs))

    def test_their_digest_is_of_what_they_are_made_of(self):
        loaded, others = data(), Loaded(blobs(seed=1), digest(blobs(seed=1)))
        digests = [
            fitted_to(loaded, PCA(3), HERE).digest,
            fitted_to(others, PCA(3), HERE).digest,
            fitted_to(loaded, PCA(3), Where({"num_components": 3}, HERE.data_dir)).digest,
            loaded.digest,
        ]
        assert len({*digests}) == 4
        assert fitted_to(loaded, PCA(3), HERE).digest == digests[0]

    def test_nothing_else_waits_for_the_pool(self):
        loaded = data()
        assert fitted_to(loaded, Inputs(), HERE) is loaded is fitted_to(loaded, Tiny(), HERE)


class TestRunsWithOnesOwn:
    @pytest.fixture
    def own(self, tmp_path, monkeypatch) -> tuple[str, ...]:
        monkeypatch.delenv("AL_BENCH_DATA", raising=False)
        (tmp_path / "kept.py").write_text(NETWORK)
        np.save(tmp_path / "weights.npy", np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32))
        (tmp_path / "conf" / "features").mkdir(parents=True)
        (tmp_path / "conf" / "features" / "kept.yaml").write_text(
            "_target_: kept.Kept\npath: weights.npy\nscale: 1.0\n"
        )
        rng = np.random.default_rng(1)  # digits are scaled over the pool, so their rows are others at every seed
        np.savez(tmp_path / "drawn.npz", inputs=rng.normal(size=(300, 64)), targets=np.arange(300) % 3)
        return ("--config-dir", "conf", *QUICK, "features=kept", "dataset=arrays", "dataset.path=drawn.npz")

    def calls(self, folder: Path) -> int:
        return sum(map(int, (folder / "calls").read_text().split())) if (folder / "calls").exists() else 0

    @pytest.mark.slow
    def test_all_seeds_of_a_drawn_split_and_all_strategies_share_them(self, cli, tmp_path, own):
        told = cli("-m", *own, "seed=0,1,2", "strategy=random,margin")
        assert told.code == 0, told.err
        assert self.calls(tmp_path) == 300
        digests = {
            json.loads(path.read_text())[-1]["feature_weights"]
            for path in (tmp_path / "outputs").rglob("environment.json")
        }
        assert digests == {digest_of([("weights", tmp_path / "weights.npy")])}

    @pytest.mark.slow
    def test_a_folder_is_not_gone_on_with_under_other_weights(self, cli, tmp_path, own):
        assert cli(*own).code == 0
        path = run_directory(tmp_path / "outputs")
        before = (path / "rounds.csv").read_bytes()
        weights = (tmp_path / "weights.npy").read_bytes()
        np.save(tmp_path / "weights.npy", np.ones((64, 6), dtype=np.float32))
        told = cli(*own, "budget=60")
        assert told.code == 1
        assert "the weights of the features are not those that the finished rounds in" in told.err
        assert "restore them, or give the run another name" in told.err
        assert (path / "rounds.csv").read_bytes() == before
        assert self.calls(tmp_path) == 300  # nothing was computed
        (tmp_path / "weights.npy").write_bytes(weights)
        assert cli(*own, "budget=60").code == 0
        assert len((path / "rounds.csv").read_bytes()) > len(before)
        assert self.calls(tmp_path) == 300

    @pytest.mark.slow
    def test_code_that_changed_is_another_extractor(self, cli, tmp_path, own):
        assert cli(*own).code == 0
        (tmp_path / "kept.py").write_text(NETWORK.replace("self.scale * rows", "2 * self.scale * rows"))
        sys.modules.pop("kept")
        assert cli(*own, "name=changed").code == 0
        assert self.calls(tmp_path) == 2 * 300

    @pytest.mark.slow
    def test_the_command_makes_them_ahead(self, cli, tmp_path, own):
        command = ("features", "arrays", "kept", "dataset.path=drawn.npz", "--config-dir", "conf")
        told = cli(*command, "features.scale=2")
        assert (told.code, told.err) == (0, "")
        assert "features by kept: made in " in told.out
        assert told.out.endswith("pool 240, test set 60: 6 features of each\n")
        told = cli(*command, "features.scale=2", "seed=5")
        assert "features by kept: found in data/features/kept-" in told.out
        assert cli(*own, "features.scale=2", "seed=7").code == 0
        assert self.calls(tmp_path) == 300
        told = cli(*command, "data_dir=drawn.npz")
        assert (told.code, told.out) == (1, "")
        assert told.err.startswith("al-bench features: features=kept: drawn.npz/features/kept-")


@pytest.mark.parametrize(
    ("typed", "code", "told"),
    [
        (
            "digits pca",
            1,
            "features=pca: nothing of them is kept, as they take little time or are fitted to",
        ),
        ("digits none", 1, "features=none: nothing of them is kept"),
        ("digits=1 minilm", 2, "argument DATASET: digits=1: the name of an option is due here, without a key"),
        ("digits torchvision more", 2, "more: one word too many"),
        ("digits", 2, "the following arguments are required: EXTRACTOR"),
        ("digist torchvision", 1, "dataset=digist: there is no such option; did you mean 'digits'?"),
        ("digits torchvison", 1, "features=torchvison: there is no such option; did you mean 'torchvision'?"),
        ("digits torchvision features.nam=x", 1, "features.nam=x: there is no such key; did you mean 'name'?"),
        ("digits torchvision weights=x", 1, "weights=x: there is no such key; did you mean features.weights?"),
        ("digits torchvision sede=1", 1, "sede=1: there is no such key; did you mean 'seed'?"),
        ("digits torchvision features.name=resnet8", 1, "features.name=resnet8: torchvision has no such network; did"),
        ("digits torchvision", 1, "features=torchvision: they are made of images (N, 1 or 3, height, width), and the"),
        ("arrays torchvision", 1, "dataset.path has no value; say dataset.path=..."),
    ],
)
@pytest.mark.moderate
def test_what_is_typed_wrongly_to_the_command(cli, typed, code, told):
    result = cli("features", *typed.split())
    assert (result.code, result.out) == (code, "")
    assert result.err.startswith(f"al-bench features: {told}")
    assert result.err.count("\n") == 1


def test_a_folder_of_before_there_were_any_is_finished(cli, tmp_path):
    assert cli(*QUICK).code == 0
    config = run_directory(tmp_path) / "config.yaml"
    lines = config.read_text().splitlines(keepends=True)
    start = lines.index("features:\n")
    config.write_text("".join(lines[:start] + lines[start + 2 :]))
    assert "features" not in config.read_text()
    assert "finished before" in cli(*QUICK).out

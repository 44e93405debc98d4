"""What is noted of a start."""

import json
from importlib.metadata import PackageNotFoundError

import pytest

from al_bench.job import environment

OF_OURS = ("timm", "sentence-transformers", "efficientnet-lite-pytorch")


@pytest.fixture
def version(monkeypatch):
    """The version of every package but these."""

    def says(*lacking: str) -> None:
        def version(package: str) -> str:
            if package in lacking:
                raise PackageNotFoundError(package)
            return f"1 of {package}"

        monkeypatch.setattr(environment, "version", version)

    return says


@pytest.mark.parametrize("is_installed", [True, False])
def test_versions_are_of_what_computes_and_of_extractors_that_are_there(version, is_installed):
    version(*(() if is_installed else OF_OURS))
    found = environment.describe("cpu")["versions"]
    assert found["scipy"] == "1 of scipy"  # whose L-BFGS fits every probe
    assert found["numpy"] == "1 of numpy"
    assert list(found) == [*environment.PACKAGES, *(OF_OURS if is_installed else ())]


def test_an_extractor_of_a_users_own_has_its_packages_noted(version):
    version("lacking")
    found = environment.describe("cpu", ("open-clip-torch", "lacking", "timm"))["versions"]
    assert found["open-clip-torch"] == "1 of open-clip-torch"
    assert list(found) == [*environment.PACKAGES, *OF_OURS, "open-clip-torch"]


OWN = """
import torch

from al_bench import Extractor


class Frozen(Extractor):
    packages = ("pyyaml", "no-such-distribution")

    def check(self, inputs):
        pass

    def weights(self):
        return []

    def __call__(self, rows, device):
        return rows.flatten(1)[:, :5].float()
"""


@pytest.mark.slow
def test_a_run_notes_them(tmp_path, monkeypatch, cli):
    (tmp_path / "noted_frozen.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    quick = ("model.width=8", "model.max_epochs=1", "budget=100", "strategy=random", f"data_dir={tmp_path / 'data'}")
    assert cli(*quick, "features._target_=noted_frozen.Frozen").code == 0
    (path,) = tmp_path.rglob("environment.json")
    versions = json.loads(path.read_text())[-1]["versions"]
    assert "pyyaml" in versions
    assert "no-such-distribution" not in versions

"""torchvision beside whatever PyTorch is installed."""

import importlib
import subprocess
import sys

import pytest
import torch

from al_bench.core.torchvision import torchvision_module


def test_datasets_and_models_import_and_run():
    assert torchvision_module("datasets").MNIST
    network = torchvision_module("models").resnet18().eval()
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 1000)


def test_nothing_is_done_where_torchvision_imports_by_itself(monkeypatch):
    imported = []
    monkeypatch.setattr(torch.library, "Library", lambda *_: pytest.fail("a library was declared"))
    monkeypatch.setattr(importlib, "import_module", lambda name: imported.append(name) or torch)
    assert torchvision_module("datasets") is torch
    assert imported == ["torchvision.datasets"]


def test_any_other_error_is_passed_on(monkeypatch):
    def broken(name: str) -> None:
        raise RuntimeError("something else")

    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(RuntimeError, match="something else"):
        torchvision_module("datasets")


@pytest.mark.slow
@pytest.mark.skipif(torch.version.cuda is not None, reason="this PyTorch has CUDA, so there is nothing to mend")
def test_the_mending_is_needed_here():
    completed = subprocess.run(
        [sys.executable, "-c", "import torchvision"], capture_output=True, text=True, check=False
    )
    assert completed.returncode == 0 or "torchvision::nms does not exist" in completed.stderr

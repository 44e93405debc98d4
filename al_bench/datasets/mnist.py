"""MNIST and Fashion-MNIST: 60,000 + 10,000 images of 28x28 pixels in ten classes (LeCun, Cortes and Burges, 1998; Xiao,
Rasul and Vollgraf, 2017).
"""

from collections.abc import Mapping
from pathlib import Path

import torch

from al_bench.datasets.fetching import ensure_files
from al_bench.interfaces import Dataset, Examples, Normalisation
from al_bench.torchvision import torchvision_module

MNIST_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
FASHION_MNIST_BYTES = {
    "train-images-idx3-ubyte": 47_040_016,
    "train-labels-idx1-ubyte": 60_008,
    "t10k-images-idx3-ubyte": 7_840_016,
    "t10k-labels-idx1-ubyte": 10_008,
}


def mnist(data_dir: Path) -> Dataset:
    """Inputs (N, 1, 28, 28) uint8; the official split, downloaded to `<data_dir>/MNIST/raw` unless it is there."""
    return _dataset("MNIST", data_dir, MNIST_MD5, Normalisation(mean=(0.1307,), std=(0.3081,)))


def fashion_mnist(data_dir: Path) -> Dataset:
    """Inputs (N, 1, 28, 28) uint8; the official split, downloaded to `<data_dir>/FashionMNIST/raw` unless there."""
    return _dataset("FashionMNIST", data_dir, FASHION_MNIST_BYTES, Normalisation(mean=(0.2860,), std=(0.3530,)))


def _dataset(name: str, data_dir: Path, files: Mapping[str, str | int], normalisation: Normalisation) -> Dataset:
    source = getattr(torchvision_module("datasets"), name)
    ensure_files(
        name,
        data_dir,
        files={f"{name}/raw/{file}": expected for file, expected in files.items()},
        archives={f"{name}/raw/{archive}": md5 for archive, md5 in source.resources},
        download=lambda folder: source(folder, download=True),
    )
    parts = (source(data_dir, train=is_train) for is_train in (True, False))
    train, test = (Examples(part.data.unsqueeze(1), part.targets.to(torch.int64)) for part in parts)
    return Dataset(train, test, num_classes=10, normalisation=normalisation)

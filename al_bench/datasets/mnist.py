"""MNIST and Fashion-MNIST: 60,000 + 10,000 images of 28x28 pixels in ten classes (LeCun, Cortes and Burges, 1998; Xiao,
Rasul and Vollgraf, 2017).
"""

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from al_bench.datasets.fetching import ensure_files
from al_bench.datasets.split import examples
from al_bench.interfaces import Dataset, Examples, Normalisation
from al_bench.torchvision import torchvision_module


def mnist(data_dir: Path) -> Dataset:
    """Inputs (N, 1, 28, 28) uint8; the official split, downloaded to `<data_dir>/MNIST/raw` unless it is there."""
    return _dataset("MNIST", data_dir, Normalisation(mean=(0.1307,), std=(0.3081,)))


def fashion_mnist(data_dir: Path) -> Dataset:
    """Inputs (N, 1, 28, 28) uint8; the official split, downloaded to `<data_dir>/FashionMNIST/raw` unless there."""
    return _dataset("FashionMNIST", data_dir, Normalisation(mean=(0.2860,), std=(0.3530,)))


def _dataset(name: str, data_dir: Path, normalisation: Normalisation) -> Dataset:
    """From the four `.gz` files, whose md5 is published; what others have unpacked beside them is not looked at."""
    source = getattr(torchvision_module("datasets"), name)
    files = {f"{name}/raw/{file}": md5 for file, md5 in source.resources}
    ensure_files(name, data_dir, files, archives=files, download=lambda folder: source(folder, download=True))
    train, test = (_examples(data_dir / name / "raw", part) for part in ("train", "t10k"))
    return Dataset(train, test, num_classes=10, normalisation=normalisation)


def _examples(folder: Path, part: str) -> Examples:
    images_NHW = _read_idx(folder / f"{part}-images-idx3-ubyte.gz")
    return examples(images_NHW[:, None], _read_idx(folder / f"{part}-labels-idx1-ubyte.gz").astype(np.int64))


def _read_idx(path: Path) -> NDArray[np.uint8]:
    """Two zeros, the type (bytes), the number of dimensions, each as four bytes, and the values."""
    content = bytearray(gzip.decompress(path.read_bytes()))  # writable, as PyTorch wants its memory
    num_dimensions = content[3]
    shape = np.frombuffer(content, dtype=">i4", count=num_dimensions, offset=4)
    return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * num_dimensions).reshape(shape)

"""MNIST and Fashion-MNIST: 60,000 + 10,000 images of 28x28 pixels in ten classes (LeCun, Cortes and Burges, 1998; Xiao,
Rasul and Vollgraf, 2017).
"""

import gzip
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from al_bench.core.data import Dataset, Examples, Normalisation
from al_bench.core.torchvision import torchvision_module
from al_bench.datasets.formats.fetching import Source, ensure_files, is_whole
from al_bench.datasets.from_arrays import examples
from al_bench.files.writing import read_bytes

UNPACKED_MNIST = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
UNPACKED_FASHION_MNIST = {  # as Debian's package dataset-fashion-mnist has them
    "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
    "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
    "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
}


def mnist(data_dir: Path) -> Dataset:
    """Inputs (N, 1, 28, 28) uint8; the official split, downloaded to `<data_dir>/MNIST/raw` unless it is there."""
    return _dataset("MNIST", data_dir, Normalisation(mean=(0.1307,), std=(0.3081,)), UNPACKED_MNIST)


def fashion_mnist(data_dir: Path) -> Dataset:
    """Inputs (N, 1, 28, 28) uint8; the official split, downloaded to `<data_dir>/FashionMNIST/raw` unless there."""
    return _dataset("FashionMNIST", data_dir, Normalisation(mean=(0.2860,), std=(0.3530,)), UNPACKED_FASHION_MNIST)


def _dataset(name: str, data_dir: Path, normalisation: Normalisation, unpacked: Mapping[str, str]) -> Dataset:
    """From the unpacked files if their md5 is known and right, else from the `.gz` files, downloaded if need be."""
    folder, suffix = data_dir / name / "raw", ""
    if not unpacked or not all(is_whole(folder / file, md5) for file, md5 in unpacked.items()):
        torchvisions = getattr(torchvision_module("datasets"), name)
        files = {f"{name}/raw/{file}": md5 for file, md5 in torchvisions.resources}
        ensure_files(Source(name, files, files, partial(torchvisions, download=True)), data_dir)
        suffix = ".gz"
    train, test = (_examples(folder, part, suffix) for part in ("train", "t10k"))
    return Dataset(train, test, num_classes=10, normalisation=normalisation)


def _examples(folder: Path, part: str, suffix: str) -> Examples:
    images_NHW = _read_idx(folder / f"{part}-images-idx3-ubyte{suffix}")
    labels_N = _read_idx(folder / f"{part}-labels-idx1-ubyte{suffix}")
    return examples(images_NHW[:, None], labels_N.astype(np.int64))


def _read_idx(path: Path) -> NDArray[np.uint8]:
    """Two zeros, the type (bytes), the number of dimensions, each as four bytes, and the values."""
    stored = read_bytes(path)
    content = bytearray(gzip.decompress(stored) if path.suffix == ".gz" else stored)  # writable, as PyTorch wants it
    num_dimensions = content[3]
    shape = np.frombuffer(content, dtype=">i4", count=num_dimensions, offset=4)
    return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * num_dimensions).reshape(shape)

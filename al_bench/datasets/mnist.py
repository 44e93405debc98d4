"""MNIST: 60,000 + 10,000 images of 28x28 pixels in ten classes (LeCun, Cortes and Burges, 1998)."""

from pathlib import Path

import torch

from al_bench.datasets.files import md5_of
from al_bench.errors import DataError
from al_bench.interfaces import Dataset, Examples, Normalisation
from al_bench.torchvision import torchvision_module

NORMALISATION = Normalisation(mean=(0.1307,), std=(0.3081,))
MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


def mnist(data_dir: Path) -> Dataset:
    """Inputs (N, 1, 28, 28) uint8; the official split, downloaded to `<data_dir>/MNIST/raw` unless it is there."""
    folder = data_dir / "MNIST" / "raw"
    datasets = torchvision_module("datasets")
    for name, digest in MD5.items():
        if (folder / name).exists() and md5_of(folder / name) != digest:
            raise DataError(f"{(folder / name).absolute()}: the checksum does not match; delete it and start again")
    try:
        parts = [datasets.MNIST(data_dir, train=is_train, download=True) for is_train in (True, False)]
    except (OSError, RuntimeError, ValueError, AssertionError, EOFError) as error:
        archives = {name: md5 for name, md5 in datasets.MNIST.resources if (folder / name).exists()}
        broken = [name for name, md5 in archives.items() if md5_of(folder / name) != md5]
        problem = f"the checksum of {', '.join(broken)} does not match" if broken else "it is not, or not whole, there"
        raise DataError(
            f"MNIST was looked for in {folder.absolute()}: {problem}, and it could not be downloaded "
            f"({' '.join(str(error).split())}); put the four files there, or name their place with data_dir=... or the "
            "environment variable AL_BENCH_DATA"
        ) from error
    train, test = (Examples(part.data.unsqueeze(1), part.targets.to(torch.int64)) for part in parts)
    return Dataset(train, test, num_classes=10, normalisation=NORMALISATION)

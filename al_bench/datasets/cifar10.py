"""CIFAR-10: 50,000 + 10,000 colour images of 32x32 pixels in ten classes (Krizhevsky, 2009)."""

from pathlib import Path

import numpy as np

from al_bench.datasets.fetching import ensure_files
from al_bench.datasets.split import examples
from al_bench.interfaces import Dataset, Normalisation
from al_bench.torchvision import torchvision_module

NORMALISATION = Normalisation(mean=(0.4914, 0.4822, 0.4465), std=(0.2470, 0.2435, 0.2616))


def cifar10(data_dir: Path) -> Dataset:
    """Inputs (N, 3, 32, 32) uint8; the official split, downloaded to `<data_dir>/cifar-10-batches-py` unless there."""
    source = torchvision_module("datasets").CIFAR10
    md5 = dict([*source.train_list, *source.test_list, (source.meta["filename"], source.meta["md5"])])
    ensure_files(
        "CIFAR-10",
        data_dir,
        files={f"{source.base_folder}/{file}": expected for file, expected in md5.items()},
        archives={source.filename: source.tgz_md5},
        download=lambda folder: source(folder, download=True),
    )
    parts = (source(data_dir, train=is_train) for is_train in (True, False))
    train, test = (examples(part.data.transpose(0, 3, 1, 2), np.array(part.targets)) for part in parts)
    return Dataset(train, test, num_classes=10, normalisation=NORMALISATION)

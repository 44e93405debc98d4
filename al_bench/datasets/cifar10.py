"""CIFAR-10: 50,000 + 10,000 colour images of 32x32 pixels in ten classes (Krizhevsky, 2009)."""

from functools import partial
from pathlib import Path

import numpy as np

from al_bench.core.data import Dataset, Normalisation
from al_bench.core.torchvision import torchvision_module
from al_bench.datasets.formats.fetching import Source, ensure_files
from al_bench.datasets.from_arrays import examples

NORMALISATION = Normalisation(mean=(0.4914, 0.4822, 0.4465), std=(0.2470, 0.2435, 0.2616))


def cifar10(data_dir: Path) -> Dataset:
    """Inputs (N, 3, 32, 32) uint8; the official split, downloaded to `<data_dir>/cifar-10-batches-py` unless there."""
    torchvisions = torchvision_module("datasets").CIFAR10
    meta = (torchvisions.meta["filename"], torchvisions.meta["md5"])
    listed = [*torchvisions.train_list, *torchvisions.test_list, meta]
    source = Source(
        "CIFAR-10",
        files={f"{torchvisions.base_folder}/{file}": md5 for file, md5 in listed},
        archives={torchvisions.filename: torchvisions.tgz_md5},
        download=partial(torchvisions, download=True),
    )
    ensure_files(source, data_dir)
    parts = (torchvisions(data_dir, train=is_train) for is_train in (True, False))
    train, test = (examples(part.data.transpose(0, 3, 1, 2), np.array(part.targets)) for part in parts)
    return Dataset(train, test, num_classes=10, normalisation=NORMALISATION)

"""USPS: 7,291 + 2,007 grey images of digits on envelopes, 16x16 pixels (Hull, 1994)."""

from pathlib import Path

import numpy as np

from al_bench.core.data import Dataset, Normalisation
from al_bench.core.torchvision import torchvision_module
from al_bench.datasets.formats.fetching import Source, ensure_files
from al_bench.datasets.from_arrays import examples

NORMALISATION = Normalisation(mean=(0.2539,), std=(0.3842,))  # of the training images
PARTS = ("train", "test")


def usps(data_dir: Path) -> Dataset:
    """Inputs (N, 1, 16, 16) uint8, as torchvision reads LIBSVM's files; the official split, downloaded to `data_dir`
    unless there.
    """
    torchvisions = torchvision_module("datasets").USPS
    files = {file: md5 for _, file, md5 in (torchvisions.split_list[part] for part in PARTS)}

    def download(folder: Path) -> None:
        for part in PARTS:
            torchvisions(folder, train=part == "train", download=True)

    ensure_files(Source("USPS", files, files, download), data_dir)
    parts = (torchvisions(data_dir, train=part == "train") for part in PARTS)
    train, test = (examples(part.data[:, None], np.array(part.targets)) for part in parts)
    return Dataset(train, test, num_classes=10, normalisation=NORMALISATION)

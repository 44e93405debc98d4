"""SVHN: 73,257 + 26,032 colour images of house numbers, 32x32 pixels, in ten classes (Netzer et al., 2011)."""

from pathlib import Path

from al_bench.core.data import Dataset, Normalisation
from al_bench.core.torchvision import torchvision_module
from al_bench.datasets.formats.fetching import Source, ensure_files
from al_bench.datasets.from_arrays import examples

NORMALISATION = Normalisation(mean=(0.4377, 0.4438, 0.4728), std=(0.1980, 0.2010, 0.1970))
PARTS = ("train", "test")  # without the 531,131 easier images of `extra`, as in the papers


def svhn(data_dir: Path) -> Dataset:
    """Inputs (N, 3, 32, 32) uint8, class 0 is digit 0; the official split, downloaded to `data_dir` unless there."""
    torchvisions = torchvision_module("datasets").SVHN
    files = {file: md5 for _, file, md5 in (torchvisions.split_list[part] for part in PARTS)}

    def download(folder: Path) -> None:
        for part in PARTS:
            torchvisions(folder, split=part, download=True)

    ensure_files(Source("SVHN", files, files, download), data_dir)
    parts = (torchvisions(data_dir, split=part) for part in PARTS)
    train, test = (examples(part.data, part.labels) for part in parts)
    return Dataset(train, test, num_classes=10, normalisation=NORMALISATION)

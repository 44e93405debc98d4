"""Images: a user's own, in a folder for each class."""

import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from al_bench.core.data import Dataset
from al_bench.core.errors import DataError, described
from al_bench.core.ranges import Fraction, PositiveInt
from al_bench.datasets.formats.npz import Name
from al_bench.datasets.formats.own_files import expanded
from al_bench.datasets.from_arrays import drawn_dataset, examples
from al_bench.datasets.split import TooRareError
from al_bench.files.writing import open_regular

SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")  # torchvision's
LAYOUT = "a folder for each class, with its images, or train/ and test/ with such folders"

Files = list[tuple[Path, str]]
"""Of images, each with the name of its class."""


def images(
    path: str,
    rng: np.random.Generator,
    size: PositiveInt = 32,
    test_fraction: Fraction = 0.2,
    name: Name | None = None,  # noqa: ARG001
) -> Dataset:
    """Inputs (N, 3, size, size) uint8; the classes are the names of the folders, sorted.

    Laid out as for torchvision's ImageFolder: `<path>/<class>/...`, or `<path>/train/<class>/...`, where the test set
    is `<path>/test/<class>/...`, if that is there, else drawn. Of any mode, images become RGB; they are cut to a square
    around their middle, and scaled. Hidden files and those of other suffixes are left out.

    Args:
        path: of the folder.
        rng: draws the split, unless the folder has a test set.
        size: pixels of a side.
        test_fraction: share of a test set that is drawn.
        name: what the run is called after, instead of the path (see `al_bench.records.identity`).

    Raises:
        DataError: if the folder is not as it should be, or an image cannot be read, which is named.
    """
    place, folder = f"dataset.path={path}", expanded(path)
    if not folder.is_dir():
        raise DataError(f"{place}: no such folder (looked for {folder.absolute()}); it needs {LAYOUT}")
    has_train, has_test = (_holds_folders(place, folder / part) for part in ("train", "test"))
    if has_test and not has_train:
        raise DataError(f"{place}: there is a folder test, but no folder train beside it; it needs {LAYOUT}")
    pool = _files(place, folder / "train" if has_train else folder)
    tested = _files(place, folder / "test") if has_test else []
    class_of = {name: position for position, name in enumerate(sorted({each for _, each in pool}))}
    if len(class_of) < 2:
        raise DataError(f"{place}: holds one class, {', '.join(class_of)}; classification needs two or more")
    if unknown := sorted({each for _, each in tested} - class_of.keys()):
        raise DataError(f"{place}: no image of class {', '.join(unknown)} is in train, the pool")
    targets, test_targets = (np.array([class_of[each] for _, each in files]) for files in (pool, tested))
    inputs = _read(place, pool, size)
    if has_test:
        test = examples(_read(place, tested, size), test_targets)
        return Dataset(examples(inputs, targets), test, num_classes=len(class_of))
    try:
        return drawn_dataset(inputs, targets, test_fraction, rng)
    except TooRareError as error:
        raise DataError(f"{place}: {error}") from error


def _holds_folders(place: str, folder: Path) -> bool:
    """Whether it is a part of a data set; a class may be called train, too."""
    return folder.is_dir() and bool(_folders(place, folder))


def _files(place: str, folder: Path) -> Files:
    """The images below the folders of the classes, both in the order of their names."""
    found: Files = []
    for of_class in _folders(place, folder):
        files = sorted(_below(place, of_class))
        if not files:
            raise DataError(f"{place}: no image is in {of_class}; it needs {LAYOUT} ({', '.join(SUFFIXES)})")
        found += [(file, of_class.name) for file in files]
    if not found:
        raise DataError(f"{place}: no folder is in {folder}; it needs {LAYOUT}")
    return found


def _folders(place: str, folder: Path) -> list[Path]:
    return [Path(entry) for entry in _entries(place, folder) if entry.is_dir()]


def _below(place: str, folder: Path) -> Iterator[Path]:
    for entry in _entries(place, folder):
        if entry.is_dir():
            yield from _below(place, Path(entry))
        elif entry.name.lower().endswith(SUFFIXES):
            yield Path(entry)


def _entries(place: str, folder: Path) -> Sequence["os.DirEntry[str]"]:
    """What is in a folder and not hidden, in the order of the names; DataError for a link, which may lead elsewhere."""
    try:
        with os.scandir(folder) as found:
            entries = sorted((each for each in found if not each.name.startswith(".")), key=lambda each: each.name)
    except OSError as error:
        raise DataError(f"{place}: {folder} cannot be read: {error.strerror}") from error
    for entry in entries:
        if entry.is_symlink():
            raise DataError(f"{place}: {entry.path} is a link, and none is followed; put a copy there, or take it out")
    return entries


def _read(place: str, files: Files, size: int) -> NDArray[np.uint8]:
    images_NCHW = np.empty((len(files), 3, size, size), dtype=np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for row, (file, _) in enumerate(files):
            try:
                with open(file, "rb", opener=open_regular) as content, Image.open(content) as image:
                    square = ImageOps.fit(_as_rgb(image), (size, size), Image.Resampling.BILINEAR)
            except Exception as error:  # whatever Pillow says of a broken one
                is_none = isinstance(error, UnidentifiedImageError)
                problem = "it is of no known format" if is_none else " ".join(described(error).split())
                raise DataError(f"{place}: {file} cannot be read ({problem}); mend it, or take it out") from error
            images_NCHW[row] = np.asarray(square).transpose(2, 0, 1)
    return images_NCHW


def _as_rgb(image: Image.Image) -> Image.Image:
    """Of 16 bits the upper eight; of a palette with transparent colours, and of what is transparent, the colours."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ValueError(f"its pixels are of mode {image.mode}, not of 8 or 16 bits")
    return (image.convert("RGBA") if image.mode == "P" else image).convert("RGB")

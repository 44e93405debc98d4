"""A user's own images in a folder for each class: as torchvision reads them, of any mode; broken ones are named."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from al_bench.core.errors import DataError
from al_bench.core.torchvision import torchvision_module
from al_bench.datasets.checks import check_dataset
from al_bench.datasets.images import images
from al_bench.datasets.split import drawn_split
from tests.support.tables import rng

KINDS = ("dark blue", "ant", "Zebra")


@pytest.fixture(scope="module", autouse=True)
def _torchvision_is_loaded() -> None:
    """Which takes seconds, and is no test's own time."""
    torchvision_module("datasets")


def pixels(seed: int, height: int = 32, width: int = 32, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(256, size=(height, width, channels), dtype=np.uint8)


def folder_of(root: Path, num_images: int = 30, suffix: str = "png", **size: int) -> Path:
    for seed in range(num_images):
        file = root / KINDS[seed % 3] / f"{seed}.{suffix}"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(seed, **size)).save(file)
    return root


def by_torchvision(folder: Path) -> tuple[list[np.ndarray], list[int]]:
    """Without any scaling."""
    theirs = torchvision_module("datasets").ImageFolder(str(folder))
    return [np.asarray(image).transpose(2, 0, 1) for image, _ in theirs], theirs.targets


@pytest.mark.parametrize("suffix", ["png", "jpg", "BMP", "webp"])
def test_images_and_classes_are_those_of_torchvision_in_its_order(tmp_path, suffix):
    (folder_of(tmp_path, suffix=suffix) / "ant" / "more").mkdir()
    Image.fromarray(pixels(99)).save(tmp_path / "ant" / "more" / "99.png")
    expected, targets = by_torchvision(tmp_path)
    dataset = images(str(tmp_path), rng())
    check_dataset(dataset)
    train, test = drawn_split(np.array(targets), 0.2, rng())
    for part, rows in ((dataset.train, train), (dataset.test, test)):
        assert np.array_equal(part.inputs, np.stack([expected[row] for row in rows]))
        assert part.targets.tolist() == [targets[row] for row in rows]
    assert dataset.train.inputs.dtype == torch.uint8


def test_a_test_folder_beside_train_is_the_test_set_and_others_are_left_alone(tmp_path):
    folder_of(tmp_path / "train"), folder_of(tmp_path / "test", num_images=5), folder_of(tmp_path / "val", num_images=6)
    dataset = images(str(tmp_path), rng())
    for part, name in ((dataset.train, "train"), (dataset.test, "test")):
        expected, targets = by_torchvision(tmp_path / name)
        assert np.array_equal(part.inputs, np.stack(expected))
        assert part.targets.tolist() == targets


def test_without_one_it_is_drawn_and_a_class_may_be_called_train(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    folder_of(one / "train")
    assert torch.equal(
        images(str(one), rng()).test.inputs, images(str(folder_of(tmp_path / "flat")), rng()).test.inputs
    )
    (folder_of(other) / "ant").rename(other / "train")
    assert images(str(other), rng()).num_classes == 3


@pytest.mark.parametrize(("height", "width"), [(64, 64), (64, 96), (100, 70), (8, 8)])
def test_others_are_cut_to_a_square_around_the_middle_and_scaled(tmp_path, height, width):
    folder_of(tmp_path, height=height, width=width)
    dataset = images(str(tmp_path), rng(), size=16)
    side = min(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    classes = sorted(KINDS)
    seeds = sorted(range(30), key=lambda seed: (classes.index(KINDS[seed % 3]), f"{seed}.png"))
    train, _ = drawn_split(np.array([classes.index(KINDS[seed % 3]) for seed in seeds]), 0.2, rng())
    box = (left, top, left + side, top + side)
    for row, position in enumerate(train):
        image = Image.fromarray(pixels(seeds[position], height, width))
        square = image.resize((16, 16), Image.Resampling.BILINEAR, box=box)
        assert np.array_equal(dataset.train.inputs[row], np.asarray(square).transpose(2, 0, 1))


GREY = pixels(1)[:, :, 0]
PALETTE = Image.fromarray(pixels(2)).quantize(16)


def transparent() -> Image.Image:
    image = PALETTE.copy()
    image.info["transparency"] = bytes(range(16))
    return image


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.fromarray(GREY), np.stack([GREY] * 3, axis=2)),
        (Image.fromarray(pixels(3, channels=4)), pixels(3, channels=4)[:, :, :3]),
        (Image.fromarray(GREY).convert("LA"), np.stack([GREY] * 3, axis=2)),
        (PALETTE, np.asarray(PALETTE.convert("RGB"))),
        (transparent(), np.asarray(PALETTE.convert("RGB"))),
        (Image.fromarray(GREY.astype(np.uint16) * 256 + GREY[::-1]), np.stack([GREY] * 3, axis=2)),
        (Image.fromarray(GREY > 127), np.stack([(GREY > 127) * np.uint8(255)] * 3, axis=2)),
    ],
    ids=["grey", "RGBA", "LA", "palette", "transparent palette", "16 bits", "1 bit"],
)  # fmt: skip
def test_images_of_every_mode_become_rgb(tmp_path, image, expected):
    folder_of(tmp_path / "train"), folder_of(tmp_path / "test", num_images=1)
    image.save(tmp_path / "test" / "dark blue" / "0.png")
    found = images(str(tmp_path), rng()).test.inputs[0].numpy().transpose(1, 2, 0)
    assert np.array_equal(found, expected)


def break_cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-200])


def break_floats(file: Path) -> None:
    Image.fromarray(np.zeros((4, 4), np.float32)).save(file.with_suffix(".tif"))


def beside(file: Path) -> Path:
    return file.parent.parent / "beside"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (break_cut, "0.png cannot be read (OSError: image file is truncated"),
        (lambda file: file.write_bytes(b""), "0.png cannot be read (it is of no known format); mend it, or take it"),
        (lambda file: file.write_bytes(b"text"), "0.png cannot be read (it is of no known format); mend it, or take"),
        (break_floats, "0.tif cannot be read (ValueError: its pixels are of mode F, not of 8 or 16 bits)"),
        (lambda file: os.mkfifo(file.with_name("f.png")), "f.png cannot be read (OSError: [Errno 22] f.png is a fifo"),
        (lambda file: file.with_name("l.png").symlink_to(file), "l.png is a link, and none is followed; put a copy"),
        (lambda file: beside(file).symlink_to(file.parent), "PATH/beside is a link, and none is followed"),
        (lambda file: beside(file).mkdir(), "no image is in PATH/beside; it needs a folder for each class"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, change, told):
    change(folder_of(tmp_path) / "dark blue" / "0.png")
    with pytest.raises(DataError) as caught:
        images(str(tmp_path), rng())
    assert str(caught.value).startswith(f"dataset.path={tmp_path}: ")
    assert told in str(caught.value).replace(f"{tmp_path}/", "PATH/")


def test_a_huge_image_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(DataError, match=r"Zebra/11.png cannot be read \(DecompressionBomb"):
        images(str(folder_of(tmp_path)), rng())


def test_hidden_files_and_those_of_other_suffixes_are_left_out(tmp_path):
    expected = images(str(folder_of(tmp_path)), rng())
    for name in (".DS_Store", "ant/.hidden.png", "ant/Thumbs.db", "ant/notes.txt", "README.md"):
        (tmp_path / name).write_text("no image")
    (tmp_path / ".git").mkdir()
    assert torch.equal(images(str(tmp_path), rng()).train.inputs, expected.train.inputs)


def test_a_folder_of_another_kind_is_refused(tmp_path):
    for name in ("empty", "one/ant", "late/test/a"):
        (tmp_path / name).mkdir(parents=True)
    Image.fromarray(pixels(0)).save(tmp_path / "one" / "ant" / "0.png")
    Image.fromarray(pixels(0)).save(tmp_path / "0.png")
    folder_of(tmp_path / "other" / "train"), folder_of(tmp_path / "other" / "test" / "x")
    for path, told in (
        (tmp_path / "none", "no such folder (looked for"),
        (tmp_path / "0.png", "no such folder (looked for"),
        (tmp_path / "empty", "no folder is in"),
        (tmp_path / "one", "holds one class, ant; classification needs two or more"),
        (tmp_path / "late", "there is a folder test, but no folder train beside it"),
        (tmp_path / "other", "no image of class x is in train, the pool"),
    ):
        with pytest.raises(DataError, match=f"^dataset.path={re.escape(str(path))}: {re.escape(told)}"):
            images(str(path), rng())


def test_the_folder_itself_may_be_a_link_of_the_users(tmp_path, monkeypatch):
    folder_of(tmp_path / "there")
    (tmp_path / "here").symlink_to(tmp_path / "there")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert images("~/here", rng()).num_classes == 3

"""The image data sets: read as they are, and downloaded whole or not at all."""

import errno
import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from al_bench.core.data import Dataset
from al_bench.core.errors import DataError
from al_bench.datasets.checks import check_dataset
from al_bench.datasets.cifar10 import cifar10
from al_bench.datasets.mnist import mnist
from al_bench.datasets.svhn import NORMALISATION, svhn
from al_bench.datasets.usps import usps
from tests.conftest import real_data
from tests.support.image_files import LOADERS, Made, Site, expect, libsvm_file, made, mat_file, served, write

OPTIONS = sorted(LOADERS)
# torchvision leaves the connections of failed downloads to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(params=OPTIONS)
def option(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def of(option: str) -> Made:
    return made(option)


@pytest.fixture
def site(
    no_connection_is_left_to_another_test: None, option: str, of: Made, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    with served(of.archives) as site:
        expect(option, of, monkeypatch, site.url)
        yield site


def names(folder: Path) -> set[str]:
    """The files below a folder, but for the lock."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {name for name in found if not name.endswith(".lock")}


def assert_is(dataset: Dataset, of: Made) -> None:
    for part, examples in (("train", dataset.train), ("test", dataset.test)):
        assert np.array_equal(examples.inputs, of.images[part])
        assert np.array_equal(examples.targets, of.targets[part])


def test_files_in_their_places_are_read_as_they_are_and_nothing_is_written(option, of, tmp_path, monkeypatch):
    expect(option, of, monkeypatch)
    write(of.files, tmp_path)
    dataset = LOADERS[option](tmp_path)
    check_dataset(dataset)
    assert_is(dataset, of)
    assert dataset.train.inputs.dtype == torch.uint8
    assert dataset.train.inputs.is_contiguous()
    assert len(dataset.normalisation.mean) == dataset.input_shape[0]
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == set(of.files)


def test_what_is_not_there_is_downloaded_once(option, of, site, tmp_path):
    assert_is(LOADERS[option](tmp_path), of)
    assert names(tmp_path) == set(of.files)
    assert {*site.asked} == {Path(name).name for name in of.archives}
    site.asked.clear()
    assert_is(LOADERS[option](tmp_path), of)
    assert site.asked == []


def test_archives_that_are_there_are_not_downloaded(option, of, site, tmp_path):
    write(of.archives, tmp_path)
    assert_is(LOADERS[option](tmp_path), of)
    assert site.asked == []
    assert names(tmp_path) == {*of.files, *of.archives}


def test_without_a_network_the_message_says_what_is_missing_and_where(option, of, tmp_path, monkeypatch):
    expect(option, of, monkeypatch)  # the address of a port that nobody listens to
    with pytest.raises(DataError) as caught:
        LOADERS[option](tmp_path)
    for expected in (str(tmp_path), *of.files, "missing", "Connection refused", "data_dir=...", "AL_BENCH_DATA"):
        assert expected in str(caught.value)
    assert names(tmp_path) == set()


@pytest.mark.parametrize("sent", [0, 100])
def test_half_a_download_is_no_data_and_the_next_start_is_as_if_it_had_not_been(option, of, site, tmp_path, sent):
    site.sent = sent
    with pytest.raises(DataError, match=r"could not be downloaded: .*(corrupted|incomplete|more expected)"):
        LOADERS[option](tmp_path)
    assert names(tmp_path) == set()
    site.sent = None
    assert_is(LOADERS[option](tmp_path), of)


def test_a_wrong_file_is_no_data(option, of, site, tmp_path):
    right = dict(site.files)
    site.files.update({name: content[:-1] + b"!" for name, content in right.items()})
    with pytest.raises(DataError, match="corrupted"):
        LOADERS[option](tmp_path)
    assert names(tmp_path) == set()
    site.files.update(right)
    assert_is(LOADERS[option](tmp_path), of)


@pytest.mark.parametrize("damage", [b"", b"half", None])
def test_a_broken_file_in_its_place_is_named_or_replaced(option, of, site, tmp_path, damage):
    write(of.files, tmp_path)
    name, content = next(iter(of.files.items()))
    if damage is None:
        damage = content[:-1] + bytes([content[-1] ^ 1])
    (tmp_path / name).write_bytes(damage)
    files, site.files = site.files, {}
    with pytest.raises(DataError, match=f"{name} is of another checksum than published.*404") as caught:
        LOADERS[option](tmp_path)
    assert str(caught.value).count("another checksum") == 1
    assert (tmp_path / name).read_bytes() == damage
    site.files = files
    assert_is(LOADERS[option](tmp_path), of)


def test_a_broken_archive_in_its_place_is_named_and_left_alone(option, of, site, tmp_path):
    name = next(iter(of.archives))
    write({name: b"half an archive"}, tmp_path)
    files, site.files = site.files, {}
    with pytest.raises(DataError, match=f"{name} is of another checksum"):
        LOADERS[option](tmp_path)
    assert (tmp_path / name).read_bytes() == b"half an archive"
    site.files = files
    assert_is(LOADERS[option](tmp_path), of)


def test_a_full_disk_is_said_to_be_full_and_nothing_is_left(option, of, site, tmp_path, monkeypatch):
    def full(_: str, filename: str, **__: object) -> None:
        Path(filename).write_bytes(b"as much as there was room for")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("torchvision.datasets.utils._urlretrieve", full)
        with pytest.raises(DataError, match=f"cannot be stored in {tmp_path}: the disk is full; make room, or name"):
            LOADERS[option](tmp_path)
    assert names(tmp_path) == set()
    assert_is(LOADERS[option](tmp_path), of)


def test_a_folder_that_cannot_be_written_is_named(option, of, site, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DataError, match=f"cannot be stored in {tmp_path}/file: (Not a directory|File exists)"):
        LOADERS[option](tmp_path / "file")


def test_what_a_killed_process_left_is_removed(option, of, site, tmp_path):
    name = {"fashion_mnist": "FashionMNIST", "cifar10": "CIFAR-10"}.get(option, option.upper())
    write({f".{name}.al_bench-fetching-killed/{next(iter(of.archives))}": b"half"}, tmp_path)
    (tmp_path / f".{name}-mine").mkdir()
    assert_is(LOADERS[option](tmp_path), of)
    assert names(tmp_path) == set(of.files)
    assert (tmp_path / f".{name}-mine").is_dir()


@pytest.mark.slow
def test_processes_that_start_at_once_download_once(option, of, site, tmp_path):
    site.is_slow = True
    processes = [
        multiprocessing.get_context("fork").Process(target=_load_in_process, args=(option, of, tmp_path))
        for _ in range(4)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4
    assert names(tmp_path) == set(of.files)
    downloads = len(site.asked) / len(of.archives)
    assert downloads <= 2  # each download asks once for redirections and once for the file


def _load_in_process(option: str, of: Made, folder: Path) -> None:
    assert_is(LOADERS[option](folder), of)


@pytest.mark.parametrize("option", ["mnist", "fashion_mnist"])
def test_what_torchvision_has_unpacked_or_kept_beside_the_archives_is_not_looked_at(option, tmp_path, monkeypatch):
    of = made(option)
    expect(option, of, monkeypatch)
    write(of.files, tmp_path)
    folder = next(iter(of.files)).split("/")[0]
    write({name.removesuffix(".gz"): b"half" for name in of.files}, tmp_path)
    write({f"{folder}/processed/{part}.pt": b"torn" for part in ("training", "test")}, tmp_path)
    assert_is(LOADERS[option](tmp_path), of)


class TestRealFiles:
    @pytest.mark.slow
    def test_mnist(self):
        dataset = mnist(real_data("MNIST"))
        assert dataset.train.inputs.shape == (60_000, 1, 28, 28)
        assert dataset.test.inputs.shape == (10_000, 1, 28, 28)
        assert dataset.train.targets[:5].tolist() == [5, 0, 4, 1, 9]
        assert_normalises(dataset, dataset.train.inputs, tolerance=1e-4)

    def test_mnist_unpacked_without_its_archives(self, tmp_path):
        source = real_data("MNIST") / "MNIST" / "raw"
        (tmp_path / "MNIST" / "raw").mkdir(parents=True)
        for file in source.glob("*-ubyte"):
            (tmp_path / "MNIST" / "raw" / file.name).symlink_to(file)
        unpacked, packed = mnist(tmp_path), mnist(source.parents[1])
        assert torch.equal(unpacked.train.inputs, packed.train.inputs)
        assert torch.equal(unpacked.test.targets, packed.test.targets)

    @pytest.mark.slow
    def test_cifar10(self):
        dataset = cifar10(real_data("cifar-10-batches-py"))
        assert dataset.train.inputs.shape == (50_000, 3, 32, 32)
        assert dataset.test.inputs.shape == (10_000, 3, 32, 32)
        assert dataset.train.targets[:5].tolist() == [6, 9, 9, 4, 1]
        assert dataset.train.targets.bincount().tolist() == [5000] * 10
        assert_normalises(dataset, dataset.train.inputs, tolerance=1e-3)
        red, blue = dataset.train.inputs[:, 0].float().mean(), dataset.train.inputs[:, 2].float().mean()
        assert red > blue  # channels are in the order of the normalisation

    def test_the_first_images_of_svhn(self, tmp_path, monkeypatch):
        stored = np.load(real_data("svhn", "train_first_1083.npz") / "svhn" / "train_first_1083.npz")
        images, labels = stored["images"].transpose(0, 3, 1, 2), stored["labels"]
        files = {f"{part}_32x32.mat": mat_file(images, labels) for part in ("train", "test")}
        of = Made(dict.fromkeys(("train", "test"), images), {"train": labels, "test": labels}, files, files)
        expect("svhn", of, monkeypatch)
        write(files, tmp_path)
        dataset = svhn(tmp_path)
        assert_is(dataset, of)
        assert_normalises(dataset, dataset.train.inputs, tolerance=0.02)
        assert NORMALISATION.mean == (0.4377, 0.4438, 0.4728)

    @pytest.mark.slow
    def test_usps(self, tmp_path, monkeypatch):
        """As LIBSVM has it, in thousandths."""
        stored = np.load(real_data("usps.npz") / "usps.npz")
        images, targets, files = {}, {}, {}
        for part, prefix, name in (("train", "", "usps.bz2"), ("test", "test_", "usps.t.bz2")):
            values_ND = np.round(2 * stored[f"{prefix}inputs"].astype(float) - 1, 3)
            targets[part] = stored[f"{prefix}targets"]
            files[name] = libsvm_file(values_ND, targets[part])
            images[part] = ((values_ND.astype(np.float32) + 1) / 2 * 255).astype(np.uint8).reshape(-1, 1, 16, 16)
        of = Made(images, targets, files, files)
        expect("usps", of, monkeypatch)
        write(files, tmp_path)
        dataset = usps(tmp_path)
        assert_is(dataset, of)
        assert (len(dataset.train), len(dataset.test)) == (7_291, 2_007)
        assert_normalises(dataset, dataset.train.inputs, tolerance=1e-4)


def assert_normalises(dataset: Dataset, images: torch.Tensor, tolerance: float) -> None:
    pixels = images.double().transpose(0, 1).flatten(start_dim=1) / 255
    assert dataset.normalisation.mean == pytest.approx(pixels.mean(dim=1).tolist(), abs=tolerance)
    assert dataset.normalisation.std == pytest.approx(pixels.std(dim=1).tolist(), abs=tolerance)

"""Small image data sets in the formats of the real ones, and a site to download them from."""

import bz2
import gzip
import hashlib
import io
import pickle
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from al_bench.core.torchvision import torchvision_module
from al_bench.datasets.cifar10 import cifar10
from al_bench.datasets.mnist import fashion_mnist, mnist
from al_bench.datasets.svhn import svhn
from al_bench.datasets.usps import usps

LOADERS = {"mnist": mnist, "fashion_mnist": fashion_mnist, "cifar10": cifar10, "svhn": svhn, "usps": usps}
SIZES = {"train": 60, "test": 20}


@dataclass(frozen=True)
class Made:
    """A made data set: images (N, C, H, W) and targets (N,) of both parts, the files that a loader reads and those of
    its site, by their paths.
    """

    images: dict[str, np.ndarray]
    targets: dict[str, np.ndarray]
    files: dict[str, bytes]
    archives: dict[str, bytes]


def made(option: str, seed: int = 0) -> Made:
    """A data set in the format of `option`; every class is in both parts."""
    rng = np.random.default_rng(seed)
    shape = {"cifar10": (3, 32, 32), "svhn": (3, 32, 32), "usps": (1, 16, 16)}.get(option, (1, 28, 28))
    images = {part: rng.integers(256, size=(size, *shape), dtype=np.uint8) for part, size in SIZES.items()}
    targets = {part: rng.permutation(np.arange(size) % 10) for part, size in SIZES.items()}
    write = {"cifar10": _cifar10_files, "svhn": _svhn_files, "usps": _usps_files}.get(
        option, partial(_mnist_files, option)
    )
    return Made(images, targets, *write(images, targets))


def _mnist_files(option: str, images: dict[str, Any], targets: dict[str, Any]) -> tuple[dict[str, bytes], ...]:
    folder = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}[option] + "/raw/"
    files = {}
    for part, prefix in (("train", "train"), ("test", "t10k")):
        for array, kind in ((images[part][:, 0], "images-idx3"), (targets[part].astype(np.uint8), "labels-idx1")):
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
            files[f"{folder}{prefix}-{kind}-ubyte"] = header + array.tobytes()
    files = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in files.items()}
    return files, files


def _cifar10_files(images: dict[str, Any], targets: dict[str, Any]) -> tuple[dict[str, bytes], ...]:
    def batch(part: str, rows: slice) -> bytes:
        entry = {"data": images[part][rows].reshape(-1, 3072), "labels": targets[part][rows].tolist()}
        return pickle.dumps(entry, protocol=2)

    folder = "cifar-10-batches-py/"
    files = {f"{folder}data_batch_{i + 1}": batch("train", slice(12 * i, 12 * i + 12)) for i in range(5)}
    files[f"{folder}test_batch"] = batch("test", slice(None))
    files[f"{folder}batches.meta"] = pickle.dumps({"label_names": [str(i) for i in range(10)]}, protocol=2)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return files, {"cifar-10-python.tar.gz": archive.getvalue()}


def _svhn_files(images: dict[str, Any], targets: dict[str, Any]) -> tuple[dict[str, bytes], ...]:
    files = {f"{part}_32x32.mat": mat_file(images[part], targets[part]) for part in SIZES}
    return files, files


def _usps_files(images: dict[str, Any], targets: dict[str, Any]) -> tuple[dict[str, bytes], ...]:
    """torchvision rounds what it reads down to whole numbers."""
    names = {"train": "usps.bz2", "test": "usps.t.bz2"}
    values = {part: (images[part].reshape(len(images[part]), -1) + 0.5) / 255 * 2 - 1 for part in names}
    files = {names[part]: libsvm_file(values[part], targets[part]) for part in names}
    return files, files


def libsvm_file(values_ND: np.ndarray, targets: np.ndarray) -> bytes:
    """LIBSVM's format, compressed: `7 1:-1 2:-0.631 ...`, classes from 1, pixels in [-1, 1]."""
    rows = [" ".join(f"{column + 1}:{value:.6g}" for column, value in enumerate(values)) for values in values_ND]
    return bz2.compress("".join(f"{target + 1} {row} \n" for target, row in zip(targets, rows, strict=True)).encode())


def mat_file(images_NCHW: np.ndarray, targets: np.ndarray) -> bytes:
    """SVHN's format: X (32, 32, 3, N) and y (N, 1), in which the digit 0 is 10."""
    written = io.BytesIO()
    labels = np.where(targets == 0, 10, targets).astype(np.uint8)[:, None]
    savemat(written, {"X": images_NCHW.transpose(2, 3, 1, 0), "y": labels})
    return written.getvalue()


def expect(option: str, of: Made, monkeypatch: pytest.MonkeyPatch, site: str = "http://127.0.0.1:9/") -> None:
    """Make the checksums and addresses that are expected those of a made data set."""
    datasets = torchvision_module("datasets")
    digests = {Path(name).name: _md5(content) for name, content in {**of.files, **of.archives}.items()}
    if option == "cifar10":
        source = datasets.CIFAR10
        for key in ("train_list", "test_list"):
            monkeypatch.setattr(source, key, [[name, digests[name]] for name, _ in getattr(source, key)])
        monkeypatch.setattr(source, "meta", {**source.meta, "md5": digests["batches.meta"]})
        monkeypatch.setattr(source, "tgz_md5", digests[source.filename])
        monkeypatch.setattr(source, "url", f"{site}{source.filename}")
    elif option == "svhn":
        files = {part: f"{part}_32x32.mat" for part in SIZES}
        split_list = {part: [f"{site}{file}", file, digests[file]] for part, file in files.items()}
        monkeypatch.setattr(datasets.SVHN, "split_list", split_list)
    elif option == "usps":
        files = {"train": "usps.bz2", "test": "usps.t.bz2"}
        split_list = {part: [f"{site}{file}", file, digests[file]] for part, file in files.items()}
        monkeypatch.setattr(datasets.USPS, "split_list", split_list)
    else:
        source = {"mnist": datasets.MNIST, "fashion_mnist": datasets.FashionMNIST}[option]
        names = [Path(name).name for name in of.archives]
        monkeypatch.setattr(source, "resources", [(name, digests[name]) for name in names])
        monkeypatch.setattr(source, "mirrors", [site])


def write(files: Mapping[str, bytes], folder: Path) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


@dataclass
class Site:
    """What a server on this machine answers with; `sent` of every file are sent before the connection is cut."""

    files: dict[str, bytes]
    sent: int | None = None
    asked: list[str] = field(default_factory=list)
    is_slow: bool = False
    url: str = ""


@contextmanager
def served(files: Mapping[str, bytes]) -> Iterator[Site]:
    """A site with these files."""
    site = Site({Path(name).name: content for name, content in files.items()})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = site.files.get(self.path.lstrip("/"))
            site.asked.append(self.path.lstrip("/"))
            if content is None:
                self.send_error(404)
                return
            if site.is_slow:
                threading.Event().wait(0.5)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: site.sent])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.url = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()

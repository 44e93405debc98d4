"""Data sets: the contract of every one in conf/dataset, and the formats they are read from."""

import re
from collections.abc import Callable, Sequence
from hashlib import md5
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from PIL import Image

from al_bench.config.parts import called, checked_part
from al_bench.config.schema import CONF
from al_bench.core.data import Dataset, Examples
from al_bench.core.errors import DataError
from al_bench.datasets import banking77 as of_banking
from al_bench.datasets import clinc150 as of_clinc
from al_bench.datasets.checks import check_dataset
from al_bench.datasets.digits import digits
from al_bench.datasets.multiple_features import IDS
from al_bench.files.npz import md5_of
from al_bench.job.loading import BESIDE
from tests.conftest import blobs, real_data
from tests.support.image_files import expect, made, write
from tests.support.tables import letters, openml_folder, rng
from tests.support.texts import as_csv, published
from tests.support.texts import made as texts

PAGE = (CONF.parent / "docs" / "configuration.md").read_text()
OPTIONS = sorted(path.stem for path in (CONF / "dataset").glob("*.yaml"))


def table(num_classes: int, num_rows: int = 400) -> str:
    """OpenML's format: a number, a category and a class, no two rows alike; every class as often as any other."""
    rows = "\n".join(f"{row / 8},{'xyz'[row % 3]},c{row % num_classes}" for row in range(num_rows))
    classes = ",".join(f"c{each}" for each in range(num_classes))
    header = "@relation made\n@attribute number numeric\n@attribute kind {x,y,z}\n@attribute class"
    return f"{header} {{{classes}}}\n@data\n{rows}\n"


def poker(num_rows: int = 600) -> str:
    """OpenML 155's format: suits as categories, ranks as numbers, ten classes, the rarest of them twice."""
    made = np.random.default_rng(0)
    columns = "".join(f"@attribute s{i} {{0,1,2,3}}\n@attribute c{i} numeric\n" for i in range(1, 6))
    targets = np.minimum(np.arange(num_rows) // 2, made.geometric(0.5, size=num_rows) - 1).clip(max=8)
    targets[-2:] = 9
    rows = [
        ",".join(f"{suit},{rank / 13:.6f}" for suit, rank in made.integers([4, 13], size=(5, 2))) + f",{target}"
        for target in targets
    ]
    return f"@relation poker\n{columns}@attribute class {{{','.join(map(str, range(10)))}}}\n@data\n" + "\n".join(rows)


REAL_FILES = {
    "mnist": "MNIST",
    "cifar10": "cifar-10-batches-py",
    **{f"openml_{id}": f"openml/{id}.arff" for id in (6, 26, 28, 30, 32, 36, 60, 156, 181, 182, 184, 1475, 1489, 1497)},
    "banking77": "banking77/train.csv",
    "clinc150": "clinc150/data_full.json",
}
OFFICIAL = ("mnist", "fashion_mnist", "cifar10", "svhn", "usps", "banking77", "clinc150")  # whose split is not drawn
IMAGES = ("mnist", "fashion_mnist", "cifar10", "svhn", "usps")
TEXTS = {"banking77": of_banking, "clinc150": of_clinc}
OWN = ("arrays", "csv", "images", "modalities", "openml", "texts")  # of many sets of data


def made_up(option: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Write small files of the format of an option, and expect their checksums; the overrides that name them."""
    node = OmegaConf.load(CONF / "dataset" / f"{option}.yaml")
    if option in IMAGES:
        of = made(option)  # once: SVHN's files say when they were made
        expect(option, of, monkeypatch)
        write(of.files, folder)
    elif option in TEXTS:
        files = published(option, node.num_classes)
        monkeypatch.setattr(TEXTS[option], "FILES", {name: md5(content).hexdigest() for name, content in files.items()})
        write(files, folder)
    elif option == "multiple_features":
        for id in IDS.values():
            openml_folder(folder, table(node.num_classes), id=id)
    elif option.startswith("openml_"):
        content = poker() if node.id == 155 else table(node.num_classes)
        path = openml_folder(folder, content, id=node.id)
        return [f"dataset.md5={md5_of(path)}"] if "md5" in node else []
    return own(option, folder)


def own(option: str, folder: Path) -> list[str]:
    """Files of a user's own, and the overrides that name them; none for an option that is no such."""
    if option == "openml":
        openml_folder(folder, letters(), id=77)
        return ["dataset.id=77"]
    if option in ("arrays", "modalities"):
        inputs = np.random.default_rng(0).normal(size=(90, 3, 2))
        np.savez(folder / "a.npz", inputs=inputs, targets=np.arange(90) % 3)
        return [f"dataset.path={folder / 'a.npz'}"]
    if option == "texts":
        (folder / "texts.csv").write_text(as_csv(texts(90)))
        return [f"dataset.path={folder / 'texts.csv'}"]
    if option == "csv":
        rows = [f"{row % 7},{['red', 'dark blue'][row % 2]},{'xyz'[row % 3]}" for row in range(90)]
        (folder / "table.csv").write_text("\n".join(["number,colour,kind", *rows]))
        return [f"dataset.path={folder / 'table.csv'}", "dataset.target=kind"]
    if option == "images":
        for row in range(30):
            (folder / "i" / "ab"[row % 2]).mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), color=row).save(folder / "i" / "ab"[row % 2] / f"{row}.png")
        return [f"dataset.path={folder / 'i'}"]
    return []


def configured(option: str, folder: Path, overrides: Sequence[str] = ()) -> Callable[[int], Dataset]:
    """The data set of a yaml, from a seed, of the files in a folder."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        node = OmegaConf.to_container(compose("config", [f"dataset={option}", *overrides]).dataset, resolve=True)
    num_classes = node["num_classes"]
    assert (num_classes is None) is (option in OWN)
    node = {key: value for key, value in node.items() if key not in BESIDE}
    part = checked_part("dataset", node, facts={"data_dir", "rng"})

    def build(seed: int) -> Dataset:
        dataset = called("dataset", part, data_dir=folder, rng=rng(seed))
        assert num_classes in (None, dataset.num_classes)
        return dataset

    return build


def keeps_the_contract(option: str, build: Callable[[int], Dataset]) -> None:
    first, again, other = build(0), build(0), build(1)
    check_dataset(first)
    is_text = isinstance(first.train.inputs, tuple)
    assert is_text or first.train.inputs.dtype in (torch.float32, torch.uint8)
    for part, same in ((first.train, again.train), (first.test, again.test)):
        assert part.inputs == same.inputs if is_text else torch.equal(part.inputs, same.inputs)
        assert torch.equal(part.targets, same.targets)
    assert len(first.train) == len(other.train)
    assert torch.equal(first.train.targets, other.train.targets) is (option in OFFICIAL)


@pytest.mark.slow
@pytest.mark.parametrize("option", OPTIONS)
def test_every_data_set_keeps_the_contract(option, tmp_path, monkeypatch):
    overrides = made_up(option, tmp_path, monkeypatch)
    keeps_the_contract(option, configured(option, tmp_path, overrides))


@pytest.mark.slow
@pytest.mark.parametrize("option", sorted(REAL_FILES))
def test_the_real_files_keep_it_too(option):
    keeps_the_contract(option, configured(option, real_data(REAL_FILES[option])))


@pytest.mark.parametrize("option", [option for option in OPTIONS if option in {"digits", *REAL_FILES} - {"openml_156"}])
def test_the_docs_say_how_large_it_is(option, tmp_path):
    dataset = configured(option, real_data(REAL_FILES[option]) if option in REAL_FILES else tmp_path)(0)
    (row,) = [line for line in PAGE.splitlines() if re.match(rf"\| `{option}`( \(|` \|| \|)", line)]
    shape = "x".join(map(str, dataset.input_shape)) or "text"
    assert f"| {len(dataset.train):,} + {len(dataset.test):,} | {shape} | {dataset.num_classes} |" in row


@pytest.mark.parametrize("option", OPTIONS)
def test_the_docs_list_it(option):
    assert re.search(rf"^\| `{option}`", PAGE, flags=re.MULTILINE)


@pytest.mark.parametrize("option", OPTIONS)
def test_every_data_set_tells_models_its_hyperparameters(option):
    node = OmegaConf.load(CONF / "dataset" / f"{option}.yaml")
    if "defaults" in node:
        node = OmegaConf.load(CONF / "dataset" / f"{node.defaults[0]}.yaml")
    assert set(node.hyperparameters) - {"pretraining_epochs"} == {"width", "lr", "minibatch_size"}


class TestChecks:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda d: Dataset(d.train, d.test, 1), "1 class"),
            (lambda d: Dataset(d.train, d.test, 5), "class 4 is in the training pool"),
            (lambda d: Dataset(d.train, d.test, 3), r"targets of the training pool must be int64 in 0 .. 2"),
            (lambda d: Dataset(d.train, d.test.take(torch.arange(0)), 4), "test set has 0 inputs"),
            (lambda d: Dataset(d.train, Examples(d.test.inputs[:, :2], d.test.targets), 4), "must be the same"),
            (lambda d: Dataset(Examples(d.train.inputs.double(), d.train.targets), d.test, 4), "float32 or uint8"),
            (
                lambda d: Dataset(d.train, Examples(d.test.inputs / 0, d.test.targets), 4),
                "of the test set have missing",
            ),
            (lambda d: Dataset(Examples(d.train.inputs[1:], d.train.targets), d.test, 4), "needs one for one"),
        ],
    )
    def test_what_cannot_be_learned_from_is_refused(self, change, message):
        with pytest.raises(DataError, match=message):
            check_dataset(change(blobs()))


def test_digits_keep_every_class_in_proportion():
    dataset = digits(rng())
    shares = dataset.test.targets.bincount() / (dataset.test.targets.bincount() + dataset.train.targets.bincount())
    assert shares.tolist() == pytest.approx([0.2] * 10, abs=0.01)
    assert dataset.train.inputs.mean(0).abs().max() < 1e-6

"""Data sets: the contract of every one in conf/dataset, and the formats they are read from."""

import gzip
import hashlib
import json
import multiprocessing
import re
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from http.client import BadStatusLine, IncompleteRead
from io import BytesIO
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets._openml
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from al_bench.config import CONF
from al_bench.datasets.arff import read_arff
from al_bench.datasets.arrays import arrays
from al_bench.datasets.checks import check_dataset, digest
from al_bench.datasets.digits import digits
from al_bench.datasets.files import md5_of
from al_bench.datasets.modalities import modalities
from al_bench.datasets.multiple_features import IDS, multiple_features
from al_bench.datasets.openml import openml
from al_bench.datasets.split import drawn_split
from al_bench.errors import DataError
from al_bench.interfaces import Dataset, Examples
from al_bench.parts import called, checked_part
from al_bench.seeding import Stream, generator
from tests.conftest import BETWEEN, blobs, real_data
from tests.image_files import expect, made, write

README = (CONF.parent / "README.md").read_text()
OPTIONS = sorted(path.stem for path in (CONF / "dataset").glob("*.yaml"))
TABLE = """% a comment
@RELATION made

@ATTRIBUTE 'a number'  real
@attribute colour {red, 'dark blue', "green", 'a } brace'}
@attribute size {10,9,100} % one of {10}
@attribute class {yes,no}
@attribute last INTEGER
@data
1.5, red, 10, yes, 7
-2e3,'dark blue',9,no,8
% another comment
3,green,100,yes,9
0,red,9,no,7
"""


def rng(seed: int = 0) -> np.random.Generator:
    return generator(seed, Stream.SPLIT)


def openml_folder(folder: Path, content: str = TABLE, id: int = 1) -> Path:
    (folder / "openml").mkdir(parents=True, exist_ok=True)
    path = folder / "openml" / f"{id}.arff"
    path.write_text(content)
    return path


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


def letters(num_rows: int = 400) -> str:
    """A table large enough to be split."""
    rows = "\n".join(f"{i % 7},{i % 3},{'AB'[i % 2]}" for i in range(num_rows))
    return f"@relation r\n@attribute x numeric\n@attribute y numeric\n@attribute class {{A,B}}\n@data\n{rows}\n"


REAL_FILES = {
    "mnist": "MNIST",
    "cifar10": "cifar-10-batches-py",
    "openml_6": "openml/6.arff",
    "openml_156": "openml/156.arff",
    "openml_184": "openml/184.arff",
}


def configured(option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Dataset]:
    """The data set of a yaml, from a seed: the real one where it is at hand, else one of its format."""
    own = [f"dataset.path={tmp_path / 'a.npz'}"]
    overrides = {"openml": ["dataset.id=77"], "arrays": own, "modalities": own}.get(option, [])
    folder = real_data(REAL_FILES[option]) if option in REAL_FILES else tmp_path
    if option in ("fashion_mnist", "svhn"):
        expect(option, made(option), monkeypatch)
        write(made(option).files, tmp_path)
    openml_folder(tmp_path, letters(), id=77)
    openml_folder(tmp_path, poker(), id=155)
    for id in IDS.values():
        openml_folder(tmp_path, letters(), id=id)
    np.savez(tmp_path / "a.npz", inputs=np.random.default_rng(0).normal(size=(90, 3, 2)), targets=np.arange(90) % 3)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        node = OmegaConf.to_container(compose("config", [f"dataset={option}", *overrides]).dataset, resolve=True)
    del node["hyperparameters"]
    part = checked_part("dataset", node, facts={"data_dir", "rng"})
    return lambda seed: called("dataset", part, data_dir=folder, rng=rng(seed))


@pytest.mark.parametrize("option", OPTIONS)
def test_every_data_set_keeps_the_contract(option, tmp_path, monkeypatch):
    build = configured(option, tmp_path, monkeypatch)
    first, again, other = build(0), build(0), build(1)
    check_dataset(first)
    assert first.train.inputs.dtype in (torch.float32, torch.uint8)
    for part, same in ((first.train, again.train), (first.test, again.test)):
        assert torch.equal(part.inputs, same.inputs)
        assert torch.equal(part.targets, same.targets)
    assert len(first.train) == len(other.train)
    is_official = option in ("mnist", "fashion_mnist", "cifar10", "svhn")
    assert torch.equal(first.train.targets, other.train.targets) is is_official


@pytest.mark.parametrize("option", [option for option in OPTIONS if option in {"digits", *REAL_FILES} - {"openml_156"}])
def test_the_readme_says_how_large_it_is(option, tmp_path, monkeypatch):
    dataset = configured(option, tmp_path, monkeypatch)(0)
    (row,) = [line for line in README.splitlines() if re.match(rf"\| `{option}`( \(|` \|| \|)", line)]
    shape = "x".join(map(str, dataset.input_shape))
    assert f"| {len(dataset.train):,} + {len(dataset.test):,} | {shape} | {dataset.num_classes} |" in row


@pytest.mark.parametrize("option", OPTIONS)
def test_the_readme_lists_it(option):
    assert re.search(rf"^\| `{option}`", README, flags=re.MULTILINE)


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


class TestArff:
    def test_columns_have_the_types_of_the_header_and_the_target_is_called_class(self, tmp_path):
        frame, target = read_arff(openml_folder(tmp_path))
        assert target == "class"
        assert list(frame.columns) == ["a number", "colour", "size", "class", "last"]
        assert frame["a number"].tolist() == [1.5, -2000.0, 3.0, 0.0]
        assert frame["last"].dtype == "float64"
        assert isinstance(frame["colour"].dtype, pd.CategoricalDtype)

    def test_without_a_column_called_class_the_last_is_the_target(self, tmp_path):
        content = TABLE.replace("@attribute class", "@attribute klass")
        assert read_arff(openml_folder(tmp_path, content))[1] == "last"

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            ("", "no @data line"),
            ("@relation r\n@attribute x real\n", "no @data line"),
            ("@relation r\n@data\n1\n", "no @attribute line"),
            ("@relation r\n@attribute x real\n@data\n", "there are no rows"),
            ("<html>not found</html>\n", "no @data line"),
            (TABLE + "1,red,10,yes,7,8\n", ""),
            (TABLE + "one,red,10,yes,7\n", ""),
            (TABLE + "1.5,red,10,ye", "column 'class' has the value 'ye', which its header does not list"),
            (TABLE.replace("INTEGER", "string"), "only numeric and nominal columns"),
        ],
    )
    def test_a_broken_file_is_named(self, tmp_path, content, problem):
        path = openml_folder(tmp_path, content)
        with pytest.raises(DataError, match=f"{re.escape(str(path))}: not a readable ARFF file.*{problem}"):
            read_arff(path)


class TestOpenml:
    def columns(self, dataset: Dataset) -> set[tuple[float, ...]]:
        rows = torch.cat([dataset.train.inputs, dataset.test.inputs])
        return {tuple(row) for row in rows.tolist()}

    def test_numbers_stay_and_categories_become_codes_in_the_order_of_their_values(self, tmp_path):
        openml_folder(tmp_path)
        dataset = openml(1, tmp_path, rng(), test_fraction=0.25)
        assert self.columns(dataset) == {
            (1.5, 2.0, 1.0, 7.0),
            (-2000.0, 0.0, 0.0, 8.0),
            (3.0, 1.0, 2.0, 9.0),
            (0.0, 2.0, 0.0, 7.0),
        }
        assert dataset.num_classes == 2

    def test_a_percent_sign_starts_a_comment_only_at_the_start_of_a_line(self, tmp_path):
        rows = "".join(f"{i},{'10%' if i % 2 else '10'}\n" for i in range(40))
        openml_folder(tmp_path, f"@relation r\n@attribute x real\n@attribute class {{10%,10}}\n@data\n% a\n{rows}")
        assert openml(1, tmp_path, rng()).num_classes == 2

    def test_large_numbers_are_classes_of_their_own(self, tmp_path):
        rows = "".join(f"{i},{16777216 + i % 2}\n" for i in range(40))
        openml_folder(tmp_path, f"@relation r\n@attribute x real\n@attribute class numeric\n@data\n{rows}")
        assert openml(1, tmp_path, rng()).num_classes == 2

    @pytest.mark.parametrize("cut", [b"3,0,", b"3,0"])
    def test_a_row_that_was_cut_off_is_no_class_of_its_own(self, tmp_path, cut):
        path = openml_folder(tmp_path, letters())
        path.write_bytes(path.read_bytes() + b"\n" + cut)
        with pytest.raises(DataError, match="column 'class' of OpenML 1 holds missing or fractional values"):
            openml(1, tmp_path, rng())

    def test_another_number_of_rows_than_the_whole_table_has_is_warned_of(self, tmp_path, caplog):
        openml_folder(tmp_path, letters())
        openml(1, tmp_path, rng(), num_rows=400)
        assert caplog.text == ""
        openml(1, tmp_path, rng(), num_rows=1_000_000)
        assert "OpenML 1 has 1,000,000 rows, but what is in" in caplog.text

    def test_a_table_kept_of_another_file_than_the_expected_one_is_not_used(self, tmp_path, monkeypatch):
        path = openml_folder(tmp_path, letters())
        md5 = md5_of(path)
        openml(1, tmp_path, rng())
        path.unlink()
        assert len(openml(1, tmp_path, rng(), md5=md5).train) == 360
        monkeypatch.setattr("sklearn.datasets.fetch_openml", lambda **_: pytest.fail("it is fetched"))
        with pytest.raises(pytest.fail.Exception, match="it is fetched"):
            openml(1, tmp_path, rng(), md5="0a1b")

    def test_what_a_killed_process_left_is_removed(self, tmp_path):
        openml_folder(tmp_path, letters())
        (tmp_path / "openml" / ".1.npz.abcd.partial").write_bytes(b"half")
        openml(1, tmp_path, rng())
        assert not list((tmp_path / "openml").glob(".*.partial"))

    def test_any_column_can_be_the_target(self, tmp_path):
        openml_folder(tmp_path)
        dataset = openml(1, tmp_path, rng(3), target="last", test_fraction=0.25)
        assert dataset.num_classes == 3
        assert dataset.input_shape == (4,)
        with pytest.raises(DataError, match="dataset.target=colr: OpenML 1 has no such column; did you mean 'colour'"):
            openml(1, tmp_path, rng(), target="colr")
        with pytest.raises(DataError, match="a number.*missing or fractional values, not classes"):
            openml(1, tmp_path, rng(), target="a number")

    def test_the_split_is_the_papers(self, tmp_path):
        openml_folder(tmp_path, letters())
        whole = pd.DataFrame({"x": np.arange(400) % 7, "y": np.arange(400) % 3, "class": np.arange(400) % 2})
        dataset = openml(1, tmp_path, rng(5), max_pool_size=300)
        order = rng(5).permutation(400)
        assert dataset.train.inputs.tolist() == whole[["x", "y"]].to_numpy()[order[:300]].tolist()
        assert dataset.test.inputs.tolist() == whole[["x", "y"]].to_numpy()[order[360:]].tolist()
        assert dataset.test.targets.tolist() == whole["class"].to_numpy()[order[360:]].tolist()

    def test_the_split_is_drawn_again_until_every_class_is_in_the_pool(self, tmp_path):
        rows = "".join(f"{i},{'c' if i == 0 else 'ab'[i % 2]}\n" for i in range(40))
        openml_folder(tmp_path, f"@relation r\n@attribute x real\n@attribute class {{a,b,c}}\n@data\n{rows}")
        for seed in range(20):
            assert 2 in openml(1, tmp_path, rng(seed), test_fraction=0.5).train.targets
        one = "@relation r\n@attribute x real\n@attribute class {a,b}\n@data\n1,a\n2,b\n"
        openml_folder(tmp_path, one, id=2)
        with pytest.raises(DataError, match="the rarest class is too rare"):
            openml(2, tmp_path, rng(), test_fraction=0.5)

    def test_the_test_set_is_drawn_once_and_the_pool_again_until_it_has_every_class(self):
        """As in the authors' code: the shuffled last tenth, its size rounded up."""
        targets = np.repeat([0, 1, 2], [8000, 2000, 6])
        for seed in range(20):
            train, test = drawn_split(targets, 0.1, rng(seed), max_pool_size=400)
            assert test.tolist() == rng(seed).permutation(8006 + 2000)[9005:].tolist()
            assert len(test) == 1001
            assert len(train) == len({*train}) == 400
            assert not {*train} & {*test}
            assert set(targets[train]) == {0, 1, 2}

    def test_the_test_set_is_drawn_again_where_it_has_a_class_for_itself(self):
        targets = np.array([0, 1] * 20 + [2])
        for seed in range(20):
            train, test = drawn_split(targets, 0.5, rng(seed))
            assert len(test) == 21
            assert set(targets[train]) == {0, 1, 2}

    def test_scaling_is_by_the_training_pool(self, tmp_path):
        openml_folder(tmp_path, letters())
        plain, scaled = (openml(1, tmp_path, rng(), scale=scale) for scale in (False, True))
        mean, std = plain.train.inputs.mean(0), plain.train.inputs.std(0, correction=0)
        assert torch.allclose(scaled.train.inputs, (plain.train.inputs - mean) / std, atol=1e-5)
        assert torch.allclose(scaled.test.inputs, (plain.test.inputs - mean) / std, atol=1e-5)

    def test_missing_values_are_found_before_training(self, tmp_path):
        openml_folder(tmp_path, letters().replace("\n3,0,", "\n?,0,", 1))
        with pytest.raises(DataError, match="1 of .* examples .* have missing or infinite inputs"):
            check_dataset(openml(1, tmp_path, rng()))

    def test_the_second_start_parses_no_text(self, tmp_path, monkeypatch):
        openml_folder(tmp_path, letters())
        first = openml(1, tmp_path, rng())
        monkeypatch.setattr("al_bench.datasets.openml.read_arff", lambda _: pytest.fail("the text is parsed again"))
        second = openml(1, tmp_path, rng())
        assert torch.equal(first.train.inputs, second.train.inputs)

    def test_a_file_that_changed_is_read_again(self, tmp_path):
        path = openml_folder(tmp_path, letters())
        openml(1, tmp_path, rng())
        path.write_text(letters(100))
        assert len(openml(1, tmp_path, rng()).train) == 90

    def test_of_processes_that_start_at_once_one_reads_the_text(self, tmp_path, monkeypatch):
        openml_folder(tmp_path, letters())
        reads = tmp_path / "reads"

        def counted(path: Path) -> tuple[pd.DataFrame, str]:
            with reads.open("a") as file:
                file.write("read\n")
            time.sleep(0.5)
            return read_arff(path)

        monkeypatch.setattr("al_bench.datasets.openml.read_arff", counted)
        context = multiprocessing.get_context("fork")
        processes = [context.Process(target=openml, args=(1, tmp_path, rng())) for _ in range(4)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)
        assert [process.exitcode for process in processes] == [0] * 4
        assert reads.read_text() == "read\n"

    @pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 torn"])
    def test_a_damaged_kept_table_is_made_again(self, tmp_path, damage):
        openml_folder(tmp_path, letters())
        openml(1, tmp_path, rng())
        (tmp_path / "openml" / "1.npz").write_bytes(damage)
        assert len(openml(1, tmp_path, rng()).train) == 360
        assert (tmp_path / "openml" / "1.npz").stat().st_size > 1000

    def test_a_checksum_that_does_not_match_is_refused(self, tmp_path):
        path = openml_folder(tmp_path, letters())
        openml(1, tmp_path, rng(), md5=md5_of(path))
        with pytest.raises(
            DataError, match=f"{re.escape(str(path))}: the checksum does not match .md5 .*, expected 0a1b"
        ):
            openml(1, tmp_path, rng(), md5="0a1b")

    def test_a_folder_that_cannot_be_written_is_no_error(self, tmp_path, monkeypatch, caplog):
        openml_folder(tmp_path, letters())

        def refused(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("numpy.savez", refused)
        assert len(openml(1, tmp_path, rng()).train) == 360
        assert "is not kept" in caplog.text
        assert {path.name for path in (tmp_path / "openml").glob("[!.]*")} == {"1.arff"}


class TestFetching:
    """scikit-learn's own code against answers of OpenML's format."""

    @pytest.fixture
    def answers(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        kinds = {"x": "numeric", "y": "numeric", "class": "nominal"}
        features = [
            {"index": str(i), "name": name, "data_type": kind, "is_target": str(name == "class").lower()}
            | {"is_ignore": "false", "is_row_identifier": "false", "number_of_missing_values": "0"}
            for i, (name, kind) in enumerate(kinds.items())
        ]
        description = {
            "data_set_description": {
                "id": "61",
                "name": "made",
                "version": "1",
                "format": "ARFF",
                "file_id": "9",
                "status": "active",
                "default_target_attribute": "class",
                "processing_date": "2020-01-01 00:00:00",
                "licence": "Public",
                "description": "",
                "md5_checksum": hashlib.md5(letters().encode()).hexdigest(),
                "url": "https://api.openml.org/data/v1/download/9/made.arff",
            }
        }
        bodies = {
            r"/data/features/61": {"data_features": {"feature": features}},
            r"/data/qualities/61": {"data_qualities": {"quality": [{"name": "NumberOfInstances", "value": "400"}]}},
            r"/data/61$": description,
        }
        asked: list[str] = []

        class Answer(BytesIO):
            def info(self) -> dict[str, str]:
                return {"Content-Encoding": "gzip"}

        def opened(request: object, **_: object) -> Answer:
            url = request.full_url  # type: ignore[attr-defined]
            asked.append(url)
            found = [json.dumps(body) for pattern, body in bodies.items() if re.search(pattern, url)]
            return Answer(gzip.compress((found[0] if found else letters()).encode()))

        monkeypatch.setattr("sklearn.datasets._openml.urlopen", opened)
        return asked

    def test_what_is_fetched_equals_the_file_and_is_kept(self, tmp_path, answers):
        fetched = openml(61, tmp_path / "fetched", rng())
        assert any("download" in url for url in answers)
        openml_folder(tmp_path / "file", letters(), id=61)
        from_file = openml(61, tmp_path / "file", rng())
        assert torch.equal(fetched.train.inputs, from_file.train.inputs)
        assert torch.equal(fetched.test.targets, from_file.test.targets)
        answers.clear()
        again = openml(61, tmp_path / "fetched", rng())
        assert torch.equal(fetched.train.inputs, again.train.inputs)
        assert answers == []

    @pytest.mark.parametrize(
        "error",
        [
            EOFError("stream ended"),
            IncompleteRead(b"half"),
            BadStatusLine("x"),
            zlib.error("incorrect"),
            TimeoutError(),
        ],
    )
    def test_whatever_breaks_a_download_is_a_message(self, tmp_path, monkeypatch, error):
        def broken(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr("sklearn.datasets._openml.urlopen", broken)
        monkeypatch.setattr("sklearn.datasets._openml.time.sleep", lambda _: None)
        with pytest.raises(DataError, match=r"it could not be fetched from OpenML \(.+\); put the ARFF file there"):
            openml(61, tmp_path, rng())
        assert not list(tmp_path.rglob("*.npz"))

    @pytest.mark.parametrize("damage", [lambda sent: sent[: len(sent) // 2], lambda sent: sent[:30] + sent[31:]])
    def test_a_broken_answer_is_no_data(self, tmp_path, monkeypatch, answers, damage):
        opened = sklearn.datasets._openml.urlopen

        def damaged(request: object, **options: object) -> object:
            answer = opened(request, **options)
            if "download" in request.full_url:  # type: ignore[attr-defined]
                return type(answer)(damage(answer.read()))
            return answer

        monkeypatch.setattr("sklearn.datasets._openml.time.sleep", lambda _: None)
        with monkeypatch.context() as patched:
            patched.setattr("sklearn.datasets._openml.urlopen", damaged)
            with pytest.raises(DataError, match="it could not be fetched from OpenML"):
                openml(61, tmp_path, rng())
        assert len(openml(61, tmp_path, rng()).train) == 360

    def test_no_network_is_a_message_that_says_where_to_put_the_file(self, tmp_path, monkeypatch):
        def refused(*_: object, **__: object) -> None:
            raise URLError("no route to host")

        monkeypatch.setattr("sklearn.datasets._openml.urlopen", refused)
        monkeypatch.setattr("sklearn.datasets._openml.time.sleep", lambda _: None)
        with pytest.raises(
            DataError, match=r"openml/61.arff and it could not be fetched from OpenML.*no route to host.*AL_BENCH_DATA"
        ):
            openml(61, tmp_path, rng())


def views_folder(folder: Path, num_rows: int = 100) -> Path:
    """Tables of the six views with one to six columns, whose values tell the view, the row and the class."""
    for position, id in enumerate(IDS.values()):
        attributes = "".join(f"@attribute x{i} real\n" for i in range(position + 1))
        rows = "\n".join(
            ",".join(str(1000 * position + row + i / 10) for i in range(position + 1)) + f",{row % 4 + 1}"
            for row in range(num_rows)
        )
        openml_folder(folder, f"@relation v\n{attributes}@attribute class {{1,2,3,4}}\n@data\n{rows}\n", id)
    return folder


class TestMultipleFeatures:
    def test_the_views_stand_side_by_side_row_by_row(self, tmp_path):
        dataset = multiple_features(views_folder(tmp_path), rng(), scale=False)
        assert dict(dataset.modalities) == dict(zip(IDS, range(1, 7), strict=True))
        for part in (dataset.train, dataset.test):
            rows = part.inputs[:, 0].round()
            assert torch.equal(rows.long() % 4, part.targets)
            columns = [1000 * view + i / 10 for view in range(6) for i in range(view + 1)]
            assert torch.allclose(part.inputs, rows[:, None] + torch.tensor(columns))

    @pytest.mark.parametrize("names", [["fourier"], ["zernike", "fourier"], list(IDS)])
    def test_some_views_are_those_columns_of_all_under_the_same_split(self, tmp_path, names):
        folder = views_folder(tmp_path)
        whole, some = (multiple_features(folder, rng(), each) for each in (None, names))
        assert list(some.modalities) == names
        starts = dict(zip(IDS, np.cumsum([0, *whole.modalities.values()]), strict=False))
        columns = [starts[name] + i for name in names for i in range(whole.modalities[name])]
        assert torch.equal(some.train.inputs, whole.train.inputs[:, columns])
        assert torch.equal(some.test.inputs, whole.test.inputs[:, columns])
        assert torch.equal(some.test.targets, whole.test.targets)

    def test_scaled_columns_have_mean_0_and_variance_1_over_the_pool(self, tmp_path):
        dataset = multiple_features(views_folder(tmp_path), rng())
        assert dataset.train.inputs.mean(0).abs().max() < 1e-3
        assert torch.allclose(dataset.train.inputs.var(0, correction=0), torch.ones(21), atol=1e-3)

    @pytest.mark.parametrize("change", ["order", "number"])
    def test_tables_that_are_not_of_the_same_digits_are_an_error(self, tmp_path, change):
        folder = views_folder(tmp_path)
        path = folder / "openml" / "18.arff"
        header, _, rows = path.read_text().partition("@data\n")
        kept = rows.splitlines()[1:] if change == "number" else [*rows.splitlines()[1:], rows.splitlines()[0]]
        path.write_text(f"{header}@data\n" + "\n".join(kept))
        with pytest.raises(
            DataError, match=r"factors \(OpenML 12, 100 rows\) and morphological \(OpenML 18, \d+ rows\)"
        ):
            multiple_features(folder, rng())
        assert len(multiple_features(folder, rng(), ["morphological"]).modalities) == 1

    @pytest.mark.parametrize(
        ("names", "message"),
        [
            ("[fourrier]", "dataset.modalities[0]=[fourrier]: input should be 'factors', 'fourier',"),
            ("[]", "dataset.modalities=[]: list should have at least 1 item"),
            ("[pixel,fourier,pixel]", "dataset.modalities=[pixel,fourier,pixel]: pixel is named more than once"),
            ("fourier", "dataset.modalities=fourier: input should be a valid array"),
        ],
    )
    def test_names_that_cannot_be_are_errors_before_anything_is_read(self, cli, names, message):
        result = cli("dataset=multiple_features", f"dataset.modalities={names}")
        assert result.code == 1
        assert message in result.err

    def test_the_real_tables(self):
        real_data("openml", "14.arff")
        dataset = multiple_features(real_data("openml"), rng())
        assert dict(dataset.modalities) == dict(zip(IDS, (216, 76, 64, 6, 240, 47), strict=True))
        assert dataset.train.targets.bincount().add(dataset.test.targets.bincount()).tolist() == [200] * 10
        nearest = torch.cdist(dataset.test.inputs, dataset.train.inputs).argmin(1)
        assert (dataset.train.targets[nearest] == dataset.test.targets).float().mean() > 0.95


def two_modalities(num_rows: int = 60) -> dict[str, np.ndarray]:
    made = np.random.default_rng(0)
    return {
        "face": made.integers(256, size=(num_rows, 3, 2), dtype=np.uint8),
        "voice": made.normal(size=(num_rows, 4)) * 100,
        "targets": np.array(["sad", "glad", "mad"] * (num_rows // 3)),
    }


class TestModalities:
    def build(self, tmp_path: Path, arrays: dict[str, np.ndarray], *names: str, **options: object) -> Dataset:
        np.savez(tmp_path / "m.npz", **arrays)
        return modalities(str(tmp_path / "m.npz"), rng(), list(names) or None, **options)

    def test_arrays_stand_side_by_side_flattened_bytes_from_0_to_1(self, tmp_path):
        stored = two_modalities()
        dataset = self.build(tmp_path, stored, scale=False)
        assert dict(dataset.modalities) == {"face": 6, "voice": 4}
        face, voice = dataset.train.inputs[:, :6], dataset.train.inputs[:, 6:]
        rows = [int(np.abs(stored["voice"] - each.numpy()).sum(1).argmin()) for each in voice]
        assert len(set(rows)) == len(dataset.train) == 48
        assert np.allclose(voice, stored["voice"][rows])
        assert np.allclose(face, stored["face"][rows].reshape(-1, 6) / 255)
        assert [["glad", "mad", "sad"][target] for target in dataset.train.targets] == stored["targets"][rows].tolist()

    def test_they_are_scaled_unless_told_otherwise(self, tmp_path):
        inputs = self.build(tmp_path, two_modalities()).train.inputs
        assert torch.allclose(inputs.var(0, correction=0), torch.ones(10), atol=1e-3)

    def test_a_choice_in_its_order_under_the_same_split(self, tmp_path):
        whole = self.build(tmp_path, two_modalities())
        other = self.build(tmp_path, two_modalities(), "voice", "face")
        assert list(other.modalities) == ["voice", "face"]
        assert torch.equal(other.test.inputs, whole.test.inputs[:, [6, 7, 8, 9, 0, 1, 2, 3, 4, 5]])
        assert self.build(tmp_path, two_modalities(), "voice").input_shape == (4,)

    def test_a_test_set_in_the_file_has_the_modalities_in_the_order_that_is_asked_for(self, tmp_path):
        stored = two_modalities()
        test = {f"test_{name}": array[:9] for name, array in stored.items()}
        dataset = self.build(tmp_path, stored | test, "voice", "face")
        assert torch.equal(dataset.test.inputs, dataset.train.inputs[:9])

    @pytest.mark.parametrize(
        "other",
        [np.full((60, 2), np.nan), np.arange(60), np.array([{"name": "a"}] * 60), np.zeros((7, 3))],
        ids=["missing values", "one number each", "Python objects", "other rows"],
    )
    @pytest.mark.parametrize("has_test", [True, False])
    def test_what_is_not_chosen_may_be_anything(self, tmp_path, other, has_test):
        stored = two_modalities()
        stored |= {f"test_{name}": array[:9] for name, array in stored.items()} if has_test else {}
        expected = self.build(tmp_path, stored, "voice")
        dataset = self.build(tmp_path, stored | {"other": other}, "voice")
        assert torch.equal(dataset.train.inputs, expected.train.inputs)
        assert torch.equal(dataset.test.inputs, expected.test.inputs)
        assert dict(dataset.modalities) == {"voice": 4}
        with pytest.raises(DataError, match="other"):
            self.build(tmp_path, stored | {"other": other})

    @pytest.mark.parametrize("has_test", [True, False])
    def test_what_is_large_beside_its_differences_is_scaled_before_it_becomes_float32(self, tmp_path, has_test):
        small, large = two_modalities(), two_modalities()
        large["voice"] = large["voice"].astype(np.float64) + 1.7e9
        for stored in (small, large) if has_test else ():
            stored |= {f"test_{name}": array[:9] for name, array in stored.items()}
        expected, dataset = (self.build(tmp_path, stored, "voice") for stored in (small, large))
        assert torch.allclose(dataset.train.inputs, expected.train.inputs, atol=1e-4)
        assert torch.allclose(dataset.test.inputs, expected.test.inputs, atol=1e-4)
        assert dataset.train.inputs.dtype == dataset.test.inputs.dtype == torch.float32

    def test_a_modality_may_have_a_name_like_that_of_the_targets(self, tmp_path):
        stored = two_modalities() | {"my_targets": np.zeros((60, 2))}
        assert list(self.build(tmp_path, stored).modalities) == ["face", "voice", "my_targets"]

    def test_a_test_set_in_the_file_is_the_test_set_scaled_as_the_pool(self, tmp_path):
        stored = two_modalities()
        test = {f"test_{name}": array[:9] for name, array in stored.items()}
        dataset = self.build(tmp_path, stored | test)
        assert len(dataset.train) == 60
        assert torch.equal(dataset.test.inputs, dataset.train.inputs[:9])
        assert torch.equal(dataset.test.targets, dataset.train.targets[:9])

    @pytest.mark.parametrize(
        ("change", "names", "message"),
        [
            ({}, ["voise"], "dataset.modalities: .*m.npz has no modality 'voise'; did you mean 'voice'"),
            (
                {"voice": np.zeros((59, 4))},
                [],
                "voice has 59 rows but targets has 60; row r of each must be of the same",
            ),
            ({"voice": np.zeros((60, 0))}, [], r"voice is float64 of shape \(60, 0\)"),
            ({"voice": np.array(["a"] * 60)}, [], "voice is <U1"),
            (
                {"targets": np.array(["sad", "mad", "glad"] * 20, dtype=object)},
                ["voice"],
                r"m.npz: not a readable .npz file \(targets: Object arrays.*`.astype\(str\)` makes text of them",
            ),
            ({"targets": None}, [], r"has the arrays \['face', 'voice'\]; it needs `targets`"),
            ({"face": None, "voice": None}, [], "it needs `targets`"),
            ({"test_face": np.zeros((2, 3, 2)), "test_targets": ["sad", "mad"]}, [], "it needs `targets`"),
            (
                {"voice": np.where(np.arange(240).reshape(60, 4) == 30, 1e39, 1.0)},
                [],
                r"voice has missing or infinite values in 1 of 60 rows \(the first: row 7\)",
            ),
            (
                {"voice": np.where(np.arange(240).reshape(60, 4) == 30, np.nan, 1.0)},
                [],
                r"voice has missing or infinite values in 1 of 60 rows \(the first: row 7\)",
            ),
            (
                {
                    "test_face": np.zeros((2, 3, 2), "int64"),
                    "test_voice": np.zeros((2, 4)),
                    "test_targets": ["sad", "mad"],
                },
                [],
                "face is uint8, test_face int64; uint8 is scaled to 0 .. 1",
            ),
            (
                {
                    "test_face": np.zeros((2, 3, 2), "uint8"),
                    "test_voice": np.zeros((2, 5)),
                    "test_targets": ["sad", "mad"],
                },
                [],
                r"an example of voice has shape \(4,\), one of test_voice \(5,\)",
            ),
            (
                {
                    "test_face": np.zeros((2, 3, 2), "uint8"),
                    "test_voice": np.zeros((3, 4)),
                    "test_targets": ["sad", "mad"],
                },
                [],
                "test_voice has 3 rows but test_targets has 2",
            ),
        ],
    )
    def test_what_does_not_fit_is_named(self, tmp_path, change, names, message):
        stored = {name: array for name, array in (two_modalities() | change).items() if array is not None}
        with pytest.raises(DataError, match=message):
            self.build(tmp_path, stored, *names)

    @pytest.mark.parametrize(
        ("names", "message"), [("[]", "at least 1 item"), ("[voice,voice]", "voice is named more than once")]
    )
    def test_names_that_cannot_be_are_errors(self, cli, names, message):
        result = cli("dataset=modalities", "dataset.path=x.npz", f"dataset.modalities={names}")
        assert result.code == 1
        assert message in result.err

    def test_arrays_says_where_several_kinds_of_inputs_belong(self, tmp_path):
        np.savez(tmp_path / "a.npz", **two_modalities())
        with pytest.raises(DataError, match="for more than one kind of inputs say dataset=modalities"):
            arrays(str(tmp_path / "a.npz"), rng())

    def test_a_run(self, cli, tmp_path):
        np.savez(tmp_path / "m.npz", **two_modalities(300))
        result = cli(
            *("dataset=modalities", "dataset.path=m.npz", "dataset.modalities=[voice]", "model=fusion"),
            *("strategy=joint", "batch_size=b10", "num_initial=20", "budget=40", "model.max_epochs=3"),
        )
        assert result.code == 0, result.err
        (path,) = (tmp_path / "outputs").rglob("rounds.csv")
        assert path.parts[-6] == "fusion,max_epochs=3"
        assert "modalities=[voice]" in str(path)


@pytest.mark.parametrize(
    ("sizes", "shape", "is_right"),
    [([2, 3], (5,), True), ([2, 2], (5,), False), ([5, 0], (5,), False), ([12], (3, 4), False)],
)
def test_modalities_must_be_all_columns(sizes, shape, is_right):
    part = Examples(torch.zeros(4, *shape), torch.tensor([0, 1, 0, 1]))
    dataset = Dataset(part, part, 2, modalities={f"m{i}": size for i, size in enumerate(sizes)})
    if is_right:
        check_dataset(dataset)
        return
    with pytest.raises(DataError, match="the modalities have m0"):
        check_dataset(dataset)


def test_two_data_sets_with_other_modalities_are_two():
    part = Examples(torch.zeros(4, 5), torch.tensor([0, 1, 0, 1]))
    made = [
        Dataset(part, part, 2, modalities=each) for each in ({}, {"a": 2, "b": 3}, {"a": 3, "b": 2}, {"b": 2, "a": 3})
    ]
    assert len({digest(each) for each in made}) == 4


class TestArrays:
    @pytest.mark.parametrize(
        "targets", [np.array(["cat", "ant", "bee"] * 20), np.array([30, -5, 7] * 20), np.array([1, 3, 2] * 20, "uint8")]
    )
    def test_classes_are_the_sorted_distinct_targets(self, tmp_path, targets):
        inputs = np.arange(60.0).reshape(60, 1)
        np.savez(tmp_path / "a.npz", inputs=inputs, targets=targets)
        dataset = arrays(str(tmp_path / "a.npz"), rng())
        names = np.unique(targets)
        for part in (dataset.train, dataset.test):
            assert np.array_equal(names[part.targets], targets[part.inputs[:, 0].long()])

    def test_a_test_set_in_the_file_is_the_test_set(self, tmp_path):
        inputs, targets = np.arange(12.0).reshape(6, 2), np.array([0, 1, 0, 1, 0, 1])
        np.savez(tmp_path / "a.npz", inputs=inputs, targets=targets, test_inputs=inputs[:2] + 1, test_targets=[1, 0])
        dataset = arrays(str(tmp_path / "a.npz"), rng())
        assert dataset.train.inputs.tolist() == inputs.tolist()
        assert dataset.test.inputs.tolist() == (inputs[:2] + 1).tolist()
        assert dataset.test.targets.tolist() == [1, 0]

    def test_images_of_bytes_stay_bytes(self, tmp_path):
        images = np.random.default_rng(0).integers(256, size=(40, 3, 4, 4), dtype=np.uint8)
        np.savez(tmp_path / "a.npz", inputs=images, targets=np.arange(40) % 2)
        dataset = arrays(str(tmp_path / "a.npz"), rng())
        assert dataset.train.inputs.dtype == torch.uint8
        assert dataset.input_shape == (3, 4, 4)

    @pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04torn", None])
    def test_a_file_that_is_no_npz_is_named(self, tmp_path, content):
        with (tmp_path / "a.npz").open("wb") as file:
            np.save(file, np.zeros(3)) if content is None else file.write(content)
        with pytest.raises(DataError, match=r"a.npz: not a readable .npz file.*numpy.savez"):
            arrays(str(tmp_path / "a.npz"), rng())

    @pytest.mark.parametrize(
        ("stored", "message"),
        [
            ({"x_train": np.zeros((3, 2))}, r"has the arrays \['x_train'\]; it needs `inputs`"),
            ({"inputs": np.zeros((3, 2)), "targets": [0, 1, 0], "test_inputs": np.zeros((3, 2))}, "it needs `inputs`"),
            ({"inputs": np.zeros(3), "targets": [0, 1, 0]}, r"inputs is float64 of shape \(3,\)"),
            ({"inputs": np.zeros((3, 2)), "targets": [[0], [1], [0]]}, r"targets is int64 of shape \(3, 1\)"),
            ({"inputs": np.array([["a"], ["b"]]), "targets": [0, 1]}, "inputs is <U1"),
            (
                {
                    "inputs": np.zeros((3, 2)),
                    "targets": [0, 1, 0],
                    "test_inputs": np.zeros((2, 2)),
                    "test_targets": [5, 6],
                },
                "no example of class 5, 6 is in `targets`",
            ),
            (
                {
                    "inputs": np.zeros((3, 2)),
                    "targets": [0, 1, 0],
                    "test_inputs": np.zeros((1, 2)),
                    "test_targets": ["0"],
                },
                "targets and test_targets are int64 and <U1; they must both be integers or both be strings",
            ),
            (
                {
                    "inputs": np.zeros((2, 2)),
                    "targets": ["a", "b"],
                    "test_inputs": np.zeros((1, 2)),
                    "test_targets": [b"a"],
                },
                r"targets and test_targets are <U1 and \|S1; they must both be integers or both be strings of one kind",
            ),
            ({"inputs": np.zeros((0, 2)), "targets": np.zeros(0, int)}, r"inputs is float64 of shape \(0, 2\)"),
        ],
    )
    def test_arrays_that_do_not_fit_are_named(self, tmp_path, stored, message):
        np.savez(tmp_path / "a.npz", **stored)
        with pytest.raises(DataError, match=message):
            arrays(str(tmp_path / "a.npz"), rng())


@pytest.mark.parametrize(
    ("id", "rows", "columns", "classes"), [(6, 20_000, 16, 26), (184, 28_056, 6, 18), (156, 100_000, 10, 5)]
)
def test_the_real_openml_files(id, rows, columns, classes, tmp_path):
    real_data("openml", f"{id}.arff")
    dataset = openml(id, real_data("openml"), rng())
    assert len(dataset.test) == -(-rows // 10)
    assert len(dataset.train) == min(rows - len(dataset.test), 50_000)
    assert (dataset.input_shape, dataset.num_classes) == ((columns,), classes)


def test_letter_is_read_as_it_stands_in_the_file():
    folder = real_data("openml", "6.arff")
    lines = (folder / "openml" / "6.arff").read_text().split("@DATA")[-1].split("@data")[-1].strip().splitlines()
    rows = [line.split(",") for line in lines if not line.startswith("%")]
    order = rng(0).permutation(len(rows))
    dataset = openml(6, folder, rng(0))
    for position in (0, 1, 17_999):
        row = rows[order[position]]
        assert dataset.train.inputs[position].tolist() == [float(value) for value in row[:-1]]
        assert dataset.train.targets[position] == ord(row[-1]) - ord("A")


def test_digits_keep_every_class_in_proportion():
    dataset = digits(rng())
    shares = dataset.test.targets.bincount() / (dataset.test.targets.bincount() + dataset.train.targets.bincount())
    assert shares.tolist() == pytest.approx([0.2] * 10, abs=0.01)
    assert dataset.train.inputs.mean(0).abs().max() < 1e-6


def test_a_million_rows_take_little_memory_and_are_read_once(tmp_path):
    """1,000,000 rows of 10 numbers: below 2 GB with all that is imported, and the second start parses no text."""
    made = np.random.default_rng(0)
    block = "".join(
        ",".join(f"{value:.6f}" for value in row) + f",class{target}\n"
        for row, target in zip(made.uniform(size=(1000, 10)), made.integers(1, 6, size=1000), strict=True)
    )
    columns = "".join(f"@attribute att{i} numeric\n" for i in range(1, 11))
    header = f"@relation r\n{columns}@attribute class {{class1,class2,class3,class4,class5}}\n@data\n"
    path = openml_folder(tmp_path, header, id=156)
    with path.open("a") as file:
        file.writelines(block for _ in range(1000))
    code = f"""
import resource, sys
from pathlib import Path
from al_bench.datasets import openml
from al_bench.seeding import Stream, generator
openml.read_arff = openml.read_arff if sys.argv[1] == "first" else None
dataset = openml.openml(156, Path({str(tmp_path)!r}), generator(0, Stream.SPLIT))
assert (len(dataset.train), len(dataset.test), dataset.num_classes) == (50_000, 100_000, 5)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""
    for start in ("first", "second"):
        command = [sys.executable, "-c", BETWEEN, sys.executable, "-c", code, start]
        completed = subprocess.run(command, capture_output=True, text=True, check=False)
        assert completed.returncode == 0, completed.stderr
        assert int(completed.stdout) < 2e9

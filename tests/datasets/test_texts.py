"""Texts: a user's own in one file, and the two published sets: read as they are, split, refused with one message."""

import csv
import json
import logging
from collections import Counter
from hashlib import md5
from pathlib import Path

import numpy as np
import pytest
import torch

from al_bench.core.copies import first_equal
from al_bench.core.data import Dataset, Examples
from al_bench.core.errors import DataError
from al_bench.core.torchvision import torchvision_module
from al_bench.datasets import banking77 as of_banking
from al_bench.datasets import clinc150 as of_clinc
from al_bench.datasets.banking77 import banking77
from al_bench.datasets.checks import check_dataset, digest
from al_bench.datasets.clinc150 import clinc150
from al_bench.datasets.copies import Copies, Found, by_letters
from al_bench.datasets.split import drawn_split
from al_bench.datasets.texts import texts
from al_bench.job.loading import loaded
from tests.conftest import real_data
from tests.support.image_files import served
from tests.support.tables import rng
from tests.support.texts import as_csv, made, published, write


def on_site(files: dict[str, bytes]) -> dict[str, bytes]:
    """By their paths there."""
    return {name.replace("banking77", "banking_data").removeprefix("clinc150/"): files[name] for name in files}


LOADERS = {"banking77": (of_banking, banking77), "clinc150": (of_clinc, clinc150)}
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


def of_texts(pool: list[tuple[str, int]], test: list[tuple[str, int]]) -> Dataset[tuple[str, ...]]:
    parts = (
        Examples(tuple(text for text, _ in part), torch.tensor([kind for _, kind in part])) for part in (pool, test)
    )
    return Dataset(*parts, num_classes=2)


def stored(folder: Path, content: str | bytes, name: str = "x.csv") -> str:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return str(folder / name)


class TestOwn:
    def test_texts_stay_as_they_are_and_classes_are_the_sorted_distinct_names(self, tmp_path):
        strange = ['said "no", twice', "two\nlines", " blanks around ", "commas, everywhere", "naïve ☕", "NA", "?"]
        rows = [(f"{strange[row % 7]}", ["dark blue", " red ", "10", "b,c"][row % 4]) for row in range(56)]
        dataset = texts(stored(tmp_path, as_csv(rows)), rng())
        check_dataset(dataset)
        train, test = drawn_split(np.array([row % 4 for row in range(56)]), 0.2, rng())
        names = ["10", "b,c", "dark blue", "red"]
        for part, positions in ((dataset.train, train), (dataset.test, test)):
            assert part.inputs == tuple(rows[row][0] for row in positions)
            assert [names[target] for target in part.targets] == [rows[row][1].strip() for row in positions]

    @pytest.mark.parametrize(
        "header", ["text,label", "\ufefftext,label", "text, Target ", "text,CLASS", "text,category"]
    )
    def test_the_usual_names_of_columns_need_not_be_said(self, tmp_path, header):
        assert texts(stored(tmp_path, as_csv(made(), header)), rng()).num_classes == 3

    def test_columns_can_be_said_and_others_are_left_alone(self, tmp_path):
        rows = [("", kind, text) for text, kind in made()]
        path = stored(tmp_path, as_csv(rows, "id,intent,question"))
        assert len(texts(path, rng(), text="question", target="intent", test_fraction=0.5).test) == 45

    def test_a_test_set_is_taken_from_its_own_file(self, tmp_path):
        pool, test = made(60), [("unseen", "class 2"), ("too", "class 0")]
        path, test_path = stored(tmp_path, as_csv(pool)), stored(tmp_path, as_csv(test), "test.csv")
        dataset = texts(path, rng(), test_path=test_path)
        assert dataset.train.inputs == tuple(text for text, _ in pool)
        assert (dataset.test.inputs, dataset.test.targets.tolist()) == (("unseen", "too"), [2, 0])

    def test_tabs_separate_in_a_tsv(self, tmp_path):
        rows = "\n".join(f"{text}\t{kind}" for text, kind in made())
        assert texts(stored(tmp_path, f"text\tlabel\n{rows}\n", "x.tsv"), rng()).train.inputs[0].count("\t") == 0

    def test_a_text_may_be_as_long_as_a_book(self, tmp_path):
        book = "word " * 60_000
        dataset = texts(stored(tmp_path, as_csv([*made(), (book, "class 0")])), rng())
        assert book in dataset.train.inputs + dataset.test.inputs

    def test_a_class_of_one_row_is_in_the_pool(self, tmp_path):
        dataset = texts(stored(tmp_path, as_csv([*made(40), ("alone", "rare")])), rng(3))
        assert "alone" in dataset.train.inputs

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (
                "text,sort\na,b\n",
                "@ has no column called target, label, class or category; say dataset.target=..., the column of "
                "classes (known: sort, text)",
            ),
            (
                "text,label,class\na,b,c\n",
                "@ has the columns 'label' and 'class'; say dataset.target=..., the column of classes (known: class, "
                "label, text)",
            ),
            ("words,label\na,b\n", "dataset.text=text: @ has no such column; known: label, words"),
            (
                "text;label\na;b\n",
                "dataset.text=text: @ has no such column; did you mean 'text;label'? (known: text;label); commas "
                "separate columns",
            ),
            ("text,label,text\na,b,c\n", "@: 'text' is the name of more than one column; rename them"),
            ("", "@: the file is empty"),
            ("\n\n", "@: the file is empty"),
            ("text,label\n", "@: there are no rows below the names of the columns"),
            ("text,label\na,x\nb,x\n", "@: column 'label' holds one class, 'x'; classification needs two"),
            (
                "text,label\na,x\nb,\nc, \n",
                "@: column 'label' has no value in 2 of 3 rows (the first: line 3); fill in or drop them",
            ),
            ('text,label\n"a\nb",x\n  ,y\n', "@: line 4 has no text in column 'text'; fill it in, or drop the line"),
            (
                "text,label\na,x\nb, c,y\n",
                "@: line 3 has 3 cells, but the first names 2 columns; a cell that holds a comma must be in quotation "
                'marks, "like, this"',
            ),
            (b"text,label\na,x\ncaf\xe9,y\n", "@: line 3 is not UTF-8 (byte 0xe9); save the file as UTF-8"),
            ("text,label\na,x\n".encode("utf-16"), "@: line 1 is not UTF-8 (byte 0xff); save the file as UTF-8"),
            (b"text,label\na\0,x\nb,y\n", "@: line 2 holds a zero byte; take it out"),
            (
                "text,label\na,x\ny,y\nz,z\n",
                "@: no training pool with all 3 classes in 1000 draws: the rarest class is too rare, with 1 of 3 "
                "examples; drop such classes",
            ),
        ],
    )
    def test_what_is_wrong_with_a_file_is_said_once_with_key_and_line(self, tmp_path, content, told):
        path = stored(tmp_path, content)
        with pytest.raises(DataError) as caught:
            texts(path, rng())
        assert str(caught.value).replace(f"dataset.path={path}", "@") == told

    @pytest.mark.parametrize("content", ['text,label\na,x\n"b,y\n', f'text,label\na,x\n"{"b" * 200_000},y\n'])
    def test_an_open_quotation_mark_is_told_with_its_line(self, tmp_path, content):
        with pytest.raises(DataError, match=r"x.csv: line 3 cannot be read \(unexpected end"):
            texts(stored(tmp_path, content), rng())

    def test_what_is_no_file_is_said_at_once(self, tmp_path):
        for path, told in (
            (tmp_path / "none.csv", "no such file"),
            (tmp_path, "is a folder, not a file"),
            ("a\0b", "null byte"),
        ):
            with pytest.raises(DataError, match=f"^dataset.path=.*{told}"):
                texts(str(path), rng())

    def test_a_class_of_the_test_set_alone_is_missed_by_its_name(self, tmp_path):
        path, test_path = (
            stored(tmp_path, as_csv(made())),
            stored(tmp_path, as_csv([("x", "class 0"), ("y", "class 9")]), "t.csv"),
        )
        with pytest.raises(
            DataError, match=r"^dataset.test_path=.*t.csv: no row of class 'class 9' is in dataset.path="
        ):
            texts(path, rng(), test_path=test_path)

    def test_parquet_is_read_where_pyarrow_is_and_named_where_it_is_not(self, tmp_path):
        path = str(tmp_path / "x.parquet")
        try:
            import pyarrow as pa
            from pyarrow import parquet
        except ImportError:
            stored(tmp_path, b"PAR1", "x.parquet")
            with pytest.raises(DataError, match=r"x.parquet: needs pyarrow \(pip install pyarrow\)"):
                texts(path, rng())
            pytest.skip("NOT INSTALLED: pyarrow")
        rows = made()
        parquet.write_table(
            pa.table({"text": [text for text, _ in rows], "label": [int(kind[-1]) for _, kind in rows]}), path
        )
        ours, same = texts(path, rng()), texts(stored(tmp_path, as_csv(rows)), rng())
        assert ours.train.inputs == same.train.inputs
        assert ours.train.targets.tolist() == same.train.targets.tolist()
        with pytest.raises(DataError, match="not a readable Parquet file"):
            texts(stored(tmp_path, b"PAR1", "y.parquet"), rng())


class TestChecks:
    @pytest.mark.parametrize(
        ("pool", "told"),
        [
            ([("a", 0), (7, 1)], "input 1 of the training pool is of the type int; all must be str"),
            ([("a", 0), (" \n", 1)], "the text at index 1 of the training pool is empty"),
            ([("\ud800", 0), ("b", 1)], "the text at index 0 of the training pool holds half a character"),
            ([("a", 0), ("b", 0)], "no example of class 1"),
        ],
    )
    def test_texts_that_nothing_can_be_made_of_are_refused(self, pool, told):
        with pytest.raises(DataError, match=told):
            check_dataset(of_texts(pool, [("c", 0)]))

    def test_texts_and_numbers_do_not_go_together(self):
        dataset = of_texts([("a", 0), ("b", 1)], [("c", 0)])
        numbers = Examples(torch.zeros(1, 2), torch.tensor([0]))
        with pytest.raises(DataError, match=r"have shape \(texts\), those of the test set \(2,\)"):
            check_dataset(Dataset(dataset.train, numbers, 2))  # type: ignore[arg-type]

    def test_a_digest_tells_texts_apart_wherever_they_are_cut(self):
        pools = ["ab c", "a bc", "abc ", "c ab"]
        cut = [of_texts([(pool.split(" ")[0], 0), (pool.split(" ")[1], 1)], [("x", 0)]) for pool in pools]
        others = [of_texts([("ab", 1), ("c", 0)], [("x", 0)]), of_texts([("ab", 0), ("c", 1), ("x", 0)], [("x", 0)])]
        assert len({digest(each) for each in (*cut, *others)}) == 6
        assert digest(cut[0]) == digest(of_texts([("ab", 0), ("c", 1)], [("x", 0)]))


class TestCopies:
    def test_texts_are_copies_if_every_letter_is_the_same(self):
        pool = ["a", "b", "A", "a", "a ", "b", ""]
        assert first_equal(tuple(pool)).tolist() == [pool.index(text) for text in pool]
        assert first_equal(()).tolist() == []

    @pytest.mark.parametrize(
        ("text", "other", "is_one"),
        [
            ("Is it here?", "is it, here", True),
            ("i-phone 7", "I phone7", True),
            ("straße", "STRASSE", True),
            ("café", "cafe\u0301", True),
            ("card 7", "card 8", False),
            ("café", "cafe", False),
            ("👍", "👎", False),
            ("?", "!", False),
            ("कि", "का", False),
        ],
    )
    def test_they_are_alike_by_letters_and_digits_alone(self, text, other, is_one):
        dataset = by_letters(of_texts([(text, 0), (other, 1)], [(other, 0)]))
        assert (Copies.of(dataset).found().pool == 1) is is_one
        assert Copies.of(dataset).found().test == 1

    def test_both_are_counted_and_what_is_left_out_are_equal_ones(self, tmp_path, caplog):
        pool = [("a card", "x"), ("A card!", "y"), ("a card", "x"), ("cash", "y"), *made(40)]
        test = [("a card", "x"), ("Cash.", "y"), ("another", "y")]
        node = {"_target_": "al_bench.datasets.texts.texts", "path": stored(tmp_path, as_csv(pool))}
        node["test_path"] = stored(tmp_path, as_csv(test), "test.csv")
        with caplog.at_level(logging.WARNING):
            data = loaded(node, tmp_path, 0)
        assert data.copies == Found(1, 1, 0, by_letters=Found(2, 2, 3))
        assert data.copies.as_dict() == {
            "pool": 1,
            "test": 1,
            "conflicts": 0,
            "pool_by_letters": 2,
            "test_by_letters": 2,
            "conflicts_by_letters": 3,
        }
        assert "by letters and digits alone, 2 of 44 (4.5 %) examples of the pool are copies of others" in caplog.text
        left = loaded(node | {"copies": "test"}, tmp_path, 0)
        assert left.dataset.test.inputs == ("Cash.", "another")
        assert len(loaded(node | {"copies": "pool"}, tmp_path, 0).dataset.train) == 43


@pytest.fixture(scope="module", autouse=True)
def _torchvision_is_loaded() -> None:
    """Which takes seconds, and is no test's own time."""
    torchvision_module("datasets.utils")


@pytest.fixture(params=sorted(LOADERS))
def option(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.usefixtures("no_connection_is_left_to_another_test")
class TestPublished:
    def expect(self, option: str, files: dict[str, bytes], monkeypatch, site: str = "http://127.0.0.1:9/") -> None:
        module, _ = LOADERS[option]
        monkeypatch.setattr(module, "FILES", {name: md5(content).hexdigest() for name, content in files.items()})
        monkeypatch.setattr(module, "SITE", site)

    def test_it_is_downloaded_once_and_read_as_it_is(self, option, tmp_path, monkeypatch):
        files = published(option)
        with served(files) as site:
            monkeypatch.setattr(site, "files", on_site(files))
            self.expect(option, files, monkeypatch, site.url)
            dataset = LOADERS[option][1](tmp_path)
            asked = [*site.asked]
            again = LOADERS[option][1](tmp_path)
            assert site.asked == asked != []
        assert dataset.train.inputs == again.train.inputs == tuple(text for text, _ in made(60))
        assert dataset.test.inputs == tuple(f"{text} again" for text, _ in made(20))
        assert [f"class {kind}" for kind in dataset.train.targets] == [kind for _, kind in made(60)]
        folders = [folder for folder in tmp_path.iterdir() if folder.is_dir()]
        found = [path for folder in folders for path in folder.rglob("*")]
        assert {path.relative_to(tmp_path).as_posix() for path in found} == {*files}

    @pytest.mark.parametrize("is_served", [True, False])
    def test_what_is_another_or_is_not_there_is_no_data(self, option, tmp_path, monkeypatch, is_served):
        files = published(option)
        with served({}) as site:
            self.expect(option, files, monkeypatch, site.url)
            others = dict.fromkeys(files, b"text,category\n") if is_served else {}
            monkeypatch.setattr(site, "files", on_site(others))
            with pytest.raises(DataError) as caught:
                LOADERS[option][1](tmp_path)
        for told in (str(tmp_path), *files, "data_dir=...", "corrupted" if is_served else "404"):
            assert told in str(caught.value)
        assert not any((tmp_path / file).exists() for file in files)

    def test_a_file_in_its_place_that_is_another_is_named(self, option, tmp_path, monkeypatch):
        files = published(option)
        self.expect(option, files, monkeypatch)
        write(tmp_path, {name: content + b" " for name, content in files.items()})
        with pytest.raises(DataError, match=f"{next(iter(files))}.* of another checksum than published"):
            LOADERS[option][1](tmp_path)

    def test_banking77_as_published(self):
        folder = real_data("banking77", "train.csv")
        dataset = banking77(folder)
        check_dataset(dataset)
        assert (len(dataset.train), len(dataset.test), dataset.num_classes) == (10_003, 3_080, 77)
        assert dataset.train.inputs[0] == "I am still waiting on my card?"
        assert dataset.test.targets.bincount().tolist() == [40] * 77
        self.same(
            dataset,
            *(
                [tuple(row) for row in csv.reader((folder / "banking77" / f"{part}.csv").open(newline=""))][1:]
                for part in ("train", "test")
            ),
        )

    def test_clinc150_as_published(self):
        folder = real_data("clinc150", "data_full.json")
        dataset = clinc150(folder)
        check_dataset(dataset)
        assert (len(dataset.train), len(dataset.test), dataset.num_classes) == (15_000, 4_500, 150)
        assert dataset.train.targets.bincount().tolist() == [100] * 150
        assert dataset.test.targets.bincount().tolist() == [30] * 150
        content = json.loads((folder / "clinc150" / "data_full.json").read_text())
        assert "oos" not in {kind for _, kind in content["train"]}
        self.same(dataset, *([tuple(row) for row in content[part]] for part in ("train", "test")))

    def same(self, dataset: Dataset[tuple[str, ...]], *parts: list[tuple[str, ...]]) -> None:
        names = sorted({kind for _, kind in parts[0]})
        for examples, rows in zip((dataset.train, dataset.test), parts, strict=True):
            assert [
                (text, names[target]) for text, target in zip(examples.inputs, examples.targets, strict=True)
            ] == rows

    @pytest.mark.parametrize(
        ("name", "found"),
        [
            ("banking77", Found(0, 0, 0, by_letters=Found(32, 29, 2))),
            ("clinc150", Found(0, 2, 0, by_letters=Found(52, 33, 0))),
        ],
    )
    def test_their_copies(self, name, found, caplog):
        folder = real_data(name)
        with caplog.at_level(logging.WARNING):
            data = loaded({"_target_": f"al_bench.datasets.{name}.{name}"}, folder, 0)
        assert data.copies == found
        assert "by letters and digits alone" in caplog.text
        assert ("2 of the test set have one with another label: dataset.copies=test" in caplog.text) is (
            name == "clinc150"
        )
        letters = Counter("".join(filter(str.isalnum, text)).casefold() for text in data.dataset.train.inputs)
        assert sum(letters.values()) - len(letters) == found.by_letters.pool

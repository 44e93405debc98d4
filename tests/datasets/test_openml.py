"""Tables of OpenML: from a file or fetched, kept, and split."""

import gzip
import hashlib
import json
import multiprocessing
import re
import subprocess
import sys
import time
import zlib
from http.client import BadStatusLine, IncompleteRead
from io import BytesIO
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets._openml
import torch

from al_bench.core.data import Dataset
from al_bench.core.errors import DataError
from al_bench.datasets.checks import check_dataset
from al_bench.datasets.formats.arff import read_arff
from al_bench.datasets.formats.arff_header import read_header
from al_bench.datasets.openml import _encoded, classes_and_inputs, openml, read_table
from al_bench.datasets.split import drawn_split
from al_bench.files.npz import md5_of, read_npz
from tests.conftest import BETWEEN, real_data
from tests.support.tables import letters, openml_folder, rng


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

    @pytest.mark.parametrize(
        ("cut", "problem"),
        [
            ("3,0,", "column 'class' of OpenML 1 holds missing or fractional values"),
            ("3,0", "line 406 has 2 values, but the header names 3 columns"),
            ("3", "line 406 has 1 values, but the header names 3 columns"),
        ],
    )
    def test_a_row_that_was_cut_off_is_no_class_of_its_own(self, tmp_path, cut, problem):
        openml_folder(tmp_path, letters() + cut)
        with pytest.raises(DataError, match=problem):
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
        with pytest.raises(
            DataError,
            match=r"dataset.target=class: .*the rarest class is too rare, with 1 of 2 examples; drop such classes, or "
            r"choose another column than 'class' as the target \(known: class, x\)",
        ):
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


def answering(
    monkeypatch: pytest.MonkeyPatch, id: int, content: bytes, targets: tuple[str, ...] = ("class",)
) -> list[str]:
    """OpenML answers with this file, and with what it says of it; the addresses that are asked for."""
    columns = read_header(
        enumerate((line.strip() for line in content.decode().splitlines() if line.startswith("@")), 1)
    )
    targets = tuple(column.name for column in columns if column.name in targets) or targets
    if targets == ("class",) and "class" not in {column.name for column in columns}:
        targets = (columns[-1].name,)
    features = [
        {"index": str(i), "name": column.name, "data_type": "numeric" if column.listed is None else "nominal"}
        | {"is_target": str(column.name in targets).lower(), "is_ignore": "false", "is_row_identifier": "false"}
        | {"number_of_missing_values": "0"}
        for i, column in enumerate(columns)
    ]
    description = {
        "id": str(id),
        "name": "made",
        "version": "1",
        "format": "ARFF",
        "file_id": "9",
        "status": "active",
        "processing_date": "2020-01-01 00:00:00",
        "licence": "Public",
        "description": "",
        "md5_checksum": hashlib.md5(content).hexdigest(),
        "url": "https://api.openml.org/data/v1/download/9/made.arff",
        **({"default_target_attribute": ",".join(targets)} if targets else {}),
    }
    bodies = {
        rf"/data/features/{id}": {"data_features": {"feature": features}},
        rf"/data/qualities/{id}": {"data_qualities": {"quality": [{"name": "NumberOfInstances", "value": "400"}]}},
        rf"/data/{id}$": {"data_set_description": description},
    }
    asked: list[str] = []

    class Answer(BytesIO):
        def info(self) -> dict[str, str]:
            return {"Content-Encoding": "gzip"}

    def opened(request: object, **_: object) -> Answer:
        url = request.full_url  # type: ignore[attr-defined]
        asked.append(url)
        found = [json.dumps(body).encode() for pattern, body in bodies.items() if re.search(pattern, url)]
        return Answer(gzip.compress(found[0] if found else content))

    monkeypatch.setattr("sklearn.datasets._openml.urlopen", opened)
    return asked


def refused(*_: object, **__: object) -> None:
    raise URLError("no route to host")


class TestFetching:
    """scikit-learn's own code against answers of OpenML's format."""

    @pytest.fixture
    def answers(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        return answering(monkeypatch, 61, letters().encode())

    @pytest.mark.slow
    @pytest.mark.parametrize("id", [6, 12, 182, 184])
    def test_the_real_tables_are_fetched_as_they_are_read(self, tmp_path, monkeypatch, id):
        path = real_data("openml", f"{id}.arff") / "openml" / f"{id}.arff"
        answering(monkeypatch, id, path.read_bytes())
        fetched, (frame, target) = read_table(id, tmp_path), read_arff(path)
        assert fetched["target"] == target
        assert list(fetched["columns"]) == list(frame.columns)
        assert np.array_equal(fetched["values"], _encoded(id, frame, target)["values"])

    @pytest.mark.parametrize("values", [["3.1", "3.10", "3.2"], ["01", "1", "2"], ["false", "true"], ["NA", "nan"]])
    def test_fetched_texts_are_classes_as_those_of_a_file(self, tmp_path, monkeypatch, values):
        rows = "".join(f"{row},{values[row % len(values)]}\n" for row in range(40))
        header = f"@relation r\n@attribute x real\n@attribute class {{{','.join(values)}}}\n@data\n"
        answering(monkeypatch, 61, (header + rows).encode())
        classes, _ = classes_and_inputs(61, read_table(61, tmp_path))
        assert [values[each] for each in classes] == [values[row % len(values)] for row in range(40)]

    @pytest.mark.parametrize("targets", [(), ("x", "y")])
    def test_a_target_can_be_named_where_openml_does_not_name_one(self, tmp_path, monkeypatch, targets):
        answering(monkeypatch, 61, letters().encode(), targets)
        with pytest.raises(
            DataError, match=r"dataset.id=61: OpenML names no column .*dataset.target=... \(known: class"
        ):
            openml(61, tmp_path, rng())
        assert openml(61, tmp_path, rng(), target="y").num_classes == 3

    @pytest.mark.parametrize("error", [TypeError("Invalid value"), KeyError("x"), MemoryError()])
    @pytest.mark.parametrize("place", ["fetch_openml", "_openml.load_arff_from_gzip_file"])
    def test_whatever_scikit_learn_raises_is_one_message_with_the_id(
        self, tmp_path, monkeypatch, answers, place, error
    ):
        def broken(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(f"sklearn.datasets.{place}", broken)
        with pytest.raises(DataError, match=r"dataset.id=61: .* could not be fetched from OpenML \(.+\); put the ARFF"):
            openml(61, tmp_path, rng())

    @pytest.mark.parametrize("made_as", [{"format": np.array(1)}, {"format": np.array(99)}, {}])
    def test_a_table_kept_by_another_version_is_made_again_or_said_to_be_too_old(self, tmp_path, monkeypatch, made_as):
        openml_folder(tmp_path, letters(), id=61)
        expected = openml(61, tmp_path, rng())
        kept = tmp_path / "openml" / "61.npz"
        table = {key: array for key, array in read_npz(kept).items() if key != "format"}
        old = table | {"values": table["values"] * 0} | made_as
        np.savez(kept, **old)
        assert torch.equal(openml(61, tmp_path, rng()).train.inputs, expected.train.inputs)
        np.savez(kept, **old)
        (tmp_path / "openml" / "61.arff").unlink()
        with monkeypatch.context() as offline:
            offline.setattr("sklearn.datasets._openml.urlopen", refused)
            offline.setattr("sklearn.datasets._openml.time.sleep", lambda _: None)
            with pytest.raises(DataError, match=f"no route to host.*{kept} was kept by another version.*made again"):
                openml(61, tmp_path, rng())
        answering(monkeypatch, 61, letters().encode())
        assert torch.equal(openml(61, tmp_path, rng()).train.inputs, expected.train.inputs)

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
        monkeypatch.setattr("sklearn.datasets._openml.urlopen", refused)
        monkeypatch.setattr("sklearn.datasets._openml.time.sleep", lambda _: None)
        with pytest.raises(
            DataError, match=r"openml/61.arff and it could not be fetched from OpenML.*no route to host.*AL_BENCH_DATA"
        ):
            openml(61, tmp_path, rng())


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


@pytest.mark.slow
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
from al_bench.core.seeding import Stream, generator
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

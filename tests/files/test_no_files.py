"""What is no file where one belongs, and files that would take for ever to read, are one message at once."""

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from al_bench.analysis.results import load_results
from al_bench.core.errors import DataError, ResultsError, RunDirectoryError
from al_bench.datasets.arrays import arrays
from al_bench.datasets.formats.fetching import Source, ensure_files
from al_bench.datasets.openml import read_table
from al_bench.files.locks import is_locked
from al_bench.files.writing import open_regular, parsed_json, read_bytes, read_json, whole_lines
from al_bench.files.yaml_nodes import MAX_NODES
from al_bench.records.directory import RunDirectory
from al_bench.records.identity import Identity, check_same_run
from al_bench.records.reading import rows_of
from al_bench.records.run_config import read_config
from al_bench.records.state import is_finished
from tests.records.test_records import CONFIG, opened, record
from tests.support.made_results import write_run


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(path.relative_to(Path.cwd())))  # a path of more than 100 letters is none


KINDS: dict[str, Callable[[Path], object]] = {
    "a fifo": os.mkfifo,
    "a socket": make_socket,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a folder": Path.mkdir,
}


@pytest.fixture(autouse=True)
def time_limit(monkeypatch, tmp_path) -> Iterator[None]:
    """A fifo that is waited for ends the test: its other end is opened after a while, and the test sees that it was."""
    monkeypatch.chdir(tmp_path)
    waited_for: list[Path] = []

    def open_other_ends() -> None:
        for fifo in (path for path in tmp_path.rglob("*") if path.is_fifo()):
            try:
                os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
                waited_for.append(fifo)
            except OSError:  # nobody reads
                continue

    timer = threading.Timer(5, open_other_ends)
    timer.start()
    yield
    timer.cancel()
    assert not waited_for


@pytest.fixture
def run_path(tmp_path) -> Path:
    with opened(tmp_path / "run") as directory:
        directory.append(record(0, {"count": 0}))
        directory.finish(2, 200)
    return tmp_path / "run"


@pytest.mark.parametrize("kind", KINDS)
class TestNoFile:
    def test_is_named_and_not_read(self, tmp_path, kind):
        KINDS[kind](tmp_path / "a")
        for read in (read_bytes, whole_lines):
            with pytest.raises(OSError, match=f"a is {kind}, not a file"):
                read(tmp_path / "a")
        assert not is_locked(tmp_path / "a")

    def test_as_arrays(self, tmp_path, kind):
        KINDS[kind](tmp_path / "a.npz")
        with pytest.raises(DataError, match=rf"dataset.path=a.npz: .*a.npz is {kind}, not a file"):
            arrays("a.npz", np.random.default_rng(0))

    def test_as_a_table(self, tmp_path, kind, cli):
        (tmp_path / "data" / "openml").mkdir(parents=True)
        KINDS[kind](tmp_path / "data" / "openml" / "6.arff")
        result = cli("dataset=openml", "dataset.id=6", "strategy=random", "data_dir=data")
        assert result.code == 1
        assert f"6.arff is {kind}, not a file" in result.err
        assert "Traceback" not in result.err

    def test_as_a_kept_table_is_made_again(self, tmp_path, kind):
        (tmp_path / "6.arff").write_text("@attribute a numeric\n@attribute class {x,y}\n@data\n1,x\n2,y\n")
        KINDS[kind](tmp_path / "6.npz")
        assert len(read_table(6, tmp_path)["values"]) == 2

    def test_as_a_file_that_would_be_downloaded(self, tmp_path, kind):
        KINDS[kind](tmp_path / "images")
        source = Source("IMAGES", {"images": "0" * 32}, {}, lambda _: pytest.fail("was fetched"))
        with pytest.raises(DataError, match=f"IMAGES: .*images is {kind}, not a file"):
            ensure_files(source, tmp_path)

    @pytest.mark.parametrize(
        "name", ["rounds.csv", "queries.csv", "environment.json", "run.log", ".lock", "error.json"]
    )
    def test_as_a_file_of_a_run_that_is_gone_on_with(self, run_path, kind, name):
        (run_path / name).unlink(missing_ok=True)
        KINDS[kind](run_path / name)
        with pytest.raises(RunDirectoryError, match=f"{name} is ({kind}|a link), not a file"), opened(run_path):
            pass

    def test_as_a_file_that_tells_how_a_run_stands(self, run_path, kind):
        for name in ("done.json", "config.yaml"):
            (run_path / name).rename(run_path / "aside")
            KINDS[kind](run_path / name)
            with pytest.raises(RunDirectoryError, match=f"{name} is {kind}, not a file"):
                is_finished(run_path, CONFIG)
            with pytest.raises(OSError, match=kind):
                read_json(run_path / name)
            (run_path / name).rmdir() if kind == "a folder" else (run_path / name).unlink()
            (run_path / "aside").rename(run_path / name)

    def test_as_the_rounds_of_a_run_that_is_analysed(self, tmp_path, kind):
        path = write_run(tmp_path / "results", Identity("digits", "mlp", "badge", 10, "", 0), {10: 0.5})
        (path / "rounds.csv").unlink()
        KINDS[kind](path / "rounds.csv")
        with pytest.raises(ResultsError, match=f"rounds.csv is {kind}, not a file" if kind != "a folder" else "no res"):
            load_results(tmp_path / "results")
        with pytest.raises(OSError, match=kind):
            rows_of(path)


def test_what_the_name_leads_to_is_looked_at_once_more_when_it_is_open(tmp_path, monkeypatch):
    """Between the look and the opening it may have been changed."""
    os.mkfifo(tmp_path / "a")
    (tmp_path / "b").touch()
    status = (tmp_path / "b").stat()
    monkeypatch.setattr(Path, "stat", lambda *_, **__: status)
    with pytest.raises(OSError, match="a fifo"):
        open_regular(tmp_path / "a", os.O_RDONLY)


DEEP = {
    "array": "[" * 100_000,
    "object": '{"a":' * 100_000,
    "whole": "[" * 600 + "]" * 600,
    "500": "[" * 500 + "]" * 500,
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
class TestNested:
    def test_json_is_a_message(self, text):
        with pytest.raises(ValueError, match=r"nested more than|delimiter|value"):
            parsed_json(text)

    @pytest.mark.parametrize("name", ["done.json", "environment.json"])
    def test_in_a_run_it_is_a_message(self, run_path, text, name, caplog):
        (run_path / name).write_text(text)
        if name == "done.json":
            with pytest.raises(RunDirectoryError, match=r"done.json cannot be read"):
                is_finished(run_path, CONFIG)
        else:
            with opened(run_path):
                assert "environment.json cannot be read" in caplog.text
            (start,) = json.loads((run_path / "environment.json").read_text())
            assert start["device"] == "cpu"


def test_json_as_deep_as_what_is_written_here_is_read():
    assert parsed_json("[" * 90 + "]" * 90)


BILLION = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
LETTERS = "abcdefghijklmnopqrstuvwxy"
MULTIPLYING = {
    "lists": BILLION,
    "mappings": "a: &a {k: 1, l: 2}\n"
    + "".join(f"{n}: &{n} {{k: *{b}, l: *{b}}}\n" for b, n in zip(LETTERS, LETTERS[1:] + "z", strict=True)),
    "merged": "a: &a {k: {}}\n" + "".join(f"x{n}: {{<<: *a}}\n" for n in range(MAX_NODES)),
    "itself": "a: &a [*a]\n",
    "deep": "a: " + "[" * 100_000,
    "closed": "a: " + "[" * 2000 + "]" * 2000,
    "long": "".join(f"k{number}: {number}\n" for number in range(MAX_NODES)),
}


@pytest.mark.parametrize("text", MULTIPLYING.values(), ids=MULTIPLYING)
def test_a_configuration_that_would_take_for_ever_to_read_is_a_message(tmp_path, text):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(RunDirectoryError, match=r"config.yaml cannot be read \(it has more than 20,000 nodes"):
        check_same_run(tmp_path, CONFIG)


def test_an_alias_or_two_are_read(tmp_path):
    (tmp_path / "config.yaml").write_text("a: &a [1, 2.5, 1e-3]\nb: *a\nc: {d: *a, e: '${oc.env:HOME}'}\n")
    listed = [1, 2.5, 0.001]
    assert read_config(tmp_path / "config.yaml") == {
        "a": listed,
        "b": listed,
        "c": {"d": listed, "e": "${oc.env:HOME}"},
    }


def test_nothing_in_a_configuration_is_executed(tmp_path):
    (tmp_path / "config.yaml").write_text(f"a: !!python/object/apply:os.mkdir ['{tmp_path / 'made'}']\n")
    with pytest.raises(RunDirectoryError, match="cannot be read"):
        check_same_run(tmp_path, CONFIG)
    assert not (tmp_path / "made").exists()


def test_a_run_directory_is_not_opened_by_what_is_no_file(tmp_path):
    """Nothing is made beside it."""
    (tmp_path / "run").mkdir()
    os.mkfifo(tmp_path / "run" / "config.yaml")
    identity = Identity("digits", "mlp", "badge", 2, "", 0)
    with pytest.raises(RunDirectoryError), RunDirectory.opened(tmp_path / "run", identity, CONFIG, {}):
        pass
    assert {each.name for each in (tmp_path / "run").iterdir()} == {"config.yaml", ".lock"}

"""What is read by way of an index is what the folders say, whatever has happened to either since."""

import json
import os
import shutil
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from al_bench.analysis.results import combined
from al_bench.analysis.runs import runs_in, runs_table
from al_bench.files.locks import Lock
from al_bench.records.identity import Identity
from al_bench.records.index import kept
from al_bench.records.index.kept import Index, indexed_runs
from al_bench.records.reading import run_directories
from tests.support.made_results import call_otherwise, noisy, write_run, write_sweep

SMALL = (("mnist", "mlp", 100, 3), ("digits", "mlp", 10, 2))


@pytest.fixture
def folder(tmp_path):
    write_sweep(tmp_path / "results", noisy, SMALL, ("badge", "random"), num_seeds=3)
    settle()
    return tmp_path / "results"


def settle() -> None:
    """Wait for a tick of the clock that files have."""
    time.sleep(0.02)


def place(folder: Path) -> Path:
    return folder / "analysis" / "index.npz"


def run(folder: Path, strategy: str = "badge", seed: int = 0) -> Path:
    return folder / Identity("mnist", "mlp", strategy, 100, "", seed).path


def read_files(monkeypatch) -> list[Path]:
    """Of which run directories the files are read, from now on."""
    read: list[Path] = []
    told_of = kept.told_of
    monkeypatch.setattr(kept, "told_of", lambda path, names: read.append(path) or told_of(path, names))
    return read


def check(folder: Path) -> None:
    """Everything that is told of a folder is the same by its index and by its folders alone."""
    ours, known = indexed_runs(folder), [*run_directories(folder)]
    assert [(path, names) for path, names, _ in ours] == [(path, names) for path, names, _ in known]
    for (_, _, told), (_, _, of_files) in zip(ours, known, strict=True):
        assert (told.is_finished, told.error, told.starts) == (of_files.is_finished, of_files.error, of_files.starts)
        assert (told.file is None) == (of_files.file is None)
        if told.file is None or of_files.file is None:
            continue
        for name in ("path", "problem", "lacking", "empty"):
            assert getattr(told.file, name) == getattr(of_files.file, name)
        assert (told.file.columns is None) == (of_files.file.columns is None)
        if told.file.columns is not None and of_files.file.columns is not None:
            columns = {name: [*values] for name, values in told.file.columns.items()}
            np.testing.assert_equal(columns, {name: [*values] for name, values in of_files.file.columns.items()})
    tables = [combined([told.file for _, _, told in found if told.file], folder) for found in (ours, known)]
    pd.testing.assert_frame_equal(tables[0].rounds, tables[1].rounds, check_exact=True)
    assert tables[0].problems == tables[1].problems


def test_a_second_look_reads_no_run_and_says_the_same(folder, monkeypatch):
    check(folder)
    read = read_files(monkeypatch)
    check(folder)
    assert read == []
    assert sorted(path.name for path in place(folder).parent.iterdir()) == ["index.npz"]


def test_whatever_happens_to_runs_is_told(folder, monkeypatch):
    runs_in(folder)
    write_run(folder, Identity("mnist", "mlp", "margin", 100, "", 0), {100: 0.5, 200: 0.25})
    shutil.rmtree(run(folder, "badge", 1))
    path = run(folder, "badge", 2)
    (path / "error.json").write_text(json.dumps({"type": "TypeError", "message": "why"}))
    (path / "done.json").unlink()
    half = run(folder, "random", 0) / "rounds.csv"
    half.write_text(half.read_text() + "mnist,mlp,ran")
    started = run(folder, "bald")
    started.mkdir(parents=True)
    (started / "environment.json").write_text("[{}]")
    (run(folder, "random", 1) / "rounds.csv").write_text("no rounds\n")
    (run(folder, "random", 2) / "measures.csv").write_text("round,hits\n0,.5\n")
    (run(folder) / "environment.json").write_text('[{"data": "other"}]')
    read = read_files(monkeypatch)
    check(folder)
    assert len(read) == 7
    states = runs_table(runs_in(folder)).set_index(["strategy", "dataset", "seed"])["state"]
    assert states["badge", "mnist", 2] == "failed"
    assert states["badge", "mnist", 1] == "missing"
    assert states["random", "mnist", 0] == states["bald", "mnist", 0] == "interrupted"
    assert states["random", "mnist", 1] == "broken"
    settle()
    check(folder)
    check(folder)


def test_a_run_that_is_going_on_is_told_by_its_lock(folder):
    runs_in(folder)
    lock = Lock(run(folder))
    lock.acquire()
    settle()
    for _ in range(2):
        assert [each.state.value for each in runs_in(folder)].count("running") == 1
    lock.release()
    assert {each.state.value for each in runs_in(folder)} == {"finished"}


@pytest.mark.parametrize("name", kept.READ)
def test_a_change_of_any_file_that_keeps_its_size_and_its_time_is_seen(folder, name):
    path = run(folder) / name
    if not path.exists():
        path.write_text("0\n")
        settle()
    runs_in(folder)
    before = Index(folder)._entries
    status = path.stat()
    path.write_bytes(path.read_bytes()[:-1] + b" ")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size
    settle()
    check(folder)
    changed = {key for key, entry in Index(folder)._entries.items() if entry != before[key]}
    assert changed | (before.keys() - Index(folder)._entries.keys()) <= {str(run(folder).relative_to(folder))}
    assert kept._files(path.parent, {name}, 0).word != kept._files(path.parent, set(), 0).word


def test_a_change_within_a_tick_of_the_clock_of_files_is_seen(folder, monkeypatch):
    tick = 0
    monkeypatch.setattr(kept, "_times", lambda status: (tick, tick))
    rounds = run(folder) / "rounds.csv"
    for digit in range(3):  # all in the tick in which the files are read
        check(folder)
        rounds.write_text(rounds.read_text().replace(f",0.{digit + 5}", f",0.{digit + 6}"))
    check(folder)
    assert Index(folder)._entries == {}


def test_a_run_that_is_older_than_the_tick_of_its_reading_is_kept(folder, monkeypatch):
    now = kept._now
    monkeypatch.setattr(kept, "_times", lambda status: (int(status.st_dev < 0), int(status.st_dev < 0)))

    def elsewhere(place: Path) -> os.stat_result:
        status = [*now(place)]
        return os.stat_result([*status[:2], -1, *status[3:]])

    monkeypatch.setattr(kept, "_now", elsewhere)
    runs_in(folder)
    assert Index(folder)._entries == {}  # files of another file system have to be much older
    monkeypatch.setattr(kept, "ELSEWHERE", 0)
    runs_in(folder)
    assert len(Index(folder)._entries) == 12


@pytest.mark.parametrize(
    "damaged",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        lambda path: path.write_bytes(path.read_bytes()[: 1 << 12]),
        lambda path: path.write_bytes(b"garbage" * 1000),
        lambda path: np.savez(path, format=np.array("0 0.0.1")),
        lambda path: np.savez(path, **{**np.load(path), "format": np.array("2 9.9")}),
        lambda path: np.savez(path, told=np.array([{}], dtype=object)),
        lambda path: (path.rename(path.with_name("other")), path.symlink_to("other")),
        lambda path: (path.unlink(), path.symlink_to("nowhere")),
        lambda path: (path.unlink(), os.mkfifo(path)),
    ],
)
def test_what_is_no_index_of_this_version_is_made_again(folder, damaged):
    runs_in(folder)
    whole = Index(folder)._entries
    damaged(place(folder))
    assert Index(folder)._entries == {}
    check(folder)
    assert not place(folder).is_symlink()
    assert Index(folder)._entries == whole


def test_any_byte_of_the_index_that_is_another_is_noticed(folder):
    runs_in(folder)
    content, entries = place(folder).read_bytes(), Index(folder)._entries
    for position in np.random.default_rng(0).integers(len(content), size=60).tolist():
        place(folder).write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        assert Index(folder)._entries in ({}, entries)


def test_two_processes_at_once_leave_a_whole_index(folder, monkeypatch):
    monkeypatch.setattr(kept, "WORTH", 0)
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as executor:
        for round in range(3):
            (run(folder) / "measures.csv").write_text(f"round,hits\n0,.{round}\n")
            settle()
            assert [*executor.map(len, map(runs_in, [folder] * 4))] == [12] * 4
            assert len(Index(folder)._entries) == 12
    check(folder)
    assert [path.name for path in place(folder).parent.iterdir()] == ["index.npz"]


def test_what_a_killed_process_has_left_is_removed_in_time(folder):
    place(folder).parent.mkdir()
    old, new = (place(folder).with_name(f".index.npz.{name}.partial") for name in ("old", "new"))
    old.write_text("half")
    new.write_text("half, and still being written")
    os.utime(old, (time.time() - 2 * kept.STALE,) * 2)
    runs_in(folder)
    assert {path.name for path in place(folder).parent.iterdir()} == {"index.npz", new.name}


def _denied(**_: Path) -> None:
    """Whoever runs the tests, root too."""
    raise PermissionError


@pytest.mark.parametrize("analysis", ["file", "link", "read-only"])
def test_a_folder_that_cannot_be_written_goes_without(folder, analysis, monkeypatch, caplog, capfd):
    elsewhere = folder.with_name("elsewhere")
    elsewhere.mkdir()
    if analysis == "file":
        place(folder).parent.write_text("a file")
    if analysis == "link":
        place(folder).parent.symlink_to(elsewhere)
    if analysis == "read-only":
        monkeypatch.setattr(kept, "TemporaryFile", _denied)
    check(folder)
    check(folder)
    assert [*elsewhere.iterdir()] == [] == [*folder.rglob("index.*")]
    assert caplog.text == "" == "".join(capfd.readouterr())


def test_an_index_in_a_folder_that_cannot_be_written_is_read(folder, monkeypatch):
    runs_in(folder)
    monkeypatch.setattr(kept, "_now", lambda place: None)
    read = read_files(monkeypatch)
    check(folder)
    assert read == []


def test_an_index_is_written_again_when_that_is_worth_it(folder, monkeypatch):
    runs_in(folder)
    before = place(folder).read_bytes()
    monkeypatch.setattr(kept, "WORTH", 0.5)
    for seed in range(6):
        run(folder, "random" if seed < 3 else "badge", seed % 3).joinpath("config.yaml").write_text("seed: 7\n")
        settle()
        check(folder)
        assert (place(folder).read_bytes() == before) == (seed < 5)


def test_nothing_is_written_into_a_run(folder):
    names = {path.name for path in run(folder).iterdir()}
    runs_in(run(folder))
    assert {path.name for path in run(folder).iterdir()} == names


def test_a_folder_may_be_moved_linked_and_named_in_any_way(folder, monkeypatch, tmp_path):
    runs_in(folder)
    (tmp_path / "link").symlink_to(folder)
    read = read_files(monkeypatch)
    check(tmp_path / "link")
    monkeypatch.chdir(folder)
    check(Path())
    check(Path("../results"))
    folder.rename(tmp_path / "moved")
    check(tmp_path / "moved")
    assert read == []
    check(tmp_path)
    assert len(read) == 12


def test_columns_of_other_versions_and_names_of_any_kind_come_back(folder):
    foreign = run(folder)
    text = (foreign / "rounds.csv").read_text().splitlines()
    (foreign / "rounds.csv").write_text("\n".join([f"{text[0]},hits,note", *(f"{line},x,y" for line in text[1:]), ""]))
    (run(folder, seed=1) / "measures.csv").write_text("round,hits\n0,.5\n1,.25\n")
    older = pd.read_csv(run(folder, seed=2) / "rounds.csv").drop(
        columns=["num_steps", "queries_digest", "class_counts"]
    )
    older.to_csv(run(folder, seed=2) / "rounds.csv", index=False)
    call_otherwise(run(folder, "random", 0), strategy='a,"b"\u00e9\n', seed=str(2**70))
    call_otherwise(run(folder, "random", 1), strategy='a,"b"\u00e9\n', seed=str(2**63))
    write_run(folder / os.fsdecode(b"caf\xe9"), Identity("mnist", "mlp", "\U0001f600", 100, "v", 0), {100: 0.5})
    settle()
    check(folder)
    assert len(Index(folder)._entries) == 13
    check(folder)

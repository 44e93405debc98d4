"""The run directory: what is committed, what is dropped, what is refused."""

import csv
import errno
import json
import os
import re
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from al_bench.core.errors import ConfigError, DataError, RunDirectoryError, StrategyError
from al_bench.core.rounds import Batch, Metrics, RoundRecord
from al_bench.files.writing import append_lines, keep_lines, replace_text, whole_lines
from al_bench.records.columns import ROUND_COLUMNS
from al_bench.records.directory import RunDirectory
from al_bench.records.identity import Identity
from al_bench.records.state import is_finished

IDENTITY = Identity("digits", "mlp,optimizer.lr=0.001", "badge", 2, "", 0)
CONFIG = {"seed": 0, "budget": None, "name": "a", "model": {"width": 3}, "batch_size": {"size": 2}}


def record(round: int, state: dict[str, object] | None = None) -> RoundRecord:
    return RoundRecord(
        round=round,
        batch=Batch(np.array([2 * round, 2 * round + 1]), np.array([1, 0])),
        num_labelled=2 * (round + 1),
        train_accuracy=0.99,
        test=Metrics(0.5 + round / 100, 0.5, 1.25),
        num_epochs=3,
        epoch_limit_hit=False,
        fit_seconds=0.25,
        query_seconds=0.5,
        class_counts=(1, 1),
        strategy_state=state,
        num_steps=24,
        fit_cpu_seconds=0.125,
        query_cpu_seconds=0.0625,
        num_copies=1,
    )


def opened(path: Path, config=CONFIG, identity: Identity = IDENTITY):
    return RunDirectory.opened(path, identity, config, {"device": "cpu"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A run directory with three committed rounds."""
    path = tmp_path / "run"
    with opened(path) as directory:
        for round in range(3):
            directory.append(record(round, {"count": round}))
    return path


def test_what_was_appended_is_committed(path):
    with opened(path) as directory:
        assert [batch.indices.tolist() for batch in directory.committed.batches] == [[0, 1], [2, 3], [4, 5]]
        assert directory.committed.strategy_states[-1] == {"count": 2}


def test_the_tables_are_as_documented(path):
    header, *rows = (path / "rounds.csv").read_text().splitlines()
    assert header == ",".join(ROUND_COLUMNS)
    queries = (path / "queries.csv").read_bytes().splitlines(keepends=True)
    digests = [sha256(b"".join(queries[: 1 + 2 * (round + 1)])).hexdigest()[:16] for round in range(3)]
    expected = {
        "dataset": "digits",
        "model": "mlp,optimizer.lr=0.001",
        "strategy": "badge",
        "batch_size": "2",
        "variant": "",
        "seed": "0",
        "round": "1",
        "num_labelled": "4",
        "train_accuracy": "0.99",
        "test_accuracy": "0.51",
        "test_balanced_accuracy": "0.5",
        "test_loss": "1.25",
        "num_epochs": "3",
        "epoch_limit_hit": "False",
        "fit_seconds": "0.25",
        "query_seconds": "0.5",
        "class_counts": "1 1",
        "num_validation": "0",
        "validation_accuracy": "",
        "validation_loss": "",
        "unlabelled_entropy": "",
        "unlabelled_class_marginals": "",
        "num_steps": "24",
        "fit_cpu_seconds": "0.125",
        "query_cpu_seconds": "0.0625",
        "num_copies": "1",
        "queries_digest": digests[1],
    }
    row = dict(zip(header.split(","), next(csv.reader([rows[1]])), strict=True))
    assert {name: row[name] for name in expected} == expected
    assert (path / "queries.csv").read_text().splitlines()[:4] == [
        "round,order,pool_index,target",
        "0,0,0,1",
        "0,1,1,0",
        "1,0,2,1",
    ]


def test_every_start_is_kept_with_its_time(path):
    with opened(path):
        pass
    starts = json.loads((path / "environment.json").read_text())
    assert [start["device"] for start in starts] == ["cpu", "cpu"]
    assert all(start["time"] for start in starts)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rounds.csv", "queries.csv", "strategy_state.jsonl"])
def test_a_file_cut_at_any_byte_opens_with_the_rounds_that_are_whole(path, name):
    """A kill between writes leaves what was appended last; a power cut may leave a part of it."""
    with opened(path) as directory:
        directory.append(record(3, {"count": 3}))
    files = ("queries.csv", "strategy_state.jsonl", "rounds.csv")
    whole = {each: (path / each).read_bytes() for each in files}
    three = {
        each: b"".join(whole[each].splitlines(keepends=True)[:count])
        for each, count in zip(files, (7, 3, 4), strict=True)
    }
    before = files[: files.index(name)]
    for cut in range(len(three[name]), len(whole[name])):
        for each in files:
            (path / each).write_bytes(whole[each] if each in before else three[each])
        (path / name).write_bytes(whole[name][:cut])
        with opened(path) as directory:
            assert len(directory.committed.batches) == 3
            assert directory.committed.strategy_states[-1] == {"count": 2}
            directory.append(record(3, {"count": 3}))
        assert {each: (path / each).read_bytes() for each in files} == whole


def test_a_state_is_kept_by_its_round_also_if_earlier_rounds_had_none(tmp_path):
    path = tmp_path / "run"
    with opened(path) as directory:
        for round, state in enumerate([None, {"count": 1}, {"count": 2}]):
            directory.append(record(round, state))
    lines = (path / "rounds.csv").read_text().splitlines(keepends=True)
    (path / "rounds.csv").write_text("".join(lines[:3]))
    with opened(path) as directory:
        assert len(directory.committed.batches) == 2
        assert directory.committed.strategy_states[-1] == {"count": 1}
        directory.append(record(2, {"count": 2}))
    states = [json.loads(line) for line in (path / "strategy_state.jsonl").read_text().splitlines()]
    assert states == [{"round": round, "state": {"count": round} if round else None} for round in range(3)]


def test_a_state_that_is_no_json_is_refused_before_anything_is_written(path):
    before = (path / "queries.csv").read_bytes()
    with opened(path) as directory, pytest.raises(StrategyError, match="cannot be written as JSON"):
        directory.append(record(3, {"count": np.zeros(2)}))
    assert (path / "queries.csv").read_bytes() == before


def test_other_data_than_that_of_the_committed_rounds_is_refused(path):
    with opened(path) as directory:
        directory.check_data("a", {})
    with opened(path) as directory:
        directory.check_data("a", {})
    with opened(path) as directory, pytest.raises(DataError, match="the data set is not the one"):
        directory.check_data("b", {})


def test_data_may_be_mended_as_long_as_no_round_is_committed(tmp_path):
    for digest in ("broken", "mended"):
        with opened(tmp_path / "run") as directory:
            directory.check_data(digest, {})


def test_another_device_than_at_the_last_start_is_warned_of(path, caplog):
    with RunDirectory.opened(path, IDENTITY, CONFIG, {"device": "cpu"}):
        assert not caplog.records
    with RunDirectory.opened(path, IDENTITY, CONFIG, {"device": "cuda", "device_name": "a GPU"}):
        assert "device_name was None at the last start and is a GPU now" in caplog.text


def test_another_version_is_warned_of_but_not_one_that_is_told_of_only_now(tmp_path, caplog):
    """A folder of before scipy was noted, and an extra that was installed in the meantime."""
    for versions in ({"torch": "1"}, {"torch": "1", "scipy": "1", "timm": "1"}, {"torch": "1", "scipy": "1"}):
        with RunDirectory.opened(tmp_path / "run", IDENTITY, CONFIG, {"versions": versions}):
            pass
    assert not caplog.records
    with RunDirectory.opened(tmp_path / "run", IDENTITY, CONFIG, {"versions": {"torch": "1", "scipy": "2"}}):
        pass
    told = "versions was {'scipy': '1', 'torch': '1'} at the last start and is {'scipy': '2', 'torch': '1'} now"
    assert told in caplog.text


@pytest.mark.parametrize("cut", range(0, 54, 7))
def test_a_torn_first_write_is_dropped(tmp_path, path, cut):
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    (fresh / "queries.csv").write_bytes((path / "queries.csv").read_bytes()[:cut])
    with opened(fresh) as directory:
        assert directory.committed.batches == []
        for round in range(3):
            directory.append(record(round))
    assert (fresh / "queries.csv").read_bytes() == (path / "queries.csv").read_bytes()


def test_a_second_process_is_told_no(path):
    with opened(path), pytest.raises(RunDirectoryError, match="in use by another process"), opened(path):
        pass
    with opened(path):
        pass


def test_another_configuration_is_refused_with_the_keys_and_nothing_is_changed(path):
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    other = CONFIG | {"model": {"width": 4, "depth": 2}}
    with pytest.raises(RunDirectoryError) as caught, opened(path, other):
        pass
    assert "model.width: 3 there, 4 asked for" in str(caught.value)
    assert "model.depth: absent there, 2 asked for" in str(caught.value)
    assert {file.name: file.read_bytes() for file in path.iterdir()} == before


@pytest.mark.parametrize(
    "harmless", [{"budget": 7}, {"name": "b"}, {"device": "cuda"}, {"model": {"width": 3.0}}], ids=str
)
def test_what_does_not_change_results_may_differ(path, harmless):
    with opened(path, CONFIG | harmless) as directory:
        assert len(directory.committed.batches) == 3


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("queries.csv", "2,1,5,0\n", "", "does not hold the labels"),
        ("rounds.csv", "test_loss", "loss", "written by another version"),
        ("rounds.csv", "badge", "random", "rows of another run"),
        ("queries.csv", "1,0,2,1", "1,0,x,1", "line 4: '1,0,x,1' is no row"),
        ("config.yaml", "width: 3", "width: [", "cannot be read"),
        ("queries.csv", "1,0,2,1", "1,0,2", "line 4: '1,0,2' is no row"),
    ],
)
def test_a_damaged_directory_is_refused_by_name(path, name, old, new, message):
    text = (path / name).read_text()
    assert old in text
    (path / name).write_text(text.replace(old, new))
    with pytest.raises(RunDirectoryError, match=message) as caught, opened(path):
        pass
    assert str(path) in str(caught.value)


def test_done_says_how_far_and_a_larger_budget_is_not_done(path):
    assert not is_finished(path, CONFIG)
    with opened(path) as directory:
        directory.finish(6, pool_size=10)
    done = json.loads((path / "done.json").read_text())
    assert done == {"schema_version": 1, "num_labelled": 6, "pool_size": 10, "identity": IDENTITY.as_dict()}
    assert [is_finished(path, CONFIG | {"budget": budget}) for budget in (4, 6, 7, None)] == [True, True, False, False]
    with pytest.raises(RunDirectoryError, match="model.width"):
        is_finished(path, CONFIG | {"model": {"width": 4}})
    (path / "done.json").write_text(json.dumps(done | {"schema_version": 99}))
    with pytest.raises(RunDirectoryError, match="another version"):
        is_finished(path, CONFIG)


def test_an_error_is_kept_until_the_next_start(path):
    with pytest.raises(ConfigError), opened(path):
        raise ConfigError("budget=9: too much")
    assert json.loads((path / "error.json").read_text())["message"] == "budget=9: too much"
    with pytest.raises(ZeroDivisionError), opened(path):
        raise ZeroDivisionError
    assert "Traceback" in json.loads((path / "error.json").read_text())["traceback"]
    with opened(path):
        assert not (path / "error.json").exists()


def test_a_torn_environment_file_is_kept_aside_and_costs_nothing(path, caplog):
    starts = path / "environment.json"
    starts.write_text(starts.read_text()[:-5])
    with opened(path) as directory:
        assert len(directory.committed.batches) == 3
    assert "environment.json cannot be read" in caplog.text
    assert (path / "environment.json.damaged").exists()


def test_a_done_mark_without_results_is_not_done(path):
    with opened(path) as directory:
        directory.finish(6, pool_size=6)
    assert is_finished(path, CONFIG)
    (path / "rounds.csv").unlink()
    assert not is_finished(path, CONFIG)


@pytest.mark.parametrize("where", ["/proc/nope/run", "/dev/null/run"])
def test_a_folder_that_cannot_be_written_is_named(where):
    with pytest.raises(RunDirectoryError, match=f"cannot write to {where}"), opened(Path(where)):
        pass


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_full_disk_is_named_and_leaves_whole_lines(path, monkeypatch, call):
    def half_written(descriptor: int, content: bytes, write=os.write) -> int:
        return write(descriptor, content[: len(content) // 2])

    def refused(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = {name: (path / name).read_bytes() for name in ("rounds.csv", "queries.csv")}
    with opened(path) as directory, monkeypatch.context() as patched:
        patched.setattr(os, call, half_written if call == "write" else refused)
        with pytest.raises(RunDirectoryError, match=re.escape(os.strerror(errno.ENOSPC))):
            directory.append(record(3))
    assert {name: (path / name).read_bytes() for name in before} == before


def test_a_replaced_file_is_never_partial(tmp_path, monkeypatch):
    file = tmp_path / "file"
    replace_text(file, "old")

    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        replace_text(file, "new")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_last_line_that_is_torn_is_left_out_and_cut_off_by_its_writer(tmp_path):
    file = tmp_path / "file"
    append_lines(file, "a\x0bb\n")
    append_lines(file, "ü\n")
    with file.open("ab") as torn:
        torn.write("ü".encode()[:1])
    size = file.stat().st_size
    assert whole_lines(file) == ["a\x0bb\n", "ü\n"]
    assert file.stat().st_size == size, "a reader changes nothing: the rest may be on its way"
    keep_lines(file, whole_lines(file))
    assert file.read_bytes() == "a\x0bb\nü\n".encode()


NEW = ("num_steps", "fit_cpu_seconds", "query_cpu_seconds", "num_copies", "queries_digest")


def without_columns(file: Path, *names: str) -> None:
    """As a version that did not know them had written it."""
    header, *rows = csv.reader(file.read_text().splitlines())
    kept = [position for position, name in enumerate(header) if name not in names]
    with file.open("w", newline="") as opened_file:
        csv.writer(opened_file, lineterminator="\n").writerows(
            [row[position] for position in kept] for row in [header, *rows]
        )


@pytest.mark.parametrize("lacking", [NEW, ("num_validation", "validation_accuracy", "validation_loss", *NEW)])
def test_a_folder_keeps_the_header_it_began_with(path, lacking):
    file = path / "rounds.csv"
    without_columns(file, *lacking)
    before = file.read_text()
    with opened(path) as directory:
        assert len(directory.committed.batches) == 3
        directory.append(record(3, {"count": 3}))
    header, *rows = csv.reader(file.read_text().splitlines())
    assert file.read_text().startswith(before)
    assert header == [name for name in ROUND_COLUMNS if name not in lacking]
    assert [row[header.index("num_labelled")] for row in rows] == ["2", "4", "6", "8"]
    assert {len(row) for row in rows} == {len(header)}


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(",num_steps,", ",macro_f1,"),
        lambda text: text.replace(",num_steps,", ",num_epochs,"),
        lambda text: text.replace(",test_accuracy,", ",macro_f1,"),
    ],
    ids=["unknown", "twice", "required"],
)
def test_a_header_with_an_unknown_column_or_without_a_needed_one_is_refused(path, change):
    file = path / "rounds.csv"
    file.write_text(change(file.read_text()))
    before = file.read_bytes()
    with (
        pytest.raises(RunDirectoryError, match=r"rounds.csv is damaged or was written by another version"),
        opened(path),
    ):
        pass
    assert file.read_bytes() == before


def test_the_digest_goes_on_after_a_start_and_after_what_was_interrupted(path, tmp_path):
    with opened(tmp_path / "whole") as directory:
        for round in range(4):
            directory.append(record(round, {"count": round}))
    append_lines(path / "queries.csv", "3,0,17,1\n")  # of a round that was not committed
    with opened(path) as directory:
        directory.append(record(3, {"count": 3}))
    assert (path / "rounds.csv").read_bytes() == (tmp_path / "whole" / "rounds.csv").read_bytes()


def test_a_run_of_a_version_with_fewer_keys_is_gone_on_with_and_then_has_them(path):
    new = CONFIG | {"model": {"width": 3, "dropout": 0}, "features": {"_target_": "none"}}
    with RunDirectory.opened(path, IDENTITY, new, {}, new) as directory:
        directory.finish(6, pool_size=6)
    assert is_finished(path, new, new)
    with pytest.raises(RunDirectoryError, match=r"model.dropout: 0 there, 0.5 asked for"):
        is_finished(path, new | {"model": {"width": 3, "dropout": 0.5}}, new)

"""A folder is believed only as far as it is whole: one writer, and what no run writes is refused with file and line."""

import csv
import json
import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from al_bench.analysis.results import load_results
from al_bench.analysis.runs import State, runs_in
from al_bench.core.errors import RunDirectoryError, StrategyError, TrainingError
from al_bench.core.rounds import Batch, Metrics, RoundRecord
from al_bench.records.archive.moving import pack
from al_bench.records.directory import RunDirectory
from al_bench.records.reading import RoundsFile, told_of
from al_bench.records.rounds_file import digest_of
from al_bench.records.starts.told import starts_of
from al_bench.records.state import error_of, is_finished
from al_bench.strategies.albl import Albl
from tests.records.test_records import CONFIG, IDENTITY, opened, record, without_columns

ENVIRONMENT = {"device": "cpu", "budget": 6}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A finished run of three rounds, whose strategy keeps a state."""
    path = tmp_path / IDENTITY.path
    with RunDirectory.opened(path, IDENTITY, CONFIG, ENVIRONMENT) as directory:
        for round in range(3):
            directory.append(record(round, {"count": round}))
        directory.finish(6, pool_size=10)
    return path


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def set_value(path: Path, round: int, column: str, value: str) -> None:
    """In rounds.csv."""
    rows = list(csv.DictReader((path / "rounds.csv").read_text().splitlines()))
    rows[round][column] = value
    with (path / "rounds.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def with_right_digests(path: Path) -> None:
    """As if what stands in queries.csv had been written so."""
    lines = (path / "queries.csv").read_bytes().splitlines(keepends=True)
    for round in range(3):
        set_value(path, round, "queries_digest", digest_of(b"".join(lines[: 1 + 2 * (round + 1)])))


def refusal(path: Path) -> str:
    """Of resuming; nothing is changed by it."""
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    with pytest.raises(RunDirectoryError) as caught, opened(path):
        pass
    assert {file.name: file.read_bytes() for file in path.iterdir()} == before
    return str(caught.value)


def read_rounds(path: Path) -> RoundsFile:
    file = told_of(path, {each.name for each in path.iterdir()}).file
    assert file is not None
    return file


def assert_refused_everywhere(path: Path, message: str, *, is_forged: bool = False) -> None:
    """By resume and by analysis, and nobody takes it for finished, unless the last digest was forged, too."""
    assert message in refusal(path)
    file = read_rounds(path)
    assert file.columns is None
    assert message in file.problem
    assert is_finished(path) is is_finished(path, CONFIG | {"budget": 6}) is is_forged
    assert runs_in(path.parents[4])[0].state is State.BROKEN


@pytest.mark.parametrize(
    ("round", "column", "value", "message"),
    [
        (2, "round", "7", "line 4: its rounds are not 0, 1, 2, ...: round 7 where 2 belongs"),
        (2, "test_accuracy", "2", "line 4: test_accuracy='2' is not between 0 and 1"),
        (1, "test_accuracy", "x", "line 3: test_accuracy='x' is no number"),
        (1, "test_accuracy", "nan", "line 3: test_accuracy='nan' is not between 0 and 1"),
        (1, "test_accuracy", "", "line 3: test_accuracy='' is no number"),
        (1, "train_accuracy", "-0.5", "line 3: train_accuracy='-0.5' is not between 0 and 1"),
        (0, "test_loss", "inf", "line 2: test_loss='inf' is not between 0"),
        (0, "test_loss", "1e999", "line 2: test_loss='1e999' is not between 0"),
        (0, "fit_seconds", "1_0", "line 2: fit_seconds='1_0' is not written as a number"),
        (1, "num_labelled", "2", "line 3: its numbers of labels do not grow: 2 after 2"),
        (1, "num_labelled", "1" * 23, "is not between 1 and 9.22337e+18"),
        (1, "num_labelled", "04", "line 3: num_labelled='04' is not written as a whole number"),
        (0, "num_epochs", "3.0", "line 2: num_epochs='3.0' is no number"),
        (2, "epoch_limit_hit", "yes", "line 4: epoch_limit_hit='yes' is not True or False"),
        (2, "class_counts", "1 1 0", "class_counts are not of as many classes in every row"),
        (1, "num_validation", "1", "its rows differ in num_validation"),
        (1, "queries_digest", "", "line 3: queries_digest='' is not 16 hexadecimal digits"),
        (1, "queries_digest", "0" * 16, "up to round 1 its digest is not 0000000000000000"),
    ],
)
def test_values_that_no_run_writes_are_refused_by_resume_and_analysis_alike(path, round, column, value, message):
    set_value(path, round, column, value)
    assert_refused_everywhere(path, message, is_forged="its digest" in message)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("1,0,2,1\n1,1,3,0\n", "1,1,3,0\n1,0,2,1\n", "line 4: order 1 of round 1 does not follow the line above"),
        ("1,0,2,1\n", "1,0,2,1\n1,0,2,1\n", "line 5: order 0 of round 1 does not follow the line above"),
        ("1,0,2,1\n", "1,0,0,1\n", "line 4: example 0 of the pool was bought before"),
        ("1,0,2,1\n", "1,0,-2,1\n", "line 4: '1,0,-2,1' is no row of round,order,pool_index,target"),
        ("1,0,2,1\n", "1,0,2,7\n", "line 4: target=7, where there are 2 classes"),
        ("1,0,2,1\n", f"1,0,{'2' * 23},1\n", "is no row of round,order,pool_index,target"),
        ("2,0,4,1\n2,1,5,0\n", "", "does not hold the labels that rounds.csv counts: 4 up to round 2, not 6"),
        ("round,order", "order,round", "line 1: its columns are order,round,pool_index,target"),
        ("2,1,5,0\n", "2,1,5,0\n2,2,6,0\n", "does not hold the labels that rounds.csv counts: 7 up to round 2, not 6"),
    ],
)
def test_queries_that_no_run_writes_are_refused_by_resume_and_analysis_alike(path, old, new, message):
    change(path / "queries.csv", old, new)
    is_forged = new.count("\n") == old.count("\n")
    if is_forged:
        with_right_digests(path)
    assert_refused_everywhere(path, message, is_forged=is_forged)


def test_an_example_outside_the_pool_is_refused_by_analysis(path):
    change(path / "queries.csv", "1,0,2,1", "1,0,10,1")
    with_right_digests(path)
    assert "line 4: pool_index=10, where there are 10 examples in the pool" in read_rounds(path).problem


def test_an_order_that_was_edited_is_seen_by_its_digest(path):
    change(path / "queries.csv", "1,0,2,1\n1,1,3,0\n", "1,0,3,0\n1,1,2,1\n")
    assert_refused_everywhere(path, "up to round 1 its digest is not")


def test_a_folder_of_an_older_version_has_no_digest_and_is_read(path):
    rows = list(csv.DictReader((path / "rounds.csv").read_text().splitlines()))
    with (path / "rounds.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0])[:-1], lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    assert is_finished(path)
    assert is_finished(path, CONFIG | {"budget": 6})
    change(path / "queries.csv", "1,0,2,1\n", "1,0,1,1\n")
    assert "line 4: example 1 of the pool was bought before" in refusal(path)


def test_rounds_that_are_gone_are_not_recomputed_in_silence(path):
    (path / "rounds.csv").unlink()
    message = refusal(path)
    assert "queries.csv: it goes on to round 2, where rounds.csv has 0 rounds" in message
    assert "put back what was there, or delete it to start again" in message


def test_rounds_without_a_configuration_are_not_gone_on_with(path):
    (path / "config.yaml").unlink()
    assert not is_finished(path, CONFIG | {"budget": 6})
    assert "config.yaml is gone, so nobody knows which run it is" in refusal(path)


def test_two_rounds_that_are_cut_off_are_refused_and_one_is_done_again(path):
    lines = (path / "rounds.csv").read_text().splitlines(keepends=True)
    (path / "rounds.csv").write_text("".join(lines[:2]))
    assert "it goes on to round 2, where rounds.csv has 1 rounds" in refusal(path)
    (path / "rounds.csv").write_text("".join(lines[:3]))
    with opened(path) as directory:
        assert len(directory.committed.batches) == 2


def test_round_0_alone_is_what_a_kill_leaves(path):
    (path / "rounds.csv").unlink()
    (path / "queries.csv").write_text("round,order,pool_index,target\n0,0,0,1\n0,1,1,0\n")
    (path / "strategy_state.jsonl").write_text('{"round": 0, "state": {"count": 0}}\n')
    with opened(path) as directory:
        assert directory.committed.batches == []


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([0, 1], "line 2 is its last, where rounds.csv has 3 rounds"),
        ([0, 1, 2, 3, 4], "line 5 is its last, where rounds.csv has 3 rounds"),
        ([0, 1, 1], "line 3: of round 1, where that of round 2 belongs"),
        ([0, 2, 3], "line 2: of round 2, where that of round 1 belongs"),
        ([0, '{"round": 1, "state": {"x": [NaN]}}', 2], "line 2: NaN is no finite number"),
        ([0, '{"round": 1, "state": {"x": -1e999}}', 2], "line 2: -1e999 is no finite number"),
        ([0, '{"round": 1, "state": "text"}', 2], "line 2: no state of a round"),
        ([0, "null", 2], "line 2: no state of a round"),
        ([0, "[]", 2], "line 2: no state of a round"),
        ([0, '"text"', 2], "line 2: no state of a round"),
        ([0, "1" * 23, 2], "line 2: no state of a round"),
        ([0, "9" * 5000, 2], "line 2: "),
        ([0, "{", 2], "line 2: "),
        ([0, '{"round": true, "state": {}}', 2], "line 2: of round true"),
        ([0, '{"round": 1, "state": ' + "[" * 100_000 + "}", 2], "line 2: "),
    ],
)
def test_states_that_no_run_writes_are_refused_with_the_line(path, lines, message):
    texts = [each if isinstance(each, str) else json.dumps({"round": each, "state": {}}) for each in lines]
    (path / "strategy_state.jsonl").write_text("".join(f"{text}\n" for text in texts))
    told = refusal(path)
    assert "strategy_state.jsonl: " in told
    assert message in told


def test_a_state_that_a_kill_left_is_cut(path):
    with (path / "strategy_state.jsonl").open("a") as file:
        file.write('{"round": 3, "state": {"count": 3}}\n')
    assert not is_finished(path), "it goes on, and is whole then"
    with opened(path) as directory:
        assert len(directory.committed.strategy_states) == 3
    assert is_finished(path, CONFIG | {"budget": 6})


def test_states_that_are_gone_are_missed(path):
    (path / "strategy_state.jsonl").unlink()
    with opened(path) as directory:
        directory.check_states(is_stateful=False)
        with pytest.raises(RunDirectoryError, match="it has no line, where the strategy had a state"):
            directory.check_states(is_stateful=True)


@pytest.mark.parametrize(
    "broken",
    [
        {"probabilities": [1.5, -0.5]},
        {"probabilities": [0.5]},
        {"probabilities": "text"},
        {"log_weights": [None, 0.0]},
        {"arm": "margin"},
        {"batch_size": -3},
        {"num_labelled": None},
        {"reward": "much"},
    ],
    ids=str,
)
def test_albl_takes_no_state_that_it_has_not_written(broken):
    state = {"num_labelled": 10, "log_weights": [0.0, 0.5], "probabilities": [0.25, 0.75], "reward": None}
    state |= {"arm": "coreset", "batch_size": 5}
    Albl().load_state_dict(state)
    with pytest.raises(ValueError, match=next(iter(broken))):
        Albl().load_state_dict(state | broken)


@pytest.mark.parametrize(
    "lost",
    [
        {"test": Metrics(0.5, 0.5, math.inf)},
        {"test": Metrics(0.5, 0.5, math.nan)},
        {"validation": Metrics(0.5, 0.5, math.inf)},
        {"test": Metrics(1.5, 0.5, 1.0)},
        {"class_counts": (0, 0)},
    ],
    ids=str,
)
def test_what_is_refused_is_never_written(path, lost):
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    with opened(path) as directory:
        with pytest.raises(TrainingError, match=r"round 3: .* is not"):
            directory.append(replace(record(3, {"count": 3}), **lost))
        for state in ({"x": math.nan}, {"x": math.inf}, ["x"]):
            with pytest.raises(StrategyError, match="cannot be written as JSON"):
                directory.append(record(3, state))
    for name in ("rounds.csv", "queries.csv", "strategy_state.jsonl"):
        assert (path / name).read_bytes() == before[name]
    assert is_finished(path, CONFIG | {"budget": 6})


FOREIGN = ["null", "[]", "[null]", '"text"', "1" * 23, "{", '{"a": 1}', "[1]", '[{"budget": "x", "command": 3}]']


@pytest.mark.parametrize("text", FOREIGN)
def test_a_foreign_json_file_is_a_message_or_put_aside(path, text):
    for name in ("environment.json", "error.json"):
        (path / name).write_text(text)
    starts_of(path)
    assert error_of(path) == "unknown error: error.json cannot be read"
    (run,) = runs_in(path.parents[4])
    assert run.state is State.FAILED
    with opened(path) as directory:
        directory.check_data("a", {})
    (path / "done.json").write_text(text)
    with pytest.raises(RunDirectoryError, match=r"done.json cannot be read|another version"):
        is_finished(path, CONFIG)
    assert not is_finished(path)
    assert runs_in(path.parents[4])[0].state is State.BROKEN


@pytest.mark.parametrize(
    "values",
    [
        {"num_labelled": True},
        {"num_labelled": "6"},
        {"num_labelled": int("6" * 23)},
        {"num_labelled": 11},
        {"pool_size": None},
        {"pool_size": 0},
        {"schema_version": None},
        {"identity": [1]},
    ],
    ids=str,
)
def test_done_with_values_that_no_run_writes_is_a_message(path, values):
    done = json.loads((path / "done.json").read_text())
    (path / "done.json").write_text(json.dumps(done | values))
    with pytest.raises(RunDirectoryError, match=r"done.json cannot be read|another version"):
        is_finished(path, CONFIG)
    assert read_rounds(path).problem


def test_a_run_without_num_validation_is_packed_and_one_that_is_not_whole_is_named(path, tmp_path):
    without_columns(path / "rounds.csv", "num_validation", "validation_accuracy", "validation_loss")
    assert pack(tmp_path, tmp_path / "packed").num_added == 1
    change(path / "queries.csv", "2,1,5,0\n", "")
    (told,) = pack(tmp_path, tmp_path / "packed").left
    assert "queries.csv" in told
    assert "does not hold the labels that rounds.csv counts" in told


def test_done_alone_finishes_nothing(path):
    """It and the tables have to say so both: what is asked, by whoever asks."""
    config = CONFIG | {"budget": 6}
    assert is_finished(path, config)
    assert is_finished(path)
    assert load_results(path.parents[4]).rounds["is_finished"].all()
    lines = {name: (path / name).read_text().splitlines(keepends=True) for name in ("rounds.csv", "queries.csv")}
    for name, kept in (("rounds.csv", 3), ("rounds.csv", 1), ("queries.csv", 6), ("rounds.csv", 0)):
        (path / name).write_text("".join(lines[name][:kept]))
        assert not is_finished(path, config), (name, kept)
        assert not is_finished(path)
        assert runs_in(path.parents[4])[0].state is not State.FINISHED
        (path / name).write_text("".join(lines[name]))
    (path / "rounds.csv").write_text((path / "rounds.csv").read_text().replace(",0,0,2,", ",1,0,2,"))
    assert not is_finished(path, config), "rows of two runs"
    (path / "rounds.csv").write_text("".join(lines["rounds.csv"])[:-3])
    assert not is_finished(path, config), "a torn row"
    (path / "rounds.csv").write_text("".join(lines["rounds.csv"]))
    done = json.loads((path / "done.json").read_text())
    (path / "done.json").write_text(json.dumps(done | {"identity": done["identity"] | {"seed": 3}}))
    assert not is_finished(path, config), "of another run"


def lose_file(path: Path) -> None:
    (path / ".lock").unlink()


def lose_to_another(path: Path) -> None:
    (path / ".lock").unlink()
    (path / ".lock").touch()


def lose_folder(path: Path) -> None:
    for file in path.iterdir():
        file.unlink()
    path.rmdir()


def lose_by_move(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    shutil.copytree(path.with_name("elsewhere"), path)


LOSSES = [lose_file, lose_to_another, lose_folder, lose_by_move]


@pytest.mark.parametrize(
    ("inodes", "lose"),  # a copy has the token too, until somebody opens it
    [*product(["stable"], LOSSES), *product(["other at each look"], LOSSES[:3])],
)
def test_who_lost_the_lock_writes_nothing_more(path, lose, inodes, monkeypatch):
    if inodes != "stable":
        monkeypatch.setattr("os.path.samestat", lambda *_: False)
    with stopping(path) as lost:
        lose(path)
        for write in (
            lambda: lost.append(record(3, {"count": 3})),
            lambda: lost.finish(8, 10),
            lambda: lost.check_data("a", {}),
        ):
            before = {file: file.read_bytes() for file in path.parent.rglob("*") if file.is_file()}
            with pytest.raises(RunDirectoryError, match="its .lock was removed or replaced, or the folder moved"):
                write()
            assert {file: file.read_bytes() for file in path.parent.rglob("*") if file.is_file()} == before
        lost.append(record(3))
    assert not (path / "error.json").exists()


@contextmanager
def stopping(path: Path) -> Iterator[RunDirectory]:
    """A run directory that is lost within it."""
    with pytest.raises(RunDirectoryError, match="this one has stopped, and writes nothing more"), opened(path) as lost:
        yield lost


@pytest.mark.parametrize("inodes", ["stable", "other at each look"])
def test_another_process_takes_over_and_the_first_one_stops(path, inodes, monkeypatch):
    if inodes != "stable":
        monkeypatch.setattr("os.path.samestat", lambda *_: False)
    with stopping(path) as first:
        first.append(record(3, {"count": 3}))
        (path / ".lock").unlink()
        with opened(path) as second:
            second.append(record(4, {"count": 4}))
        first.append(record(4, {"count": 4}))
    with opened(path) as third:
        assert len(third.committed.batches) == 5


def test_what_one_append_did_between_look_and_write_is_refused_later(path):
    with (path / "queries.csv").open("a") as file:
        file.write("2,0,6,1\n2,1,7,0\n")
    with (path / "rounds.csv").open("a") as file:
        file.write((path / "rounds.csv").read_text().splitlines()[-1] + "\n")
    assert_refused_everywhere(path, "line 5: its rounds are not 0, 1, 2, ...")


def test_a_batch_is_that_of_its_round(path):
    """As it was appended, to the type."""
    with opened(path) as directory:
        batch: Batch = directory.committed.batches[1]
        assert (batch.indices.tolist(), batch.targets.tolist()) == ([2, 3], [1, 0])
        assert batch.indices.dtype == batch.targets.dtype == np.int64
        assert isinstance(record(0), RoundRecord)

"""What is saved of a round is there before the round is committed, and of no other round afterwards."""

from pathlib import Path

import numpy as np
import pytest

from al_bench.core.errors import RunDirectoryError
from al_bench.files.writing import replace_bytes
from al_bench.records.saved import (
    LAST_WEIGHTS,
    PREDICTIONS,
    SAVED,
    WEIGHTS,
    Predictions,
    read_predictions,
    saved_path,
    saved_rounds,
)
from tests.records.test_records import opened, record

MADE = Predictions(np.array([[0.5, -1.0], [2.0, 3.0]], dtype=np.float32), np.array([1, 0]))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two committed rounds, all of them saved."""
    path = tmp_path / "run"
    with opened(path) as directory:
        for round in range(2):
            for kind in SAVED:
                directory.save(kind, round, f"{kind} {round}".encode())
            directory.append(record(round))
    return path


def test_all_rounds_have_a_file_but_for_last_weights(path):
    assert [saved_rounds(path, kind) for kind in (PREDICTIONS, WEIGHTS, LAST_WEIGHTS)] == [{0, 1}, {0, 1}, {1}]
    assert saved_path(path, WEIGHTS, 1).read_text() == "weights 1"
    assert saved_path(path, WEIGHTS, 1).name == "round_001.pt"
    assert saved_path(path, PREDICTIONS, 1234).name == "round_1234.npz"


def test_files_of_rounds_that_are_not_committed_are_dropped(path):
    with opened(path) as directory:
        for kind in SAVED:
            directory.save(kind, 2, b"killed before its row")
            (path / kind / f".{saved_path(path, kind, 1).name}.partial").write_bytes(b"half")
            (path / kind / "of the user").write_text("kept")
        assert saved_rounds(path, LAST_WEIGHTS) == {1, 2}
    with opened(path):
        assert {kind: saved_rounds(path, kind) for kind in SAVED} == {
            PREDICTIONS: {0, 1},
            WEIGHTS: {0, 1},
            LAST_WEIGHTS: {1},
        }
    assert sorted(file.name for file in (path / WEIGHTS).iterdir()) == ["of the user", "round_000.pt", "round_001.pt"]
    assert saved_path(path, LAST_WEIGHTS, 1).read_text() == "last_weights 1"


def test_last_weights_of_the_round_before_go_once_the_next_is_committed(path):
    with opened(path) as directory:
        directory.save(LAST_WEIGHTS, 2, b"new")
        assert saved_rounds(path, LAST_WEIGHTS) == {1, 2}
        directory.append(record(2))
        assert saved_rounds(path, LAST_WEIGHTS) == {2}
    replace_bytes(saved_path(path, LAST_WEIGHTS, 1), b"killed before the old one was removed")
    with opened(path):
        assert saved_rounds(path, LAST_WEIGHTS) == {2}


@pytest.mark.parametrize("kind", SAVED)
def test_nothing_is_written_or_removed_through_a_link(path, tmp_path, kind):
    elsewhere = tmp_path / "elsewhere"
    (path / kind).rename(elsewhere)
    (elsewhere / "round_007.npz").write_text("of somebody")
    (path / kind).symlink_to(elsewhere)
    with pytest.raises(RunDirectoryError, match=f"{kind} is no folder of the run's own"), opened(path):
        pass
    assert (elsewhere / "round_007.npz").exists()


def test_a_link_that_is_planted_while_a_run_goes_on_is_not_followed(path, tmp_path):
    with opened(path) as directory:
        (path / WEIGHTS).rename(tmp_path / "elsewhere")
        (path / WEIGHTS).symlink_to(tmp_path / "elsewhere")
        with pytest.raises(RunDirectoryError, match="weights is no folder of the run's own"):
            directory.save(WEIGHTS, 2, b"new")
    assert not (tmp_path / "elsewhere" / "round_002.pt").exists()


def test_predictions_are_read_as_they_were_written(path):
    replace_bytes(saved_path(path, PREDICTIONS, 1), MADE.as_bytes())
    found = read_predictions(path, 1)
    assert found.logits_NC.tobytes() == MADE.logits_NC.tobytes()
    assert found.targets_N.tobytes() == MADE.targets_N.tobytes()
    assert found.as_bytes() == MADE.as_bytes()


@pytest.mark.parametrize(
    ("logits", "targets", "message"),
    [
        ([[0.5, np.nan]], [0], "no logits"),
        ([[0.5, 0.5]], [0, 1], "no logits"),
        ([0.5, 0.5], [0, 1], "no logits"),
        (np.zeros((0, 2)), [], "no logits"),
        ([[0.5, 0.5]], [2], "none of the 2 classes"),
        ([[0.5, 0.5]], [-1], "none of the 2 classes"),
    ],
)
def test_predictions_that_no_run_writes_are_refused(path, logits, targets, message):
    made = Predictions(np.asarray(logits, dtype=np.float32), np.asarray(targets, dtype=np.int64))
    replace_bytes(saved_path(path, PREDICTIONS, 0), made.as_bytes())
    with pytest.raises(ValueError, match=message):
        read_predictions(path, 0)


@pytest.mark.parametrize("cut", [0, 10, -1])
def test_a_damaged_file_is_named(path, cut):
    replace_bytes(saved_path(path, PREDICTIONS, 0), MADE.as_bytes()[:cut])
    with pytest.raises(ValueError, match=r"predictions/round_000\.npz: "):
        read_predictions(path, 0)


def test_a_file_of_other_arrays_is_named(path):
    np.savez(saved_path(path, PREDICTIONS, 0), logits=MADE.logits_NC)
    with pytest.raises(ValueError, match="no array 'targets'"):
        read_predictions(path, 0)

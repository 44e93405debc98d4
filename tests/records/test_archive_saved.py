"""Predictions in an archive, if that is asked for; weights never."""

from pathlib import Path

import numpy as np
import pytest

from al_bench.core.errors import ResultsError
from al_bench.records.archive.moving import pack, restore
from al_bench.records.archive.runs import archived, read
from al_bench.records.archive.safety import USUAL
from al_bench.records.identity import Identity
from al_bench.records.saved import PREDICTIONS, SAVED, Predictions, save, saved_path
from tests.support.made_results import write_run

IDENTITY = Identity("digits", "mlp", "badge", 10, "", 0)
CONTENT = Predictions(np.zeros((3, 2), dtype=np.float32), np.array([0, 1, 0])).as_bytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run of two rounds, with files of a third that was not committed."""
    path = write_run(tmp_path / "outputs", IDENTITY, {10: 0.5, 20: 0.6})
    (path / "measures.csv").write_text("round,hits\n0,1\n1,2\n")
    for kind in SAVED:
        for round in range(3):
            save(path, kind, round, CONTENT)
    return tmp_path / "outputs"


def names(archive: Path) -> set[str]:
    ((_, files),) = read(archive, USUAL).items()
    return {*files}


def saved(archive: Path) -> set[str]:
    return {name for name in names(archive) if "/" in name}


BOTH = {"predictions/round_000.npz", "predictions/round_001.npz"}


def test_predictions_are_packed_if_asked_for_and_restored(folder, tmp_path):
    archive = tmp_path / "runs.tar.xz"
    assert pack(folder, archive).num_added == 1
    assert saved(archive) == set()
    assert pack(folder, archive, with_predictions=True).num_added == 1  # they are more than there was
    assert saved(archive) == BOTH
    assert "measures.csv" in names(archive)
    before = archive.read_bytes()
    assert pack(folder, archive, with_predictions=True).num_added == 0
    assert archive.read_bytes() == before
    assert restore(archive, tmp_path / "again").num_added == 1
    again = tmp_path / "again" / IDENTITY.path
    assert {str(path.relative_to(again)) for path in again.rglob("*/*")} == BOTH
    assert saved_path(again, PREDICTIONS, 1).read_bytes() == CONTENT


def test_packing_without_them_takes_none_from_the_archive(folder, tmp_path):
    archive = tmp_path / "runs.tar.xz"
    pack(folder, archive, with_predictions=True)
    longer = tmp_path / "longer"
    write_run(longer, IDENTITY, {10: 0.5, 20: 0.6, 30: 0.7})
    assert pack(longer, archive).num_added == 1
    assert saved(archive) == BOTH
    assert "measures.csv" in names(archive)


def test_of_an_unfinished_run_those_of_committed_rounds(folder, tmp_path):
    (folder / IDENTITY.path / "done.json").unlink()
    target = tmp_path / "archives"
    pack(folder, target, with_unfinished=True, with_predictions=True)
    assert saved(target / "unfinished.tar.xz") == BOTH


def test_a_linked_folder_is_left_out_and_named(folder, tmp_path):
    path = folder / IDENTITY.path
    (path / PREDICTIONS).rename(tmp_path / "elsewhere")
    (path / PREDICTIONS).symlink_to(tmp_path / "elsewhere")
    moved = pack(folder, tmp_path / "runs.tar.xz", with_predictions=True)
    assert moved.left == (f"{path / PREDICTIONS}: predictions is no folder of the run's own",)
    assert saved(tmp_path / "runs.tar.xz") == set()


@pytest.mark.parametrize("name", ["weights/round_000.pt", "predictions/x.npz", "predictions/a/round_000.npz"])
def test_other_files_in_folders_are_refused(tmp_path, name):
    archive = tmp_path / "runs.tar.xz"
    archive.write_bytes(archived({IDENTITY.path.as_posix(): {"rounds.csv": b"", name: b""}}))
    with pytest.raises(ResultsError, match="is no file of a run"):
        restore(archive, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_the_command(cli, folder, tmp_path):
    assert cli("archive", "pack", "outputs", "packed", "--predictions").code == 0
    assert saved(tmp_path / "packed" / "runs_digits_mlp_b10.tar.xz") == BOTH
    told = cli("archive", "restore", "packed", "again", "--predictions")
    assert (told.code, "--predictions is for pack" in told.err) == (2, True)

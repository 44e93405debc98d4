"""Finished runs in an archive, and out of it: a sweep goes on from there, and nothing is overwritten."""

import shutil
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from al_bench.analysis.archive import pack, restore
from al_bench.errors import ResultsError
from al_bench.files import whole_lines
from tests.conftest import assert_same_results

SWEEP = ("-m", "dataset=digits", "strategy=random,margin", "batch_size.size=20")


def contents(folder: Path) -> dict[str, bytes]:
    files = [
        path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in (".lock", "multirun.yaml")
    ]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def run_of(folder: Path, strategy: str, seed: int) -> Path:
    return folder / "digits" / "mlp" / strategy / "b20" / f"s{seed}"


@pytest.fixture
def results(cli, tmp_path):
    """Four finished runs, as outputs/default below the working directory."""
    assert cli(*SWEEP, "seed=0,1", "budget=140").code == 0
    return tmp_path / "outputs" / "default"


def test_a_sweep_goes_on_from_what_was_restored(results, cli, tmp_path):
    archive, undisturbed = tmp_path / "docs" / "runs.tar.xz", tmp_path / "undisturbed"
    assert pack(results, archive) == 4
    results.rename(undisturbed)
    assert restore(archive, results) == 4
    assert contents(results) == contents(undisturbed)
    assert not list(results.parent.glob(".restored*"))
    assert "4 runs: 4 finished before" in cli(*SWEEP, "seed=0,1", "budget=140").out
    assert cli(*SWEEP, "seed=range(3)", "budget=180").code == 0
    assert cli(*SWEEP, "seed=range(3)", "budget=180", "name=anew").code == 0
    for strategy in ("random", "margin"):
        for seed in range(3):
            assert_same_results(run_of(results, strategy, seed), run_of(tmp_path / "outputs" / "anew", strategy, seed))


def test_packing_adds_to_the_archive_and_repeats_to_the_byte(results, cli, tmp_path):
    archive = tmp_path / "runs.tar.xz"
    pack(results, archive)
    first = archive.read_bytes()
    assert pack(results, archive) == 4
    assert archive.read_bytes() == first
    shutil.rmtree(run_of(results, "random", 0))
    assert cli(*SWEEP, "seed=0,2", "budget=140", "strategy=margin").code == 0
    assert pack(results, archive) == 5
    assert restore(archive, tmp_path / "all") == 5
    assert run_of(tmp_path / "all", "random", 0).is_dir()


def test_only_finished_runs_are_packed(results, tmp_path):
    (run_of(results, "random", 0) / "done.json").unlink()
    assert pack(results, tmp_path / "runs.tar.xz") == 3
    shutil.rmtree(results)
    results.mkdir()
    with pytest.raises(ResultsError, match="no finished run"):
        pack(results, tmp_path / "none.tar.xz")


def test_the_longer_of_two_runs_is_kept(results, cli, tmp_path):
    archive, short = tmp_path / "runs.tar.xz", tmp_path / "short"
    shutil.copytree(results, short)
    assert cli(*SWEEP, "seed=0", "strategy=margin", "budget=200").code == 0
    long = contents(run_of(results, "margin", 0))
    pack(short, archive)
    pack(results, archive)
    pack(short, archive)
    assert restore(archive, results) == 0
    assert contents(run_of(results, "margin", 0)) == long
    restore(archive, tmp_path / "anew")
    assert contents(run_of(tmp_path / "anew", "margin", 0)) == long
    pack(short, tmp_path / "short.tar.xz")
    restore(tmp_path / "short.tar.xz", results)
    assert contents(run_of(results, "margin", 0)) == long


def test_an_interrupted_run_is_left_to_the_sweep(results, tmp_path):
    archive, interrupted = tmp_path / "runs.tar.xz", run_of(results, "random", 1)
    pack(results, archive)
    (interrupted / "done.json").unlink()
    lines = whole_lines(interrupted / "queries.csv")
    (interrupted / "queries.csv").write_text("".join(lines[:-20]))
    before = contents(interrupted)
    assert restore(archive, results) == 0
    assert contents(interrupted) == before


def test_other_results_of_the_same_run_are_refused_and_nothing_changes(results, tmp_path):
    archive = tmp_path / "runs.tar.xz"
    pack(results, archive)
    packed = archive.read_bytes()
    queries = run_of(results, "margin", 1) / "queries.csv"
    queries.write_text(queries.read_text()[:-3] + "7\n9")
    shutil.rmtree(run_of(results, "margin", 0))
    before = contents(results)
    for call in (lambda: pack(results, archive), lambda: restore(archive, results)):
        with pytest.raises(ResultsError, match=r"margin/b20/s1 .*different results"):
            call()
    assert archive.read_bytes() == packed
    assert contents(results) == before


@pytest.mark.parametrize("name", ["/etc/queries.csv", "../out/queries.csv"])
def test_an_archive_cannot_write_elsewhere(name, tmp_path):
    with tarfile.open(tmp_path / "runs.tar.xz", "w:xz") as tar:
        member = tarfile.TarInfo(name)
        member.size = 1
        tar.addfile(member, BytesIO(b"1"))
    with pytest.raises(ResultsError, match="no file of a run"):
        restore(tmp_path / "runs.tar.xz", tmp_path / "in" / "here")
    assert not (tmp_path / "in").exists()


def test_the_script(results, tmp_path):
    def script(*arguments: str) -> subprocess.CompletedProcess[str]:
        path = Path(__file__).parents[1] / "scripts" / "archive.py"
        return subprocess.run([sys.executable, path, *arguments], capture_output=True, text=True, check=False)

    assert script("pack", str(results), "runs.tar.xz").stdout.startswith("4 runs in runs.tar.xz, 0.0 MB")
    assert script("restore", "runs.tar.xz", "again").stdout == "4 runs restored in again\n"
    damaged = tmp_path / "damaged.tar.xz"
    damaged.write_bytes((tmp_path / "runs.tar.xz").read_bytes()[:2000])
    for arguments in (("restore", "none.tar.xz", "there"), ("restore", "damaged.tar.xz", "there")):
        refused = script(*arguments)
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"archive: {arguments[1]}: cannot be read: ")
        assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "there").exists()
    assert "no such folder" in script("pack", "nowhere", "x.tar.xz").stderr

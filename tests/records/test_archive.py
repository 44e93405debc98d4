"""Finished runs in an archive, and out of it: a sweep goes on from there, and nothing is overwritten."""

import shutil
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest

from al_bench.core.errors import ResultsError
from al_bench.files.writing import whole_lines
from al_bench.records.archive.moving import Moved, _archive_of, pack, restore
from al_bench.records.rounds_file import digest_of
from tests.conftest import assert_same_results, run_command
from tests.support.forks import python

SWEEP = ("-m", "dataset=digits", "strategy=random,margin", "batch_size.size=20")


def contents(folder: Path) -> dict[str, bytes]:
    files = [
        path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in (".lock", "multirun.yaml")
    ]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def run_of(folder: Path, strategy: str, seed: int) -> Path:
    return folder / "digits" / "mlp" / strategy / "b20" / f"s{seed}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    assert run_command(*SWEEP, "seed=0,1", "budget=140", cwd=folder).code == 0
    return folder / "outputs" / "default"


@pytest.fixture
def results(made, cli, tmp_path):
    """Four finished runs, as outputs/default below the working directory."""
    return Path(shutil.copytree(made, tmp_path / "outputs" / "default"))


@pytest.mark.slow
def test_a_sweep_goes_on_from_what_was_restored(results, cli, tmp_path):
    archive, undisturbed = tmp_path / "docs" / "runs.tar.xz", tmp_path / "undisturbed"
    assert pack(results, archive).num_added == 4
    results.rename(undisturbed)
    assert restore(archive, results) == Moved(4, 4, ())
    assert contents(results) == contents(undisturbed)
    assert not [path for path in results.rglob("*") if path.name.startswith(".")]
    assert "4 runs: 4 finished before" in cli(*SWEEP, "seed=0,1", "budget=140").out
    assert cli(*SWEEP, "seed=range(3)", "budget=180").code == 0
    assert cli(*SWEEP, "seed=range(3)", "budget=180", "name=anew").code == 0
    for strategy in ("random", "margin"):
        for seed in range(3):
            assert_same_results(run_of(results, strategy, seed), run_of(tmp_path / "outputs" / "anew", strategy, seed))


@pytest.mark.slow
def test_packing_adds_to_the_archive_and_repeats_to_the_byte(results, cli, tmp_path):
    archive = tmp_path / "runs.tar.xz"
    pack(results, archive)
    first = archive.read_bytes()
    assert pack(results, archive) == Moved(0, 4, ())
    assert archive.read_bytes() == first
    shutil.rmtree(run_of(results, "random", 0))
    assert cli(*SWEEP, "seed=0,2", "budget=140", "strategy=margin").code == 0
    assert pack(results, archive) == Moved(1, 5, ())
    assert restore(archive, tmp_path / "all").num_added == 5
    assert run_of(tmp_path / "all", "random", 0).is_dir()


def test_only_finished_runs_are_packed(results, tmp_path):
    (run_of(results, "random", 0) / "done.json").unlink()
    assert pack(results, tmp_path / "runs.tar.xz").num_runs == 3
    shutil.rmtree(results)
    results.mkdir()
    with pytest.raises(ResultsError, match="no finished run"):
        pack(results, tmp_path / "none.tar.xz")


@pytest.mark.parametrize(
    ("file", "kept", "problem"),
    [
        (
            "queries.csv",
            0.5,
            "queries.csv beside it: it does not hold the labels that rounds.csv counts: 68 up to round 0, not 100",
        ),
        ("queries.csv", None, "queries.csv: missing or empty"),
        ("config.yaml", 0.0, "config.yaml: missing or empty"),
    ],
)
def test_damaged_runs_are_left_and_mended_by_whole_ones(results, tmp_path, file, kept, problem):
    archive, damaged = tmp_path / "runs.tar.xz", run_of(tmp_path / "damaged", "margin", 1)
    shutil.copytree(results, tmp_path / "damaged")
    whole = (damaged / file).read_bytes()
    (damaged / file).unlink()
    if kept is not None:
        (damaged / file).write_bytes(whole[: int(kept * len(whole))])
    assert pack(tmp_path / "damaged", archive) == Moved(3, 3, (f"{damaged}: {problem}",))
    assert pack(results, archive) == Moved(1, 4, ())
    assert pack(tmp_path / "damaged", archive) == Moved(0, 4, (f"{damaged}: {problem}",))
    with tarfile.open(archive) as tar:
        members = [(member, tar.extractfile(member).read()) for member in tar]
    with tarfile.open(archive, "w:xz") as tar:  # as one may be that was made before
        for member, content in members:
            if not member.name.endswith(f"margin/b20/s1/{file}"):
                tar.addfile(member, BytesIO(content))
    assert pack(results, archive) == Moved(1, 4, ())
    restore(archive, tmp_path / "out")
    assert (run_of(tmp_path / "out", "margin", 1) / file).read_bytes() == whole


@pytest.mark.slow
def test_states_of_a_strategy_are_those_of_its_rounds(cli, tmp_path):
    assert cli("dataset=digits", "strategy=albl", "batch_size.size=20", "budget=140").code == 0
    (states,) = tmp_path.rglob("strategy_state.jsonl")
    whole = states.read_text()
    pack(tmp_path / "outputs", tmp_path / "whole.tar.xz")
    for text in ("", whole.partition("\n")[2]):
        states.write_text(text)
        with pytest.raises(ResultsError, match="no finished run"):
            pack(tmp_path / "outputs", tmp_path / "none.tar.xz")


@pytest.mark.slow
def test_the_longer_of_two_runs_is_kept(results, cli, tmp_path):
    archive, short = tmp_path / "runs.tar.xz", tmp_path / "short"
    shutil.copytree(results, short)
    assert cli(*SWEEP, "seed=0", "strategy=margin", "budget=200").code == 0
    long = contents(run_of(results, "margin", 0))
    pack(short, archive)
    pack(results, archive)
    pack(short, archive)
    assert restore(archive, results).num_added == 0
    assert contents(run_of(results, "margin", 0)) == long
    assert restore(archive, short) == Moved(0, 4, (f"{run_of(short, 'margin', 0)}: is there, with fewer rounds",))
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
    assert restore(archive, results) == Moved(0, 4, (f"{interrupted}: is there, and not finished",))
    assert contents(interrupted) == before


def test_other_results_of_the_same_run_are_refused_and_nothing_changes(results, tmp_path):
    archive, run = tmp_path / "runs.tar.xz", run_of(results, "margin", 1)
    pack(results, archive)
    packed = archive.read_bytes()
    queries = (run / "queries.csv").read_bytes()
    others = queries[:-2] + (b"7\n" if queries[-2:] != b"7\n" else b"8\n")  # whole, as another run would be
    (run / "queries.csv").write_bytes(others)
    rounds = (run / "rounds.csv").read_text()
    (run / "rounds.csv").write_text(rounds.replace(digest_of(queries), digest_of(others)))
    shutil.rmtree(run_of(results, "margin", 0))
    before = contents(results)
    for call in (lambda: pack(results, archive), lambda: restore(archive, results)):
        with pytest.raises(ResultsError, match=r"margin/b20/s1 .*different"):
            call()
    assert archive.read_bytes() == packed
    assert contents(results) == before


@pytest.mark.parametrize(
    "name", ["/etc/queries.csv", "../out/queries.csv", "README", "b20/s1/rounds.csv", "/a/b/c/b20/s1/x"]
)
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
        path = Path(__file__).parents[2] / "scripts" / "archive.py"
        return python(path, *arguments)

    assert script("pack", str(results), "runs.tar.xz").stdout == "runs.tar.xz: 4 of 4 runs were added\n"
    assert script("restore", "runs.tar.xz", "again").stdout == "again: 4 of 4 runs were added\n"
    damaged = tmp_path / "damaged.tar.xz"
    damaged.write_bytes((tmp_path / "runs.tar.xz").read_bytes()[:2000])
    for arguments in (("restore", "none.tar.xz", "there"), ("restore", "damaged.tar.xz", "there")):
        refused = script(*arguments)
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"archive: {arguments[1]}: cannot be read: ")
        assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "there").exists()
    assert "no such folder" in script("pack", "nowhere", "x.tar.xz").stderr


def test_a_folder_in_a_run_is_no_file(tmp_path):
    with tarfile.open(tmp_path / "runs.tar.xz", "w:xz") as tar:
        member = tarfile.TarInfo("digits/mlp/badge/b20/s1/folder")
        member.type = tarfile.DIRTYPE
        tar.addfile(member)
    with pytest.raises(ResultsError, match="folder is no file of a run"):
        restore(tmp_path / "runs.tar.xz", tmp_path / "out")


def test_the_order_of_packing_does_not_show(results, tmp_path):
    for name, strategies in (("there", ("random", "margin")), ("back", ("margin", "random"))):
        for strategy in strategies:
            pack(results / "digits" / "mlp" / strategy, tmp_path / f"{name}.tar.xz")
    assert (tmp_path / "there.tar.xz").read_bytes() == (tmp_path / "back.tar.xz").read_bytes()


def test_any_damage_is_noticed_and_nothing_is_lost(results, tmp_path):
    archive, damaged = tmp_path / "runs.tar.xz", tmp_path / "damaged.tar.xz"
    pack(results, archive)
    content = archive.read_bytes()
    for position in range(0, len(content), len(content) // 150):
        flipped = bytearray(content)
        flipped[position] ^= 1
        damaged.write_bytes(flipped)
        for call in (lambda: restore(damaged, tmp_path / "out"), lambda: pack(results, damaged)):
            with pytest.raises(ResultsError, match=r"damaged.tar.xz: cannot be read"):
                call()
        assert damaged.read_bytes() == bytes(flipped)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("command", ["pack", "restore"])
def test_a_kill_at_any_time_leaves_whole_runs_and_a_whole_archive(command, results, tmp_path):
    """Killed before each of the steps that change the disk; the command again ends as if undisturbed."""
    archive, other, scratch = tmp_path / "runs.tar.xz", tmp_path / "other", tmp_path / "archive.tar.xz"
    pack(run_of(results, "random", 0), archive)
    one = archive.read_bytes()
    pack(results, archive)
    whole = archive.read_bytes()
    script = (
        "import os, pathlib, sys\n"
        "from al_bench.records.archive.moving import pack, restore\nleft = [int(sys.argv[4])]\n"
        "def hook(event, arguments):\n"
        "    if event in ('os.rename', 'os.mkdir') or event == 'open' and 'w' in str(arguments[1]):\n"
        "        left[0] -= 1\n"
        "        if left[0] < 0: os._exit(9)\n"
        "sys.addaudithook(hook)\n"
        "dict(pack=pack, restore=restore)[sys.argv[1]](pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))"
    )
    for kill_at in range(0, 100, 1 if command == "pack" else 5):
        shutil.rmtree(other, ignore_errors=True)
        scratch.write_bytes(one)
        places = (results, scratch) if command == "pack" else (archive, other)
        killed = python("-c", script, command, *places, kill_at).returncode
        if command == "pack":
            assert scratch.read_bytes() in (one, whole)
            pack(results, scratch)
            assert scratch.read_bytes() == whole
        else:
            assert all(
                contents(path) == contents(results / path.relative_to(other)) for path in other.glob("*/*/*/*/*")
            )
            restore(archive, other)
            assert contents(other) == contents(results)
            assert not list(other.glob(".*"))
        if killed == 0:
            break
    assert kill_at > 0
    assert killed == 0


@pytest.mark.slow
def test_packing_waits_for_another(results, tmp_path):
    """Two at once, of different runs: the archive has all."""
    parts = [run_of(results, strategy, seed) for strategy in ("random", "margin") for seed in (0, 1)]
    script = (
        "import sys, pathlib; from al_bench.records.archive.moving import pack; pack(*map(pathlib.Path, sys.argv[1:]))"
    )
    archive = tmp_path / "runs.tar.xz"
    packing = [subprocess.Popen([sys.executable, "-c", script, part, archive]) for part in parts]
    assert [each.wait() for each in packing] == [0] * 4
    assert restore(archive, tmp_path / "all").num_added == 4


def test_a_change_of_an_accuracy_is_another_result(results, tmp_path):
    """The queries of Random do not depend on its networks."""
    archive, rounds = tmp_path / "runs.tar.xz", run_of(results, "random", 1) / "rounds.csv"
    pack(results, archive)
    table = pd.read_csv(rounds)
    table.assign(fit_seconds=9.0).to_csv(rounds, index=False)
    table["test_accuracy"] += 0.001
    table.to_csv(rounds, index=False)
    for call in (lambda: pack(results, archive), lambda: restore(archive, results)):
        with pytest.raises(ResultsError, match="different results"):
            call()


def test_seconds_are_no_results(results, tmp_path):
    archive, rounds = tmp_path / "runs.tar.xz", run_of(results, "random", 1) / "rounds.csv"
    pack(results, archive)
    packed = archive.read_bytes()
    table = pd.read_csv(rounds, dtype=str, keep_default_na=False)
    table.assign(fit_seconds="9.0").to_csv(rounds, index=False)
    assert pack(results, archive).num_added == 0
    assert archive.read_bytes() == packed


def test_a_damaged_run_is_not_packed_and_told(results, tmp_path):
    """It can be packed once it is whole."""
    archive, path = tmp_path / "runs.tar.xz", run_of(results, "random", 1)
    whole = (path / "rounds.csv").read_text()
    for damage in ("round,damaged\n1,", None):
        (path / "rounds.csv").unlink()
        if damage is not None:
            (path / "rounds.csv").write_text(damage)
        moved = pack(results, archive)
        assert moved.num_runs == 3
        assert [line.split(":")[0] for line in moved.left] == [str(path)]
        (path / "rounds.csv").write_text(whole)
    assert pack(results, archive) == Moved(1, 4, ())


def test_which_folder_is_packed_does_not_matter(results, tmp_path):
    archive = tmp_path / "runs.tar.xz"
    pack(results, archive)
    packed = archive.read_bytes()
    (run_of(results, "random", 1) / "a_folder").mkdir()
    for folder in (results.parent, results / "digits" / "mlp", run_of(results, "random", 0)):
        assert pack(folder, archive) == Moved(0, 4, ())
    assert archive.read_bytes() == packed
    shutil.copytree(results, results.parent / "copy")
    with pytest.raises(ResultsError, match="are the same run"):
        pack(results.parent, tmp_path / "other.tar.xz")


SETTINGS = {"runs_digits_mlp_b20.tar.xz", "runs_digits_mlp_b30_num_initial=40.tar.xz"}


@pytest.fixture
def two_settings(results, cli):
    assert cli("-m", "strategy=random,margin", "batch_size.size=30", "num_initial=40", "budget=100").code == 0
    return results


@pytest.mark.slow
def test_a_folder_has_an_archive_for_each_setting_and_only_what_changes_is_written(two_settings, cli, tmp_path):
    archives = tmp_path / "docs"
    assert pack(two_settings, archives) == Moved(6, 6, ())
    assert {path.name for path in archives.iterdir()} == SETTINGS
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in archives.iterdir()}
    assert pack(two_settings, archives) == Moved(0, 6, ())
    assert cli(*SWEEP, "seed=2", "budget=140", "strategy=random").code == 0
    assert pack(two_settings, archives) == Moved(1, 7, ())
    after = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in archives.iterdir()}
    assert [name for name in SETTINGS if after[name] != before[name]] == ["runs_digits_mlp_b20.tar.xz"]
    assert restore(archives, tmp_path / "all") == Moved(7, 7, ())
    assert contents(tmp_path / "all") == contents(two_settings)


@pytest.mark.slow
def test_a_run_stays_in_the_archive_of_the_folder_that_has_it(two_settings, tmp_path):
    archives = tmp_path / "docs"
    pack(two_settings / "digits" / "mlp" / "margin", archives / "runs.tar.xz")
    assert pack(two_settings, archives).num_runs == 6
    assert {path.name for path in archives.iterdir()} == {"runs.tar.xz", *SETTINGS}
    assert restore(archives, tmp_path / "all") == Moved(6, 6, ())


def test_settings_with_long_names_have_archives_of_their_own():
    names = {_archive_of(Path(f"/r/{'d' * 119}{end}/{'m' * 120}/random/b10/s0")) for end in "ab"}
    assert len(names) == 2
    assert max(map(len, names)) < 200


def interrupted(path: Path, num_rounds: int) -> None:
    """As a kill in the round after these leaves a run directory."""
    (path / "done.json").unlink()
    for name in ("rounds.csv", "strategy_state.jsonl"):
        if (path / name).exists():
            lines = whole_lines(path / name)
            kept = num_rounds + (name == "rounds.csv")
            (path / name).write_text("".join(lines[:kept]) + (lines[kept][:9] if name == "rounds.csv" else ""))


@pytest.mark.slow
def test_unfinished_runs_are_kept_go_on_and_leave_once_they_are_finished(results, cli, tmp_path):
    archives, undisturbed, run = tmp_path / "docs", tmp_path / "undisturbed", run_of(results, "margin", 1)
    assert cli(*SWEEP, "seed=0", "budget=140", "strategy=albl").code == 0
    shutil.copytree(results, undisturbed)
    other = run_of(results, "albl", 0)
    interrupted(run, 2)
    interrupted(other, 1)
    assert pack(results, archives).num_runs == 3
    assert not (archives / "unfinished.tar.xz").exists()
    assert pack(results, archives, with_unfinished=True) == Moved(0, 3, (), 2)
    packed = (archives / "unfinished.tar.xz").read_bytes()
    assert pack(results, archives, with_unfinished=True) == Moved(0, 3, (), 2)
    assert (archives / "unfinished.tar.xz").read_bytes() == packed

    shutil.rmtree(results)
    assert restore(archives, results) == Moved(5, 5, (), 2)
    assert len(whole_lines(run / "rounds.csv")) == 3
    assert len(whole_lines(run / "queries.csv")) == 1 + 100 + 20
    sweep = (*SWEEP, "seed=0,1", "budget=140", "strategy=random,margin,albl")
    assert "6 runs: 3 finished before" in cli(*sweep).out
    assert_same_results(run, run_of(undisturbed, "margin", 1))
    assert_same_results(other, run_of(undisturbed, "albl", 0))

    assert pack(results, archives) == Moved(3, 6, (), 0)
    assert not (archives / "unfinished.tar.xz").exists()
    assert restore(archives, tmp_path / "all").num_added == 6


def test_the_longer_of_two_unfinished_runs_is_kept(results, tmp_path):
    archives, run, shorter = tmp_path / "docs", run_of(results, "margin", 1), tmp_path / "shorter"
    interrupted(run, 2)
    shutil.copytree(results, shorter)
    rounds = run_of(shorter, "margin", 1) / "rounds.csv"
    rounds.write_text("".join(whole_lines(rounds)[:2]))
    for folder, num_rounds in ((shorter, 1), (results, 2), (shorter, 2)):
        pack(folder, archives, with_unfinished=True)
        restored = tmp_path / f"restored{num_rounds}"
        shutil.rmtree(restored, ignore_errors=True)
        restore(archives, restored)
        assert len(whole_lines(run_of(restored, "margin", 1) / "rounds.csv")) == 1 + num_rounds


@pytest.mark.slow
def test_a_finished_run_that_goes_on_is_kept_beside_its_finished_part(results, cli, tmp_path):
    archives, run = tmp_path / "docs", run_of(results, "margin", 1)
    pack(results, archives)
    done = (run / "done.json").read_bytes()
    assert cli(*SWEEP, "seed=1", "strategy=margin", "budget=180").code == 0
    interrupted(run, 4)
    (run / "done.json").write_bytes(done)
    assert pack(results, archives, with_unfinished=True) == Moved(0, 4, (), 1)
    restore(archives, tmp_path / "all")
    assert len(whole_lines(run_of(tmp_path / "all", "margin", 1) / "rounds.csv")) == 5
    assert cli(*SWEEP, "seed=1", "strategy=margin", "budget=180").code == 0
    assert pack(results, archives) == Moved(1, 4, (), 0)


def test_other_results_of_an_unfinished_run_are_refused(results, tmp_path):
    archives, run = tmp_path / "docs", run_of(results, "margin", 1)
    interrupted(run, 2)
    pack(results, archives, with_unfinished=True)
    packed = (archives / "unfinished.tar.xz").read_bytes()
    table = pd.read_csv(run / "rounds.csv", nrows=2, dtype=str, keep_default_na=False)
    table.assign(test_accuracy="0.125").to_csv(run / "rounds.csv", index=False)
    for call in (lambda: pack(results, archives, with_unfinished=True), lambda: restore(archives, results)):
        with pytest.raises(ResultsError, match="different results"):
            call()
    assert (archives / "unfinished.tar.xz").read_bytes() == packed


def test_copies_are_compared_in_the_columns_that_both_have(results, tmp_path):
    archives, rounds = tmp_path / "docs", run_of(results, "margin", 1) / "rounds.csv"
    table = pd.read_csv(rounds, dtype=str, keep_default_na=False)
    lacking = table.drop(columns=["num_steps", "queries_digest", "num_validation"])
    lacking.to_csv(rounds, index=False)
    assert pack(results, archives).num_added == 4
    table.to_csv(rounds, index=False)
    assert pack(results, archives) == Moved(0, 4, ())
    assert restore(archives, results).num_added == 0
    lacking.assign(test_accuracy="0.125").to_csv(rounds, index=False)
    with pytest.raises(ResultsError, match="different results"):
        pack(results, archives)


def test_an_empty_folder_has_no_archives(tmp_path):
    with pytest.raises(ResultsError, match=r"there is no runs\*.tar.xz in it"):
        restore(tmp_path, tmp_path / "out")

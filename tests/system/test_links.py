"""Links that lie in a folder from elsewhere are not written through; those above it are the user's."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from al_bench.analysis.page.output import output_folder
from al_bench.core.errors import RunDirectoryError
from al_bench.files.locks import alone_in, exclusive
from al_bench.files.writing import append_lines, replace_text, replacing
from al_bench.records.identity import Identity
from tests.conftest import run_directory
from tests.records.test_records import CONFIG, opened, record
from tests.support.forks import python
from tests.support.made_results import write_run

QUICK = ("strategy=random", "model.width=8", "model.max_epochs=2", "num_initial=20", "batch_size.size=20")
SCRIPTS = Path(__file__).parents[2] / "scripts"
PRECIOUS = "alias ls='ls --color'\n"


@pytest.fixture
def precious(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file outside of all results, which must stay as it is."""
    file = tmp_path_factory.mktemp("home") / ".bashrc"
    file.write_text(PRECIOUS)
    return file


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def script(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return python(SCRIPTS / f"{name}.py", *arguments)


@pytest.fixture
def made(cli, tmp_path) -> Path:
    """The folder of a run of 40 labels, which may go on."""
    assert cli(*QUICK, "budget=40").code == 0
    return run_directory(tmp_path)


@pytest.fixture
def run_path(tmp_path) -> Path:
    """A run directory with a committed round."""
    with opened(tmp_path / "run") as directory:
        directory.append(record(0, {"count": 0}))
    return tmp_path / "run"


class TestOfARun:
    @pytest.mark.slow
    def test_what_lies_where_a_new_file_is_written_first_is_not_followed(self, cli, made, precious):
        replaced = ("config.yaml", "environment.json", "done.json", "curve.png", "wandb_id", "error.json")
        for name in replaced:
            (made / f".{name}.partial").symlink_to(precious if name < "d" else precious.with_name("new"))
        (made.parents[6] / ".multirun.yaml.partial").symlink_to(precious)
        result = cli("-m", *QUICK, "budget=60", "tracker=wandb")
        assert result.code == 0, result.out
        assert cli(*QUICK, "budget=60", "tracker=wandb").code == 0  # draws the curve
        assert precious.read_text() == PRECIOUS
        assert [path.name for path in precious.parent.iterdir()] == [".bashrc"]
        for name in replaced[:-1]:
            assert not (made / name).is_symlink()
            assert (made / name).stat().st_size

    @pytest.mark.slow
    def test_nor_where_an_error_is_told(self, tmp_path, made, cli, precious, monkeypatch):
        (made / ".error.json.partial").symlink_to(precious)
        monkeypatch.setattr("al_bench.loop.rounds_of.query", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            cli(*QUICK, "budget=60")
        assert "ZeroDivisionError" in (made / "error.json").read_text()
        assert precious.read_text() == PRECIOUS

    @pytest.mark.parametrize("make", [Path.symlink_to, Path.hardlink_to], ids=["link", "hard link"])
    @pytest.mark.parametrize("name", ["rounds.csv", "queries.csv", "strategy_state.jsonl", "run.log", ".lock"])
    def test_a_link_is_not_appended_to(self, run_path, precious, name, make):
        if (run_path / name).exists() and name != ".lock":
            shutil.copy(run_path / name, precious)
        (run_path / name).unlink(missing_ok=True)
        make(run_path / name, precious)
        before, inside = precious.read_bytes(), contents(run_path)
        with pytest.raises(RunDirectoryError, match=name), opened(run_path):
            pass
        assert (precious.read_bytes(), contents(run_path)) == (before, inside)

    @pytest.mark.parametrize("name", ["config.yaml", "environment.json", "done.json", "error.json", "wandb_id"])
    def test_what_a_link_leads_to_is_not_taken_for_a_file_of_the_run(self, run_path, precious, name):
        """It would be written into a file of its own, and published with it."""
        if (run_path / name).exists():
            shutil.move(run_path / name, precious)
        (run_path / name).symlink_to(precious)
        inside = contents(run_path)
        with pytest.raises(RunDirectoryError, match=f"{name} is a link"), opened(run_path):
            pass
        assert contents(run_path) == inside

    @pytest.mark.parametrize("left", [None, ".lock", ".config.yaml.partial"])
    def test_a_link_to_an_empty_folder_or_a_killed_beginning_is_filled_and_goes_on(self, tmp_path, left):
        (tmp_path / "large disk").mkdir()
        if left:
            (tmp_path / "large disk" / left).touch()
        (tmp_path / "s0").symlink_to(tmp_path / "large disk")
        for round in range(2):
            with opened(tmp_path / "s0") as directory:
                assert len(directory.committed.batches) == round
                directory.append(record(round))
        assert (tmp_path / "large disk" / "queries.csv").exists()

    @pytest.mark.parametrize("kind", ["foreign", "hidden", "another run", "dangling", "file"])
    def test_a_link_to_anything_else_is_refused_and_nothing_is_written_there(self, run_path, tmp_path, kind):
        elsewhere = tmp_path / "elsewhere"
        if kind == "another run":
            run_path.rename(elsewhere)
        elif kind == "file":
            elsewhere.write_text(PRECIOUS)
        elif kind != "dangling":
            elsewhere.mkdir()
            (elsewhere / (".bashrc" if kind == "hidden" else "notes.txt")).write_text(PRECIOUS)
        (tmp_path / "s0").symlink_to(elsewhere)
        before = contents(tmp_path)
        with (
            pytest.raises(RunDirectoryError, match="s0 is a link"),
            opened(tmp_path / "s0", CONFIG | {"seed": 1}),
        ):
            pass
        assert contents(tmp_path) == before

    def test_links_of_the_user_above_the_run_are_followed(self, cli, tmp_path):
        (tmp_path / "disk" / "mine").mkdir(parents=True)
        (tmp_path / "disk" / "note").touch()
        (tmp_path / "outputs").symlink_to(tmp_path / "disk")
        (tmp_path / "disk" / "default").symlink_to(tmp_path / "disk" / "mine")
        (tmp_path / "disk" / "mine" / "note").touch()
        assert cli(*QUICK, "budget=40").code == 0
        assert len(list((tmp_path / "disk" / "mine").rglob("done.json"))) == 1


DBN = ("model=dbn", "model.pretraining.num_epochs=1", "model.max_epochs=1", "num_initial=20", "budget=20")


class TestOfWhatIsKept:
    @pytest.mark.parametrize("name", [".1.lock", ".pre-training-a.lock"])
    def test_a_lock_is_no_way_to_another_file(self, tmp_path, precious, name):
        (tmp_path / name).symlink_to(precious)
        with exclusive(tmp_path, name[1:-5]) as is_alone:
            assert not is_alone
        assert precious.read_text() == PRECIOUS

    @pytest.mark.slow
    def test_pre_training_is_not_kept_where_a_link_leads_elsewhere(self, cli, tmp_path):
        home = tmp_path / "home"
        home.mkdir()
        (home / "notes.txt").write_text(PRECIOUS)
        (tmp_path / "outputs" / "default").mkdir(parents=True)
        (tmp_path / "outputs" / "default" / ".pretrained").symlink_to(home)
        result = cli(*DBN, "strategy=random")
        assert result.code == 0
        assert "is not kept" in result.out
        assert contents(home) == {"notes.txt": PRECIOUS.encode()}

    @pytest.mark.slow
    def test_it_is_kept_where_a_link_leads_to_an_empty_folder_or_to_others_of_its_kind(self, cli, tmp_path):
        (tmp_path / "kept").mkdir()
        for name in ("a", "b"):
            (tmp_path / "outputs" / name).mkdir(parents=True)
            (tmp_path / "outputs" / name / ".pretrained").symlink_to(tmp_path / "kept")
        for name, seed in (("a", 0), ("a", 1), ("b", 1)):
            assert cli(*DBN, "strategy=random", f"name={name}", f"seed={seed}").code == 0
        assert len(list((tmp_path / "kept").glob("*.npz"))) == 2


class TestOfAnAnalysis:
    @pytest.fixture
    def results(self, tmp_path) -> Path:
        for strategy, accuracy in (("random", 0.5), ("badge", 0.6)):
            for seed in range(2):
                identity = Identity("digits", "mlp", strategy, 10, "", seed)
                write_run(tmp_path / "results", identity, {10: 0.4, 20: accuracy, 30: accuracy + 0.1 * seed})
        return tmp_path / "results"

    @pytest.mark.slow
    def test_what_lies_where_a_page_a_figure_or_a_table_is_written_first_is_not_followed(self, results, precious):
        out = results / "analysis"
        out.mkdir()
        for name in ("report.html", "runs.csv", "penalty_overall.csv", "penalty_overall.png", "penalty_overall.pdf"):
            (out / f".{name}.partial").symlink_to(precious)
            (out / name).symlink_to(precious)
        told = script("report", results, "--figures", out)
        assert told.returncode == 0, told.stderr
        for name in ("report.html", "runs.csv", "penalty_overall.csv", "penalty_overall.png", "penalty_overall.pdf"):
            assert not (out / name).is_symlink()
        assert precious.read_text() == PRECIOUS

    def test_a_link_to_an_empty_folder_is_filled_and_filled_again(self, results, tmp_path):
        (tmp_path / "elsewhere").mkdir()
        (results / "analysis").symlink_to(tmp_path / "elsewhere")
        for text in ("first", "second"):
            with output_folder(results, None) as out:
                replace_text(out / "report.html", text)
        assert (tmp_path / "elsewhere" / "report.html").read_text() == "second"

    def test_a_link_to_anything_else_is_refused_unless_the_user_names_it(self, results, tmp_path):
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "report.html").write_text("of other results")
        (results / "analysis").symlink_to(elsewhere)
        told = script("penalty_matrix", results)
        assert told.returncode == 1
        assert "analysis is a link to" in told.stderr
        assert "Traceback" not in told.stderr
        assert contents(elsewhere) == {"report.html": b"of other results"}
        with output_folder(results, results / "analysis") as out:
            replace_text(out / "report.html", "ours")
        assert contents(elsewhere) == {"report.html": b"ours"}


def test_a_new_file_takes_the_place_of_a_link_and_of_what_a_killed_process_left(tmp_path, precious):
    (tmp_path / "page").symlink_to(precious)
    (tmp_path / ".page.partial").write_text("half")
    replace_text(tmp_path / "page", "whole")
    assert contents(tmp_path) == {"page": b"whole"}
    assert not (tmp_path / "page").is_symlink()
    assert precious.read_text() == PRECIOUS


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    replace_text(tmp_path / "page", "old")

    def interrupted() -> None:
        with replacing(tmp_path / "page") as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert contents(tmp_path) == {"page": b"old"}


def test_two_writers_of_one_file_write_one_after_the_other(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from al_bench.files.locks import alone_in\n"
        "from al_bench.files.writing import replacing\n"
        "with alone_in(Path(sys.argv[1])), replacing(Path(sys.argv[1], 'page')) as file:\n"
        "    file.write(b'a'); file.flush(); print(flush=True); time.sleep(0.5); file.write(b'a')"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with alone_in(tmp_path):
            assert (tmp_path / "page").read_bytes() == b"aa"
            replace_text(tmp_path / "page", "b")
    assert other.returncode == 0
    assert contents(tmp_path) == {"page": b"b"}


def test_a_folder_that_cannot_be_locked_is_no_reason_to_stop(tmp_path, monkeypatch):
    def refused(*_: object) -> None:
        raise OSError(9, os.strerror(9))

    monkeypatch.setattr("fcntl.flock", refused)
    with alone_in(tmp_path):
        append_lines(tmp_path / "log", "a\n")
    assert (tmp_path / "log").read_text() == "a\n"

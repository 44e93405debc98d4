"""validation.csv: the validation examples of a run, which are labels too, in its folder."""

import json
import shutil
from pathlib import Path

import pytest

from al_bench.core.errors import ResultsError
from al_bench.core.seeding import Stream, generator
from al_bench.datasets.digits import digits
from al_bench.records.archive.moving import pack, restore
from al_bench.records.state import is_finished
from tests.conftest import assert_same_results, run_command, run_directory

RUN = ("model.width=8", "model.max_epochs=2", "num_initial=20", "batch_size.size=20", "strategy=random", "seed=3")
VALIDATED = (*RUN, "num_validation=7")
SHORT, LONG = "budget=47", "budget=67"  # two rounds, and three


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("validated")
    assert run_command(*VALIDATED, SHORT, cwd=folder).code == 0
    return folder / "outputs"


@pytest.fixture
def run(finished, cli, tmp_path) -> Path:
    shutil.copytree(finished, tmp_path / "outputs")
    return run_directory(tmp_path)


def as_by_an_older_version(run: Path) -> None:
    """Which kept no validation examples."""
    (run / "validation.csv").unlink()
    starts = json.loads((run / "environment.json").read_text())
    for start in starts:
        del start["validation"]
    (run / "environment.json").write_text(json.dumps(starts))


@pytest.mark.moderate
class TestARunWithValidationExamples:
    def test_they_are_in_its_folder_in_the_order_in_which_they_were_drawn(self, run):
        pool = digits(rng=generator(3, Stream.SPLIT)).train
        drawn = generator(3, Stream.VALIDATION).permutation(len(pool))[:7].tolist()
        rows = [f"{index},{pool.targets[index]}" for index in drawn]
        assert (run / "validation.csv").read_text().splitlines() == ["pool_index,target", *rows]

    def test_more_rounds_are_of_the_same_ones(self, run, cli):
        before = (run / "validation.csv").read_bytes()
        assert cli(*VALIDATED, LONG).code == 0
        assert (run / "validation.csv").read_bytes() == before
        assert not (run / "run.log").exists() or "written again" not in (run / "run.log").read_text()

    @pytest.mark.parametrize("kept", [None, 0, 25])
    def test_what_is_lacking_of_them_is_written_again(self, run, cli, kept):
        whole = (run / "validation.csv").read_bytes()
        (run / "validation.csv").unlink()
        if kept is not None:
            (run / "validation.csv").write_bytes(whole[:kept])
        assert not is_finished(run)
        assert cli(*VALIDATED, SHORT).code == 0
        assert (run / "validation.csv").read_bytes() == whole
        assert "validation.csv was not whole, and is written again" in (run / "run.log").read_text()
        assert is_finished(run)

    def test_others_are_refused(self, run, cli):
        whole = (run / "validation.csv").read_text()
        (run / "validation.csv").write_text(whole.replace("target\n", "target\n0,1\n"))
        result = cli(*VALIDATED, SHORT)
        assert result.code == 1
        assert "validation.csv: it does not hold the validation examples in this run; the folder was ch" in result.err
        assert (run / "validation.csv").read_text() != whole

    @pytest.mark.slow
    def test_an_older_folder_is_finished_and_gets_them_with_the_next_round(self, run, cli, tmp_path):
        whole = (run / "validation.csv").read_bytes()
        as_by_an_older_version(run)
        assert is_finished(run)
        assert "finished before" in cli(*VALIDATED, SHORT).out
        assert not (run / "validation.csv").exists()
        assert cli(*VALIDATED, "budget=100000").code == 1, "more than the pool has"
        assert is_finished(run)
        assert not (run / "validation.csv").exists()
        assert cli(*VALIDATED, LONG).code == 0
        assert (run / "validation.csv").read_bytes() == whole
        assert not (run / "run.log").exists() or "written again" not in (run / "run.log").read_text()
        assert cli(*VALIDATED, LONG, "name=anew").code == 0
        assert_same_results(run, run_directory(tmp_path / "outputs" / "anew"))

    def test_an_archive_keeps_them(self, run, cli, tmp_path):
        folder = tmp_path / "outputs" / "default"
        assert pack(folder, tmp_path / "runs.tar.xz").num_added == 1
        whole = (run / "validation.csv").read_bytes()
        shutil.rmtree(folder)
        restore(tmp_path / "runs.tar.xz", folder)
        assert (run / "validation.csv").read_bytes() == whole
        assert "finished before" in cli(*VALIDATED, SHORT).out
        (run / "validation.csv").write_bytes(whole[:-1])
        with pytest.raises(ResultsError, match="there is no finished run in it"):
            pack(folder, tmp_path / "other.tar.xz")


@pytest.mark.moderate
def test_a_run_without_any_has_no_such_file_and_refuses_one(cli, tmp_path):
    assert cli(*RUN, "budget=20").code == 0
    run = run_directory(tmp_path)
    assert not (run / "validation.csv").exists()
    assert "validation" not in json.loads((run / "environment.json").read_text())[-1]
    (run / "validation.csv").write_text("pool_index,target\n1,2\n")
    result = cli(*RUN, "budget=40")
    assert result.code == 1
    assert "validation.csv: there are no validation examples in this run; the folder was changed" in result.err

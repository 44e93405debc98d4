"""A search of which the command or a worker is killed ends as if nothing had happened, when the command is repeated."""

import os
import signal
import time
from pathlib import Path

import pytest

pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")

import optuna

from tests.conftest import assert_same_results
from tests.support.forks import Process
from tests.support.sweeping import SMALL, write_small
from tests.system.test_sweep_kill import worker

SEARCH = (
    *("experiment=tune", "hydra.sweeper.sampler.seed=0", "hydra.sweeper.n_trials=4", "tracker=none"),
    *("strategy._target_=parts.Slow", "+strategy.kind=choice(a,b)", "model.max_epochs=3", "num_initial=20"),
    *("num_validation=20", "batch_size.size=20", "budget=80", "model.width=8", *SMALL),
)
JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweeper.n_jobs=2")
PARTS = '''
import os
import time
from pathlib import Path

from al_bench.strategies.random import Random


class Slow(Random):
    """Takes its time, and ends its process where a file says so."""

    def __init__(self, kind):
        self.kind = kind

    def query(self, context, batch_size, rng):
        if Path("slow").exists():
            time.sleep(0.5)
        if Path("deadly").exists() and self.kind == "b":
            os.kill(os.getpid(), 9)
        return super().query(context, batch_size, rng)
'''


def prepared(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "parts.py").write_text(PARTS)
    write_small(folder)
    return folder


def started(folder: Path, *arguments: str) -> Process:
    return Process(["-m", "al_bench.run", *SEARCH, *arguments], cwd=folder, out=folder / "out.txt")


def done(folder: Path, *arguments: str) -> str:
    assert started(folder, *arguments).wait(300) == 0, (folder / "out.txt").read_text()
    return (folder / "out.txt").read_text()


def trials(folder: Path) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name="tune", storage=f"sqlite:///{folder}/outputs/tune/study.db").trials


def told(folder: Path) -> list[tuple[str, dict[str, object], float | None]]:
    return [(trial.state.name, trial.params, trial.value) for trial in trials(folder)]


def wait_for(process: Process, folder: Path, num_done: int) -> None:
    """Until so many runs are finished and another has committed a round."""
    deadline = time.monotonic() + 300
    while True:
        finished = [*folder.rglob("done.json")]
        begun = {path.parent for path in folder.rglob("rounds.csv")} - {path.parent for path in finished}
        if len(finished) >= num_done and begun:
            return
        assert process.poll() is None, (folder / "out.txt").read_text()
        assert time.monotonic() < deadline, (folder / "out.txt").read_text()
        time.sleep(0.01)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whatever the launcher: the first trials are drawn at random, by their number."""
    folder = prepared(tmp_path_factory.mktemp("undisturbed"))
    done(folder)
    assert [state for state, *_ in told(folder)] == ["COMPLETE"] * 4
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [(), JOBLIB], ids=["basic", "joblib"])
def test_a_killed_search_does_exactly_the_trials_that_are_missing(launcher, undisturbed, tmp_path):
    folder = prepared(tmp_path)
    (folder / "slow").touch()
    process = started(folder, *launcher)
    wait_for(process, folder, num_done=1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(60)
    assert "RUNNING" in [state for state, *_ in told(folder)]
    (folder / "slow").unlink()
    out = done(folder, *launcher)
    assert told(folder) == told(undisturbed)
    assert "Traceback" not in out
    results = "outputs/tune/optimization_results.yaml"
    assert (folder / results).read_bytes() == (undisturbed / results).read_bytes()
    runs, expected = (
        {path.parent.relative_to(each): path.parent for path in each.rglob("rounds.csv")}
        for each in (folder, undisturbed)
    )
    assert runs.keys() == expected.keys()
    for name, path in runs.items():
        assert_same_results(path, expected[name])


@pytest.mark.slow
def test_a_killed_worker_costs_no_trial(tmp_path):
    folder = prepared(tmp_path)
    (folder / "slow").touch()
    process = started(folder, *JOBLIB)
    wait_for(process, folder, num_done=0)
    os.kill(worker(process.pid), signal.SIGKILL)
    (folder / "slow").unlink()
    assert process.wait(300) == 0
    out = (folder / "out.txt").read_text()
    assert "processes have ended and are started again" in out
    assert "Traceback" not in out
    assert [trial.state.name for trial in trials(folder)] == ["COMPLETE"] * 4


@pytest.mark.slow
def test_a_trial_that_kills_its_worker_fails_alone(tmp_path):
    folder = prepared(tmp_path)
    (folder / "deadly").touch()
    out = done(folder, *JOBLIB)
    states = {(trial.params["+strategy.kind"], trial.state.name) for trial in trials(folder)}
    assert states == {("a", "COMPLETE"), ("b", "FAIL")}
    assert "TerminatedWorkerError" in out
    assert "Traceback" not in out
    assert "best: " in out

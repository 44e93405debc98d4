"""A sweep in an empty folder whose middle runs can be made to fail, to die, or to last, and what it leaves."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.conftest import assert_same_results, untracked
from tests.support.forks import Process, python

QUICK = ("model=linear", "num_initial=20", "batch_size.size=20", "budget=80")  # optimizers, too, are seconds to import
SMALL = ("dataset=arrays", "dataset.name=small", "dataset.path=small.npz")  # without scikit-learn, seconds to import
SWEEP = ("-m", "--config-dir", "conf", "strategy=middle,badge", "seed=0,1", *SMALL, *QUICK)
PARTS = '''
import os
import time
from pathlib import Path

from al_bench.strategies.random import Random


class Middle(Random):
    """Does to the process what the file `middle` says: once, where that says `once`."""

    def query(self, context, batch_size, rng):
        told = Path("middle").read_text() if Path("middle").exists() else ""
        if told.startswith("once "):
            Path("middle").unlink()
            told = told.removeprefix("once ")
        exec(compile(told, "middle", "exec"))  # of a string, it would leave a mark of Ctrl-C that ends the process
        return super().query(context, batch_size, rng)
'''
FAIL = "raise RuntimeError('no luck')"
DIE = "os.kill(os.getpid(), 9)"
LAST = "time.sleep(0.5)"


def prepared(folder: Path, middle: str = "") -> Path:
    """The user's own part of the sweep."""
    (folder / "conf" / "strategy").mkdir(parents=True, exist_ok=True)
    (folder / "conf" / "strategy" / "middle.yaml").write_text("_target_: parts.Middle\n")
    (folder / "parts.py").write_text(PARTS)
    write_small(folder)
    behave(folder, middle)
    return folder


def write_small(folder: Path) -> None:
    """The data set that `SMALL` names."""
    rng = np.random.default_rng(0)
    targets = np.arange(500) % 5
    np.savez(folder / "small.npz", inputs=rng.normal(size=(500, 8)) + targets[:, None], targets=targets)


def behave(folder: Path, middle: str) -> None:
    (folder / "middle").write_text(middle)


def run_sweep(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return python(*command(*arguments), cwd=folder, environment=os.environ | environment, timeout=300)


def command(*arguments: str) -> list[str]:
    """What `python` does the sweep by, with these arguments; without a tracker, unless one is named."""
    return ["-m", "al_bench.run", *untracked([*SWEEP, *arguments])]


def killed(
    folder: Path,
    with_signal: int,
    *arguments: str,
    is_time: Callable[[Path], bool],
    victim: Callable[[int], int] | None = None,
    is_group: bool = False,
    **environment: str,
) -> tuple[int, str]:
    """A sweep that gets a signal: the exit code and what was printed.

    Args:
        folder: as prepared.
        with_signal: the signal.
        *arguments: of the command, after those of `SWEEP`.
        is_time: whether it is time to send it.
        victim: the process that gets it, from that of the command; the command's itself.
        is_group: to the whole group of processes, as a terminal sends Ctrl-C.
        **environment: more variables.
    """
    process = Process(
        command(*arguments),
        cwd=folder,
        out=folder / "out.txt",
        environment=os.environ | environment,
        is_session=True,
    )
    deadline = time.monotonic() + 120
    while not is_time(folder):
        assert process.poll() is None, (folder / "out.txt").read_text()
        assert time.monotonic() < deadline, (folder / "out.txt").read_text()
        time.sleep(0.01)
    target = victim(process.pid) if victim is not None else process.pid
    (os.killpg if is_group else os.kill)(target, with_signal)
    return process.wait(240), (folder / "out.txt").read_text()


def in_the_middle(folder: Path) -> bool:
    """Whether some run is finished, and a slow one has committed rounds."""
    return any(folder.rglob("done.json")) and any(
        "/middle/" in str(path) and not (path.parent / "done.json").exists() for path in folder.rglob("rounds.csv")
    )


def processes_in(folder: Path) -> list[int]:
    """What still runs with this as its working directory."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            is_there = (path / "cwd").readlink() == folder and "Z" not in (path / "stat").read_text().split()[2]
        except OSError:
            continue
        if is_there:
            found.append(int(path.name))
    return found


def assert_same_sweep(folder: Path, undisturbed: Path) -> None:
    """Every run of one is in the other, byte for byte (timings apart), and finished."""
    runs, expected = (
        {path.parent.relative_to(each): path.parent for path in each.rglob("rounds.csv")}
        for each in (folder, undisturbed)
    )
    assert runs.keys() == expected.keys()
    assert len(runs) == 4
    for name, path in runs.items():
        assert (path / "done.json").exists(), name
        assert not (path / "error.json").exists(), name
        assert_same_results(path, expected[name])


def assert_ends_undisturbed(folder: Path, undisturbed: Path, *arguments: str) -> None:
    """Repeating the command does what is left, and all is as if nothing had happened."""
    behave(folder, "")
    again = run_sweep(folder, *arguments)
    assert again.returncode == 0, again.stdout + again.stderr
    assert_same_sweep(folder, undisturbed)

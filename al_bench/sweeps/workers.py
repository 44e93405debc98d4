"""What the processes that share the work of a sweep owe each other: a folder, a GPU, and an end."""

import fcntl
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from al_bench.core.errors import ConfigError

SECONDS_BETWEEN_LOOKS = 0.5
OF_THE_COMMAND = ("AL_BENCH_", "WANDB_")  # variables that a job has as the command has them


def is_child() -> bool:
    """Whether this process was started by `multiprocessing` or joblib."""
    return multiprocessing.parent_process() is not None


@cache
def end_with_parent() -> None:
    """From now on, a child process ends when its parent is gone, in whatever way that was killed."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        while os.getppid() == parent.pid:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        os._exit(1)  # in the middle of whatever it does: a run goes on from its last round

    threading.Thread(target=watch, daemon=True).start()


@cache
def own_gpu(names: Sequence[str]) -> int:
    """The place in `names` (of physical GPUs) of one for as long as this process lives: among those that fewest have.

    Held by a lock on a file of the user's, which the system gives back however the process ends.

    Raises:
        ConfigError: if the folder of these files is another user's.
    """
    folder = Path(tempfile.gettempdir(), f"al_bench_gpus_{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise ConfigError(f"{folder} is not yours, so GPUs cannot be shared out by it; device=cuda:<number> names one")
    for place in count():
        for position, name in enumerate(names):
            lock = os.open(folder / f"{name}_{place}", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
            else:
                return position  # the lock stays open
    raise AssertionError("unreachable")


def variables_of_the_command() -> dict[str, str]:
    """The environment variables that a job elsewhere needs, too."""
    return {name: value for name, value in os.environ.items() if name.startswith(OF_THE_COMMAND)}


def run_in(folder: str, variables: Mapping[str, str], job: Callable[[Any], Any], config: Any) -> Any:
    """A job in the folder, and with the variables, of the command that launched it from another process."""
    os.chdir(folder)
    os.environ.update(variables)
    if folder not in sys.path:
        sys.path.append(folder)  # a user's own parts
    return job(config)

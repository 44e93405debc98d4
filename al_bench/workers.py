"""What the processes that share the work of a sweep owe each other: a folder, a GPU, and an end."""

import fcntl
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

SECONDS_BETWEEN_LOOKS = 0.5
OF_THE_COMMAND = ("AL_BENCH_", "WANDB_")  # variables that a job has as the command has them


def is_child() -> bool:
    """Whether this process was started by `multiprocessing` or joblib."""
    return multiprocessing.parent_process() is not None


@cache
def end_with_parent() -> None:
    """From now on, this process ends when the one whose child it is is gone, in whatever way that was killed."""
    if not is_child():
        return
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        os._exit(1)  # in the middle of whatever it does: a run goes on from its last round

    threading.Thread(target=watch, daemon=True).start()


@cache
def own_gpu(num_gpus: int) -> int:
    """A GPU of this machine for as long as the process lives: one of those that the fewest processes have.

    Held by a lock on a file of the user's, which the system gives back however the process ends.
    """
    folder = Path(tempfile.gettempdir(), f"al_bench_gpus_{os.getuid()}")
    folder.mkdir(exist_ok=True)
    for place in count():
        for gpu in range(num_gpus):
            lock = os.open(folder / f"{gpu}_{place}", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
            else:
                return gpu  # the lock stays open
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

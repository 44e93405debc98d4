"""What the processes that share the work of a sweep owe each other: a folder, variables, and an end."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

SECONDS_BETWEEN_LOOKS = 0.5
OF_THE_COMMAND = ("AL_BENCH_", "WANDB_")  # variables that a job has as the command has them


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


@contextmanager
def interrupted_alone() -> Iterator[None]:
    """Ctrl-C, which a terminal sends to all processes, does not reach those that this thread starts within it.

    They end with this one, and need not tell each where it was, such as in the middle of its imports. Another thread
    takes the signal here, of which Python makes a KeyboardInterrupt in the main one as always.
    """
    is_over = threading.Event()
    threading.Thread(target=is_over.wait, daemon=True).start()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        is_over.set()


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

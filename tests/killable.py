"""A run that kills itself before its n-th step on the disk; imported by the process that starts such runs."""

import os
import signal
import sys
from itertools import count
from pathlib import Path

import torch
import torch._dynamo

import al_bench.analysis.run_curve
import al_bench.datasets.digits
import al_bench.experiment  # noqa: F401  all are imported once, before the processes that use them are forked
from al_bench.interfaces import Strategy
from al_bench.run import main

EVENTS = {"open", "os.mkdir", "os.rename", "os.remove", "os.truncate"}
CHANGING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC  # an open without these leaves the disk as it was
COUNTING = ("strategy._target_=tests.killable.Counting", "~strategy.first")
ALBL = ("strategy=albl", "strategy.variant=original")
SETTINGS = (
    "name=killed",
    "model.width=8",
    "model.max_epochs=3",
    "num_initial=20",
    "num_validation=10",
    "batch_size.size=15",
    "budget=70",
    "tracker=none",
)
ARGUMENTS = (*SETTINGS, *COUNTING)


class Counting(Strategy):
    """Its choice depends on all its earlier ones, by way of its state."""

    def __init__(self) -> None:
        self.drawn = 0

    def query(self, context, batch_size, rng):
        """See `Strategy.query`."""
        self.drawn += int(rng.integers(1000))
        return (torch.arange(batch_size) * 7 + self.drawn) % context.num_unlabelled

    def state_dict(self):
        """See `Strategy.state_dict`."""
        return {"drawn": self.drawn}

    def load_state_dict(self, state):
        """See `Strategy.load_state_dict`."""
        self.drawn = state["drawn"]


def run(folder: str, kill_at: int | None = None, is_torn: bool = False, strategy: tuple[str, ...] = COUNTING) -> None:
    """`al-bench` in `folder`, killed before its step `kill_at` on the disk, or half-way through its write `kill_at`."""
    os.chdir(folder)
    sys.argv = ["al-bench", *SETTINGS, *strategy]
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if kill_at is not None and is_torn:
        _kill_within_write(kill_at)
    elif kill_at is not None:
        _kill_before_step(kill_at)
    main()


def _kill_before_step(kill_at: int) -> None:
    steps = count()
    write, fsync = os.write, os.fsync

    def step() -> None:
        if next(steps) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted_write(descriptor: int, content: bytes) -> int:
        step()
        return write(descriptor, content)

    def counted_fsync(descriptor: int) -> None:
        step()
        fsync(descriptor)

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and not int(str(arguments[2])) & CHANGING:
            return
        if event in EVENTS and str(Path.cwd()) in str(Path(str(arguments[0])).absolute()):
            step()

    os.write, os.fsync = counted_write, counted_fsync
    sys.addaudithook(audit)


def _kill_within_write(kill_at: int) -> None:
    writes = count()
    write = os.write

    def torn_write(descriptor: int, content: bytes) -> int:
        if next(writes) != kill_at:
            return write(descriptor, content)
        write(descriptor, content[: len(content) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    os.write = torn_write

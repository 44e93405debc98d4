"""A run that keeps what a kill would leave at each of its steps on the disk."""

import os
import shutil
import sys
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


def run(folder: str, strategy: tuple[str, ...] = COUNTING, states: str | None = None) -> None:
    """`al-bench` in `folder`; every state of it that a kill could leave is copied to a folder below `states`."""
    os.chdir(folder)
    sys.argv = ["al-bench", *SETTINGS, *strategy]
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if states is not None:
        _keep_states(Path(folder), Path(states))
    main()


def _keep_states(folder: Path, states: Path) -> None:
    """Those before each step on the disk, and in the middle of each write; equal ones once."""
    write, fsync = os.write, os.fsync
    known: set[frozenset[tuple[str, bytes | None]]] = set()
    is_copying = False

    def keep() -> None:
        nonlocal is_copying
        if is_copying:
            return
        is_copying = True
        paths = {str(path.relative_to(folder)): path for path in folder.rglob("*")}
        state = frozenset((name, path.read_bytes() if path.is_file() else None) for name, path in paths.items())
        if state not in known:
            shutil.copytree(folder, states / str(len(known)), symlinks=True)
            known.add(state)
        is_copying = False

    def kept_write(descriptor: int, content: bytes) -> int:
        if is_copying:
            return write(descriptor, content)
        keep()
        half = write(descriptor, content[: len(content) // 2])
        keep()
        return half + write(descriptor, content[half:])

    def kept_fsync(descriptor: int) -> None:
        keep()
        fsync(descriptor)

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and not int(str(arguments[2])) & CHANGING:
            return
        if event in EVENTS and str(folder) in str(Path(str(arguments[0])).absolute()):
            keep()

    os.write, os.fsync = kept_write, kept_fsync
    sys.addaudithook(audit)

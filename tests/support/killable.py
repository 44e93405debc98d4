"""A run that keeps what a kill would leave at each of its steps on the disk."""

import os
import shutil
import sys
from pathlib import Path

import torch

from al_bench.cli import display
from al_bench.core.strategy import Strategy
from al_bench.run import main

EVENTS = {"open", "os.mkdir", "os.rename", "os.remove", "os.truncate"}
CHANGING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC  # an open without these leaves the disk as it was
COUNTING = ("strategy._target_=tests.support.killable.Counting", "~strategy.first")
ALBL = ("strategy=albl", "strategy.variant=original")
SAVING = (  # flips, predictions and weights, beside what every run keeps
    *COUNTING,
    "dataset.label_noise.rate=0.3",
    "dataset.long_tail.ratio=0.5",
    "save=[predictions,last_weights]",
)
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


UNSEEN = "unseen"


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


if __name__ == "__main__":  # a folder for the states, or `unseen`, and what `al-bench` is given
    if (states := sys.argv.pop(1)) == UNSEEN:  # the picture takes half of the time
        display.draw_curve = lambda path: None
    else:
        _keep_states(Path.cwd(), Path(states))
    main()

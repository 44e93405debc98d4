"""How the job of a run ended: what a job returns to whoever launched it."""

from dataclasses import dataclass
from enum import Enum


class Status(Enum):
    """How a job ended."""

    FINISHED = "finished"
    SKIPPED = "skipped (finished before)"
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """The run (its title, or its overrides if it has none), how its job ended, and the error's message."""

    run: str
    status: Status
    message: str = ""

"""How the job of a run ended: what a job returns to whoever launched it."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from al_bench.core.errors import ConfigError, TrainingError

WITHOUT_VALIDATION = "num_validation=0: hyperparameters are chosen on validation examples; num_validation=200"


class Status(Enum):
    """How a job of a sweep ended."""

    FINISHED = "finished"
    SKIPPED = "skipped (finished before)"
    FAILED = "failed"
    BUSY = "being done by another process"


@dataclass(frozen=True)
class Outcome:
    """The run (its title, or its overrides if it has none), how its job ended, the error's message, its directory."""

    run: str
    status: Status
    message: str = ""
    path: Path | None = None

    def __float__(self) -> float:
        """What a sweeper that searches for hyperparameters maximises: the last round's accuracy on validation examples.

        Raises:
            TrainingError: if there is none, as the run failed.
            ConfigError: if there are no validation examples.
        """
        if self.path is None:
            raise TrainingError(f"{self.run}: {self.message}")
        return validation_accuracy(self.path)


def validation_accuracy(path: Path, budget: int | None = None) -> float:
    """On validation examples, after the last round of a run that is within a budget of labels (None: of all).

    Raises:
        ConfigError: if there are no validation examples.
    """
    from al_bench.records.reading import rows_of  # numpy, which --help need not wait for

    *_, last = (row for row in rows_of(path) if budget is None or row["num_labelled"] <= budget)
    if "validation_accuracy" not in last:
        raise ConfigError(WITHOUT_VALIDATION)
    accuracy: float = last["validation_accuracy"]
    return accuracy

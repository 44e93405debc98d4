"""How training went."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Course:
    """How one fit went: see the columns of these names in docs/columns.md.

    `train_accuracy` is the running accuracy of the last epoch: the one that the stopping rule saw.
    """

    train_accuracy: float
    num_epochs: int
    epoch_limit_hit: bool
    num_steps: int

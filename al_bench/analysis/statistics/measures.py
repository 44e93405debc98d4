"""The measures that curves are drawn of: report, export and dashboard show each that is a line of `MEASURES`."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Measure:
    """What a run says of its network after each round.

    Attributes:
        column: of rounds.csv, a real number.
        label: for axes and titles.
        unit: "" for a share.
        better: whether higher or lower values are.
        description: what it is, where the label does not say so.
        margin: in its unit, within which a gain is the same; None: nothing is said to be. That of shares is said
            beforehand, in percentage points.
    """

    column: str
    label: str
    unit: str
    better: Literal["higher", "lower"] = "higher"
    description: str = ""
    margin: float | None = None

    @property
    def title(self) -> str:
        """The label, above a table."""
        return f"{self.label[0].upper()}{self.label[1:]}"

    @property
    def prefix(self) -> str:
        """Before the names of its files: none for test accuracy, `balanced_`, for `test_macro_f1` it is `macro_f1_`."""
        name = self.column.removeprefix("test_").removesuffix("accuracy").strip("_")
        return f"{name}_" if name else ""

    def axis(self, bands: str) -> str:
        """The label of an axis, with the unit and what the bands of the curves are."""
        return f"{self.label} ({f'{self.unit}; ' if self.unit else ''}{bands})"


ACCURACY = Measure("test_accuracy", "test accuracy", "")
MEASURES = (  # those that are shown of every folder that has them; strategies are compared by the first
    ACCURACY,
    Measure("test_balanced_accuracy", "balanced accuracy", "", description="recall, averaged over the classes"),
)
TEST_LOSS = Measure("test_loss", "test loss", "nats", better="lower")
UNLABELLED_ENTROPY = Measure("unlabelled_entropy", "entropy of the unlabelled examples", "nats")

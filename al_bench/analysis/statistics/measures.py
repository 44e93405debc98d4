"""The measures that curves are drawn of and strategies compared by: report, export and dashboard show them as data.

Those of test set and validation examples are made of what `al_bench.core.rounds.Metrics` says of its fields.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from al_bench.core.errors import ResultsError, nearest
from al_bench.core.rounds import ABOUT, About


@dataclass(frozen=True)
class Measure:
    """What a run says of its network after each round.

    Attributes:
        column: of rounds.csv, or of measures.csv beside it; a real number.
        label: for axes and titles.
        unit: "" for a share, or a number without a unit.
        better: whether higher or lower values are.
        description: what it is, where the label does not say so.
        margin: in its unit, within which a gain is the same; None: nothing is said to be. That of shares is said
            beforehand, in percentage points.
        is_share: whether its gains are in percentage points.
    """

    column: str
    label: str
    unit: str
    better: Literal["higher", "lower"] = "higher"
    description: str = ""
    margin: float | None = None
    is_share: bool = True

    @property
    def title(self) -> str:
        """The label, above a table."""
        return f"{self.label[0].upper()}{self.label[1:]}"

    @property
    def prefix(self) -> str:
        """Before the names of its files: none for test accuracy, `balanced_`, for `test_macro_f1` it is `macro_f1_`."""
        name = self.column.removeprefix("test_").removesuffix("accuracy").strip("_")
        return f"{name}_" if name else ""

    @property
    def sign(self) -> int:
        """Times its values, higher ones are better."""
        return 1 if self.better == "higher" else -1

    @property
    def factor(self) -> float:
        """Times its differences, they are in `gain_unit`."""
        return 100.0 if self.is_share else 1.0

    @property
    def gain_unit(self) -> str:
        """The unit of differences between values: `percentage points`."""
        return "percentage points" if self.is_share else self.unit or f"units of the {self.label}"

    @property
    def points(self) -> str:
        """The unit of differences as a sentence has it: `points`."""
        return "points" if self.is_share else self.gain_unit

    @property
    def of_it(self) -> str:
        """After what has no name of its own where it is of accuracy."""
        return "" if self == ACCURACY else f" of {self.label}"

    @property
    def by_it(self) -> str:
        """After what is compared by accuracy where nothing else is said."""
        return "" if self == ACCURACY else f" by {self.label}"

    @property
    def sentence(self) -> str:
        """By what strategies are compared, where that is another than accuracy; empty for that."""
        if self == ACCURACY:
            return ""
        told = ", ".join(filter(None, [self.description, self.unit, f"{self.better} values are better"]))
        return (
            f"Strategies are compared by {self.label} ({told}). The numbers of labels at which they are compared, and "
            "where the part compared ends, are those of Random's accuracy."
        )

    def told_margin(self, margin: float | None) -> str:
        """Within what a gain is the same."""
        if margin is None:
            return f"a margin in {self.points}, which was not said (--margin)"
        return f"{margin:g} {self.points}"

    def axis(self, bands: str) -> str:
        """The label of an axis, with the unit and what the bands of the curves are."""
        return f"{self.label} ({f'{self.unit}; ' if self.unit else ''}{bands})"


def _of(part: Literal["test", "validation"], name: str, about: About) -> Measure:
    label = about.label if part == "test" else f"validation {about.label.removeprefix('test ')}"
    return Measure(
        f"{part}_{name}", label, about.unit, about.better, about.description, margin=None, is_share=about.is_share
    )


TEST = {name: _of("test", name, about) for name, about in ABOUT.items()}
VALIDATION = {name: _of("validation", name, about) for name, about in ABOUT.items()}
NAMED = {measure.column: measure for measure in (*TEST.values(), *VALIDATION.values())}
ACCURACY, TEST_LOSS = TEST["accuracy"], TEST["loss"]
MEASURES = (ACCURACY, TEST["balanced_accuracy"])  # shown of every folder that has them; the first compares strategies
SHORT = (*TEST, *(measure.column for measure in VALIDATION.values()))  # names to be typed
UNLABELLED_ENTROPY = Measure("unlabelled_entropy", "entropy of the unlabelled examples", "nats", is_share=False)


def named(typed: str, there: Iterable[str], own: Sequence[str] = ()) -> Measure:
    """The measure of a name: a column, `macro_f1` for `test_macro_f1`, or one of a user's own, `mine`; `mine:lower`, if
    lower values of it are better.

    Args:
        typed: its name.
        there: columns of which some run has a value.
        own: those of measures.csv.

    Raises:
        ResultsError: if there is no such measure, or no run has it.
    """
    name, colon, better = typed.partition(":")
    own = [each for each in own if each not in SHORT]
    if name in own and typed not in (name, f"{name}:lower"):
        raise ResultsError(f"measure={typed}: must be {name}, or {name}:lower if lower values of it are better")
    if name in own:
        return Measure(name, name.replace("_", " "), "", "lower" if better == "lower" else "higher", is_share=False)
    known = NAMED | TEST
    if name not in known:
        raise ResultsError(f"measure={name}: there is no such measure; {nearest(name, [*SHORT, *own])}")
    if colon:
        raise ResultsError(f"measure={typed}: `:lower` may follow a measure of your own; of others it is known")
    if known[name].column not in there:
        raise ResultsError(f"measure={name}: none of the runs has a value in the column {known[name].column}")
    return known[name]

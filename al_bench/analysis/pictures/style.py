"""One look for each strategy, in every figure: a hue for each family, with a shade, a dash and a marker of its own.

Any two shades, with the black of the baseline and the grey of oracles, differ by 10 in CIELAB for the colour-blind, by
15 for others. Where shades repeat, and on paper in grey, dash and marker tell strategies apart.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from al_bench.analysis.settings import BASELINE
from al_bench.analysis.strategies import FAMILIES, FAMILY_OF, MANY, ORACLES, OTHER, family_of


@dataclass(frozen=True)
class Look:
    """A colour, the names of a dash and a marker in matplotlib and in plotly, and the family; none of the baseline."""

    colour: str
    dash: str
    marker: str
    family: str = ""

    @property
    def plotly_dash(self) -> str:
        """The dash, as plotly calls it."""
        return PLOTLY_DASHES[self.dash]

    @property
    def plotly_marker(self) -> str:
        """The marker, as plotly calls it."""
        return PLOTLY_MARKERS[self.marker]


PLOTLY_DASHES = {"-": "solid", "--": "dash", "-.": "dashdot", ":": "dot"}
PLOTLY_MARKERS = {
    "o": "circle",
    "s": "square",
    "^": "triangle-up",
    "D": "diamond",
    "v": "triangle-down",
    "X": "x",
    "*": "star",
    "<": "triangle-left",
    "P": "cross",
    "p": "pentagon",
    "x": "x-thin-open",
    "+": "cross-thin-open",
    ">": "triangle-right",
    "d": "diamond-tall",
    "h": "hexagon",
}
SHADES = {  # neighbours differ most
    "uncertainty": ("#DC6450", "#641E00", "#FA8200", "#C82828", "#FF8C46", "#961E00", "#E65A14"),
    "diversity": ("#46BE8C", "#0A4628", "#64BE46", "#286E50", "#64A064", "#3C641E", "#1E8C3C"),
    "both": ("#0046FA", "#326EFF", "#0A32B4", "#AAA0DC", "#1E78C8", "#1450B4", "#00AAFF"),
    "Bayesian": ("#BE64AA", "#5A0A82", "#F06EFA", "#6E3C82"),
    ORACLES: ("#9A9A9A", "#BEBEBE", "#6E6E6E"),
    OTHER: ("#E60A78", "#6E0A1E", "#FA8282", "#820050", "#C8285A", "#960A3C"),
}
OF_BASELINE = Look("#000000", ":", "P")
OF_OTHERS = "#E0E0E0"  # in a panel of one family
MAX_MARKERS = 12  # on a curve
Steps = Mapping[str, tuple[list[float], list[float]]]  # x and y of each strategy
STYLES = tuple(  # neighbours differ in both
    style
    for number in range(60)
    if (style := ([*PLOTLY_DASHES][number % 4], [*PLOTLY_MARKERS][number % 15])) != (":", "P")
)


def looks(strategies: Iterable[str], oracles: Sequence[str] = (), baseline: str = BASELINE) -> dict[str, Look]:
    """The look of each, in the order given: black of the baseline, the shades of its family of another.

    Those that are not known here, of one's own or with options, have the shades and styles that follow those of the
    known ones, by the order of their names; so figures that are read side by side take the looks of all their
    strategies together.
    """
    names = list(dict.fromkeys(strategies))
    found = LOOKS | {baseline: OF_BASELINE}
    numbers = {family: count(len(choices)) for family, choices in FAMILIES.items()}
    styles = count(len(FAMILY_OF))
    for name in sorted(set(names) - found.keys()):
        family = family_of(name, oracles)
        found[name] = _look(family, next(numbers[family]), next(styles))
    return {name: found[name] for name in names}


def in_order(looks_of: Mapping[str, Look], strategies: Iterable[str]) -> dict[str, Look]:
    """The looks of some of the strategies."""
    there = set(strategies)
    return {name: look for name, look in looks_of.items() if name in there}


def panels(looks_of: Mapping[str, Look]) -> dict[str, dict[str, Look]]:
    """The looks of each panel of a figure, by its title: of few strategies all, in one without a title.

    Of more than `MANY` those of one family, and the baseline; of a family of more than that many in parts.
    """
    if len(looks_of) <= MANY:
        return {"": dict(looks_of)}
    baseline = [name for name, look in looks_of.items() if not look.family]
    found = {}
    for family in FAMILIES:
        members = [name for name, look in looks_of.items() if look.family == family]
        num_parts = -(-len(members) // MANY)
        for number in range(num_parts):
            title = family if num_parts == 1 else f"{family}, {number + 1} of {num_parts}"
            start, end = (each * len(members) // num_parts for each in (number, number + 1))
            found[title] = {name: looks_of[name] for name in (*members[start:end], *baseline)}
    return found


def _look(family: str, number: int, style: int) -> Look:
    return Look(SHADES[family][number % len(SHADES[family])], *STYLES[style % len(STYLES)], family)


LOOKS = {
    choice: _look(family, number, [*FAMILY_OF].index(choice))
    for family, choices in FAMILIES.items()
    for number, choice in enumerate(choices)
}

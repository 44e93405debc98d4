"""One look for each strategy, in every figure: told apart by the colour-blind, and in grey by dashes and markers.

Colours are those of Okabe and Ito, "Color Universal Design" (2008), and of Tol, "Colour Schemes" (2021, muted).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    """A colour, and the names of a dash and a marker in matplotlib and in plotly."""

    colour: str
    dash: str
    marker: str

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
    "d": "diamond-tall",
    "v": "triangle-down",
    "X": "x",
    "P": "cross",
    "*": "star",
    "h": "hexagon",
    "p": "pentagon",
    "<": "triangle-left",
    ">": "triangle-right",
}
LOOKS = {
    "badge": Look("#0072B2", "-", "o"),
    "albl": Look("#E69F00", "--", "s"),
    "coreset": Look("#009E73", "-.", "^"),
    "confidence": Look("#CC79A7", ":", "D"),
    "margin": Look("#D55E00", "-", "v"),
    "entropy": Look("#56B4E9", "-.", "X"),
    "random": Look("#000000", ":", "P"),
    "joint": Look("#882255", "-.", "*"),
    "kdpp": Look("#44AA99", "-", "p"),
    "kmeans": Look("#999933", "--", "h"),
}
OF_ORACLES = (Look("#6E6E6E", "--", "^"), Look("#9A9A9A", "-.", "s"), Look("#BEBEBE", ":", "D"))
# Each as far from all of the above, and from those before it, as could be found that is no lighter: more than 20 in
# CIELAB, for the colour-blind more than 11.
COLOURS = (
    *("#0000FA", "#0A0078", "#64320A", "#7878FA", "#D20A46", "#001E50", "#780AC8", "#A0008C", "#46643C", "#00C86E"),
    *("#501E28", "#0050FA", "#3C6E78", "#E600BE", "#7896F0", "#645A00", "#1E2800", "#FA966E", "#C80078", "#6E1EA0"),
    *("#32BED2", "#F06482", "#141464", "#460032"),
)
DASHES, MARKERS = ("-", "-.", "--", ":"), ("<", ">", "d", "s", "^", "v", "D")
STYLES = tuple(  # those that are free; neighbours differ in both
    (DASHES[number % 4], MARKERS[number % 7])
    for number in range(28)
    if (DASHES[number % 4], MARKERS[number % 7]) not in {(look.dash, look.marker) for look in LOOKS.values()}
)


def looks(strategies: Iterable[str], oracles: Sequence[str] = ()) -> dict[str, Look]:
    """The look of each: grey of oracles; of others that are not known here by the order of their names.

    So figures that are read side by side take the looks of all their strategies together. Colours repeat after 24, with
    another dash and marker.
    """
    names = list(dict.fromkeys(strategies))
    unknown = sorted(set(names) - LOOKS.keys() - set(oracles))
    known = LOOKS | {name: OF_ORACLES[number % len(OF_ORACLES)] for number, name in enumerate(sorted(oracles))}
    return {name: known[name] if name in known else other(unknown.index(name)) for name in names}


def other(number: int) -> Look:
    """The look of a strategy that is not known here, by its number from 0."""
    repeats, place = divmod(number, len(COLOURS))
    dash, marker = STYLES[(place + repeats) % len(STYLES)]
    return Look(COLOURS[place], dash, marker)

"""One look for each strategy, in every figure: told apart by the colour-blind, and in grey by dashes and markers.

Colours are those of Okabe and Ito, "Color Universal Design" (2008), and of Tol, "Colour Schemes" (2021, muted).
"""

from collections.abc import Iterable
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
COLOURS = ("#332288", "#AA4499", "#661100", "#6699CC", "#888888", "#117733")
MARKERS = ("<", ">", "s", "^", "D", "v", "P")
DASHES = ("-", "-.", "--", ":")
OTHERS = tuple(  # neighbours differ in all three
    Look(COLOURS[number % 6], DASHES[(number + number // 6) % 4], MARKERS[number % 7]) for number in range(24)
)


def looks(strategies: Iterable[str]) -> dict[str, Look]:
    """The look of each; those that are not known here have one by the order of their names, and repeat after 24.

    So figures that are read side by side take the looks of all their strategies together.
    """
    names = list(dict.fromkeys(strategies))
    unknown = sorted(set(names) - LOOKS.keys())
    return {name: LOOKS[name] if name in LOOKS else OTHERS[unknown.index(name) % len(OTHERS)] for name in names}

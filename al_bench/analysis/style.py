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
# Each as far from all of the above, and from those before it, as could be found: 20 and more in CIELAB for everybody,
# for the colour-blind 12 and more.
COLOURS = (
    *("#0000FC", "#0C0078", "#603000", "#6078FC", "#182460", "#00D878", "#CC2448", "#5430D8", "#003018", "#B4009C"),
    *("#6C9CFC", "#3C0C30", "#D8B4D8", "#0C6030", "#A8C09C", "#18D830", "#3C6C78", "#9C480C", "#780CA8", "#FC9C6C"),
    *("#9C84C0", "#D8606C", "#603C78", "#A86CD8"),
)
DASHES, MARKERS = ("-", "-.", "--", ":"), ("<", ">", "d", "s", "^", "v", "D")
STYLES = tuple(  # those that are free; neighbours differ in both
    (DASHES[number % 4], MARKERS[number % 7])
    for number in range(28)
    if (DASHES[number % 4], MARKERS[number % 7]) not in {(look.dash, look.marker) for look in LOOKS.values()}
)


def looks(strategies: Iterable[str]) -> dict[str, Look]:
    """The look of each; those that are not known here have one by the order of their names.

    So figures that are read side by side take the looks of all their strategies together. Colours repeat after 24, with
    another dash and marker.
    """
    names = list(dict.fromkeys(strategies))
    unknown = sorted(set(names) - LOOKS.keys())
    return {name: LOOKS[name] if name in LOOKS else other(unknown.index(name)) for name in names}


def other(number: int) -> Look:
    """The look of a strategy that is not known here, by its number from 0."""
    repeats, place = divmod(number, len(COLOURS))
    dash, marker = STYLES[(place + repeats) % len(STYLES)]
    return Look(COLOURS[place], dash, marker)

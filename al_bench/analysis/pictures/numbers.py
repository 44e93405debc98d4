"""Hundreds of numbers in one figure: by outlines of digits, as a text for each would take most of the time."""

from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from matplotlib.transforms import IdentityTransform

EM = 100  # points, of the outlines before they are scaled


class Cell(NamedTuple):
    """Where the middle of a number is, in data coordinates."""

    x: float
    y: float
    text: str
    colour: str


def draw_numbers(axes: Axes, cells: Iterable[Cell], size: float, points: float) -> None:
    """Draw numbers in a size in points.

    Args:
        axes: those whose unit of x and y is so many `points` long, with y going down.
        cells: digits, points and signs.
        size: of the letters.
        points: of a unit of the axes.
    """
    places: dict[str, list[tuple[float, float, str]]] = defaultdict(list)
    scale = size / EM / points  # from points of the outlines to units of the axes
    for x, y, text, colour in cells:
        left = x - scale * sum(map(_advance, text)) / 2
        for letter in text:
            places[letter].append((left, y + scale * _height() / 2, colour))
            left += scale * _advance(letter)
    for letter, where in places.items():
        xs, ys, colours = zip(*where, strict=True)
        digits = PathCollection(
            [_outline(letter)],
            sizes=[(size / EM) ** 2],
            offsets=[*zip(xs, ys, strict=True)],
            offset_transform=axes.transData,
            facecolors=colours,
            linewidths=0,
        )
        digits.set_transform(IdentityTransform())  # the size is that of the letters, not of the axes
        axes.add_collection(digits, autolim=False)


@cache
def _outline(letter: str) -> Path:
    return TextPath((0, 0), letter, size=EM)


@cache
def _advance(letter: str) -> float:
    """From a letter to the next, if that is the same."""
    one, two = (TextPath((0, 0), text, size=EM).get_extents().x1 for text in (letter, 2 * letter))
    return float(two - one)


@cache
def _height() -> float:
    return float(_outline("0").get_extents().y1)

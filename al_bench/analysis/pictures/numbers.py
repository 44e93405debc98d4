"""Hundreds of numbers in one figure: by outlines of digits, as a text for each would take most of the time."""

from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.textpath import TextPath

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
    places: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    scale = size / EM / points  # from points of the outlines to units of the axes
    for x, y, text, colour in cells:
        left = x - scale * sum(map(_advance, text)) / 2
        for letter in text:
            places[letter, colour].append((left, y + scale * _height() / 2))
            left += scale * _advance(letter)
    for (letter, colour), where in places.items():
        outline = _outline(letter)
        digits = Line2D(
            *zip(*where, strict=True),
            linestyle="none",
            marker=outline,
            markersize=2 * np.abs(outline.vertices).max() * size / EM,  # of a square around 0 that holds the outline
            color=colour,
            markeredgewidth=0,
        )
        axes.add_line(digits)


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

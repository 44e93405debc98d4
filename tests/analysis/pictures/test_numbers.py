"""Numbers drawn by outlines look like those that matplotlib writes."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from al_bench.analysis.pictures.numbers import Cell, draw_numbers

CELLS = [Cell(0, 0, "12.34", "black"), Cell(2, 1, "-0.05", "black"), Cell(1, 2, "678.90", "white")]
UNIT, SIZE, DPI = 50, 9, 300  # points, points


def ink(*, by_outlines: bool) -> np.ndarray:
    """How far the pixels of each unit (3, 3, height, width) are from grey."""
    figure = Figure(figsize=(3 * UNIT / 72, 3 * UNIT / 72), dpi=DPI, facecolor="0.5")
    axes = figure.add_axes((0, 0, 1, 1), frameon=False, xticks=[], yticks=[])
    axes.set(xlim=(-0.5, 2.5), ylim=(2.5, -0.5))
    if by_outlines:
        draw_numbers(axes, CELLS, SIZE, UNIT)
    else:
        for x, y, text, colour in CELLS:
            axes.text(x, y, text, ha="center", va="center", color=colour, fontsize=SIZE)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    grey = np.asarray(canvas.buffer_rgba())[:, :, 0].astype(float) - 128
    height = len(grey) // 3
    return grey[: 3 * height, : 3 * height].reshape(3, height, 3, height).swapaxes(1, 2)


def test_numbers_are_where_and_what_matplotlib_writes():
    ours, theirs = ink(by_outlines=True), ink(by_outlines=False)
    assert np.argwhere(np.abs(ours).sum(axis=(2, 3)) > 1000).tolist() == [[0, 0], [1, 2], [2, 1]]
    for x, y, _, colour in CELLS:
        one, other = ours[y, x], theirs[y, x]
        assert (one.sum() > 0) == (colour == "white")
        assert one.sum() == pytest.approx(other.sum(), rel=0.05)
        for axis, most in ((0, 3), (1, 6)):  # pixels; a text has room for letters that go lower
            spans = [np.flatnonzero(np.abs(each).max(axis=axis) > 40)[[0, -1]] for each in (one, other)]
            np.testing.assert_allclose(*spans, atol=most)

"""What all figures have in common: their style, legends that hold every name, and whole files."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.textpath import TextPath

from al_bench.analysis.pictures.style import Look
from al_bench.files.writing import replace_bytes

FORMATS = ("png", "pdf")
QUICK_PNG = {"pil_kwargs": {"compress_level": 1}}  # in half the time, a little larger
LETTER, LINE = 0.085, 0.215  # inches, of a name
NAMES: Any = {"text.parse_math": False}  # what stands between two dollars is no mathematics
STYLE: Any = NAMES | {  # its type lists every setting of matplotlib
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.axisbelow": True,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}


def width_of(names: Iterable[str]) -> float:
    """Inches that the longest of some names takes."""
    return max(map(_width, names), default=0.0)


def height_of(names: Sequence[str]) -> float:
    """Inches that a legend of so many names takes."""
    return 0.6 + LINE * len(names)


def legend(owner: Axes | Figure, looks_of: Mapping[str, Look], *, is_line: bool = True, **options: Any) -> None:
    """Every name with its look, beside the axes.

    matplotlib's own leaves out the names that begin with an underscore.
    """
    looks: list[Any] = [
        {"color": look.colour, "linestyle": look.dash if is_line else "", "marker": look.marker}
        for look in looks_of.values()
    ]
    handles = [Line2D([], [], linewidth=1.6, markersize=4.5, **look) for look in looks]
    place: Any = {"loc": "center left", "bbox_to_anchor": (1, 0.5)} if isinstance(owner, Axes) else {}
    usual: Any = place | {"frameon": False, "fontsize": 9, "handlelength": 3.5 if is_line else 1.5}
    made = owner.legend(handles, ["name"] * len(handles), **usual | options)
    for text, name in zip(made.get_texts(), looks_of, strict=True):
        text.set_text(name)


@cache
def _width(name: str) -> float:
    with mpl.rc_context(NAMES), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a letter that the font lacks
        return max(LETTER * len(name), TextPath((0, 0), name, size=10).get_extents().width / 72)


def saved(figure: Figure, path: Path, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Whole files or none, in every format."""
    paths = []
    for suffix in formats:
        content = BytesIO()
        options: Any = QUICK_PNG if suffix == "png" else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a letter that the font lacks
            figure.savefig(content, dpi=120, format=suffix, **options)
        paths.append(path.with_name(f"{path.name}.{suffix}"))
        replace_bytes(paths[-1], content.getvalue())
    return paths

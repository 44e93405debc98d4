"""A figure for plotly.js as what it is made of: plotly's own objects check each value, which takes a report minutes."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import plotly.graph_objects as go

AXIS = {"gridcolor": "#e6e6e6", "zerolinecolor": "#999", "linecolor": "#444", "ticks": "outside"}
LAYOUT: dict[str, object] = {
    "font": {"family": "system-ui, sans-serif", "size": 13},
    "margin": {"l": 60, "r": 10, "t": 30, "b": 45},
    "hoverlabel": {"namelength": -1},
    "paper_bgcolor": "rgba(0,0,0,0)",
}


@dataclass(frozen=True)
class Plot:
    """Traces and layout, as plotly.js takes them: of plain values alone, `finite` ones among them."""

    data: list[dict[str, Any]] = field(default_factory=list)
    layout: dict[str, Any] = field(default_factory=dict)

    def scatter(self, **trace: object) -> None:
        """Add a trace of this type."""
        self.data.append({"type": "scatter", **trace})

    def to_json(self) -> str:
        """As a script in a page may hold it: nothing in it could be taken for a tag.

        ValueError: for a number that is not finite, which JSON does not have.
        """
        told = {"data": self.data, "layout": self.layout}
        return json.dumps(told, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")

    def figure(self) -> "go.Figure":
        """The same as a figure of plotly, for a notebook."""
        import plotly.graph_objects as go  # a report does without

        return go.Figure(self.data, self.layout | {"template": "none"})


def finite(values: Iterable[float]) -> list[float | None]:
    """For a trace: None, which is not drawn, where a number is not finite."""
    return [value if math.isfinite(value) else None for value in values]

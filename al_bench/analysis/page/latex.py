"""Tables as LaTeX, for a paper, which needs the package booktabs, and longtable for those longer than a page."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from al_bench.analysis.settings import PARTIAL, setting_names
from al_bench.analysis.statistics.intervals import Verdict
from al_bench.analysis.statistics.measures import ACCURACY, Measure

PRINTED = ("gains", "overall", "costs")  # names of tables
LEADING = ["strategy", "gain", "low", "high", "verdict_holm", "is_partial"]
ESCAPED = str.maketrans(
    {each: f"\\{each}" for each in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"\n": " ", "\r": " "}
)
WHOLE = 100  # from which on numbers have no fractions
PAGE = 45  # rows
MARKS = {Verdict.ABOVE: r"\uparrow", Verdict.BELOW: r"\downarrow", Verdict.SAME: r"\approx", Verdict.OPEN: r"\circ"}


def latex_tables(tables: Mapping[str, pd.DataFrame], prefix: str = "") -> dict[str, str]:
    """A tabular of each of `PRINTED` that is there, by its name; `prefix` is that of what is by another measure."""
    names = [name for each in PRINTED for name in dict.fromkeys((prefix + each, each))]
    return {name: latex(tables[name]) for name in names if name in tables}


def latex(table: pd.DataFrame) -> str:
    """A tabular with the rules of booktabs; what LaTeX would take for its own in a name is escaped.

    Of more than a page, a longtable. Real numbers have three digits, or all before the point. Columns that are empty or
    false throughout are left out.
    """
    shown = table.loc[:, [_is_telling(column) for _, column in table.items()]]
    alignment = "".join("r" if pd.api.types.is_numeric_dtype(kind) else "l" for kind in shown.dtypes)
    texts = shown.astype(object).map(_text).rename(columns=lambda name: str(name).replace("_", " "))
    made: str = texts.to_latex(index=False, escape=True, column_format=alignment, longtable=len(texts) > PAGE)
    return made


def leaderboard(gains: pd.DataFrame, strategies: Sequence[str], measure: Measure = ACCURACY) -> str:
    """The gains of one part over one baseline: a row per strategy in the order given, a column per setting.

    Cells are the mean, half the width of its 95 % interval, and a mark for what it is judged as: an arrow up or down
    (in parentheses, if by less than the margin), two waves for the same, and a ring for what is open.
    """
    cells = {
        name: {
            strategy: _cell(gain, low, high, Verdict(verdict), is_partial=is_partial)
            for strategy, gain, low, high, verdict, is_partial in rows[LEADING].itertuples(index=False, name=None)
        }
        for name, rows in gains.groupby(pd.Series(setting_names(gains), gains.index), sort=False)
    }
    shown = [name for name in strategies if name in set(gains["strategy"])]
    head = [r"\shortstack[r]{" + _escaped(str(name)).replace(" · ", r"\\") + "}" for name in cells]
    table = pd.DataFrame([[of.get(name, "") for of in cells.values()] for name in shown], columns=head)
    table.insert(0, "strategy", [_escaped(name) for name in shown])
    alignment = "l" + "r" * len(cells)
    made: str = table.to_latex(index=False, escape=False, column_format=alignment, longtable=len(shown) > PAGE)
    against = _escaped(str(gains["against"].iloc[0])).replace("%", "")
    what = f"gains over {against}{measure.of_it} in {measure.gain_unit}"
    return f"% {what}; up: above, down: below, waves: the same, ring: open\n{made}"


def _cell(gain: float, low: float, high: float, verdict: Verdict, *, is_partial: bool) -> str:
    spread = "" if np.isnan(low) else rf" \pm {(high - low) / 2:.2f}"
    mark = MARKS[verdict.kind] if verdict is verdict.kind else f"({MARKS[verdict.kind]})"
    return f"${gain:+.2f}{spread}\\ {mark}$" + f" ({PARTIAL})" * is_partial


def _escaped(name: str) -> str:
    return name.translate(ESCAPED)


def _is_telling(column: pd.Series) -> bool:
    if pd.api.types.is_bool_dtype(column):
        return bool(column.any())
    return bool((column.notna() & (column.astype(object) != "")).any())


def _text(value: object) -> str:
    if isinstance(value, float):
        if np.isnan(value):
            return ""
        return f"{value:,.0f}" if abs(value) >= WHOLE else f"{value:.3g}"
    return "" if value is None else str(value)

"""Tables as LaTeX, for a paper, which needs the package booktabs."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

PRINTED = ("gains", "overall", "costs")  # names of tables
WHOLE = 100  # from which on numbers have no fractions


def latex_tables(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """A tabular of each of `PRINTED` that is there, by its name."""
    return {name: latex(tables[name]) for name in PRINTED if name in tables}


def latex(table: pd.DataFrame) -> str:
    """A tabular with the rules of booktabs; what LaTeX would take for its own in a name is escaped.

    Real numbers have three digits, or all before the point. Columns that are empty or false throughout are left out.
    """
    shown = table.loc[:, [_is_telling(column) for _, column in table.items()]]
    alignment = "".join("r" if pd.api.types.is_numeric_dtype(kind) else "l" for kind in shown.dtypes)
    texts = shown.astype(object).map(_text).rename(columns=lambda name: str(name).replace("_", " "))
    made: str = texts.to_latex(index=False, escape=True, column_format=alignment)
    return made


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

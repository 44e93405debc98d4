"""Tables as LaTeX: what is printed, what is left out, and names that LaTeX would take for its own."""

import numpy as np
import pandas as pd

from al_bench.analysis.page.latex import latex, latex_tables

TABLE = pd.DataFrame(
    {
        "strategy": ["y_1^2$\\frac{", "a & b%", "~#}"],
        "num_runs": [5, 5, 0],
        "fit_cpu_seconds": [1234.56, 0.123456, np.nan],
        "p": [3.21e-7, 0.0456, 1.0],
        "variant": ["", "", ""],
        "query_cpu_seconds": [np.nan] * 3,
        "verdict": ["above", np.nan, None],
        "is_partial": [False] * 3,
        "is_open": [False, True, False],
    }
)


def test_numbers_are_rounded_names_escaped_and_empty_columns_left_out():
    lines = latex(TABLE).splitlines()
    assert lines == [
        r"\begin{tabular}{lrrrlr}",
        r"\toprule",
        r"strategy & num runs & fit cpu seconds & p & verdict & is open \\",
        r"\midrule",
        r"y\_1\textasciicircum 2\$\textbackslash frac\{ & 5 & 1,235 & 3.21e-07 & above & False \\",
        r"a \& b\% & 5 & 0.123 & 0.0456 &  & True \\",
        r"\textasciitilde \#\} & 0 &  & 1 &  & False \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_zeros_are_said():
    assert r"0 & 0 \\" in latex(pd.DataFrame({"num_runs": [0], "gain": [0.0]}))


def test_only_what_a_paper_prints_is_made_and_only_of_what_is_there():
    assert latex_tables({"costs": TABLE, "curves": TABLE}).keys() == {"costs"}
    assert latex_tables({"overall": TABLE, "gains": TABLE}).keys() == {"gains", "overall"}

"""Tables as LaTeX: what is printed, what is left out, and names that LaTeX would take for its own."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from al_bench.analysis.page.latex import latex, latex_tables, leaderboard

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


def gains(names: list[str]) -> pd.DataFrame:
    """Of some strategies in two settings."""
    verdicts = ["above", "below, by less than the margin", "same", "open"]
    rows = [
        {"dataset": "a_b", "model": "mlp", "batch_size": size, "variant": "", "strategy": name, "against": "random"}
        | {"gain": 1 - number, "low": 0.5 - number, "high": 1.5 - number, "verdict_holm": verdicts[number % 4]}
        | {"is_partial": (name, size) == (names[0], 20)}
        for size in (10, 20)
        for number, name in enumerate(names)
        if (name, size) != (names[-1], 10)
    ]
    return pd.DataFrame(rows)


def test_a_leaderboard_has_strategies_in_order_settings_and_marks():
    names = ["x", "y_1", "z", "w"]
    lines = leaderboard(gains(names), ["random", "w", *names[:3]]).splitlines()
    assert lines[0].startswith("% gains over random in percentage points; up: above")
    assert lines[3] == r"strategy & \shortstack[r]{a\_b\\mlp\\b10} & \shortstack[r]{a\_b\\mlp\\b20} \\"
    assert lines[5:9] == [
        r"w &  & $-2.00 \pm 0.50\ \circ$ \\",
        r"x & $+1.00 \pm 0.50\ \uparrow$ & $+1.00 \pm 0.50\ \uparrow$ (not finished) \\",
        r"y\_1 & $+0.00 \pm 0.50\ (\downarrow)$ & $+0.00 \pm 0.50\ (\downarrow)$ \\",
        r"z & $-1.00 \pm 0.50\ \approx$ & $-1.00 \pm 0.50\ \approx$ \\",
    ]


def test_without_an_interval_there_is_none():
    table = gains(["x", "y"]).assign(low=np.nan, high=np.nan)
    assert r"x & $+1.00\ \uparrow$ & " in leaderboard(table, ["x", "y"])


def test_what_is_longer_than_a_page_is_a_longtable():
    assert r"\begin{tabular}" in latex(pd.concat([TABLE] * 15))
    assert r"\begin{longtable}" in latex(pd.concat([TABLE] * 16))


@pytest.mark.slow
def test_latex_takes_all_of_it(tmp_path: Path):
    if shutil.which("pdflatex") is None:
        pytest.skip("PDFLATEX MISSING: no table was compiled (apt-get install texlive-latex-recommended)")
    names = ["y_1^2$\\frac{", "a & b%", "~#}", *(f"s{number}" for number in range(50))]
    made = [
        latex(TABLE),
        latex(pd.concat([TABLE] * 40)),
        leaderboard(gains(names), names),
        leaderboard(gains(names[:5]), names),
    ]
    start = "\\documentclass{article}\n\\usepackage{booktabs,longtable}\n\\begin{document}\n"
    (tmp_path / "tables.tex").write_text(f"{start}{' '.join(made)}\n\\end{{document}}\n")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "tables.tex"]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert finished.returncode == 0, finished.stdout[-2000:]
    assert (tmp_path / "tables.pdf").exists()

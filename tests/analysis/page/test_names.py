"""Strategies may be called anything: each is shown as it is called, in every figure, on the page, in the terminal."""

import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from al_bench.analysis.everything import Everything, everything
from al_bench.analysis.names import file_name, for_plotly, isolated
from al_bench.analysis.page import report
from al_bench.analysis.page.export import _drawings
from al_bench.analysis.pictures import figures, overviews
from al_bench.analysis.pictures.run_curve import draw_learning_curve
from al_bench.records.identity import Identity
from al_bench.records.reading import rows_of
from tests.support.made_results import SETTINGS, call_otherwise, noisy, write_run, write_sweep

pytestmark = pytest.mark.command  # whole pages

BY_ROW = {"gains", "balance"}  # figures that have a row for each of many strategies
SCRIPTS = Path(__file__).parents[3] / "scripts"
NAMES = (
    *(
        "$x$",
        r"y_1^2$\frac{$",
        r"a\b",
        "\\",
        "_mine",
        "__dunder",
        "{x}",
        "%{x}",
        "x^2",
        "100%",
        "[/]",
        "[bold]b[/bold]",
    ),
    *("<b>b</b>", "<!--<script>", "</script>", "a&amp;b", "it's", 'say "hi"', "l" * 80, "שלום", "mean", "strategy"),
)


def written(folder: Path, names: tuple[str, ...] = NAMES, num_settings: int = 3) -> None:
    """Runs of strategies that are called so, and of Random."""
    plain = {f"s{number}": name for number, name in enumerate(names)} | {"random": "random"}
    settings = [(dataset, "mlp", *others) for dataset, _, *others in SETTINGS[1 : 1 + num_settings]]
    write_sweep(folder, noisy, settings=settings, strategies=tuple(plain), num_seeds=2)
    for path in folder.glob("*/*/*/b*/s*"):
        call_otherwise(path, strategy=plain[path.parts[-3]])


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Everything:
    folder = tmp_path_factory.mktemp("names")
    written(folder)
    return everything(folder)


@pytest.fixture(scope="module")
def page(found: Everything) -> str:
    return report.report(found, ["report"])


@pytest.mark.slow
def test_every_name_is_in_every_legend_of_the_figures(found, tmp_path, monkeypatch):
    drawn: dict[str, Figure] = {}
    for module in (figures, overviews):
        monkeypatch.setattr(module, "saved", lambda figure, path, *_: drawn.setdefault(path.name, figure))
    for drawing in {drawing.func: drawing for drawing in _drawings(found, tmp_path)}.values():
        drawing()
    for name, figure in drawn.items():
        axes = figure.axes[-1]
        texts = [text for each in figure.axes if (legend := each.get_legend()) for text in legend.get_texts()]
        texts = texts or axes.texts
        texts = axes.get_yticklabels() if name in BY_ROW else texts
        assert not any(text.get_parse_math() for text in texts), "nothing is taken for mathematics"
        shown = {text.get_text() for text in texts}
        if name == "ranks":
            shown = {re.sub(r"[\u2068\u2069]|^\(.*?\) | \([^(]*\)$", "", text) for text in shown}
        assert {*NAMES} <= shown <= {*NAMES, "random"} | {text for text in shown if re.fullmatch(r"\d\.\d\d", text)}
    assert len(drawn) == 7


@pytest.mark.slow
def test_every_name_is_in_every_figure_of_the_page(found, page):
    plots = [json.loads(text) for text in re.findall(r'<script type="application/json" id="\S+">(.*?)</script>', page)]
    assert len(plots) > 5
    in_turn: set[str] = set()  # of the panels of one figure, up to which all names have been seen
    for plot in plots:
        named = {html.unescape(trace["name"]) for trace in plot["data"] if trace.get("showlegend", True)}
        assert named <= {*NAMES, "random", "others"}
        in_turn |= named
        if in_turn >= {*NAMES}:
            in_turn = set()
        templates = [trace["hovertemplate"] for trace in plot["data"] if "hovertemplate" in trace]
        assert not any("%{x}<" in text or "$x$" in text for text in templates)
    assert not in_turn, "a figure whose panels lack a name"


def test_every_name_is_in_the_diagram_of_ranks_and_in_the_tables(page):
    texts = html.unescape(
        re.sub(r"<[^>]*>", " ", re.sub(r"<script.*?</script>|<style.*?</style>", "", page, flags=re.S))
    )
    ranks = html.unescape(" ".join(re.findall(r"<text.*?>(.*?)</text>", page)))
    for name in (*NAMES, "random"):
        assert f"{isolated(name)} (" in ranks or f") {isolated(name)}" in ranks, name
        assert texts.count(name) > 5, name


def test_every_name_is_in_every_table_that_is_written(found):
    for table in found.tables().values():
        columns = {*table.columns, *(table["strategy"] if "strategy" in table else {*table["first"], *table["second"]})}
        assert {*NAMES} <= columns


def test_a_name_from_right_to_left_leaves_the_numbers_behind_it_in_their_place(tmp_path):
    written(tmp_path, ("שלום", "badge"))
    assert re.search("\u2068שלום\u2069 (above|below|same|open) [123]", report.report(tmp_path))
    assert isolated("badge") == "badge"


@pytest.mark.parametrize("name", ["a/b$x$", "100%", "a b", "a~b#c&d{e}^f", "mlp,optimizer.lr=0.001", "é", "x" * 300])
def test_names_of_files_are_safe_for_latex_and_differ_as_the_names_do(name):
    made = file_name("penalty", {"model": name})
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,200}", made)
    assert made != file_name("penalty", {"model": f"{name}+"})
    assert made != file_name("penalty", {"model": made.removeprefix("penalty_model_")[:-13]})


def test_names_of_files_that_were_safe_are_as_they_were():
    group = {"dataset": "openml_6", "model": "mlp", "batch_size": 1000, "variant": ""}
    assert file_name("curves", group) == "curves_dataset_openml_6_model_mlp_batch_size_1000"
    assert file_name("penalty", {}) == "penalty_overall"
    assert file_name("penalty", {"data": "uni-modal"}) == "penalty_data_uni-modal"


def test_plotly_sees_neither_tags_nor_templates_nor_mathematics():
    assert not set(for_plotly("<b>%{x}$y$</b>")) & set("<>%{}$")


def test_the_picture_of_one_run_takes_any_name(tmp_path):
    path = write_run(tmp_path, Identity("digits", "mlp", "s", 10, "", 0), {10: 0.5, 20: 0.6})
    names = {"strategy": r"$\frac{$" + "l" * 80, "dataset": "_a$b$", "model": "x^$y$_"}
    rounds = [row | names for row in rows_of(path)]
    assert draw_learning_curve(rounds, tmp_path / "curve.png").stat().st_size > 10_000


@pytest.mark.slow
def test_a_folder_that_is_no_utf_8_and_a_terminal_that_knows_no_dots(tmp_path):
    written(tmp_path, ("badge",), num_settings=1)
    (tmp_path / os.fsdecode(b"d\xff") / "mlp" / "badge" / "b10" / "s0").mkdir(parents=True)
    (tmp_path / os.fsdecode(b"d\xff") / "mlp" / "badge" / "b10" / "s0" / "error.json").write_text("{}")
    for script in ("status.py", "report.py"):
        command = [sys.executable, SCRIPTS / script, tmp_path]
        environment = os.environ | {"COLUMNS": "80", "PYTHONIOENCODING": "ascii"}  # of an interpreter that starts
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240, env=environment)
        assert done.returncode == 0
        assert all("not by the name of its folder" in line for line in done.stderr.splitlines())
    assert r"d\udcff · mlp · badge" in (tmp_path / "analysis" / "report.html").read_text()

"""Thirty strategies: figures with a panel for each family, and tables that fold."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

from al_bench.analysis.everything import Everything, everything
from al_bench.analysis.page.export import _drawings
from al_bench.analysis.page.report import report
from al_bench.analysis.pictures import figures, overviews
from al_bench.analysis.pictures.style import OF_OTHERS, panels
from al_bench.analysis.strategies import FAMILIES, ORACLES
from tests.support.made_results import write_sweep

NAMES = [name for family, names in FAMILIES.items() if family != ORACLES for name in names]
NAMES = [*NAMES, "own", "mine,width=3"]
SETTINGS = [(name, "mlp", 100, 5) for name in ("digits", "letter", "mnist")]

pytestmark = [pytest.mark.slow, pytest.mark.command]


def accuracy(strategy: str, seed: int, share: float) -> float:
    return 0.5 + 0.3 * share + 0.002 * NAMES.index(strategy) * share + 0.001 * seed


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Everything:
    folder = tmp_path_factory.mktemp("many")
    write_sweep(folder, accuracy, SETTINGS, NAMES, num_seeds=2)
    return everything(folder)


@pytest.fixture(scope="module")
def page(found: Everything) -> str:
    return report(found)


def test_exported_figures_have_a_panel_for_each_family_with_all_others_in_grey(found, tmp_path, monkeypatch):
    drawn = {}
    for module in (figures, overviews):
        monkeypatch.setattr(module, "saved", lambda figure, path, *_: drawn.setdefault(path.name, figure))
    for drawing in _drawings(found, tmp_path):
        drawing()
    expected = panels(found.looks)
    assert len(expected) == 6, "both has two parts"
    curves, errors, profiles = (
        drawn[name] for name in ("curves_dataset_digits_model_mlp_batch_size_100", "errors_overall", "profiles")
    )
    assert [axes.get_title() for axes in curves.axes[::2]] == [f"{family}: all rounds" for family in expected]
    assert len(curves.axes) == 2 * len(expected)
    for figure, step in ((curves, 2), (errors, 1), (profiles, 1)):
        for axes, panel in zip(figure.axes[::step], expected.values(), strict=True):
            lines = axes.get_lines()
            shown = {line.get_label(): line.get_color() for line in lines if line.get_color() != OF_OTHERS}
            assert shown == {name: look.colour for name, look in panel.items()}
            assert shown["random"] == "#000000"
            assert len(lines) == len(NAMES)
        for axes, panel in zip(figure.axes[step - 1 :: step], expected.values(), strict=True):
            assert [text.get_text() for text in axes.get_legend().get_texts()] == [*panel]
    costs = drawn["num_steps"].axes[0]
    assert [label.get_text() for label in costs.get_yticklabels()] == list(found.strategies)


def test_cells_of_a_matrix_are_small_and_their_numbers_fit(found, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(figures, "saved", lambda figure, path: drawn.append(figure))
    figures.draw_penalty_matrix(found.comparison.matrices[0], tmp_path / "matrix")
    (axes,) = drawn[0].axes
    drawn[0].canvas.draw()
    assert drawn[0].get_figwidth() < 0.55 * len(NAMES)
    letters = np.concatenate([line.get_xydata() for line in axes.lines])
    num_cells = len(NAMES) * (len(NAMES) + 1)
    assert len(letters) == len("0.00") * num_cells
    lefts_CL = letters[np.lexsort(letters.T)][:, 0].reshape(num_cells, -1)  # row by row, from left to right
    columns_C = np.tile(range(len(NAMES)), len(NAMES) + 1)
    assert (lefts_CL[:, 0] > columns_C - 0.5).all()  # centred, so they end within the cell, too
    assert (lefts_CL[:, -1] < columns_C + 0.5).all()


def test_the_page_has_a_panel_for_each_family(found, page):
    expected = panels(found.looks)
    assert re.findall(r"<figcaption>(.*?)</figcaption>", page)[: len(expected)] == [*expected]
    plots = [json.loads(text) for text in re.findall(r'<script type="application/json" id="\S+">(.*?)</script>', page)]
    for plot, panel in zip(plots, [*expected.values()] * 2, strict=False):  # errors are first, then curves
        named = [trace for trace in plot["data"] if trace.get("name")]
        assert [trace["name"] for trace in named] == ["others", *panel]
        assert named[0]["line"]["color"] == OF_OTHERS
        assert [trace["line"]["color"] for trace in named[1:]] == [look.colour for look in panel.values()]
        num_others = len(NAMES) - len(panel)
        assert sum(value is None or np.isnan(value) for value in _values(named[0]["x"])) == num_others


def _values(x: object) -> list[float | None]:
    """Of a trace: a list."""
    assert isinstance(x, list)
    return x


def test_tables_fold_after_a_dozen_rows_unfold_by_a_click_and_are_whole_on_paper(page, tmp_path):
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("CHROMIUM MISSING: the report was not opened in a browser (apt-get install chromium)")
    Path(tmp_path / "report.html").write_text(page, encoding="utf-8")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"]).new_page()
        opened.set_default_timeout(120_000)  # figures of 30 strategies are drawn until a click finds its place still
        opened.goto((tmp_path / "report.html").as_uri())
        rows = "() => [...document.querySelectorAll('#areas .fold + .scroll')[0].querySelectorAll('tbody tr')]"
        shown = f"{rows.removeprefix('() => ')}.filter((row) => row.checkVisibility()).length"
        assert opened.evaluate(shown) == 12
        assert opened.locator("#areas .fold summary").first.text_content() == f"12 of {len(NAMES)} rows: show all"
        opened.emulate_media(media="print")
        assert opened.evaluate(shown) == len(NAMES)
        opened.emulate_media(media="screen")
        opened.locator("#areas .fold summary").first.click()
        assert opened.evaluate(shown) == len(NAMES)
        opened.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        closed = "[...document.querySelectorAll('details:not([open])')].filter((each) => !each.querySelector('.plot'))"
        assert opened.evaluate(f"{closed}.length") == 0
        opened.evaluate("window.dispatchEvent(new Event('afterprint'))")
        assert opened.evaluate(f"{closed}.length") > 0
        assert opened.evaluate(shown) == len(NAMES), "what was open stays so"

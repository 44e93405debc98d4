"""The report: one HTML file that says what was run and what it shows, and needs nothing beside it."""

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jinja2
import numpy as np
from plotly.offline import get_plotlyjs

import al_bench
from al_bench.analysis.everything import Everything, everything
from al_bench.analysis.names import encodable, isolated
from al_bench.analysis.page import in_short as sentences
from al_bench.analysis.page import tables as report_tables
from al_bench.analysis.page import text as report_text
from al_bench.analysis.pictures.gains_plot import gains_plot
from al_bench.analysis.pictures.interactive import (
    curves_plot,
    distributions_plot,
    lines_of,
    profiles_plot,
)
from al_bench.analysis.pictures.overviews import draw_ranks
from al_bench.analysis.pictures.plot import Plot
from al_bench.analysis.pictures.style import in_order, panels
from al_bench.analysis.settings import group_name, is_of_all, not_whole, rows_of, with_seeds
from al_bench.analysis.spent.bought import BOUGHT, BOUGHT_BANDS, bought_curves
from al_bench.analysis.spent.training_steps import BUSY_CAPTION, busy_lines
from al_bench.analysis.statistics.cdf import corners
from al_bench.analysis.statistics.curves import compared_part
from al_bench.analysis.statistics.gains import gain_caption, whole_gains
from al_bench.analysis.statistics.penalty import PenaltyMatrix
from al_bench.analysis.statistics.profiles import Profiles
from al_bench.analysis.statistics.ranks import Ranks
from al_bench.analysis.strategies import MANY, arranged


def report(results: Everything | Path | str, command: Sequence[str] = ("al-bench", "report")) -> str:
    """The HTML of a folder of results, or of what `al_bench.analysis.everything.everything` has found in one.

    `command` is what made it, to be repeated.

    Raises:
        ResultsError: as `everything`, of a folder.
    """
    return _page(results if isinstance(results, Everything) else everything(Path(results)), command)


def _page(everything: Everything, command: Sequence[str]) -> str:
    plots, by = Plots(), everything.measure
    gains = arranged(whole_gains(everything.gains, by), everything.strategies)
    context = _made(everything, command) | {
        "facts": report_text.facts(everything),
        "in_short": list(sentences.in_short(everything)),
        "warnings": list(report_text.warnings(everything)),
        "busy": list(busy_lines(everything.busy)),
        "busy_caption": BUSY_CAPTION,
        "not_finished": report_text.not_finished(everything.runs),
        "settings": report_tables.settings_table(everything),
        "comparison": _comparison(everything, plots),
        "curves": _curves(everything, plots),
        "gains": plots.add(gains_plot(gains, everything.looks, by)) if len(gains) else None,
        "gain_caption": gain_caption(by),
        "against": isolated(everything.against),
        "measure": by.sentence,
        "margin": by.told_margin(everything.margin),
        "overall": list(report_tables.overall_tables(everything)),
        "beats": list(report_tables.beats_matrices(everything)),
        "of_oracles": report_text.of_oracles(everything),
        "few": list(sentences.too_few(everything)),
        "area_tables": list(report_tables.area_tables(everything)),
        "bought": _bought(everything, plots),
        "bought_bands": BOUGHT_BANDS,
        "cost_tables": list(report_tables.cost_tables(everything)),
        "ranks": _of_regimes({name: _ranks(of, everything) for name, of in everything.ranks.items()}),
        "profiles": _of_regimes({name: _profiles(of, everything, plots) for name, of in everything.profiles.items()}),
        "commands": report_text.commands(everything.runs),
        "versions": report_text.versions(everything.runs),
        "definition": everything.definition,
        "is_holm": everything.is_holm,
        "bands": everything.bands,
        "many": MANY,
        "is_many": len(everything.strategies) > MANY,
        "plots": plots.figures,
        "plotly": get_plotlyjs(),
    }
    return encodable(_template().render(context))


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("al_bench.analysis.page", ""),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("report.html.jinja")


def _made(everything: Everything, command: Sequence[str]) -> dict[str, object]:
    """Of what, by what and when."""
    return {
        "title": everything.name,
        "version": al_bench.__version__,
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "command": shlex.join(command),
    }


@dataclass
class Plots:
    """Figures to be drawn when they come into sight, as JSON by their ids."""

    figures: dict[str, str] = field(default_factory=dict)

    def add(self, plot: Plot) -> str:
        """Keep a figure to be drawn later; the id of its place in the page."""
        name = f"figure-{len(self.figures)}"
        self.figures[name] = plot.to_json()
        return name


def _comparison(everything: Everything, plots: Plots) -> dict[str, object]:
    comparison = everything.comparison
    if isinstance(comparison, str):
        return {"refusal": comparison}
    groups = [
        {
            "name": group_name(penalty.group),
            "matrix": _matrix(penalty),
            "num_settings": len(penalty.settings),
            "without": ", ".join(penalty.without_budgets),
            "notes": "; ".join(penalty.notes),
            "is_of_all": is_of_all(penalty.group),
        }
        for penalty in comparison.matrices
    ]
    distributions = []
    for group, each in comparison.distributions:
        draw = partial(distributions_plot, *corners(each), measure=everything.measure)
        shown = _panels(plots, everything, each["strategy"], draw)
        distributions.append((group_name(group), shown, is_of_all(group)))
    missing = with_seeds(run for setting in comparison.settings for run in setting.missing)
    return {"refusal": "", "missing": missing, "groups": groups, "distributions": distributions}


def _matrix(penalty: PenaltyMatrix) -> dict[str, object]:
    largest = max(len(penalty.settings), 1)
    names = list(penalty.matrix.columns)
    rows: list[tuple[str, list[tuple[str, float, str]]]] = []
    for name, *values in penalty.as_table().to_numpy().tolist():
        texts = ["" if np.isnan(value) else f"{value:.2f}" for value in values]
        shades = [float(np.nan_to_num(value / largest)) for value in values]
        rows.append((name, [(text, shade, "") for text, shade in zip(texts, shades, strict=True)]))
    return {"names": names, "rows": rows}


def _panels(
    plots: Plots, everything: Everything, strategies: Iterable[str], draw: Callable[..., Plot]
) -> list[tuple[str, str]]:
    """Titles and ids of the panels of a figure: one for few strategies, one for each family of many."""
    found = panels(in_order(everything.looks, strategies))
    if len(found) == 1:
        return [("", plots.add(draw(looks_of=everything.looks)))]
    return [(title, plots.add(draw(looks_of=everything.looks, panel=panel))) for title, panel in found.items()]


def _curves(everything: Everything, plots: Plots) -> list[dict[str, object]]:
    shown: list[dict[str, object]] = []
    for number, curves in enumerate(everything.settings):
        part = compared_part(curves)
        figures = []
        for measure, table in everything.curves.items():
            rows = rows_of(table, curves.setting)
            draw = partial(curves_plot, lines_of(rows), part, measure.axis(everything.bands))
            figures.append((measure.label, _panels(plots, everything, rows["strategy"], draw)))
        shown.append(
            {
                "id": f"setting-{number}",
                "name": curves.name,
                "not_whole": not_whole(curves),
                "plots": figures,
                "differences": report_tables.gain_table(everything, curves),
            }
        )
    return shown


def _bought(everything: Everything, plots: Plots) -> dict[str, object]:
    """Of each setting figures of what varies, and in words what does not; once if it does not in any setting."""
    shown: list[dict[str, Any]] = []
    for curves in everything.settings:
        part, of_setting = compared_part(curves), rows_of(everything.bought, curves.setting)
        figures = {
            measure.label: (rows["strategy"], partial(curves_plot, lines_of(rows), part, measure.axis(BOUGHT_BANDS)))
            for measure, rows in bought_curves(everything.bought, curves.setting).items()
        }
        constant = [
            f"{measure.label}: {of_setting[measure.column].max():.3g} throughout"
            for measure in BOUGHT
            if of_setting[measure.column].nunique() == 1
        ]
        if figures or constant:
            plotted = [(label, _panels(plots, everything, *figure)) for label, figure in figures.items()]
            shown.append({"name": curves.name, "plots": plotted, "constant": constant})
    everywhere = (
        [text for text in shown[0]["constant"] if all(text in each["constant"] for each in shown)] if shown else []
    )
    for each in shown:
        each["constant"] = [text for text in each["constant"] if text not in everywhere]
    return {"everywhere": everywhere, "settings": [each for each in shown if each["plots"] or each["constant"]]}


def _of_regimes(shown: Mapping[str, dict[str, object]]) -> list[dict[str, object]]:
    """Each with the name of its regime; the only one without."""
    return [{"regime": regime if len(shown) > 1 else "", **each} for regime, each in shown.items()]


def _ranks(ranks: Ranks | str, everything: Everything) -> dict[str, object]:
    if isinstance(ranks, str):
        return {"refusal": ranks}
    with TemporaryDirectory() as folder:
        (path,) = draw_ranks(ranks, Path(folder) / "ranks", everything.looks, formats=["svg"])
        svg = path.read_text(encoding="utf-8")
    return {
        "refusal": "",
        "svg": svg[svg.index("<svg") :],
        "sentence": sentences.rank_sentence(ranks),
        "left_out": ", ".join(ranks.left_out),
    }


def _profiles(found: Profiles | str, everything: Everything, plots: Plots) -> dict[str, object]:
    if isinstance(found, str):
        return {"refusal": found}
    return {
        "refusal": "",
        "plots": _panels(plots, everything, found.gaps.columns, partial(profiles_plot, found)),
        "caption": found.caption,
        "left_out": ", ".join(found.left_out),
    }

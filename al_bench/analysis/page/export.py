"""Every figure as PNG and PDF, for a paper, every number as CSV, and what a paper prints of them as LaTeX."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from al_bench.analysis.everything import Comparison, Everything
from al_bench.analysis.names import encodable, file_name
from al_bench.analysis.page.latex import latex_tables, leaderboard
from al_bench.analysis.pictures.drawing import Drawing, drawn
from al_bench.analysis.pictures.figures import draw_curves, draw_penalty_matrix
from al_bench.analysis.pictures.overviews import (
    draw_by_setting,
    draw_distributions,
    draw_gains,
    draw_profiles,
    draw_ranks,
)
from al_bench.analysis.settings import marked_names, not_whole, rows_of
from al_bench.analysis.spent.bought import BOUGHT_BANDS, bought_curves
from al_bench.analysis.spent.costs import COSTS
from al_bench.analysis.statistics.curves import compared_part
from al_bench.analysis.statistics.gains import whole_gains
from al_bench.analysis.statistics.profiles import Profiles
from al_bench.analysis.statistics.ranks import Ranks
from al_bench.analysis.strategies import arranged
from al_bench.files.locks import alone_in
from al_bench.files.writing import replace_text


def export(everything: Everything, folder: Path) -> list[Path]:
    """Write them all; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    with alone_in(folder):
        tables = everything.tables()
        for name, table in tables.items():
            paths.append(folder / f"{name}.csv")
            replace_text(paths[-1], encodable(table.to_csv(index=False)))
        gains, prefix = whole_gains(everything.gains, everything.measure), everything.measure.prefix
        leading = {f"{prefix}leaderboard": leaderboard(gains, everything.strategies, everything.measure)}
        for name, text in (latex_tables(tables, prefix) | (leading if len(gains) else {})).items():
            paths.append(folder / f"{name}.tex")
            replace_text(paths[-1], encodable(text))
        return paths + drawn(list(_drawings(everything, folder)))


def _drawings(everything: Everything, folder: Path) -> Iterator[Drawing]:
    looks, by, prefix = everything.looks, everything.measure, everything.measure.prefix
    yield from _curves(everything, folder)
    if isinstance(everything.comparison, Comparison):
        for penalty in everything.comparison.matrices:
            yield partial(draw_penalty_matrix, penalty, folder / penalty.file_name)
        for group, distributions in everything.comparison.distributions:
            path = folder / file_name(f"{prefix}errors", group)
            yield partial(draw_distributions, distributions, group, path, looks, by)
    gains = arranged(whole_gains(everything.gains, by), everything.strategies)
    if len(gains):
        yield partial(draw_gains, gains, folder / f"{prefix}gains", looks, by)
    yield from _of_regimes(everything, folder)
    for table, column, name, is_log in (
        *((everything.costs, column, f"{name} of a run (median)", True) for column, name in COSTS.items()),
        (everything.balance, "balance", "class balance of the queried batches (mean)", False),
    ):
        names = marked_names(table)
        wide = table.assign(setting=names).pivot(index="setting", columns="strategy", values=column)
        wide = wide.loc[list(dict.fromkeys(names)), [name for name in everything.strategies if name in wide]]
        if wide.notna().any(axis=None):
            yield partial(draw_by_setting, wide, name, folder / column, looks, is_log=is_log)


def _of_regimes(everything: Everything, folder: Path) -> Iterator[Drawing]:
    """Files of the only regime do without its name."""
    for regime, ranks in everything.ranks.items():
        profiles, group = everything.profiles[regime], {"regime": regime}
        names = (f"{everything.measure.prefix}{name}" for name in ("ranks", "profiles"))
        ranks_name, profiles_name = (name if len(everything.ranks) == 1 else file_name(name, group) for name in names)
        if isinstance(ranks, Ranks):
            yield partial(draw_ranks, ranks, folder / ranks_name, everything.looks)
        if isinstance(profiles, Profiles):
            yield partial(draw_profiles, profiles, folder / profiles_name, everything.looks)


def _curves(everything: Everything, folder: Path) -> Iterator[Drawing]:
    for curves in everything.settings:
        name = file_name("curves", curves.setting)
        for measure, table in everything.curves.items():
            rows = rows_of(table, curves.setting)
            if rows["is_common"].any():
                path, label = folder / f"{measure.prefix}{name}", measure.axis(everything.bands)
                arguments = (rows, compared_part(curves), path, label, everything.looks, not_whole(curves))
                yield partial(draw_curves, *arguments)
        for measure, rows in bought_curves(everything.bought, curves.setting).items():
            path, label = folder / f"{measure.prefix}{name}", measure.axis(BOUGHT_BANDS)
            arguments = (rows, compared_part(curves), path, label, everything.looks, not_whole(curves))
            yield partial(draw_curves, *arguments)

"""What a sweep would run, with estimates of hours and disk."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from al_bench.analysis.run_costs import Estimate, estimates
from al_bench.config.planning import Planned
from al_bench.core.clock import duration
from al_bench.job.built import checked_strategy
from al_bench.job.purchases import Purchases
from al_bench.records.layout import seeds_title, setting_title

MEGABYTE = 1e6
HEAD = ("strategy", "finished", "to do", "time", "disk")
Row = tuple[str, str, str, str, str]  # a cell of each of these
GAP, LEAST_WIDTH = 2, 10  # between columns; of the first one


def show(to_do: Sequence[Planned], finished: Sequence[Planned], folder: Path, console: Console) -> None:
    """A row per strategy, below its setting, with the seeds that are finished and to do, and the sum.

    Raises:
        ConfigError: for a strategy that could not be built.
    """
    queries = _queries(to_do)
    known = estimates([(run.identity, run.config.wanted) for run in to_do], folder)
    known = [
        replace(each, is_least=True) if each and each.is_of_others and queries[_key(run)] else each
        for run, each in zip(to_do, known, strict=True)
    ]
    console.print(f"{len(to_do) + len(finished)} runs, {len(finished)} of them finished: by seeds\n")
    _show_rows(_rows(to_do, finished, known), console)
    time, disk = _cost(known)
    if to_do:
        console.print(f"{len(to_do)} runs to do: {time} one after another, {disk}")
    estimated = [estimate for estimate in known if estimate is not None]
    if devices := sorted({estimate.device for estimate in estimated if estimate.device}):
        console.print(f"~ as in docs/results: measured on {', '.join(devices)}, not here")
    if any(estimate.is_by_clock for estimate in estimated):
        console.print(
            "* by the clock, of a machine that may have been busy: the runs that were measured have no CPU seconds"
        )
    if any(estimate.is_least for estimate in estimated):
        console.print("+ at least: no run that was measured has so many labels, or queries that take as long")
    if unknown := known.count(None):
        console.print(f"of {unknown} runs nothing is known: finish one of their data set and model for an estimate")
    for (strategy, batch_size), cost in queries.items():
        if cost:
            console.print(f"{strategy}, b{batch_size}: each query: {cost}", highlight=False)


def _key(run: Planned) -> tuple[str, int]:
    return run.identity.strategy, run.config.batch_size


def _queries(runs: Sequence[Planned]) -> dict[tuple[str, int], str]:
    """What a query takes, by strategy and batch size: see `Strategy.cost_of_query`."""
    configs = {_key(run): run.config for run in runs}
    return {
        key: checked_strategy(config.strategy, config.batch_size, Purchases(config)).cost_of_query(config.batch_size)
        for key, config in configs.items()
    }


def _rows(
    to_do: Sequence[Planned], finished: Sequence[Planned], known: Sequence[Estimate | None]
) -> dict[str, list[Row]]:
    """By setting, in order of the strategies' names."""
    found: dict[tuple[str, str], tuple[list[int], list[int], list[Estimate | None]]] = {}
    for position, run in enumerate((*to_do, *finished)):
        key = setting_title(run.identity.as_dict()), run.identity.strategy
        done, others, costs_of_others = found.setdefault(key, ([], [], []))
        if position < len(to_do):
            others.append(run.identity.seed)
            costs_of_others.append(known[position])
        else:
            done.append(run.identity.seed)
    rows: dict[str, list[Row]] = {}
    for (setting, strategy), (done, others, costs_of_others) in sorted(found.items()):
        cells = (strategy, seeds_title(done), seeds_title(others), *_cost(costs_of_others))
        rows.setdefault(setting, []).append(cells)
    return rows


def _show_rows(rows: Mapping[str, Sequence[Row]], console: Console) -> None:
    """Each setting as a line of its own above its strategies, in columns that all settings share."""
    widths = [max(map(len, column)) for column in zip(HEAD, *chain.from_iterable(rows.values()), strict=True)]
    widths[0] = min(widths[0], max(LEAST_WIDTH, console.width - sum(width + GAP for width in widths[1:]) - GAP))

    def show(lines: Iterable[Row], style: str = "") -> None:
        grid = Table.grid(padding=(0, GAP, 0, 0))
        for name, width in zip(HEAD, widths, strict=True):
            grid.add_column(width=width, justify="right" if name in ("time", "disk") else "left", overflow="fold")
        for cells in lines:
            grid.add_row(*cells, style=style)
        console.print(Padding(grid, (0, 0, 0, GAP), expand=False))

    show([HEAD], "bold")
    for setting, lines in rows.items():
        console.print()
        console.print(setting, highlight=False, markup=False)
        show(lines)
    console.print()


def _cost(estimates: Sequence[Estimate | None]) -> tuple[str, str]:
    known = [estimate for estimate in estimates if estimate is not None]
    if not known:
        return ("?", "?") if estimates else ("", "")
    more = "+" if len(known) < len(estimates) or any(estimate.is_least for estimate in known) else ""
    about = "~" if any(estimate.device for estimate in known) else ""
    by_clock = "*" if any(estimate.is_by_clock for estimate in known) else ""
    num_bytes = sum(estimate.num_bytes for estimate in known)
    time = f"{about}{duration(sum(estimate.seconds for estimate in known))}{more}{by_clock}"
    return time, f"{num_bytes / MEGABYTE:.1f} MB{more}"

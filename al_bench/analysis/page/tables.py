"""The tables of the report, as texts."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from al_bench.analysis.everything import Comparison, Everything
from al_bench.analysis.families import MIN_DATASETS
from al_bench.analysis.regimes import by_regime, regime_name
from al_bench.analysis.settings import PARTIAL, Curves, rows_of, setting_names
from al_bench.analysis.spent.bought import BALANCE_CAPTION
from al_bench.analysis.spent.costs import COST_CAPTION, COSTS
from al_bench.analysis.statistics.areas import area_caption
from al_bench.analysis.statistics.curves import Interval, compared_part
from al_bench.analysis.statistics.gains import WHOLE
from al_bench.analysis.statistics.intervals import Verdict
from al_bench.analysis.statistics.measures import Measure
from al_bench.analysis.statistics.overall import ALL, beats_caption, overall_caption
from al_bench.analysis.statistics.savings import saved_caption
from al_bench.analysis.strategies import MANY


def settings_table(everything: Everything) -> list[dict[str, object]]:
    """What was run in each setting."""
    budgets = {}
    if isinstance(everything.comparison, Comparison):
        budgets = {setting.curves.name: setting.budgets for setting in everything.comparison.settings}
    rows, has_limits = [], "epoch_limit_hit" in everything.rounds
    for curves in everything.settings:
        of_setting = rows_of(everything.rounds, curves.setting)
        rows.append(
            {
                "name": curves.name,
                "strategies": of_setting["strategy"].nunique(),
                "seeds": ", ".join(map(str, curves.seeds)) if len(curves.seeds) <= 10 else f"{len(curves.seeds)}",
                "labels": f"{curves.labels[0]:,} to {curves.labels[-1]:,}",
                "budgets": ", ".join(f"{budget:,}" for budget in budgets.get(curves.name, ())) or "none",
                "limit": f"{(of_setting['epoch_limit_hit'] == 'True').mean():.0%}" if has_limits else "",
            }
        )
    return rows


def gain_table(everything: Everything, curves: Curves) -> dict[str, object] | None:
    """Gains by the measure in a setting: a row per strategy, a column per part."""
    gains = rows_of(everything.gains, curves.setting)
    gains = gains[gains["measure"] == everything.measure.column]
    if gains.empty:
        return None
    parts = gains["part"].unique().tolist()
    texts: dict[tuple[str, str], str] = {}
    columns = ["strategy", "part", "gain", "low", "high", "p_holm", "verdict_holm", "detectable"]
    for strategy, part, gain, low, high, p_holm, verdict, detectable in gains[columns].itertuples(
        index=False, name=None
    ):
        corrected = f"p {p_holm:.2g} by Holm; " if low > 0 or high < 0 else ""  # though the interval, of one, is off 0
        found = _or_nothing(detectable, f" ({corrected}{{:.2f}} would be found)") if verdict == Verdict.OPEN else ""
        texts[strategy, part] = _with_spread(gain, low, high, verdict) + found
    names = [name for name in everything.strategies if name in set(gains["strategy"])]
    rows = [(name, [texts.get((name, part), "") for part in parts]) for name in names]
    return {"parts": [f"{int(part):,}" if part.isdigit() else part for part in parts], "rows": rows}


def overall_tables(everything: Everything) -> Iterator[dict[str, object]]:
    """What is said over data sets: gains of each batch size, a table for each regime."""
    table = everything.overall
    table = table[(table["part"] == WHOLE) & (table["measure"] == everything.measure.column)]
    table = table[table["num_datasets"] >= MIN_DATASETS]
    for regime, rows in by_regime(table):
        yield _overall_table(everything, regime_name(regime), rows)


def _overall_table(everything: Everything, regime: str, table: pd.DataFrame) -> dict[str, object]:
    columns: dict[str, dict[str, str]] = {}
    for row in table.to_dict("records"):
        size = "all batch sizes" if row["batch_size"] == ALL else f"b{row['batch_size']}"
        name = f"{size} · {row['num_datasets']} data sets"
        text = _with_spread(row["gain"], row["low"], row["high"], row["verdict"])
        new = f"{row['predicted_low']:+.2f} to {row['predicted_high']:+.2f}"
        columns.setdefault(name, {})[row["strategy"]] = f"{text}\n{new}" + f"\n{PARTIAL}" * bool(row["is_partial"])
    names = [name for name in everything.strategies if name in set(table["strategy"])]
    return {
        "title": f"Gain over {everything.against} in area under the curve: {regime}",
        "caption": overall_caption(everything.measure),
        "head": "",
        "names": list(columns),
        "rows": [(name, [(known.get(name, ""), False) for known in columns.values()]) for name in names],
    }


def beats_matrices(everything: Everything) -> Iterator[dict[str, object]]:
    """How often strategies beat each other, in per cent, a matrix for each regime: text, shade, what is told."""
    for regime, shares in by_regime(everything.beats):
        names = [name for name in everything.strategies if name in set(shares["first"])]
        yield {"regime": regime_name(regime), **_beats_matrix(shares, names, everything.measure)}


def _beats_matrix(shares: pd.DataFrame, names: Sequence[str], measure: Measure) -> dict[str, object]:
    is_many = len(names) > MANY
    cells = {}
    columns = ["first", "second", "share", "low", "high"]
    for first, second, share, low, high in shares[columns].itertuples(index=False, name=None):
        spread = "" if np.isnan(low) else f"{low:.0%} to {high:.0%}"
        told = f"{first} beats {second}: {share:.0%}" + f" ({spread})" * bool(spread)
        text = f"{100 * share:.0f}" if is_many else f"{share:.0%}" + f"\n{spread}" * bool(spread)
        cells[first, second] = text, share, told
    rows = [(first, [cells.get((first, second), ("", 0.0, "")) for second in names]) for first in names]
    more = f"; in per cent, intervals by the pointer and in {measure.prefix}beats.csv" * is_many
    return {"names": names, "rows": rows, "caption": f"{beats_caption(measure)}{more}"}


def _with_spread(gain: float, low: float, high: float, verdict: str) -> str:
    spread = "" if np.isnan(low) else f" ± {(high - low) / 2:.2f}"
    return f"{gain:+.2f}{spread}\n{verdict}"


def _or_nothing(value: float, text: str) -> str:
    return "" if np.isnan(value) else text.format(value)


def area_tables(everything: Everything) -> Iterator[dict[str, object]]:
    """How well strategies do, with a row per setting and a column per strategy."""
    areas, saved = everything.mean_areas, everything.saved
    yield _by_setting(
        "Area under the budget curve",
        area_caption(everything.measure),
        everything.strategies,
        areas,
        map(_with_interval, areas["area"], areas["area_low"], areas["area_high"]),
        everything.measure.sign * areas["area"],
    )
    if len(saved):
        enough = saved[saved["target"] == "99 %"]
        yield _by_setting(
            "Labels saved",
            saved_caption(everything.measure),
            everything.strategies,
            enough,
            map(_saved, enough["saved"], enough["saved_share"], enough["to_labels"]),
            enough["saved"].fillna(-np.inf),
        )
    yield from (_at_end(everything, measure) for measure in everything.curves if measure != everything.measure)


def _at_end(everything: Everything, measure: Measure) -> dict[str, object]:
    """A measure at the end of the part compared."""
    table = everything.curves[measure]
    ends = {curves.name: compared_part(curves)[1] for curves in everything.settings}
    is_end = table["num_labelled"] == [ends[name] for name in setting_names(table)]
    at_end = table[is_end & table["is_common"]]
    open_ends = {curves.name for curves in everything.settings if curves.is_baseline_partial}
    is_open = np.array([name in open_ends for name in setting_names(at_end)], dtype=bool)
    at_end = at_end.assign(is_partial=at_end["is_partial"] | is_open)
    described = ", ".join(filter(None, [measure.description or measure.label, measure.unit]))
    return _by_setting(
        measure.title,
        f"{described}, where Random first has 99 % of its final accuracy (without Random: "
        f"with the most labels that all strategies have); over the seeds: {_of_cells(everything.interval)}",
        everything.strategies,
        at_end,
        map(_with_interval, at_end["mean"], at_end["low"], at_end["high"]),
        at_end["mean"] if measure.better == "higher" else -at_end["mean"],
    )


def _of_cells(interval: Interval) -> str:
    """What stands in cells that `_with_interval` makes."""
    below = "one standard error below it to one above" if interval == "stderr" else "95 % interval by Student's t"
    return f"mean; below it, {below}"


def cost_tables(everything: Everything) -> Iterator[dict[str, object]]:
    """What strategies cost and which classes they buy, with a row per setting and a column per strategy."""
    balance = everything.balance
    for column, title in COSTS.items():
        known = everything.costs.dropna(subset=column)
        texts = [
            f"{value:,.0f}" if column == "num_steps" or value >= 1000 else f"{value:.4g}" for value in known[column]
        ]
        merits = (-known[column]).mask(known["strategy"].isin(everything.oracles), -np.inf)
        yield _by_setting(f"{title[0].upper()}{title[1:]}", COST_CAPTION, everything.strategies, known, texts, merits)
    yield _by_setting(
        "Class balance of the queried batches",
        BALANCE_CAPTION,
        everything.strategies,
        balance,
        [f"{value:.3f}" for value in balance["balance"]],
        balance["balance"],
    )


def _by_setting(
    title: str,
    caption: str,
    order: Sequence[str],
    table: pd.DataFrame,
    texts: Iterable[str],
    merits: Iterable[float],
) -> dict[str, object]:
    """Strategies are in an order, as columns; as rows, if they are many.

    Cells are (text, whether it is the best of its setting, and not of all); where there is no value, there is no text.
    What may change when all runs are finished says so, and is not called the best; nor are means over fewer seeds than
    another of the setting has.
    """
    there = set(table["strategy"])
    strategies = [name for name in order if name in there]
    num_seeds = table["num_seeds"] if "num_seeds" in table else pd.Series(0, table.index)
    rows: dict[str, dict[str, tuple[str, float, int, bool]]] = {}
    columns = (setting_names(table), table["strategy"], texts, merits, num_seeds, table["is_partial"])
    for name, strategy, text, merit, num, is_partial in zip(*columns, strict=True):
        rows.setdefault(name, {})[strategy] = "" if np.isnan(merit) else text, merit, num, is_partial
    shown = []
    for name, known in rows.items():
        most = max(num for _, _, num, _ in known.values())
        whole = [merit for _, merit, num, is_partial in known.values() if num == most and not is_partial]
        different = {merit for merit in whole if not np.isnan(merit)}
        best = max(different) if len(different) > 1 else np.nan
        cells = []
        for strategy in strategies:
            text, merit, num, is_partial = known.get(strategy, ("", np.nan, most, False))
            mark = f"\n{num} of {most} seeds" if num < most else f"\n{PARTIAL}" if is_partial else ""
            is_best = merit == best and num == most and not is_partial
            cells.append((text + mark if text else "", is_best))
        shown.append((name, cells))
    found: dict[str, Any] = {"title": title, "caption": caption, "names": strategies, "rows": shown}
    if len(strategies) <= max(MANY, len(shown)):
        return found
    rows_of_strategies = [(name, [cells[number] for _, cells in shown]) for number, name in enumerate(strategies)]
    return found | {"head": "", "names": [*rows], "rows": rows_of_strategies}


def _with_interval(value: float, low: float, high: float) -> str:
    return f"{value:.4f}" if np.isnan(low) else f"{value:.4f}\n{low:.4f} to {high:.4f}"


def _saved(count: float, share: float, to_labels: int) -> str:
    return f"not with {to_labels:,}" if np.isnan(count) else f"{count:+,.0f} ({share:+.0%})"

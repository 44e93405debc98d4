"""The tables of the report, as texts."""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from al_bench.analysis.everything import Comparison, Everything
from al_bench.analysis.settings import BASELINE, PARTIAL, Curves, ordered, rows_of, setting_names
from al_bench.analysis.statistics.areas import AREA_CAPTION
from al_bench.analysis.statistics.costs import BALANCE_CAPTION, COST_CAPTION, COSTS
from al_bench.analysis.statistics.curves import compared_part
from al_bench.analysis.statistics.measures import ACCURACY, Measure
from al_bench.analysis.statistics.paired import LEVEL
from al_bench.analysis.statistics.savings import SAVED_CAPTION

POINTS = 100  # percentage points


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


def differences_from_random(comparison: Comparison | str, curves: Curves) -> dict[str, object] | None:
    """Of each strategy from Random, by number of labels, with what the seeds could have shown."""
    if isinstance(comparison, str):
        return None
    pairs = rows_of(comparison.differences, curves.setting)
    if pairs.empty:
        return None
    against: dict[tuple[str, int], str] = {}
    columns = ["first", "second", "num_labelled", "difference", "p", "p_holm"]
    for first, second, budget, difference, p, p_holm in pairs[columns].itertuples(index=False, name=None):
        if BASELINE in (first, second):
            strategy, sign = (second, -POINTS) if first == BASELINE else (first, POINTS)
            if np.isnan(difference):
                continue
            stars = "" if not p < LEVEL else "*" if not p_holm < LEVEL else "**"
            against[strategy, budget] = f"{sign * difference:+.2f}{stars}"
    budgets = sorted(pairs["num_labelled"].unique().tolist())
    strategies = ordered(list({strategy for strategy, _ in against}))
    rows = [(name, [against.get((name, budget), "") for budget in budgets]) for name in strategies]
    smallest = POINTS * pairs.groupby("num_labelled")["smallest_significant"].median()
    rows.append(("smallest significant", [f"{smallest[budget]:.2f}" for budget in budgets]))
    return {"budgets": [f"{budget:,}" for budget in budgets], "rows": rows}


def area_tables(everything: Everything) -> Iterator[dict[str, object]]:
    """How well strategies do, with a row per setting and a column per strategy."""
    areas, saved = everything.mean_areas, everything.saved
    yield _by_setting(
        "Area under the budget curve",
        AREA_CAPTION,
        areas,
        map(_with_interval, areas["area"], areas["area_low"], areas["area_high"]),
        areas["area"],
    )
    if len(saved):
        enough = saved[saved["target"] == "99 %"]
        yield _by_setting(
            "Labels saved",
            SAVED_CAPTION,
            enough,
            map(_saved, enough["saved"], enough["saved_share"], enough["to_labels"]),
            enough["saved"].fillna(-np.inf),
        )
    yield from (_at_end(everything, measure) for measure in everything.curves if measure != ACCURACY)


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
        f"with the most labels that all strategies have); over the seeds: {everything.bands}",
        at_end,
        map(_with_interval, at_end["mean"], at_end["low"], at_end["high"]),
        at_end["mean"] if measure.better == "higher" else -at_end["mean"],
    )


def cost_tables(everything: Everything) -> Iterator[dict[str, object]]:
    """What strategies cost and which classes they buy, with a row per setting and a column per strategy."""
    balance = everything.balance
    for column, title in COSTS.items():
        known = everything.seconds.dropna(subset=column)
        texts = [f"{value:,.0f}" if column == "num_steps" else f"{value:,.4g}" for value in known[column]]
        yield _by_setting(f"{title[0].upper()}{title[1:]}", COST_CAPTION, known, texts, -known[column])
    yield _by_setting(
        "Class balance of the queried batches",
        BALANCE_CAPTION,
        balance,
        [f"{value:.3f}" for value in balance["balance"]],
        balance["balance"],
    )


def _by_setting(
    title: str, caption: str, table: pd.DataFrame, texts: Iterable[str], merits: Iterable[float]
) -> dict[str, object]:
    """Cells are (text, whether it is the best of its row); where there is no value, there is no text.

    What may change when all runs are finished says so, and is not called the best; nor are means over fewer seeds than
    another of the row has.
    """
    strategies = ordered(table["strategy"].unique().tolist())
    num_seeds = table["num_seeds"] if "num_seeds" in table else pd.Series(0, table.index)
    rows: dict[str, dict[str, tuple[str, float, int, bool]]] = {}
    columns = (setting_names(table), table["strategy"], texts, merits, num_seeds, table["is_partial"])
    for name, strategy, text, merit, num, is_partial in zip(*columns, strict=True):
        rows.setdefault(name, {})[strategy] = "" if np.isnan(merit) else text, merit, num, is_partial
    shown = []
    for name, known in rows.items():
        most = max(num for _, _, num, _ in known.values())
        whole = [merit for _, merit, num, is_partial in known.values() if num == most and not is_partial]
        best = max((merit for merit in whole if not np.isnan(merit)), default=np.nan)
        cells = []
        for strategy in strategies:
            text, merit, num, is_partial = known.get(strategy, ("", np.nan, most, False))
            mark = f"\n{num} of {most} seeds" if num < most else f"\n{PARTIAL}" if is_partial else ""
            is_best = merit == best and num == most and not is_partial and len(known) > 1
            cells.append((text + mark if text else "", is_best))
        shown.append((name, cells))
    return {"title": title, "caption": caption, "names": strategies, "rows": shown}


def _with_interval(value: float, low: float, high: float) -> str:
    return f"{value:.4f}" if np.isnan(low) else f"{value:.4f}\n{low:.4f} to {high:.4f}"


def _saved(count: float, share: float, to_labels: int) -> str:
    return f"not with {to_labels:,}" if np.isnan(count) else f"{count:+,.0f} ({share:+.0%})"

"""What a report comes to, in sentences: who is better, of which regime, and how sure that is."""

from collections.abc import Iterator, Sequence

import pandas as pd

from al_bench.analysis.everything import Comparison, Everything
from al_bench.analysis.families import MIN_DATASETS
from al_bench.analysis.names import isolated
from al_bench.analysis.regimes import REGIME, by_regime, regime_name
from al_bench.analysis.settings import group_name, is_of_all
from al_bench.analysis.statistics.gains import whole_gains
from al_bench.analysis.statistics.intervals import Verdict
from al_bench.analysis.statistics.measures import Measure
from al_bench.analysis.statistics.overall import ALL
from al_bench.analysis.statistics.penalty import PenaltyMatrix
from al_bench.analysis.statistics.ranks import Ranks

MAX_NAMED, NUM_FIRST = 8, 5  # strategies in a sentence: all, or the first few of many


def in_short(everything: Everything) -> Iterator[str]:
    """Sentences: which strategy is better, and how sure that is."""
    by, against = everything.measure, isolated(everything.against)
    gains = whole_gains(everything.gains, by)
    of_regimes = {regime_name(regime): rows for regime, rows in by_regime(gains)}
    for name, rows in of_regimes.items():
        yield from _of_gains(rows, against, by, isolated(name) if len(of_regimes) > 1 else "")
    if not of_regimes:
        yield f"There are no gains over {against}: no setting has a run of it and of another strategy."
    table = whole_gains(everything.overall, by)
    table = table[(table["batch_size"] == ALL) & (table["num_datasets"] >= MIN_DATASETS)]
    for regime, rows in by_regime(table):
        listed = [
            f"{isolated(str(row['strategy']))} {row['gain']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}] "
            f"{row['verdict']}"
            for row in rows.sort_values("gain", ascending=False, kind="stable").to_dict("records")
        ]
        over = f"Over {_range(rows['num_datasets'])} data sets ({isolated(regime_name(regime))}), in {by.points}"
        yield f"{over}: {_first(listed, 'over data sets')}."
    yield from too_few(everything)
    if isinstance(everything.comparison, str):
        yield "Penalties and errors relative to Random are not compared: see what is missing below."
    for name, ranks in everything.ranks.items():
        if isinstance(ranks, Ranks):
            yield f"{isolated(name)}: " * (len(everything.ranks) > 1) + rank_sentence(ranks)
    if isinstance(everything.comparison, Comparison):
        for penalty in everything.comparison.matrices:
            yield from _of_penalties(penalty)


def _of_gains(gains: pd.DataFrame, against: str, by: Measure, regime: str) -> Iterator[str]:
    told = _first(_counted_verdicts(gains), "over the whole budget")
    what = f"Gain over {against} in area under the curve{by.of_it}, by setting (Holm)"
    yield f"{what}{f', {regime}' if regime else ''}: {told}."
    detectable = gains["detectable"].dropna()
    if len(detectable):
        yield (
            f"With {_range(gains['num_seeds'])} seeds, a gain of {detectable.median():.2f} {by.points} is found "
            f"with a power of 80 % ({regime}{'; ' * bool(regime)}median over strategies and settings): what is open "
            "may be smaller, or not there."
        )


def _of_penalties(penalty: PenaltyMatrix) -> Iterator[str]:
    if not is_of_all(penalty.group) or not penalty.settings:
        return
    penalties = penalty.penalties.dropna().sort_values(kind="stable")
    listed = [f"{isolated(str(name))} {value:.2f}" for name, value in penalties.items()]
    partial = " (partial: runs are missing or too short)" if penalty.missing else ""
    where = f" ({group_name(penalty.group)})" if penalty.group else ""
    yield f"Mean penalties{partial}{where}, the lowest first: {_first(listed, 'pairwise penalty matrices')}."


def _first(listed: Sequence[str], section: str) -> str:
    """All, or of many the first few and where the others stand."""
    if len(listed) <= MAX_NAMED:
        return "; ".join(listed)
    return f"{'; '.join(listed[:NUM_FIRST])}; {len(listed) - NUM_FIRST} more: see {section}"


def too_few(everything: Everything) -> Iterator[str]:
    """A sentence for models and strategies of which nothing is said over data sets, and for settings without gains."""
    against, table = isolated(everything.against), whole_gains(everything.overall, everything.measure)
    table = table[table["batch_size"] == ALL]
    few = []
    for values, rows in table.groupby(REGIME, sort=False):
        lacking = rows[rows["num_datasets"] < MIN_DATASETS]
        name = " · ".join(isolated(str(each)) for each in values if each)
        if len(lacking) == len(rows):
            few.append(f"{name} ({_range(lacking['num_datasets'])})")
        else:
            few += [
                f"{name} · {isolated(strategy)} ({num})"
                for strategy, num in zip(lacking["strategy"], lacking["num_datasets"], strict=True)
            ]
    if few:
        yield (
            f"Nothing is said over data sets of {', '.join(few)}: an interval needs {MIN_DATASETS} with a gain over "
            f"{against}, as the settings of one data set are not independent."
        )
    without = [curves.name for curves in everything.settings if everything.against not in curves.strategies_there]
    if without and len(without) < len(everything.settings):
        yield f"No run of {against}, so that there are no gains over it: {', '.join(without)}."


def _counted_verdicts(gains: pd.DataFrame) -> list[str]:
    """`badge above 5, open 1` and `margin open 6`; the more often above, the less often below, the earlier."""
    told = gains["verdict_holm"].map(Verdict)
    kinds, is_within = told.map(lambda verdict: verdict.kind.value), told != told.map(lambda verdict: verdict.kind)
    within = pd.crosstab(gains["strategy"][is_within], kinds[is_within])
    counts = pd.crosstab(gains["strategy"], kinds).reindex(columns=list(Verdict), fill_value=0)
    merits = pd.DataFrame(
        {"net": counts[Verdict.ABOVE] - counts[Verdict.BELOW], "gain": gains.groupby("strategy")["gain"].mean()}
    )
    listed = []
    for strategy in merits.sort_values(["net", "gain"], ascending=False, kind="stable").index:
        known = counts.loc[strategy]
        parts = []
        for kind in (each for each in Verdict if known[each]):
            num_within = int(within.get(kind, pd.Series(dtype=int)).get(strategy, 0))
            parts.append(f"{kind} {known[kind]}" + f" ({num_within} by less than the margin)" * (num_within > 0))
        listed.append(f"{isolated(strategy)} {', '.join(parts)}")
    return listed


def _range(numbers: pd.Series) -> str:
    low, high = numbers.min(), numbers.max()
    return f"{low}" if low == high else f"{low} to {high}"


def rank_sentence(ranks: Ranks) -> str:
    """Which strategies share the first place."""
    first = [isolated(str(name)) for name, place in ranks.places.items() if place == 1]
    text = f"By mean rank over {len(ranks.datasets)} data sets, {first[0]} is first ({ranks.mean_ranks.iloc[0]:.2f})"
    if len(first) == len(ranks.places):
        text = f"{text}, but no strategy can be told from it"
    elif len(first) > 1:
        text = f"{text}; its place is shared, as the interval of the difference covers 0, by {', '.join(first[1:])}"
    return f"{text} (Friedman p = {ranks.p_value:.2g})."

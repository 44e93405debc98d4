"""What the report says in words: what was run, what is missing, what it comes to."""

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from al_bench.analysis.everything import Comparison, Everything
from al_bench.analysis.families import MIN_DATASETS
from al_bench.analysis.names import isolated
from al_bench.analysis.regimes import REGIME, by_regime, regime_name
from al_bench.analysis.runs import Run, State, described
from al_bench.analysis.settings import BASELINE, group_name, is_of_all, setting_names
from al_bench.analysis.statistics.areas import common_range, is_range_partial
from al_bench.analysis.statistics.gains import whole_gains
from al_bench.analysis.statistics.intervals import Verdict
from al_bench.analysis.statistics.overall import ALL
from al_bench.analysis.statistics.penalty import PenaltyMatrix
from al_bench.analysis.statistics.ranks import Ranks

MAX_LISTED = 30  # lines of a list
MAX_NAMED, NUM_FIRST = 8, 5  # strategies in a sentence: all, or the first few of many


def facts(everything: Everything) -> list[tuple[str, str]]:
    """Names and values of a few numbers."""
    settings = everything.settings
    seeds = {seed for curves in settings for seed in curves.seeds}
    states = Counter(run.state for run in everything.runs)
    rounds = everything.rounds
    seconds = sum(float(rounds[name].sum()) for name in ("fit_seconds", "query_seconds") if name in rounds)
    return [
        ("runs finished", f"{states[State.FINISHED]:,} of {len(everything.runs):,}"),
        ("settings", f"{len(settings)}"),
        ("strategies", f"{everything.rounds['strategy'].nunique()}"),
        ("seeds", f"{len(seeds)}"),
        ("hours of training and querying", f"{seconds / 3600:,.1f}"),
    ]


def in_short(everything: Everything) -> Iterator[str]:
    """Sentences: which strategy is better, and how sure that is."""
    gains, against = whole_gains(everything.gains), isolated(everything.against)
    of_regimes = {regime_name(regime): rows for regime, rows in by_regime(gains)}
    for name, rows in of_regimes.items():
        yield from _of_gains(rows, against, isolated(name) if len(of_regimes) > 1 else "")
    if not of_regimes:
        yield f"There are no gains over {against}: no setting has a run of it and of another strategy."
    table = whole_gains(everything.overall)
    table = table[(table["batch_size"] == ALL) & (table["num_datasets"] >= MIN_DATASETS)]
    for regime, rows in by_regime(table):
        name = regime_name(regime)
        listed = [
            f"{isolated(str(row['strategy']))} {row['gain']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}] "
            f"{row['verdict']}"
            for row in rows.sort_values("gain", ascending=False, kind="stable").to_dict("records")
        ]
        told = _first(listed, "over data sets")
        yield f"Over {_range(rows['num_datasets'])} data sets ({isolated(name)}), in points: {told}."
    yield from too_few(everything)
    if isinstance(everything.comparison, str):
        yield "Penalties and errors relative to Random are not compared: see what is missing below."
    for name, ranks in everything.ranks.items():
        if isinstance(ranks, Ranks):
            yield f"{isolated(name)}: " * (len(everything.ranks) > 1) + rank_sentence(ranks)
    if isinstance(everything.comparison, Comparison):
        for penalty in everything.comparison.matrices:
            if is_of_all(penalty.group) and penalty.settings:
                yield _of_penalties(penalty)


def _of_gains(gains: pd.DataFrame, against: str, regime: str) -> Iterator[str]:
    told = _first(_counted_verdicts(gains), "over the whole budget")
    yield f"Gain over {against} in area under the curve, by setting (Holm){f', {regime}' if regime else ''}: {told}."
    detectable = gains["detectable"].dropna()
    if len(detectable):
        yield (
            f"With {_range(gains['num_seeds'])} seeds, a gain of {detectable.median():.2f} points is found with a "
            f"power of 80 % ({regime}{'; ' * bool(regime)}median over strategies and settings): what is open may be "
            "smaller, or not there."
        )


def _of_penalties(penalty: PenaltyMatrix) -> str:
    penalties = penalty.penalties.dropna().sort_values(kind="stable")
    listed = [f"{isolated(str(name))} {value:.2f}" for name, value in penalties.items()]
    partial = " (partial: runs are missing or too short)" if penalty.missing else ""
    where = f" ({group_name(penalty.group)})" if penalty.group else ""
    return f"Mean penalties{partial}{where}, the lowest first: {_first(listed, 'pairwise penalty matrices')}."


def _first(listed: Sequence[str], section: str) -> str:
    """All, or of many the first few and where the others stand."""
    if len(listed) <= MAX_NAMED:
        return "; ".join(listed)
    return f"{'; '.join(listed[:NUM_FIRST])}; {len(listed) - NUM_FIRST} more: see {section}"


def too_few(everything: Everything) -> Iterator[str]:
    """Of which models and strategies nothing is said over data sets, and which settings have no gains."""
    against, table = isolated(everything.against), whole_gains(everything.overall)
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


def of_oracles(everything: Everything) -> str:
    """Which strategies are lines of reference; empty if there is none."""
    names = ", ".join(map(isolated, everything.oracles))
    is_are = "is an oracle" if len(everything.oracles) == 1 else "are oracles"
    return (
        f"{names} {is_are}, shown what nobody could know before asking: grey lines of reference, in no comparison."
        if names
        else ""
    )


def warnings(everything: Everything) -> Iterator[str]:
    """Lines about what makes results less sure: damaged files, mixed devices, epoch limits that were hit."""
    yield from everything.problems
    for name, starts in _starts_by_setting(everything.runs).items():
        for key, of_what in (("device_name", "devices"), ("al_bench", "versions of al_bench"), ("commit", "commits")):
            values = sorted({str(start[key]) for start in starts if key in start})
            if len(values) > 1:
                yield f"{name}: mixed {of_what}: {', '.join(values)}"
        changed = [start for start in starts if start.get("commit_clean") is False]
        if changed:
            yield f"{name}: {len(changed)} starts were of a source tree with uncommitted changes"
    yield from _short_strategies(everything)
    hit = everything.costs[everything.costs["epoch_limit_share"] > 0]
    for name, strategy, share in zip(setting_names(hit), hit["strategy"], hit["epoch_limit_share"], strict=True):
        yield f"{name} · {isolated(strategy)}: the epoch limit ended training in {share:.0%} of the rounds"


def _short_strategies(everything: Everything) -> Iterator[str]:
    """Those that end before others do, so that areas and seconds of all are of fewer labels."""
    for curves in everything.settings:
        last = common_range(curves)[1]
        if is_range_partial(curves):
            yield f"{curves.name}: areas and seconds are of {last:,} labels, where runs have come to so far"
            continue
        ends: dict[str, int] = {}
        for strategy, _, labels_L, _ in curves.runs():
            ends[strategy] = max(ends.get(strategy, 0), int(labels_L[-1]))
        ends.pop(BASELINE, None)  # goes on to the end of the pool
        short = [name for name, end in ends.items() if end == min(ends.values())]
        if ends and min(ends.values()) < max(ends.values()):
            yield (
                f"{curves.name}: {', '.join(map(isolated, short))} ends at {min(ends.values()):,} labels, others go on "
                f"to {max(ends.values()):,}; areas and seconds are of {last:,} labels"
            )


def _starts_by_setting(runs: Sequence[Run]) -> dict[str, list[dict[str, Any]]]:
    starts: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        if run.identity:
            starts.setdefault(run.setting, []).extend(run.starts)
    return starts


def not_finished(runs: Sequence[Run]) -> list[tuple[str, int, list[str]]]:
    """State, number of runs, and lines about them."""
    found = []
    for state in State:
        of_state = [run for run in runs if run.state == state]
        if state is not State.FINISHED and of_state:
            found.append((state.value, len(of_state), described(of_state)))
    return found


def commands(runs: Sequence[Run]) -> list[tuple[str, int]]:
    """What started the runs, and how many starts each is."""
    starts = [start for run in runs for start in run.starts]
    return Counter(_command(start.get("command")) for start in starts).most_common(MAX_LISTED)


def _command(command: Any) -> str:
    if not isinstance(command, list) or not command:
        return "not recorded"
    program, *arguments = map(str, command)
    name = "python -m al_bench.run" if Path(program).name == "run.py" else Path(program).name
    return f"{name} {shlex.join(arguments)}".strip()


def versions(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """Of what the runs were made with, every value that there was."""
    values: dict[str, set[str]] = {}
    for start in (start for run in runs for start in run.starts):
        versions = start.get("versions")
        known = {key: start.get(key) for key in ("al_bench", "commit", "python", "device_name", "host")}
        for key, value in (known | (versions if isinstance(versions, dict) else {})).items():
            if value is not None:
                values.setdefault(key, set()).add(str(value))
    return [(key.replace("_", " "), ", ".join(sorted(found))) for key, found in values.items()]

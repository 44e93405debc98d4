"""What the report says in words: what was run, what is missing, what it comes to."""

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from al_bench.analysis.everything import Comparison, Everything
from al_bench.analysis.names import isolated
from al_bench.analysis.runs import Run, State, described
from al_bench.analysis.settings import BASELINE, setting_names
from al_bench.analysis.statistics.areas import common_range, is_range_partial
from al_bench.analysis.statistics.paired import LEVEL
from al_bench.analysis.statistics.ranks import Ranks

MAX_LISTED = 30  # lines of a list
POINTS = 100  # percentage points


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
    comparison, ranks = everything.comparison, everything.ranks
    if isinstance(comparison, Comparison) and comparison.matrices[0].settings:
        penalties = comparison.matrices[0].penalties.dropna().sort_values(kind="stable")
        listed = ", ".join(f"{isolated(str(name))} {value:.2f}" for name, value in penalties.items())
        partial = " (partial: runs are missing or too short)" if comparison.matrices[0].missing else ""
        yield f"Mean penalties{partial}, the lowest and best first: {listed}."
    if isinstance(comparison, str):
        yield "Penalties and errors relative to Random are not compared: see what is missing below."
    if isinstance(ranks, Ranks):
        yield rank_sentence(ranks)
    if isinstance(comparison, Comparison):
        smallest = POINTS * comparison.differences["smallest_significant"]
        is_varied = smallest > 0
        smallest, seeds = smallest[is_varied], comparison.differences["num_seeds"][is_varied]
        if len(smallest):
            num_seeds = f"{seeds.min()}" if seeds.min() == seeds.max() else f"{seeds.min()} to {seeds.max()}"
            yield (
                f"With {num_seeds} seeds, two strategies typically had to differ by {smallest.median():.2f} points of "
                f"accuracy to differ significantly (5 %; median over pairs and budgets, of which 90 % needed "
                f"{smallest.quantile(0.05):.2f} to {smallest.quantile(0.95):.2f})."
            )


def rank_sentence(ranks: Ranks) -> str:
    """Which strategy ranks best, and which are not significantly worse."""
    best = ranks.mean_ranks.index[0]
    text = (
        f"{isolated(best)} has the best mean rank, {ranks.mean_ranks.iloc[0]:.2f} over {len(ranks.settings)} settings"
    )
    if not ranks.p_value < LEVEL:
        return f"{text}, but Friedman's test does not tell the strategies apart (p = {ranks.p_value:.2g})."
    alike = [name for name in ranks.mean_ranks.index[1:] if ranks.p_values.loc[best, name] >= LEVEL]
    others = (
        f"; not significantly worse: {', '.join(map(isolated, alike))}"
        if alike
        else ", significantly better than all others"
    )
    return f"{text} (Friedman p = {ranks.p_value:.2g}){others} (Nemenyi, 5 %)."


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
    hit = everything.seconds[everything.seconds["epoch_limit_share"] > 0]
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

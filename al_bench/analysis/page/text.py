"""What the report says in words: what was run, what is missing, what makes it less sure."""

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from al_bench.analysis.everything import Everything
from al_bench.analysis.names import isolated
from al_bench.analysis.runs import Run, State, described
from al_bench.analysis.settings import setting_names
from al_bench.analysis.statistics.areas import common_range, is_range_partial

MAX_LISTED = 30  # lines of a list


def facts(everything: Everything) -> list[tuple[str, str]]:
    """Names and values of a few numbers."""
    settings = everything.settings
    seeds = {seed for curves in settings for seed in curves.seeds}
    states = Counter(run.state for run in everything.runs)
    rounds = everything.rounds
    seconds = sum(float(rounds[name].sum()) for name in ("fit_seconds", "query_seconds") if name in rounds)
    num_strategies = everything.rounds["strategy"].nunique()
    return [
        ("runs finished", f"{states[State.FINISHED]:,} of {len(everything.runs):,}"),
        ("setting" if len(settings) == 1 else "settings", f"{len(settings)}"),
        ("strategy" if num_strategies == 1 else "strategies", f"{num_strategies}"),
        ("seed" if len(seeds) == 1 else "seeds", f"{len(seeds)}"),
        ("hours of training and querying", f"{seconds / 3600:,.1f}"),
    ]


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
        for (strategy, _), (_, end) in curves.ends.items():
            ends[strategy] = max(ends.get(strategy, 0), end)
        ends.pop(curves.baseline, None)  # goes on to the end of the pool
        short = [name for name, end in ends.items() if end == min(ends.values())]
        if ends and min(ends.values()) < max(ends.values()):
            yield (
                f"{curves.name}: {', '.join(map(isolated, short))} ends at {min(ends.values()):,} labels, others go on "
                f"to {max(ends.values()):,}; areas and seconds are of {last:,} labels"
            )


def _starts_by_setting(runs: Sequence[Run]) -> dict[str, list[Mapping[str, object]]]:
    starts: dict[str, list[Mapping[str, object]]] = {}
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
    return Counter(_command(start.get("command", ())) for start in starts).most_common(MAX_LISTED)


def _command(command: Sequence[str]) -> str:
    if not command:
        return "not recorded"
    program, *arguments = command
    name = "python -m al_bench.run" if Path(program).name == "run.py" else Path(program).name
    return f"{name} {shlex.join(arguments)}".strip()


def versions(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """What the runs were made with, such as torch and device, and every value of it that there was."""
    values: dict[str, set[str]] = {}
    for start in (start for run in runs for start in run.starts):
        known = {key: start.get(key) for key in ("al_bench", "commit", "python", "device_name", "host")}
        for key, value in (known | start.get("versions", {})).items():
            if value is not None:
                values.setdefault(key, set()).add(str(value))
    return [(key.replace("_", " "), ", ".join(sorted(found))) for key, found in values.items()]

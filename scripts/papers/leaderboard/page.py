"""The page of the leaderboard: README.md from leaderboard.md.jinja, and its figures."""

import re
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from al_bench.analysis.pictures.canvas import STYLE, saved
from al_bench.analysis.pictures.style import looks
from al_bench.analysis.statistics.gains import PARTS, WHOLE
from al_bench.analysis.statistics.intervals import Verdict
from papers.claims import claims_table
from papers.leaderboard.claims import claims
from papers.leaderboard.protocol import Protocol
from papers.leaderboard.standings import Standings, oracle_share
from papers.pages import provenance, rendered

SIGNS = {Verdict.ABOVE: "↑", Verdict.BELOW: "↓", Verdict.SAME: "=", Verdict.OPEN: "?"}


def page(
    found: Sequence[Sequence[Standings]], protocol: Protocol, unread: Sequence[str], submissions: pd.DataFrame
) -> str:
    """README.md.

    Args:
        found: of each regime, by each measure of the protocol.
        protocol: it.
        unread: why regimes that have archives are left out.
        submissions: the rows of submissions.csv, each value as it is written there; empty without any.
    """
    regimes = [first.regime for first, *_ in found]
    return rendered(
        "leaderboard/leaderboard.md.jinja",
        protocol=protocol,
        unread=unread,
        submissions=submissions_table(submissions),
        regimes=[
            {
                "name": first.regime.name,
                "schedule": protocol.regimes[first.regime.name],
                "datasets": first.regime.datasets,
                "lacking": ", ".join(first.regime.lacking),
                "hours": f"{first.regime.hours:.1f}",
                "num_runs": first.regime.rounds.groupby(["dataset", "strategy", "seed"]).ngroups,
                "by_measure": {each.measure.label: gains_table(each, protocol) for each in (first, *others)},
                "beside": beside_table(first, protocol),
                "p_value": f"{first.p_value:.2g}",
                "by_dataset": first.by_dataset.T.rename_axis(columns=None).reset_index(names="strategy"),
                "claims": claims_table(claims(first, protocol)),
            }
            for first, *others in found
        ],
        **provenance([*chain.from_iterable(each.starts for each in regimes)]),
    )


def submissions_table(rows: pd.DataFrame) -> pd.DataFrame:
    """What others have submitted, by regime, the largest gain first."""
    shown: list[tuple[str, float, dict[str, str]]] = []
    for said in rows.to_dict("records"):
        row = {str(name): str(value) for name, value in said.items()}
        regimes = row["regimes"].split()
        gains = [[float(number) for number in row[name].split()] for name in ("gain", "low", "high")]
        for regime, gain, low, high in zip(regimes, *(each or [np.nan] * len(regimes) for each in gains), strict=True):
            half = "" if np.isnan(low) else f" ± {(high - low) / 2:.2f}"
            told = "" if np.isnan(gain) else f"{gain:+.2f}{half}"
            shown.append((regime, -np.nan_to_num(gain, nan=-np.inf), _submission(row, regime, told)))
    return pd.DataFrame([row for _, _, row in sorted(shown, key=lambda each: each[:2])])


def _submission(row: dict[str, str], regime: str, gain: str) -> dict[str, str]:
    return {
        "regime": regime,
        "strategy": f"[{row['strategy']}]({row['code']})" if row["code"] else row["strategy"],
        "gain over random": gain,
        "what it does": _cell(row["description"]),
        "authors": _cell(row["authors"]),
        "commit": row["commit"],
        "runs": row["num_runs"],
        "tuning trials": row["tuning_trials"],
        "CPU hours": row["cpu_hours"],
        "deviations": _cell(row["deviations"]) or "none",
    }


def _cell(text: str) -> str:
    """What somebody else has written, as words of a table and nothing else."""
    return re.sub(r"([\\`*_\[\]<>|&])", r"\\\1", text)


def gains_table(found: Standings, protocol: Protocol) -> pd.DataFrame:
    """Over the baseline, a row per strategy, the first place first; oracles, which have no place, last."""
    over = {part: found.over(protocol.baseline, part) for part in PARTS}
    oracles = [name for name in protocol.oracles if name in over[WHOLE].index]
    names = [*((name, str(place)) for name, place in found.places.items()), *((name, "–") for name in oracles)]
    rows = []
    for name, place in names:
        shown = f"*{name}*" if name in oracles else str(name)
        by_part = {part: _told(of_part, str(name)) for part, of_part in over.items()}
        rows.append({"place": place, "strategy": shown, **by_part})
    return pd.DataFrame(rows)


def beside_table(found: Standings, protocol: Protocol) -> pd.DataFrame:
    """What stands beside the gains, in their order, without oracles."""
    over, second = found.over(protocol.baseline), found.over(protocol.also_against)
    share = oracle_share(found, protocol).to_dict()
    return pd.DataFrame(
        {
            "strategy": name,
            f"over {protocol.also_against}": _told(second, name),
            f"better than {protocol.also_against}": _share(found.beats, name),
            "of the oracle's": f"{share[name]:.0%}" if np.isfinite(share.get(name, np.nan)) else "",
            "one more": _predicted(over, name),
            "worst": _worst(found.by_dataset, name),
            "ms a label": _few_digits(found.milliseconds[name]),
        }
        for name in map(str, found.places.index)
    )


def _few_digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _told(over: pd.DataFrame, name: str) -> str:
    """`+1.23 ± 0.45 ↑`, nothing for the baseline."""
    for row in _row(over, name):
        half = "" if np.isnan(row["low"]) else f" ± {(row['high'] - row['low']) / 2:.2f}"
        return f"{row['gain']:+.2f}{half} {SIGNS[Verdict(row['verdict']).kind]}"
    return ""


def _share(beats: pd.DataFrame, name: str) -> str:
    for row in _row(beats, name):
        interval = "" if np.isnan(row["low"]) else f" ({row['low']:.0%} to {row['high']:.0%})"
        return f"{row['share']:.0%}{interval}"
    return ""


def _predicted(over: pd.DataFrame, name: str) -> str:
    for row in _row(over, name):
        if not np.isnan(row["predicted_low"]):
            return f"{row['predicted_low']:+.1f} to {row['predicted_high']:+.1f}"
    return ""


def _row(table: pd.DataFrame, name: str) -> list[dict[Any, Any]]:
    """That of a strategy, or none."""
    return [dict(row) for row in table[table.index == name].to_dict("records")]


def _worst(by_dataset: pd.DataFrame, name: str) -> str:
    if name not in by_dataset or not by_dataset[name].any():
        return ""
    return f"{by_dataset[name].min():+.1f} {by_dataset[name].idxmin()}"


def draw_standings(found: Standings, protocol: Protocol, path: Path) -> list[Path]:
    """Gains over the baseline by thirds of the labels: means with intervals, and a point for each data set."""
    strategies = [*found.places.index]
    looks_of = looks(strategies)
    rows = found.gains[found.gains["against"] == protocol.baseline]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.0, 1.0 + 0.24 * len(strategies)), layout="constrained")
        all_axes = figure.subplots(1, len(PARTS), sharey=True, sharex=True)
        for axes, part in zip(all_axes, PARTS, strict=True):
            over, of_part = found.over(protocol.baseline, part), rows[rows["part"] == part]
            axes.axvline(0, color="0.4", linewidth=1)
            for height, name in enumerate(strategies):
                points = of_part["gain"][of_part["strategy"] == name]
                colour: Any = looks_of[name].colour
                axes.plot(points, [height] * len(points), "|", color=colour, alpha=0.45, markersize=6)
                if name in over.index:
                    row = over.loc[name]
                    spread = np.nan_to_num([[row["gain"] - row["low"]], [row["high"] - row["gain"]]])
                    axes.errorbar(
                        row["gain"], height, xerr=spread, fmt=looks_of[name].marker, color=colour, markersize=5
                    )
            axes.set_title("the whole range" if part == WHOLE else f"{part} third", fontsize=10)
        all_axes[0].set_yticks(range(len(strategies)), strategies)
        all_axes[0].set_ylim(len(strategies) - 0.5, -0.5)
        figure.supxlabel(
            f"gain over {protocol.baseline} in area under the curve of {found.measure.label} "
            f"({found.measure.gain_unit}):\nmean and 95 % interval over data sets, each of which is a stroke",
            fontsize=9,
        )
        return saved(figure, path)

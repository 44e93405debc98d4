"""What others have found, beside what the leaderboard has: each above, below, the same, open, or not measured."""

from collections.abc import Mapping
from typing import Literal

import pandas as pd

from al_bench.analysis.families import MIN_DATASETS
from al_bench.analysis.statistics.intervals import Sample, Verdict, holm, verdicts
from papers.claims import Claim, detectable_of, judged
from papers.leaderboard.protocol import Protocol
from papers.leaderboard.standings import Standings

Holds = bool | Literal["open"]
NOT_BELOW = (Verdict.ABOVE, Verdict.SAME, Verdict.OPEN)


def claims(found: Standings, protocol: Protocol) -> list[Claim]:
    """Of a regime, over its data sets, by a measure."""
    baseline, margin = protocol.baseline, protocol.also_against
    early = "typicality early: TypiClust above Margin in the first third"
    late = "uncertainty late: Margin above TypiClust in the last third"
    return [
        _above(early, found, protocol, "typiclust", margin, "early"),
        _above(late, found, protocol, margin, "typiclust", "late"),
        _above("BADGE above Random", found, protocol, "badge", baseline, "whole"),
        _below("Coreset below Random on frozen features", found, protocol, "coreset", baseline),
        _first_on_tables("Margin matches or beats every other strategy on tables", found, protocol),
    ]


def difference(found: Standings, first: str, second: str, part: str, baseline: str) -> pd.Series:
    """The gain of a strategy over another in a part of the labels, by data set; empty if one has no runs."""
    rows = found.gains[(found.gains["part"] == part) & (found.gains["against"] == baseline)]
    over = rows.pivot_table(index="dataset", columns="strategy", values="gain", aggfunc="mean").assign(
        **{baseline: 0.0}
    )
    return over[first] - over[second] if {first, second} <= {*over} else pd.Series(dtype=float)


def told(gain: pd.Series, margin: float) -> tuple[str, Verdict]:
    """The mean over data sets, its interval, and what it is judged as, alone."""
    if len(gain) < MIN_DATASETS:
        return f"{gain.mean():+.2f} points on {', '.join(gain.index)}; too few data sets to tell", Verdict.OPEN
    sample = Sample.of(gain.to_numpy(dtype=float)[None])
    (low,), (high,) = sample.interval()
    (verdict,) = verdicts(sample, margin)
    said = judged(verdict, detectable_of(low, high, len(gain)))
    return f"{gain.mean():+.2f} ± {(high - low) / 2:.2f} points over {len(gain)} data sets: {said}", verdict


def _claim(paper: str, gain: pd.Series, protocol: Protocol, holds: Mapping[Verdict, Holds]) -> Claim:
    if not len(gain):
        return Claim(paper, "", None)
    text, verdict = told(gain, protocol.margin)
    return Claim(paper, text, holds.get(verdict.kind, "open"))


def _above(paper: str, found: Standings, protocol: Protocol, first: str, second: str, part: str) -> Claim:
    gain = difference(found, first, second, part, protocol.baseline)
    return _claim(paper, gain, protocol, {Verdict.ABOVE: True, Verdict.BELOW: False, Verdict.SAME: False})


def _below(paper: str, found: Standings, protocol: Protocol, first: str, second: str) -> Claim:
    gain = difference(found, first, second, "whole", protocol.baseline)
    frozen = gain[gain.index.isin(protocol.on_frozen_features)]
    return _claim(paper, frozen, protocol, {Verdict.ABOVE: False, Verdict.BELOW: True, Verdict.SAME: False})


def _first_on_tables(paper: str, found: Standings, protocol: Protocol) -> Claim:
    """By the strategies that are above Margin, or open to be, after Holm's method over all of them."""
    margin, baseline = protocol.also_against, protocol.baseline
    others = [str(name) for name in found.by_dataset if name != margin]
    over = {name: difference(found, name, margin, "whole", baseline) for name in others}
    of_tables = pd.DataFrame({name: gain[gain.index.isin(protocol.tables)] for name, gain in over.items()})
    if len(of_tables) < MIN_DATASETS:
        return Claim(paper, "", None)
    sample = Sample.of(of_tables.to_numpy(dtype=float).T)
    kinds = [each.kind for each in verdicts(sample, protocol.margin, holm(sample.p_N))]
    by_kind = {kind: [name for name, each in zip(others, kinds, strict=True) if each is kind] for kind in Verdict}
    shown = [f"{kind}: {', '.join(by_kind[kind])}" for kind in NOT_BELOW if by_kind[kind]]
    text = f"{len(by_kind[Verdict.BELOW])} of {len(others)} are below it over {len(of_tables)} tables"
    holds: Holds = False if by_kind[Verdict.ABOVE] else "open" if by_kind[Verdict.OPEN] else True
    return Claim(paper, "; ".join([text, *shown]), holds)

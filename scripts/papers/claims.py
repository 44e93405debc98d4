"""What a paper says, beside what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from al_bench.analysis.statistics.intervals import Verdict

CLAIM_COLUMNS = ["the paper says", "we measured", "holds"]


@dataclass(frozen=True)
class Claim:
    """What the paper says, what was measured, and whether that agrees.

    None where it was not measured, `open` where so many seeds do not tell.
    """

    paper: str
    measured: str
    holds: bool | Literal["open"] | None


def claims_table(made: Sequence[Claim]) -> pd.DataFrame:
    """As a table to read."""
    said = {True: "yes", False: "**no**", None: "not measured", "open": "open"}
    return pd.DataFrame([(each.paper, each.measured, said[each.holds]) for each in made], columns=CLAIM_COLUMNS)


def told(gains: pd.DataFrame, verdict: str = "verdict") -> list[str]:
    """`+0.23 ± 0.15 above` of each row of a table of gains, in points."""
    columns = zip(gains["gain"], gains["low"], gains["high"], gains[verdict], strict=True)
    return [f"{gain:+.2f} ± {(high - low) / 2:.2f} {Verdict(kind).kind}" for gain, low, high, kind in columns]


def is_all(gains: pd.DataFrame, verdict: str = "verdict") -> bool | Literal["open"] | None:
    """Whether the gains are above: yes if all are, no if all are below, open otherwise; None of no setting."""
    kinds = {Verdict(kind).kind for kind in gains[verdict]}
    if not kinds:
        return None
    return True if kinds == {Verdict.ABOVE} else False if kinds == {Verdict.BELOW} else "open"

"""What a paper says, beside what was measured."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from al_bench.analysis.statistics.intervals import CONFIDENCE, Verdict, detectable_factor

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


def told(gains: pd.DataFrame) -> list[str]:
    """`+0.23 ± 0.15 above` of each row of a table of gains, in points, judged as one of several strategies."""
    columns = zip(*(gains[name] for name in ("gain", "low", "high", "detectable", "verdict_holm")), strict=True)
    return [
        f"{gain:+.2f} ± {(high - low) / 2:.2f} {judged(verdict, detectable)}"
        for gain, low, high, detectable, verdict in columns
    ]


def judged(verdict: str, detectable: float) -> str:
    """A verdict; `open (0.31 would be found)` says what gain such a sample finds with a power of 80 %."""
    is_known = Verdict(verdict) is Verdict.OPEN and not np.isnan(detectable)
    return f"{verdict} ({detectable:.2f} would be found)" if is_known else str(verdict)


def detectable_of(low: float, high: float, num: int) -> float:
    """What a sample of so many values finds with a power of 80 %, from its 95 % interval."""
    return float(detectable_factor(num) * (high - low) / 2 / stats.t.isf((1 - CONFIDENCE) / 2, num - 1))


def counted(gains: pd.DataFrame) -> str:
    """`above in 2 (1 by less than the margin), open in 3 (0.42 to 1.10 would be found)`, of several settings."""
    verdicts = gains["verdict_holm"].map(Verdict)
    kinds = verdicts.map(lambda verdict: verdict.kind)
    parts = []
    for kind in (kind for kind in Verdict if (kinds == kind).any()):
        if num_within := int(((kinds == kind) & (verdicts != kind)).sum()):
            remark = f" ({num_within} by less than the margin)"
        else:
            remark = _would_be_found(gains["detectable"][kinds == kind]) if kind is Verdict.OPEN else ""
        parts.append(f"{kind} in {int((kinds == kind).sum())}{remark}")
    return ", ".join(parts)


def is_all(gains: pd.DataFrame) -> bool | Literal["open"] | None:
    """Whether the gains are above: yes if all are, no if all are below, open otherwise; None of no setting."""
    kinds = {Verdict(verdict).kind for verdict in gains["verdict_holm"]}
    if not kinds:
        return None
    return True if kinds == {Verdict.ABOVE} else False if kinds == {Verdict.BELOW} else "open"


def _would_be_found(detectable: Iterable[float]) -> str:
    texts = list(dict.fromkeys(f"{each:.2f}" for each in sorted(detectable) if not np.isnan(each)))
    return f" ({' to '.join(dict.fromkeys([texts[0], texts[-1]]))} would be found)" if texts else ""

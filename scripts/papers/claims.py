"""What a paper says, beside what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

CLAIM_COLUMNS = ["the paper says", "we measured", "holds"]


@dataclass(frozen=True)
class Claim:
    """What the paper says, what was measured, and whether that agrees; None where it was not measured."""

    paper: str
    measured: str
    holds: bool | None


def claims_table(made: Sequence[Claim]) -> pd.DataFrame:
    """As a table to read."""
    said = {True: "yes", False: "**no**", None: "not measured"}
    return pd.DataFrame([(each.paper, each.measured, said[each.holds]) for each in made], columns=CLAIM_COLUMNS)

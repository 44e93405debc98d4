"""Which settings are of one data set: the unit of what is said over settings."""

from collections.abc import Mapping, Sequence

import pandas as pd

from al_bench.analysis.runs import Run

MIN_DATASETS = 3  # for an interval, or ranks, over data sets


def families(rounds: pd.DataFrame, runs: Sequence[Run] = ()) -> dict[str, str]:
    """The family of each label of the column `dataset`.

    That is `dataset.family` if some run of it was told one (environment.json), as views of the same examples are, and
    otherwise the choice that its label begins with.
    """
    told = {str(run.identity["dataset"]): family for run in runs if run.identity and (family := _told(run))}
    return {label: told.get(label, label.partition(",")[0]) for label in rounds["dataset"].unique().tolist()}


def family_column(table: pd.DataFrame, known: Mapping[str, str]) -> pd.Series:
    """The family of each row's data set."""
    return table["dataset"].map(dict(known))


def _told(run: Run) -> str:
    named = [start.get("family") for start in run.starts]
    return next((family for family in reversed(named) if isinstance(family, str) and family), "")

"""The one order that strategies have in tables, figures, matrices and legends, and the family that each belongs to."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from al_bench.analysis.families import family_column
from al_bench.analysis.results import SETTING, listed
from al_bench.analysis.settings import BASELINE
from al_bench.analysis.statistics.areas import areas, with_larger_better
from al_bench.analysis.statistics.measures import ACCURACY, Measure
from al_bench.config.reading.families import ORACLES as ORACLES
from al_bench.config.reading.families import families
from al_bench.core.errors import ResultsError

MANY = 12  # strategies, that a panel, or a row of marks, holds at most
OTHER = "other"
FAMILIES = {**families(), OTHER: ()}  # as docs/strategies has them; others are of one's own
FAMILY_OF = {choice: family for family, choices in FAMILIES.items() for choice in choices}


def family_of(strategy: str, oracles: Sequence[str] = ()) -> str:
    """By the choice that its name begins with; those of one's own are others, unless they are oracles."""
    return ORACLES if strategy in oracles else FAMILY_OF.get(strategy.partition(",")[0], OTHER)


def by_mean_gain(
    rounds: pd.DataFrame,
    known: Mapping[str, str],
    against: str = BASELINE,
    first: Sequence[str] = (),
    *,
    measure: Measure = ACCURACY,
) -> list[str]:
    """All strategies of the results, the largest mean gain over `against` first.

    The gain is that in area under the whole curve, paired by seed, averaged over the settings of a data set, then over
    data sets; that of `against` itself is 0. Equal ones keep the order of the rows; without a gain (oracles have none)
    they stand at the end.

    Args:
        rounds: as `al_bench.analysis.results.load_results` gives them.
        known: the family of each data set, see `al_bench.analysis.families.families`.
        against: the baseline.
        first: strategies that stand before the others, in this order.
        measure: of the curves; where lower values are better, a gain is how much lower they are.

    Raises:
        ResultsError: if one of `first` has no run.
    """
    names = rounds["strategy"].unique().tolist()
    if lacking := [name for name in first if name not in names]:
        raise ResultsError(f"order={lacking[0]}: there is no run of that strategy; those there are:{listed(names)}")
    merits = with_larger_better(areas(rounds, measure), measure)
    wide = merits.pivot(index=[*SETTING, "seed"], columns="strategy", values="area")
    over = wide.sub(wide.get(against, np.nan), axis=0)
    by_setting = over.groupby(level=SETTING).mean().reset_index()
    by_dataset = by_setting[wide.columns].groupby(family_column(by_setting, known)).mean()
    gains = by_dataset.mean().reindex(names).round(9).sort_values(ascending=False, kind="stable")
    return list(dict.fromkeys([*first, *gains.index]))


def arranged(table: pd.DataFrame, order: Sequence[str], within: Sequence[str] = ()) -> pd.DataFrame:
    """The rows of a table by strategy in an order; `within` groups of equal values of some columns, which stay."""
    places = {name: place for place, name in enumerate(order)}
    group = table.groupby([*within], sort=False).ngroup() if within else 0 * table["strategy"].map(places)
    return table.iloc[np.lexsort([table["strategy"].map(places), group])].reset_index(drop=True)

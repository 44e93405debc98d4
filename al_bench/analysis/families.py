"""Which settings are of one data set: the unit of what is said over settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from al_bench.analysis.results import SETTING
from al_bench.analysis.runs import Run
from al_bench.records.layout import setting_title

MIN_DATASETS = 3  # for an interval, or ranks, over data sets


def families(rounds: pd.DataFrame, runs: Sequence[Run] = ()) -> dict[str, str]:
    """The family of each data set, by its name in the column `dataset`.

    That is `dataset.family` if some run of it was told one (environment.json), as views of the same examples are, and
    otherwise the choice that its name begins with.
    """
    told = {str(run.identity["dataset"]): family for run in runs if run.identity and (family := _told(run))}
    return {name: told.get(name, name.partition(",")[0]) for name in rounds["dataset"].unique().tolist()}


def family_column(table: pd.DataFrame, known: Mapping[str, str]) -> pd.Series:
    """The family of each row's data set."""
    return table["dataset"].map(dict(known))


@dataclass(frozen=True)
class ByDataset:
    """The mean areas (D, K) of K strategies on D data sets, over the settings that have all of them.

    Attributes:
        areas: data sets as index, strategies as columns.
        settings: that were averaged.
        left_out: settings in which a strategy has no area, or one over fewer seeds than the others, or areas may change
            as runs are not finished.
    """

    areas: pd.DataFrame
    settings: tuple[str, ...]
    left_out: tuple[str, ...]


def by_dataset(mean_areas: pd.DataFrame, known: Mapping[str, str]) -> ByDataset:
    """Mean areas, as of `al_bench.analysis.statistics.areas`, with the family of each data set."""
    table = mean_areas.pivot(index=SETTING, columns="strategy", values="area")
    table = table[mean_areas["strategy"].unique().tolist()]
    num_seeds = mean_areas.pivot(index=SETTING, columns="strategy", values="num_seeds")
    is_equal = num_seeds.eq(num_seeds.max(axis=1), axis=0).all(axis=1)
    is_partial = mean_areas.groupby(SETTING)["is_partial"].any()
    is_whole = (table.notna().all(axis=1) & is_equal & ~is_partial.loc[table.index]).tolist()
    names = [setting_title(dict(zip(SETTING, values, strict=True))) for values in table.index]
    whole = table[is_whole]
    return ByDataset(
        areas=whole.groupby(family_column(whole.index.to_frame(index=False), known).to_numpy(), sort=True).mean(),
        settings=tuple(name for name, is_in in zip(names, is_whole, strict=True) if is_in),
        left_out=tuple(name for name, is_in in zip(names, is_whole, strict=True) if not is_in),
    )


def _told(run: Run) -> str:
    return next((family for start in reversed(run.starts) if (family := start.get("family"))), "")

"""What a strategy costs: in training steps, in CPU seconds, and in seconds by the clock."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from al_bench.analysis.results import SETTING, SPENT
from al_bench.analysis.settings import Curves, setting_curves
from al_bench.analysis.spent.training_steps import microseconds_per_step
from al_bench.analysis.statistics.areas import common_range, is_range_partial

GROUP = [*SETTING, "strategy"]
MEDIANS = [*SPENT[:3], "microseconds_per_step", *SPENT[3:]]
COSTS = {  # what is shown of them
    "num_steps": "training steps",
    "fit_cpu_seconds": "CPU seconds of training",
    "query_cpu_seconds": "CPU seconds of querying",
    "microseconds_per_step": "CPU microseconds a training step",
    "fit_seconds": "seconds of training, by the clock",
    "query_seconds": "seconds of querying, by the clock",
}
COST_CAPTION = (
    "of a run, up to the number of labels that all strategies have, median over the runs that go so far; steps are "
    "mini-batches; seconds by the clock depend on what else the machine had to do"
)


def costs(rounds: pd.DataFrame) -> pd.DataFrame:
    """Medians over the runs of a strategy in a setting that go as far as all its strategies do; one may have stalled.

    Returns:
        The columns of a setting, strategy, num_runs, to_labels (the last counted), of a whole run up to there
        num_steps, fit_cpu_seconds, query_cpu_seconds, microseconds_per_step (of the processor, for training),
        fit_seconds and query_seconds (by the clock), then seconds_per_query (by the clock), epoch_limit_share (of all
        rounds, those that it ended), and is_partial (whether any of it may change when all runs are finished). NaN for
        what no run says.
    """
    settings = setting_curves(rounds)
    last = {tuple(curves.setting.values()): common_range(curves)[1] for curves in settings}
    to_labels = pd.Series(pd.MultiIndex.from_frame(rounds[SETTING]).map(last), index=rounds.index)
    told = rounds.assign(to_labels=to_labels, is_limit_hit=_column(rounds, "epoch_limit_hit") == "True")
    told = told.assign(**{name: _column(rounds, name, np.nan) for name in SPENT})
    counted = told[told["num_labelled"] <= to_labels]
    of_runs = counted.groupby([*GROUP, "seed"], sort=True)
    sums = of_runs[SPENT].sum(min_count=1)
    ends = told.groupby([*GROUP, "seed"])["num_labelled"].max()
    is_whole = (ends >= of_runs["to_labels"].first()) & sums.notna().any(axis=1)
    sums["microseconds_per_step"] = microseconds_per_step(sums["fit_cpu_seconds"], sums["num_steps"])
    whole = sums[is_whole].groupby(GROUP)
    is_query = counted["query_seconds"] > 0
    table = told.groupby(GROUP, sort=True).agg(
        to_labels=("to_labels", "first"), epoch_limit_share=("is_limit_hit", "mean")
    )
    table["num_runs"] = whole.size().reindex(table.index, fill_value=0)
    table[MEDIANS] = whole[MEDIANS].median().reindex(table.index)
    table["seconds_per_query"] = counted[is_query].groupby(GROUP)["query_seconds"].median().reindex(table.index)
    is_open = {tuple(curves.setting.values()) for curves in settings if is_range_partial(curves)}
    partial = partial_strategies(setting_curves(rounds, with_oracles=True))
    table["is_partial"] = [key in partial or key[:-1] in is_open for key in table.index]
    columns = ["num_runs", "to_labels", *MEDIANS, "seconds_per_query", "epoch_limit_share", "is_partial"]
    return table.reset_index()[[*GROUP, *columns]]


def partial_strategies(settings: Sequence[Curves]) -> set[tuple[object, ...]]:
    """Setting and strategy where runs are missing or not finished."""
    return {(*curves.setting.values(), strategy) for curves in settings for strategy in curves.partial}


def _column(rounds: pd.DataFrame, name: str, missing: object = "") -> pd.Series:
    return rounds[name] if name in rounds else pd.Series(missing, index=rounds.index)

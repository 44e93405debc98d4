"""What a strategy costs in training steps and in seconds, and which classes it buys."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import special

from al_bench.analysis.results import SETTING
from al_bench.analysis.settings import Curves, Floats, setting_curves
from al_bench.analysis.statistics.areas import common_range, is_range_partial

GROUP = [*SETTING, "strategy"]
SUMS = ["num_steps", "fit_seconds", "query_seconds", "fit_cpu_seconds", "query_cpu_seconds"]
COSTS = {  # what is shown of them
    "num_steps": "training steps",
    "fit_cpu_seconds": "CPU seconds of training",
    "query_cpu_seconds": "CPU seconds of querying",
    "fit_seconds": "seconds of training, by the clock",
    "query_seconds": "seconds of querying, by the clock",
}
COST_CAPTION = (
    "of a run, up to the number of labels that all strategies have, median over the runs that go so far; steps are "
    "mini-batches; seconds by the clock depend on what else the machine had to do"
)
BALANCE_CAPTION = (
    "entropy of the classes of a batch over the largest possible: 1 if all are bought equally often; mean over the "
    "batches of all seeds"
)


def seconds(rounds: pd.DataFrame) -> pd.DataFrame:
    """Medians over the runs of a strategy in a setting that go as far as all its strategies do; one may have stalled.

    Returns:
        The columns of a setting, strategy, num_runs, to_labels (the last counted), of a whole run up to there
        num_steps, fit_seconds, query_seconds, fit_cpu_seconds and query_cpu_seconds, then seconds_per_query,
        epoch_limit_share (of all rounds, those that it ended), and is_partial (whether any of it may change when all
        runs are finished). NaN for what no run says.
    """
    settings = setting_curves(rounds)
    last = {tuple(curves.setting.values()): common_range(curves)[1] for curves in settings}
    to_labels = pd.Series(pd.MultiIndex.from_frame(rounds[SETTING]).map(last), index=rounds.index)
    told = rounds.assign(to_labels=to_labels, is_limit_hit=_column(rounds, "epoch_limit_hit") == "True")
    told = told.assign(**{name: _column(rounds, name, np.nan) for name in SUMS})
    counted = told[told["num_labelled"] <= to_labels]
    of_runs = counted.groupby([*GROUP, "seed"], sort=True)
    sums = of_runs[SUMS].sum(min_count=1)
    ends = told.groupby([*GROUP, "seed"])["num_labelled"].max()
    is_whole = (ends >= of_runs["to_labels"].first()) & sums.notna().any(axis=1)
    whole = sums[is_whole].groupby(GROUP)
    is_query = counted["query_seconds"] > 0
    table = told.groupby(GROUP, sort=True).agg(
        to_labels=("to_labels", "first"), epoch_limit_share=("is_limit_hit", "mean")
    )
    table["num_runs"] = whole.size().reindex(table.index, fill_value=0)
    table[SUMS] = whole.median().reindex(table.index)
    table["seconds_per_query"] = counted[is_query].groupby(GROUP)["query_seconds"].median().reindex(table.index)
    is_open = {tuple(curves.setting.values()) for curves in settings if is_range_partial(curves)}
    partial = _partial(settings)
    table["is_partial"] = [key in partial or key[:-1] in is_open for key in table.index]
    columns = ["num_runs", "to_labels", *SUMS, "seconds_per_query", "epoch_limit_share", "is_partial"]
    return table.reset_index()[[*GROUP, *columns]]


def _partial(settings: Sequence[Curves]) -> set[tuple[object, ...]]:
    """Setting and strategy where runs are missing or not finished."""
    return {(*curves.setting.values(), strategy) for curves in settings for strategy in curves.partial}


def class_balance(rounds: pd.DataFrame) -> pd.DataFrame:
    """How evenly the queried batches are spread over the classes; the initial labels are not counted.

    The balance of a batch is the entropy of its classes over the largest that its size allows: 1 if each class is
    bought as often as the others, 0 if one class is bought alone.

    Returns:
        The columns of a setting, strategy, num_batches, balance (mean over batches and seeds), balance_low and
        balance_high (5 % and 95 % of batches), is_partial (whether runs are missing or not finished). Runs without
        class counts are left out.
    """
    counts = _column(rounds, "class_counts")
    queried = rounds[(rounds["round"] > 0) & (counts != "")]
    counts, balance = counts[queried.index], pd.Series(np.nan, index=queried.index)
    for _, texts in counts.groupby(counts.str.count(" ")):
        counts_NC = np.array(" ".join(texts).split(), dtype=float).reshape(len(texts), -1)
        balance[texts.index] = batch_balance(counts_NC)
    by_strategy = queried.assign(balance=balance).groupby(GROUP, sort=True)["balance"]
    partial = _partial(setting_curves(rounds))
    return pd.DataFrame(
        {
            "num_batches": by_strategy.size(),
            "balance": by_strategy.mean(),
            "balance_low": by_strategy.quantile(0.05),
            "balance_high": by_strategy.quantile(0.95),
            "is_partial": [key in partial for key in by_strategy.size().index],
        }
    ).reset_index()


def batch_balance(counts_NC: Floats) -> Floats:
    """The entropy of the classes of N batches, over the largest that so many examples can have; 1 for a single one."""
    num_classes, size_N1 = counts_NC.shape[1], counts_NC.sum(axis=1, keepdims=True)
    even_NC = size_N1 // num_classes + (np.arange(num_classes) < size_N1 % num_classes)
    largest_N = _entropy(even_NC)
    return np.where(largest_N > 0, _entropy(counts_NC) / np.where(largest_N > 0, largest_N, 1), 1.0)


def _entropy(counts_NC: Floats) -> Floats:
    shares_NC = counts_NC / counts_NC.sum(axis=1, keepdims=True)
    entropy_N: Floats = -special.xlogy(shares_NC, shares_NC).sum(axis=1)
    return entropy_N


def _column(rounds: pd.DataFrame, name: str, missing: object = "") -> pd.Series:
    return rounds[name] if name in rounds else pd.Series(missing, index=rounds.index)

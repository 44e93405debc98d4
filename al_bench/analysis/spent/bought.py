"""What a strategy bought: copies of what it had, classes it has never seen, and how evenly the others."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import special

from al_bench.analysis.results import SETTING
from al_bench.analysis.settings import Floats, rows_of, setting_curves
from al_bench.analysis.spent.costs import GROUP, partial_strategies
from al_bench.analysis.statistics.measures import Measure

BOUGHT = (  # over rounds
    Measure("copies", "copies of what was bought before, share of the batch", ""),
    Measure("unseen_classes", "classes of which no label was bought so far", "classes"),
    Measure("balance", "class balance of the labels so far", ""),
)
BOUGHT_BANDS = "mean over the seeds"
BATCH_BALANCE = "batch_balance"
BALANCE_CAPTION = (
    "entropy of the classes of a batch over the largest possible: 1 if all are bought equally often; mean over the "
    "batches of all seeds"
)


def bought(rounds: pd.DataFrame) -> pd.DataFrame:
    """Means over the seeds of a strategy, after each round.

    Args:
        rounds: as `al_bench.analysis.results.load_results` gives them.

    Returns:
        The columns of a setting, strategy, num_labelled, num_seeds; copies (num_copies over the examples of the round's
        batch), unseen_classes (without a label in the batches so far, validation examples aside), balance
        (`batch_balance` of all labels so far) and batch_balance (of the round's batch; NaN for the initial labels,
        which no strategy chose), NaN for what no run says; is_common (whether all seeds of the strategy have that
        round: a mean over fewer is of other runs), is_partial (whether a seed that the setting has is not among them).
    """
    columns = [*(measure.column for measure in BOUGHT), BATCH_BALANCE]
    by_round = _of_runs(rounds).groupby([*GROUP, "num_labelled"], sort=True)
    table = by_round[columns].mean()
    table.insert(0, "num_seeds", by_round["seed"].nunique())
    table = table.reset_index()
    most = [rounds.groupby(keys)["seed"].nunique().rename("most").reset_index() for keys in (GROUP, SETTING)]
    of_strategy, of_setting = (table[["num_seeds", *GROUP]].merge(each, how="left")["most"] for each in most)
    return table.assign(is_common=table["num_seeds"] == of_strategy, is_partial=table["num_seeds"] < of_setting)


def bought_curves(bought: pd.DataFrame, setting: Mapping[str, object]) -> dict[Measure, pd.DataFrame]:
    """The curves of those of `BOUGHT` that vary in a setting, in the columns of learning curves, without bands.

    Args:
        bought: as `bought` gives it.
        setting: by its columns.
    """
    rows = rows_of(bought, setting)
    varied = [measure for measure in BOUGHT if len(rows[measure.column].dropna().unique()) > 1]
    return {
        measure: rows.assign(mean=rows[measure.column], low=np.nan, high=np.nan).dropna(subset="mean")
        for measure in varied
    }


def _of_runs(rounds: pd.DataFrame) -> pd.DataFrame:
    """With the columns of `BOUGHT` and batch_balance, of each round."""
    rounds = rounds.sort_values([*GROUP, "seed", "round"], kind="stable")
    run = rounds.groupby([*GROUP, "seed"], sort=False).ngroup()
    num_kept = rounds["num_validation"].fillna(0) if "num_validation" in rounds else 0
    size = rounds["num_labelled"] - rounds["num_labelled"].groupby(run).shift().fillna(num_kept)
    copies = rounds["num_copies"] / size if "num_copies" in rounds else np.nan
    told = rounds.assign(copies=copies, unseen_classes=np.nan, balance=np.nan, batch_balance=np.nan)
    counts = _class_counts(rounds)
    known = counts[(counts != "").groupby(run).transform("all")]
    for _, texts in known.groupby(known.str.count(" ")):
        batch_NC = pd.DataFrame(_counts(texts), index=texts.index)
        so_far_NC = batch_NC.groupby(run[texts.index]).cumsum().to_numpy()
        told.loc[texts.index, "unseen_classes"] = (so_far_NC == 0).sum(axis=1)
        told.loc[texts.index, "balance"] = batch_balance(so_far_NC)
        told.loc[texts.index, BATCH_BALANCE] = batch_balance(batch_NC.to_numpy())
    told.loc[told["round"] == 0, BATCH_BALANCE] = np.nan
    return told


def class_balance(rounds: pd.DataFrame) -> pd.DataFrame:
    """How evenly the queried batches are spread over the classes; the initial labels are not counted.

    The balance of a batch is the entropy of its classes over the largest that its size allows: 1 if each class is
    bought as often as the others, 0 if one class is bought alone.

    Returns:
        The columns of a setting, strategy, num_batches, balance (mean over batches and seeds), balance_low and
        balance_high (5 % and 95 % of batches), is_partial (whether runs are missing or not finished). Runs without
        class counts are left out.
    """
    counts = _class_counts(rounds)
    queried = rounds[(rounds["round"] > 0) & (counts != "")]
    counts, balance = counts[queried.index], pd.Series(np.nan, index=queried.index)
    for _, texts in counts.groupby(counts.str.count(" ")):
        balance[texts.index] = batch_balance(_counts(texts))
    by_strategy = queried.assign(balance=balance).groupby(GROUP, sort=True)["balance"]
    partial = partial_strategies(setting_curves(rounds, with_oracles=True))
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


def _class_counts(rounds: pd.DataFrame) -> pd.Series:
    return rounds["class_counts"] if "class_counts" in rounds else pd.Series("", index=rounds.index)


def _counts(texts: pd.Series) -> Floats:
    """Of N texts with as many classes each, (N, C)."""
    return np.array(" ".join(texts).split(), dtype=float).reshape(len(texts), -1)


def _entropy(counts_NC: Floats) -> Floats:
    shares_NC = counts_NC / counts_NC.sum(axis=1, keepdims=True)
    entropy_N: Floats = -special.xlogy(shares_NC, shares_NC).sum(axis=1)
    return entropy_N

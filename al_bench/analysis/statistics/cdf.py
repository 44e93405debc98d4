"""How errors compare with Random's: the cumulative distribution of normalised errors (Ash et al., 2020, Figure 5)."""

import numpy as np
import pandas as pd

from al_bench.analysis.budgets import Definition, compared_settings
from al_bench.analysis.results import SETTING
from al_bench.analysis.settings import grouped
from al_bench.analysis.statistics.measures import ACCURACY, Measure

COLUMNS = [*SETTING, "num_labelled", "strategy", "num_seeds", "normalised_error", "weight", "is_partial"]
SHARE = "share of comparisons, weighted"  # each setting the same


def error_axis(measure: Measure = ACCURACY) -> str:
    """What a figure of distributions has on its axis."""
    error = f"1 - {measure.label}" if measure.better == "higher" else measure.label
    return f"mean {'error' if measure == ACCURACY else error} over the seeds / that of Random"


def normalised_errors(
    rounds: pd.DataFrame, definition: Definition = "paper", *, measure: Measure = ACCURACY, is_partial: bool = False
) -> pd.DataFrame:
    """The mean error of each strategy over that of Random, at every compared number of labels.

    Errors are those of `al_bench.analysis.settings.Curves`; of a measure that has negative ones, there are no ratios.

    Returns:
        The columns of a setting, num_labelled, strategy, num_seeds (those that Random has too), normalised_error (1 if
        both make no error), weight, 1 / (compared numbers of labels in the setting): each setting weighs the same, and
        is_partial (whether runs of the setting are missing or too short).

    Raises:
        ResultsError: as `al_bench.analysis.statistics.penalty.penalty_matrices`.
    """
    rows: list[list[object]] = []
    for setting in compared_settings(rounds, definition, measure=measure, is_partial=is_partial):
        curves = setting.curves
        if np.nanmin(curves.error_KSL, initial=0) < 0:
            continue
        for budget in setting.budgets:
            error_KS = curves.at(budget)
            random_S = error_KS[curves.strategies.index(curves.baseline)]
            for strategy, error_S in zip(curves.strategies, error_KS, strict=True):
                is_paired_S = np.isfinite(error_S) & np.isfinite(random_S)
                if is_paired_S.any():
                    ratio = _ratio(error_S[is_paired_S].mean(), random_S[is_paired_S].mean())
                    weight = 1 / len(setting.budgets)
                    row = [budget, strategy, int(is_paired_S.sum()), ratio, weight, bool(setting.missing)]
                    rows.append([*curves.setting.values(), *row])
    return pd.DataFrame(rows, columns=COLUMNS)


def cumulative_distributions(errors: pd.DataFrame) -> pd.DataFrame:
    """Step functions: the weighted share of normalised errors that are at most so large.

    Args:
        errors: as `normalised_errors` gives them, or some of their rows.

    Returns:
        Columns strategy, normalised_error (ascending), share (up to 1).
    """
    in_order = pd.Categorical(errors["strategy"], errors["strategy"].unique())
    by_error = errors.assign(strategy=in_order).groupby(["strategy", "normalised_error"], observed=True)
    table = by_error["weight"].sum().reset_index()
    by_strategy = table.groupby("strategy", observed=True)["weight"]
    table["share"] = by_strategy.cumsum() / by_strategy.transform("sum")
    return table.drop(columns="weight").astype({"strategy": errors["strategy"].dtype})


def grouped_distributions(errors: pd.DataFrame) -> list[tuple[dict[str, object], pd.DataFrame]]:
    """The distributions of all settings, then by batch size, model, data set, and any two of them."""
    settings = [dict(zip(SETTING, values, strict=True)) for values in errors[SETTING].itertuples(index=False)]
    return [(group, cumulative_distributions(errors.iloc[members])) for group, members in grouped(settings)]


def corners(distributions: pd.DataFrame) -> tuple[tuple[float, float], dict[str, tuple[list[float], list[float]]]]:
    """What is drawn of distributions: the range of errors with a margin, and each strategy's steps (x, y) across it.

    Infinite errors (Random makes none) are beyond the range: such a curve stays below 1.
    """
    errors = distributions["normalised_error"]
    finite = [1.0, *errors[np.isfinite(errors)]]
    margin = 0.05 * (max(finite) - min(finite)) or 0.05
    left, right = min(finite) - margin, max(finite) + margin
    steps = {}
    for strategy, rows in distributions.groupby("strategy", sort=False):
        drawn = rows[np.isfinite(rows["normalised_error"])]
        shares = [0.0, *drawn["share"]]
        steps[str(strategy)] = ([left, *drawn["normalised_error"], right], [*shares, shares[-1]])
    return (left, right), steps


def _ratio(error: float, of_random: float) -> float:
    if of_random == 0:
        return 1.0 if error == 0 else np.inf
    return float(error / of_random)

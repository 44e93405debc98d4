"""Cumulative distributions of normalised errors against a second implementation."""

import csv
import statistics
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from al_bench.analysis.results import load_results
from al_bench.analysis.statistics.cdf import corners, cumulative_distributions, grouped_distributions, normalised_errors
from al_bench.core.errors import ResultsError
from al_bench.records.identity import Identity
from tests.analysis.statistics.test_penalty import obvious_budgets
from tests.support.made_results import SETTINGS, noisy, write_run, write_sweep


def share_at_most(folder: Path, strategy: str, ratio: float, definition: str) -> float:
    """Of the distribution of all settings, straight from its definition."""
    accuracy: dict[tuple[str, ...], dict[int, list[float]]] = {}
    for path in folder.rglob("rounds.csv"):
        for row in csv.DictReader(path.read_text().splitlines()):
            key = (row["dataset"], row["model"], row["batch_size"], row["strategy"])
            points = accuracy.setdefault(key, {})
            points.setdefault(int(row["num_labelled"]), []).append(float(row["test_accuracy"]))
    weight, total = 0.0, 0.0
    for setting in {key[:3] for key in accuracy}:
        random = {n: statistics.fmean(values) for n, values in accuracy[(*setting, "random")].items()}
        budgets = obvious_budgets(random, int(setting[2]), definition)
        for budget in budgets:
            error = 1 - statistics.fmean(accuracy[(*setting, strategy)][budget])
            total += 1 / len(budgets)
            weight += (error / (1 - random[budget]) <= ratio) / len(budgets)
    return weight / total


@pytest.mark.slow
@pytest.mark.parametrize("definition", ["paper", "reference"])
def test_the_distribution_is_that_of_a_second_implementation(tmp_path, definition):
    write_sweep(tmp_path, noisy)
    errors = normalised_errors(load_results(tmp_path).rounds, definition)
    distributions = cumulative_distributions(errors)
    for strategy in ("badge", "coreset", "entropy"):
        steps = distributions[distributions["strategy"] == strategy]
        assert steps["share"].is_monotonic_increasing
        assert steps["share"].iloc[-1] == pytest.approx(1)
        for ratio in (0.8, 0.9, 0.97, 1.0, 1.03, 1.2):
            below = steps[steps["normalised_error"] <= ratio]["share"]
            ours = below.iloc[-1] if len(below) else 0.0
            assert ours == pytest.approx(share_at_most(tmp_path, strategy, ratio, definition))
    random = distributions[distributions["strategy"] == "random"]
    assert random[["normalised_error", "share"]].to_numpy().tolist() == [[1.0, pytest.approx(1.0)]]


@pytest.mark.moderate
def test_groups_hold_the_settings_of_their_kind(tmp_path):
    write_sweep(tmp_path, noisy, settings=SETTINGS[:3], num_seeds=2)
    errors = normalised_errors(load_results(tmp_path).rounds)
    by_group = {tuple(group.items()): each for group, each in grouped_distributions(errors)}
    assert by_group[()].equals(cumulative_distributions(errors))
    only = errors[errors["dataset"] == "openml_6"]
    assert by_group[("dataset", "openml_6"),].equals(cumulative_distributions(only))
    assert {len(group) for group in by_group} == {0, 1, 2}


def write(folder: Path, strategy: str, seed: int, *errors: float) -> None:
    accuracies = {100 + 100 * round: 1 - error for round, error in enumerate(errors)}
    write_run(folder, Identity("digits", "mlp", strategy, 100, "", seed), accuracies)


def test_no_error_against_no_error_is_as_good_and_an_error_against_none_is_infinitely_worse(tmp_path):
    for seed in range(2):
        for strategy, error in (("random", 0.0), ("badge", 0.0), ("margin", 0.1)):
            write(tmp_path, strategy, seed, error, error)
    errors = normalised_errors(load_results(tmp_path).rounds, "reference")
    assert errors["num_labelled"].unique().tolist() == [100]
    by_strategy = errors.set_index("strategy")["normalised_error"]
    assert by_strategy.to_dict() == {"random": 1.0, "badge": 1.0, "margin": np.inf}


def test_a_missing_seed_is_refused_or_left_out_of_both_means(tmp_path):
    for seed in range(3):
        write(tmp_path, "random", seed, 0.6, 0.5 + 0.1 * seed, 0.3, 0.25, 0.1, 0.1)
        if seed:
            write(tmp_path, "badge", seed, 0.6, 0.3, 0.2, 0.1, 0.1, 0.1)
    rounds = load_results(tmp_path).rounds
    with pytest.raises(ResultsError, match="badge · seed 0: there is no such run"):
        normalised_errors(rounds)
    errors = normalised_errors(rounds, is_partial=True)
    row = errors[(errors["strategy"] == "badge") & (errors["num_labelled"] == 200)].iloc[0]
    assert row["num_seeds"] == 2
    assert row["normalised_error"] == pytest.approx(0.3 / 0.65)


def test_a_seed_that_random_lacks_is_left_out_of_the_strategys_mean(tmp_path):
    for seed in range(3):
        write(tmp_path, "badge", seed, 0.6, 0.1 + 0.1 * seed, 0.2, 0.1, 0.1, 0.1)
        if seed:
            write(tmp_path, "random", seed, 0.6, 0.5, 0.3, 0.25, 0.1, 0.1)
    errors = normalised_errors(load_results(tmp_path).rounds, is_partial=True)
    row = errors[(errors["strategy"] == "badge") & (errors["num_labelled"] == 200)].iloc[0]
    assert row["num_seeds"] == 2
    assert row["normalised_error"] == pytest.approx(0.25 / 0.5)


def test_the_corners_of_a_step_function_with_infinite_errors():
    frame = pd.DataFrame(
        [("a", 0.8, 0.5), ("a", 1.2, 1.0), ("b", 0.9, 0.25), ("b", np.inf, 1.0), ("c", np.inf, 1.0)],
        columns=["strategy", "normalised_error", "share"],
    )
    (low, high), steps = corners(frame)
    assert (low, high) == pytest.approx((0.78, 1.22))
    assert steps == {
        "a": ([low, 0.8, 1.2, high], [0, 0.5, 1, 1]),
        "b": ([low, 0.9, high], [0, 0.25, 0.25]),
        "c": ([low, high], [0, 0]),
    }
    (low, high), _ = corners(frame[frame["strategy"] == "c"])
    assert (low, high) == (0.95, 1.05)

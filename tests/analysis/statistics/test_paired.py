"""Paired tests of all pairs against scipy and statsmodels, one pair at a time."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from al_bench.analysis.budgets import compared_settings
from al_bench.analysis.results import load_results
from al_bench.analysis.statistics.paired import paired_tests, pairwise_differences
from al_bench.core.errors import ResultsError
from tests.support.made_results import SETTINGS, STRATEGIES, noisy, write_sweep


@pytest.mark.parametrize("num_seeds", [2, 3, 5, 30])
def test_p_values_and_intervals_are_those_of_scipy(num_seeds):
    error_KS = np.random.default_rng(num_seeds).random((6, num_seeds))
    tests = paired_tests(error_KS)
    for first, second in combinations(range(6), 2):
        expected = stats.ttest_rel(error_KS[first], error_KS[second])
        assert tests.p_KK[first, second] == tests.p_KK[second, first] == pytest.approx(expected.pvalue, rel=1e-9)
        assert tests.mean_KK[first, second] == -tests.mean_KK[second, first]
        low, high = expected.confidence_interval(0.95)
        assert tests.smallest_KK[first, second] == pytest.approx((high - low) / 2, rel=1e-9)
        assert tests.mean_KK[first, second] == pytest.approx((high + low) / 2, abs=1e-12)


def test_a_difference_just_above_the_smallest_is_significant():
    error_KS = np.random.default_rng(0).random((2, 5))
    smallest = paired_tests(error_KS).smallest_KK[0, 1]
    centred_KS = error_KS - error_KS.mean(axis=1, keepdims=True)
    for factor, is_significant in ((1.001, True), (0.999, False)):
        moved_KS = centred_KS + np.array([[factor * smallest], [0]])
        assert (paired_tests(moved_KS).p_KK[0, 1] < 0.05) == is_significant


def test_missing_seeds_are_left_out_pair_by_pair():
    error_KS = np.random.default_rng(0).random((3, 5))
    error_KS[1, 2] = error_KS[2, :4] = np.nan
    tests = paired_tests(error_KS)
    there = [0, 1, 3, 4]
    assert tests.p_KK[0, 1] == pytest.approx(stats.ttest_rel(error_KS[0, there], error_KS[1, there]).pvalue)
    assert tests.num_KK[0].tolist() == [5, 4, 1]
    assert np.isnan(tests.p_KK[0, 2])
    assert np.isnan(tests.smallest_KK[0, 2])


@pytest.mark.slow
def test_holm_is_that_of_statsmodels():
    error_KS = np.random.default_rng(3).normal(size=(7, 5)) + np.linspace(0, 4, 7)[:, None]
    tests = paired_tests(error_KS)
    rows, columns = np.triu_indices(7, k=1)
    expected = multipletests(tests.p_KK[rows, columns], method="holm")[1]
    assert np.allclose(tests.holm_KK[rows, columns], expected)
    assert np.allclose(tests.holm_KK[columns, rows], expected)
    error_KS[6, 1:] = np.nan  # six pairs less
    fewer = paired_tests(error_KS)
    p = fewer.p_KK[np.triu_indices(6, k=1)]
    assert np.allclose(fewer.holm_KK[np.triu_indices(6, k=1)], multipletests(p, method="holm")[1])


@pytest.mark.moderate
@pytest.mark.parametrize("definition", ["paper", "reference"])
def test_the_table_has_every_pair_at_every_budget(tmp_path, definition):
    write_sweep(tmp_path, noisy, settings=SETTINGS[:2])
    rounds = load_results(tmp_path).rounds
    table = pairwise_differences(rounds, definition)
    budgets = {
        setting.curves.setting["batch_size"]: setting.budgets for setting in compared_settings(rounds, definition)
    }
    assert len(table) == 21 * sum(map(len, budgets.values()))
    row = table[(table["first"] == "badge") & (table["second"] == "random")].iloc[0]
    of_both = rounds[(rounds["batch_size"] == row["batch_size"]) & (rounds["num_labelled"] == row["num_labelled"])]
    by_seed = of_both.pivot_table(index="seed", columns="strategy", values="test_accuracy")
    assert row["difference"] == pytest.approx((by_seed["badge"] - by_seed["random"]).mean())
    assert row["p"] == pytest.approx(stats.ttest_rel(by_seed["badge"], by_seed["random"]).pvalue)
    assert row["num_seeds"] == 5
    assert (table["p_holm"] >= table["p"] - 1e-12).all()


@pytest.mark.moderate
def test_settings_that_cannot_be_compared_are_left_out_if_asked_for(tmp_path):
    write_sweep(tmp_path, noisy, settings=SETTINGS[:1])
    write_sweep(tmp_path, noisy, settings=SETTINGS[1:2], strategies=[name for name in STRATEGIES if name != "random"])
    rounds = load_results(tmp_path).rounds
    with pytest.raises(ResultsError, match="no run of strategy random"):
        compared_settings(rounds)
    assert [len(each.budgets) > 0 for each in compared_settings(rounds, is_partial=True)] == [True, False]
    without = rounds[rounds["batch_size"] == 1000]
    with pytest.raises(ResultsError, match="no run of strategy random"):
        compared_settings(without, is_partial=True)

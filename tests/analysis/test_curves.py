"""Mean curves against the statistics module, and their intervals against what they promise."""

import statistics

import numpy as np
import pandas as pd
import pytest

from al_bench.analysis.results import load_results
from al_bench.analysis.settings import setting_curves
from al_bench.analysis.statistics.curves import compared_part, learning_curves
from al_bench.analysis.statistics.intervals import bca_interval
from al_bench.analysis.statistics.measures import MEASURES
from al_bench.records.identity import Identity
from tests.support.made_results import SETTINGS, noisy, write_run, write_sweep


@pytest.mark.moderate
def test_means_and_standard_errors(tmp_path):
    write_sweep(tmp_path, noisy, settings=SETTINGS[1:3], num_seeds=4)
    rounds = load_results(tmp_path).rounds
    curves = learning_curves(rounds)
    assert len(curves) == 7 * (12 + 25)
    keys = ["dataset", "strategy", "num_labelled"]
    for key, of_point in rounds.groupby(keys):
        (row,) = curves[(curves[keys] == list(key)).all(axis=1)].to_dict("records")
        values = of_point["test_accuracy"].tolist()
        assert row["mean"] == pytest.approx(statistics.fmean(values))
        error = statistics.stdev(values) / 4**0.5
        assert (row["low"], row["high"]) == pytest.approx((row["mean"] - error, row["mean"] + error))
        assert row["num_seeds"] == 4
        assert row["is_common"]


def write_seeds(folder, *lengths: int) -> pd.DataFrame:
    for seed, num_rounds in enumerate(lengths):
        accuracies = {100 + 10 * round: 0.5 + 0.01 * round + 0.1 * seed for round in range(num_rounds)}
        write_run(folder, Identity("digits", "mlp", "badge", 10, "", seed), accuracies)
    return load_results(folder).rounds


def test_a_point_that_a_seed_lacks_is_marked(tmp_path):
    curves = learning_curves(write_seeds(tmp_path, 5, 3))
    assert curves["num_seeds"].tolist() == [2, 2, 2, 1, 1]
    assert curves["is_common"].tolist() == [True] * 3 + [False] * 2
    assert curves["mean"].tolist() == pytest.approx([0.55, 0.56, 0.57, 0.53, 0.54])


def test_a_single_seed_has_no_interval(tmp_path):
    for interval in ("standard_error", "bootstrap"):
        curves = learning_curves(write_seeds(tmp_path / interval, 3), interval=interval)
        assert curves["mean"].tolist() == pytest.approx([0.5, 0.51, 0.52])
        assert curves[["low", "high"]].isna().all(axis=None)


def test_other_columns_can_be_averaged(tmp_path):
    identity = Identity("digits", "mlp", "badge", 10, "", 0)
    write_run(tmp_path, identity, {100: 0.5, 110: 0.6})
    path = tmp_path / identity.path / "rounds.csv"
    rounds = pd.read_csv(path, keep_default_na=False)
    rounds["test_balanced_accuracy"] = [0.25, 0.75]
    rounds.to_csv(path, index=False)
    curves = learning_curves(load_results(tmp_path).rounds, MEASURES[1])
    assert curves["mean"].tolist() == pytest.approx([0.25, 0.75])


def test_the_part_compared_ends_where_random_has_99_percent_of_its_final_accuracy(tmp_path):
    accuracies = dict(zip(range(100, 700, 100), [0.5, 0.7, 0.88, 0.895, 0.9, 0.9], strict=True))
    for seed in range(2):
        write_run(tmp_path, Identity("digits", "mlp", "random", 100, "", seed), accuracies)
        write_run(tmp_path, Identity("digits", "mlp", "badge", 100, "", seed), {100: 0.5, 200: 0.9})
    rounds = load_results(tmp_path).rounds
    assert compared_part(setting_curves(rounds)[0]) == (100, 400)
    assert compared_part(setting_curves(rounds[rounds["strategy"] == "badge"])[0]) == (100, 200)


class TestBca:
    def test_a_tail_on_one_side(self):
        """The interval of a skewed sample reaches further towards its tail."""
        values_NS = np.array([[1.0, 1.1, 1.2, 1.3, 4.0, 1.05, 1.15, 1.25]])
        low_N, high_N = bca_interval(values_NS)
        mean = values_NS.mean()
        assert low_N[0] < mean < high_N[0]
        assert high_N[0] - mean > 2 * (mean - low_N[0])

    @pytest.mark.slow
    def test_how_often_they_hold_the_mean(self):
        """2,000 intervals of 20 normal values: about 93 % hold it; by chance not 4 standard errors (2.3 %) off."""
        low_N, high_N = bca_interval(np.random.default_rng(1).standard_normal((2000, 20)))
        assert 0.907 < ((low_N <= 0) & (high_N >= 0)).mean() < 0.953

    def test_the_same_values_have_the_same_interval(self):
        values_NS = np.random.default_rng(0).random((3, 5))
        assert np.array_equal(bca_interval(values_NS), bca_interval(values_NS))
        assert bca_interval(values_NS[:1])[0][0] == bca_interval(np.repeat(values_NS[:1], 3, axis=0))[0][2]

    def test_equal_values_have_an_interval_without_width(self):
        low_N, high_N = bca_interval(np.array([[0.5, 0.5, 0.5, 0.5], [0.1, 0.2, 0.3, 0.2]]))
        assert low_N[0] == high_N[0] == 0.5
        assert low_N[1] < 0.2 < high_N[1]

    def test_fewer_than_four_values_have_none(self):
        """Of two, it would be from the smaller to the larger, and hold the mean in half of all cases."""
        for num_seeds in (2, 3):
            assert np.isnan(bca_interval(np.random.default_rng(0).random((5, num_seeds)))).all()

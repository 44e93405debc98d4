"""Mean curves against the statistics module, and their intervals against what they promise."""

import statistics

import pandas as pd
import pytest
from scipy import stats

from al_bench.analysis.everything import everything
from al_bench.analysis.results import load_results
from al_bench.analysis.settings import setting_curves
from al_bench.analysis.statistics.curves import compared_part, learning_curves
from al_bench.analysis.statistics.measures import MEASURES
from al_bench.core.errors import ResultsError
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
    for interval in ("stderr", "t"):
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


def test_intervals_of_students_t(tmp_path):
    write_sweep(tmp_path, noisy, settings=SETTINGS[5:], num_seeds=4)
    rounds = load_results(tmp_path).rounds
    curves = learning_curves(rounds, interval="t")
    for row in curves.to_dict("records"):
        is_there = (rounds["strategy"] == row["strategy"]) & (rounds["num_labelled"] == row["num_labelled"])
        interval = stats.ttest_1samp(rounds.loc[is_there, "test_accuracy"], 0).confidence_interval()
        assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high))


@pytest.mark.parametrize(
    ("name", "reason"), [("bootstrap", "BCa interval of five seeds"), ("standard_error", "called stderr"), ("bca", ";")]
)
def test_intervals_that_there_are_not_are_refused_with_the_reason(tmp_path, name, reason):
    write_sweep(tmp_path, noisy, settings=SETTINGS[:1], num_seeds=2)
    for asked in (
        lambda: everything(tmp_path, interval=name),
        lambda: learning_curves(load_results(tmp_path).rounds, interval=name),
    ):
        with pytest.raises(ResultsError, match=f"interval={name}.*{reason}.* stderr or t"):
            asked()

"""Areas under the budget curve, labels saved, and ranks."""

import statistics
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from al_bench.analysis.results import load_results
from al_bench.analysis.settings import Curves
from al_bench.analysis.statistics.areas import areas, mean_areas, means_between
from al_bench.analysis.statistics.ranks import Ranks, ranked
from al_bench.analysis.statistics.savings import labels_needed, labels_saved
from al_bench.core.errors import ResultsError
from al_bench.records.identity import Identity
from tests.support.made_results import SETTINGS, STRATEGIES, noisy, write_run, write_sweep


def write(folder: Path, strategy: str, seed: int, accuracies: dict[int, float]) -> None:
    write_run(folder, Identity("digits", "mlp", strategy, 100, "", seed), accuracies)


def test_the_area_is_the_mean_accuracy_over_what_all_strategies_span(tmp_path):
    write(tmp_path, "random", 0, {100: 0.4, 200: 0.6, 300: 0.8, 500: 0.9})
    write(tmp_path, "badge", 0, {100: 0.4, 250: 0.7, 400: 1.0})
    found = areas(load_results(tmp_path).rounds).set_index("strategy")
    assert found[["from_labels", "to_labels"]].to_numpy().tolist() == [[100, 400]] * 2
    assert found.loc["badge", "area"] == pytest.approx((0.55 * 150 + 0.85 * 150) / 300)
    assert found.loc["random", "area"] == pytest.approx((0.5 + 0.7 + 0.825) / 3)


def test_a_run_that_was_cut_short_is_left_out_and_does_not_cut_the_others(tmp_path):
    whole = {100: 0.4, 200: 0.6, 300: 0.8}
    for seed in range(3):
        write(tmp_path, "random", seed, whole)
        write(tmp_path, "badge", seed, whole if seed else {100: 0.4, 200: 0.6})
    found = areas(load_results(tmp_path).rounds)
    assert found["to_labels"].unique().tolist() == [300]
    whole_runs = found.dropna(subset="area").groupby("strategy")["seed"].apply(list)
    assert whole_runs.to_dict() == {"badge": [1, 2], "random": [0, 1, 2]}
    means = mean_areas(found).set_index("strategy")
    assert means["num_seeds"].to_dict() == {"badge": 2, "random": 3}


def test_the_means_of_runs_over_ranges_are_those_of_each_run_by_itself():
    rng = np.random.default_rng(0)
    labels = (10, 20, 35, 60, 100)
    error_KSL = rng.random((3, 4, 5))
    error_KSL[0, 1, 2:], error_KSL[1, 2, 1:3], error_KSL[2, 0], error_KSL[2, 3, 0] = (np.nan,) * 4
    curves = Curves({}, ("random", "badge", "margin"), (0, 1, 2, 3), labels, error_KSL)
    spans = [(10, 60), (10, 26.5), (26.5, 43), (20, 35)]
    found_KSP = means_between(spans, curves)
    for (row, column), error_L in zip(np.ndindex(3, 4), error_KSL.reshape(12, 5), strict=True):
        is_there_L = ~np.isnan(error_L)
        labels_L, value_L = np.array(labels)[is_there_L], 1 - error_L[is_there_L]
        if not len(labels_L) or labels_L[0] > 10 or labels_L[-1] < 60:
            assert np.isnan(found_KSP[row, column]).all()
            continue
        for first, last, found in zip(*zip(*spans, strict=True), found_KSP[row, column].tolist(), strict=True):
            x_P = np.array([first, *(each for each in labels_L if first < each < last), last])
            assert found == np.trapezoid(np.interp(x_P, labels_L, value_L), x_P) / (last - first)
    assert np.isnan(means_between([(20, 20)], curves)).all()


@pytest.mark.moderate
def test_means_have_the_interval_of_students_t(tmp_path):
    write_sweep(tmp_path, noisy, settings=SETTINGS[:2])
    found = areas(load_results(tmp_path).rounds)
    of_setting = found[found["batch_size"] == 100]
    by_seed = of_setting.pivot_table(index="seed", columns="strategy", values="area")
    means = mean_areas(found)
    row = means[(means["batch_size"] == 100) & (means["strategy"] == "badge")].iloc[0]
    assert row["area"] == pytest.approx(statistics.fmean(by_seed["badge"]))
    interval = stats.ttest_1samp(by_seed["badge"], 0).confidence_interval()
    assert (row["area_low"], row["area_high"]) == pytest.approx((interval.low, interval.high))
    shuffled = mean_areas(areas(load_results(tmp_path).rounds.sample(frac=1, random_state=0)))
    keys = ["batch_size", "strategy"]
    pd.testing.assert_frame_equal(*(each.sort_values(keys, ignore_index=True) for each in (means, shuffled)))


def test_without_random_there_are_areas(tmp_path):
    write_sweep(tmp_path, noisy, settings=SETTINGS[:1], strategies=("badge", "margin"), num_seeds=2)
    means = mean_areas(areas(load_results(tmp_path).rounds))
    assert means["area"].notna().all()
    assert labels_saved(load_results(tmp_path).rounds).empty


@pytest.mark.parametrize(
    ("accuracy", "labels"), [(0.3, 100), (0.4, 100), (0.5, 150), (0.6, 200), (0.7, 350), (0.8, 400), (0.81, np.nan)]
)
def test_labels_needed_are_where_the_curve_first_crosses(accuracy, labels):
    curve = pd.Series([0.4, 0.6, 0.5, 0.8], index=[100, 200, 300, 400])
    if accuracy == 0.7:
        labels = 300 + 100 * 2 / 3
    assert labels_needed(curve, accuracy) == pytest.approx(labels, nan_ok=True)


def test_labels_saved_at_the_accuracies_of_random(tmp_path):
    for seed in range(2):
        write(
            tmp_path, "random", seed, dict(zip(range(100, 800, 100), [0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.8], strict=True))
        )
        write(tmp_path, "badge", seed, {100: 0.1, 200: 0.5, 300: 0.9})
        write(tmp_path, "margin", seed, {100: 0.1, 200: 0.2, 300: 0.4})
    saved = labels_saved(load_results(tmp_path).rounds)
    at_budgets, at_end = (saved[saved["target"] == target] for target in ("budget", "99 %"))
    assert at_budgets["random_labels"].unique().tolist() == [200, 300]
    badge = at_budgets[at_budgets["strategy"] == "badge"].set_index("random_labels")
    assert badge["labels"].to_dict() == pytest.approx({200: 150, 300: 200})
    assert badge["saved"].to_dict() == pytest.approx({200: 50, 300: 100})
    assert badge["saved_share"].to_dict() == pytest.approx({200: 0.25, 300: 1 / 3})
    margin = at_budgets[at_budgets["strategy"] == "margin"].set_index("random_labels")
    assert margin["labels"].to_dict() == pytest.approx({200: 250, 300: np.nan}, nan_ok=True)
    assert margin["to_labels"].unique().tolist() == [300]
    assert at_end["accuracy"].unique().tolist() == pytest.approx([0.792])
    assert at_end["random_labels"].unique().tolist() == pytest.approx([592]), "linear between its rounds, too"
    by_strategy = at_end.set_index("strategy")["saved"]
    assert by_strategy["badge"] == pytest.approx(592 - 273)
    assert by_strategy["random"] == 0


def test_a_strategy_without_runs_saves_nothing(tmp_path):
    for seed in range(2):
        write(tmp_path, "random", seed, {100: 0.1, 200: 0.3, 300: 0.5})
    write_run(tmp_path, Identity("mnist", "mlp", "badge", 100, "", 0), {100: 0.5, 200: 0.6})
    saved = labels_saved(load_results(tmp_path).rounds)
    assert saved["strategy"].unique().tolist() == ["random"]


def test_a_run_that_has_just_begun_does_not_hide_its_setting(tmp_path):
    for seed in range(4):
        for strategy in ("random", "badge"):
            write(tmp_path, strategy, seed, {100: 0.4, 200: 0.6, 300: 0.8})
    write(tmp_path, "kdpp", 0, {100: 0.4})
    means = mean_areas(areas(load_results(tmp_path).rounds)).set_index("strategy")
    assert means["area"].to_dict() == pytest.approx({"badge": 0.6, "random": 0.6, "kdpp": np.nan}, nan_ok=True)
    assert means["num_seeds"].to_dict() == {"badge": 4, "random": 4, "kdpp": 0}


class TestRanks:
    def table(self, values: list[list[float]], strategies=("badge", "margin", "random")) -> pd.DataFrame:
        rows = [
            {"dataset": f"d{row}", "model": "mlp", "batch_size": 100, "variant": "", "strategy": strategy}
            | {"area": area, "num_seeds": 5, "is_partial": False}
            for row, areas in enumerate(values)
            for strategy, area in zip(strategies, areas, strict=True)
        ]
        return pd.DataFrame(rows)

    def ranked(self, table: pd.DataFrame) -> Ranks:
        """Each data set by itself."""
        return ranked(table, {name: name for name in table["dataset"]})

    def test_by_hand(self):
        ranks = self.ranked(self.table([[0.9, 0.8, 0.7], [0.9, 0.8, 0.7], [0.7, 0.7, 0.6], [0.5, 0.6, 0.4]]))
        assert ranks.mean_ranks.to_dict() == {"badge": 1.625 - 0.25, "margin": 1.625, "random": 3.0}
        assert ranks.mean_ranks.index[0] == "badge"

    def test_friedman_and_nemenyi(self):
        """Demsar (2006), section 3.2.2: q_0.05 is 2.569 for 4 algorithms; with 14 data sets the difference is 1.25."""
        values = np.random.default_rng(0).random((14, 4)) + np.array([0.6, 0.3, 0.1, 0])
        table = self.table(values.tolist(), ("badge", "albl", "margin", "random"))
        ranks = self.ranked(table)
        assert ranks.critical_difference == pytest.approx(2.569 * (4 * 5 / (6 * 14)) ** 0.5, abs=1e-3)
        assert ranks.critical_difference == pytest.approx(1.25, abs=0.005)
        expected = stats.friedmanchisquare(*values.T)
        assert (ranks.statistic, ranks.p_value) == pytest.approx((expected.statistic, expected.pvalue))
        for first in ranks.mean_ranks.index:
            for second in ranks.mean_ranks.index:
                is_apart = abs(ranks.mean_ranks[first] - ranks.mean_ranks[second]) > ranks.critical_difference
                assert (ranks.p_values.loc[first, second] < 0.05) == is_apart

    def test_strategies_that_are_equal_everywhere_do_not_differ(self):
        ranks = self.ranked(self.table([[0.9, 0.9, 0.9], [0.7, 0.7, 0.7], [0.6, 0.6, 0.6]]))
        assert (ranks.statistic, ranks.p_value) == (0.0, 1.0)
        assert ranks.mean_ranks.tolist() == [2.0] * 3
        assert (ranks.p_values > 0.9).all(axis=None)

    def test_settings_in_which_a_strategy_has_fewer_seeds_are_left_out_and_named(self):
        table = self.table([[0.9, 0.8, 0.7], [0.9, 0.8, 0.7], [0.7, 0.65, 0.6], [0.7, 0.65, 0.6]])
        table.loc[4, "num_seeds"] = 3
        assert self.ranked(table).left_out == ("d1 · mlp · b100",)

    def test_settings_that_lack_a_strategy_are_left_out_and_named(self):
        table = self.table([[0.9, 0.8, 0.7], [0.9, 0.8, 0.7], [0.7, 0.65, 0.6], [0.7, 0.65, 0.6]])
        ranks = self.ranked(table.drop(index=4))
        assert ranks.left_out == ("d1 · mlp · b100",)
        assert ranks.settings == ("d0 · mlp · b100", "d2 · mlp · b100", "d3 · mlp · b100")

    @pytest.mark.parametrize("values", [[[0.9, 0.8, 0.7]] * 2, [[0.9, 0.8, np.nan], *[[0.9, 0.8, 0.7]] * 2]])
    def test_too_few_data_sets(self, values):
        with pytest.raises(ResultsError, match="3 strategies and 2 such data sets"):
            self.ranked(self.table(values))

    @pytest.mark.moderate
    def test_of_a_sweep(self, tmp_path):
        write_sweep(tmp_path, noisy, num_seeds=2)
        ranks = self.ranked(mean_areas(areas(load_results(tmp_path).rounds)))
        assert ranks.mean_ranks.index[:2].tolist() == ["badge", "margin"]
        assert len(ranks.settings) == 6
        assert ranks.datasets == ("cifar10", "mnist", "openml_6", "svhn")
        assert set(ranks.mean_ranks.index) == set(STRATEGIES)

"""How often what is said is wrong, where the truth is known: 4,000 draws and more, with their standard errors.

Spreads are those of the published runs: the paired differences in area of a strategy from Random, without their mean.
Each is beside the way that it was done before, which is off by far.
"""

import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from al_bench.analysis.families import MIN_DATASETS, by_dataset
from al_bench.analysis.results import SETTING
from al_bench.analysis.statistics.intervals import MARGIN, Sample, holm, verdicts
from al_bench.analysis.statistics.overall import ALL, overall
from al_bench.analysis.statistics.ranks import places
from al_bench.config.schema import CONF

NUM_DRAWS = 4_000
NUM_STRATEGIES = 6  # beside the baseline
NUM_EXPORTED = 100  # draws that are told by tables, which are slow, and compared one by one with what is simulated


def share(is_so: np.ndarray) -> tuple[float, float]:
    """Of the draws, with its standard error."""
    found = float(np.mean(is_so))
    error = (found * (1 - found) / len(is_so)) ** 0.5
    sys.stdout.write(f"{found:.4f} +- {error:.4f} of {len(is_so):,} draws\n")
    return found, error


@pytest.fixture(scope="module")
def residuals() -> np.ndarray:
    """Of mean 0 and variance 1, each from a strategy and a seed of a setting."""
    areas = pd.read_csv(CONF.parent / "docs" / "results" / "badge" / "areas.csv", keep_default_na=False)
    pooled = []
    for _, rows in areas.groupby(SETTING):
        by_seed = rows.astype({"area": float}).pivot(index="seed", columns="strategy", values="area")
        for strategy in by_seed.columns.drop("random"):
            difference = (by_seed[strategy] - by_seed["random"]).dropna()
            pooled.append((difference - difference.mean()) / difference.std(ddof=0))
    values = np.concatenate(pooled)
    assert len(values) > 100
    return (values - values.mean()) / values.std()


def bca(values_NS: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What intervals were before."""
    found = stats.bootstrap((values_NS,), np.mean, axis=1, method="BCa", n_resamples=999, rng=np.random.default_rng(0))
    return found.confidence_interval.low, found.confidence_interval.high


class TestIntervals:
    @pytest.mark.parametrize("num_seeds", [4, 5, 10, 20])
    def test_they_cover_the_mean_of_the_published_residuals(self, residuals, num_seeds):
        values = np.random.default_rng(num_seeds).choice(residuals, (NUM_DRAWS, num_seeds))
        low, high = Sample.of(values).interval()
        assert 0.93 < share((low < 0) & (high > 0))[0] < 0.97

    @pytest.mark.slow
    def test_bootstrap_intervals_do_not(self, residuals):
        values = np.random.default_rng(5).choice(residuals, (NUM_DRAWS, 5))
        low, high = bca(values)
        assert share((low < 0) & (high > 0))[0] < 0.88

    @pytest.mark.parametrize("num_seeds", [5, 10])
    def test_a_difference_that_is_not_there_is_called_above_in_2_5_percent(self, num_seeds):
        """Of normal values; of skewed ones more on one side, and less on the other."""
        values = np.random.default_rng(num_seeds).standard_normal((4 * NUM_DRAWS, num_seeds))
        told = np.array(verdicts(Sample.of(values), MARGIN))
        for kind in ("above", "below"):
            found, error = share(np.char.startswith(told.astype(str), kind))
            assert abs(found - 0.025) < 4 * error

    @pytest.mark.parametrize("num_seeds", [5, 10])
    def test_a_difference_as_large_as_the_margin_is_called_the_same_in_5_percent(self, num_seeds):
        """Of normal values, whose spread lets the same be found."""
        values = MARGIN + 0.1 * np.random.default_rng(num_seeds).standard_normal((NUM_DRAWS, num_seeds))
        sample = Sample.of(values)
        without_above = np.array(verdicts(sample, MARGIN, np.ones(NUM_DRAWS))).astype(str)
        found, error = share(without_above == "same")
        assert abs(found - 0.05) < 4 * error
        told = np.array(verdicts(sample, MARGIN)).astype(str)
        assert set(told[without_above == "same"]) <= {"same", "above", "above, by less than the margin"}
        assert set(told[without_above != "same"]) <= {"open", "above"}, "above comes before"


class TestOfSeveralStrategies:
    @pytest.mark.parametrize("num_seeds", [5, 10])
    def test_by_holm_one_that_is_equal_is_called_different_in_5_percent_of_the_families(self, residuals, num_seeds):
        """All are compared with one baseline, so that their gains are not independent."""
        values = np.random.default_rng(num_seeds).choice(residuals, (NUM_DRAWS, NUM_STRATEGIES + 1, num_seeds))
        gains = values[:, 1:] - values[:, :1]
        p = Sample.of(gains.reshape(-1, num_seeds)).p_N.reshape(NUM_DRAWS, NUM_STRATEGIES)
        found, error = share(np.array([(holm(each) < 0.05).any() for each in p]))
        assert found < 0.05 + 4 * error
        assert found <= 0.06
        assert share((p < 0.05).any(axis=1))[0] > 0.12, "without it"


def by_setting(num_datasets: int, num_draws: int, seed: int) -> np.ndarray:
    """Gains (draws, data sets, 3 settings, strategies) of means 0: those of a data set are alike, as real ones are."""
    rng = np.random.default_rng(seed)
    of_datasets = rng.standard_normal((num_draws, num_datasets, 1, NUM_STRATEGIES))
    return of_datasets + 0.5 * rng.standard_normal((num_draws, num_datasets, 3, NUM_STRATEGIES))


@pytest.mark.parametrize("num_datasets", [5, 11])
class TestOverDataSets:
    def test_means_over_data_sets_are_called_different_in_5_percent(self, num_datasets):
        gains = by_setting(num_datasets, NUM_DRAWS, seed=num_datasets)
        assert num_datasets >= MIN_DATASETS

        def errors(values: np.ndarray) -> float:
            """(draws, units, strategies) -> of the families."""
            rows = values.transpose(0, 2, 1).reshape(-1, values.shape[1])
            p = Sample.of(rows).p_N.reshape(NUM_DRAWS, NUM_STRATEGIES)
            return share(np.array([(holm(each) < 0.05).any() for each in p]))[0]

        assert errors(gains.mean(axis=2)) <= 0.06
        assert errors(gains.reshape(NUM_DRAWS, -1, NUM_STRATEGIES)) > 0.3, "settings as if they were independent"

    @pytest.mark.slow
    def test_what_is_exported_says_just_that(self, num_datasets):
        """Many draws at once, as variants."""
        gains = by_setting(num_datasets, NUM_EXPORTED, seed=num_datasets)
        names = [str(number) for number in range(num_datasets)]
        draws, strategies = [str(draw) for draw in range(NUM_EXPORTED)], [f"s{n}" for n in range(NUM_STRATEGIES)]
        index = pd.MultiIndex.from_product(
            [draws, names, [10, 20, 30], strategies], names=["variant", "dataset", "batch_size", "strategy"]
        )
        table = index.to_frame(index=False).assign(
            gain=gains.ravel(), model="mlp", against="random", measure="test_accuracy", part="whole", is_partial=False
        )
        told = overall(table, dict(zip(names, names, strict=True)))
        told = told[told["batch_size"] == ALL].set_index(["variant", "strategy"])
        by_hand = np.array([holm(Sample.of(each.T).p_N) for each in gains.mean(axis=2)])
        exported = told["p_holm"].unstack().loc[draws, strategies].to_numpy()
        assert np.allclose(exported, by_hand, rtol=1e-9)
        is_told = told["verdict"].str.startswith(("above", "below")).unstack().loc[draws, strategies].to_numpy()
        assert np.array_equal(is_told, by_hand < 0.05)
        assert is_told.any(), "some are wrong, as is due"

    @pytest.mark.slow
    def test_who_is_equal_shares_the_first_place_but_in_5_percent(self, num_datasets):
        areas = by_setting(num_datasets, NUM_DRAWS, seed=num_datasets).mean(axis=2)
        denied, by_intervals_alone = [], []
        for each in areas:
            table = pd.DataFrame(each)
            mean_ranks = table.rank(axis=1, ascending=False).mean().sort_values(kind="stable")
            denied.append(places(table, mean_ranks, stats.friedmanchisquare(*each.T).pvalue).max() > 1)
            by_intervals_alone.append((Sample.of((each[:, [mean_ranks.index[0]]] - each).T).interval()[0] > 0).any())
        assert share(np.array(denied))[0] <= 0.06
        assert share(np.array(by_intervals_alone))[0] > 0.3, "the first is chosen among them"

    @pytest.mark.slow
    def test_ranks_of_equal_strategies_differ_in_5_percent(self, num_datasets):
        gains = by_setting(num_datasets, NUM_DRAWS, seed=num_datasets)
        names = [str(number) for number in range(num_datasets)]
        strategies = [str(number) for number in range(NUM_STRATEGIES)]
        index = pd.MultiIndex.from_product(
            [names, ["mlp"], [10, 20, 30], [""], strategies], names=[*SETTING, "strategy"]
        )
        table = index.to_frame(index=False).assign(num_seeds=5, is_partial=False)
        known = dict(zip(names, names, strict=True))
        for each in gains[:NUM_EXPORTED]:
            found = by_dataset(table.assign(area=each.ravel()), known)
            assert len(found.settings) == 3 * num_datasets
            assert np.allclose(found.areas.loc[names, strategies], each.mean(axis=1), rtol=1e-12)
        averaged = [stats.friedmanchisquare(*each.T).pvalue for each in gains.mean(axis=2)]
        blocks = [stats.friedmanchisquare(*each.reshape(-1, NUM_STRATEGIES).T).pvalue for each in gains]
        assert share(np.array(averaged) < 0.05)[0] <= 0.06
        assert share(np.array(blocks) < 0.05)[0] > 0.34, "settings as blocks"

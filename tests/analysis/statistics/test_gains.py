"""Gains in a setting and over data sets against a second implementation: csv, numpy and scipy.special alone."""

import csv
import json
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats
from statsmodels.stats.meta_analysis import combine_effects

from al_bench.analysis.everything import everything
from al_bench.analysis.families import families
from al_bench.analysis.results import load_results
from al_bench.analysis.runs import runs_in
from al_bench.analysis.settings import setting_curves
from al_bench.analysis.statistics.areas import areas, mean_areas
from al_bench.analysis.statistics.gains import GAIN_COLUMNS, gains
from al_bench.analysis.statistics.intervals import Sample, Verdict, detectable_factor, holm, verdicts
from al_bench.analysis.statistics.measures import ACCURACY, TEST_LOSS, Measure
from al_bench.analysis.statistics.overall import OVERALL_COLUMNS, beats, overall
from al_bench.analysis.statistics.ranks import places, ranked
from al_bench.core.errors import ResultsError
from al_bench.records.identity import Identity
from tests.support.made_results import write_run

STRATEGIES = ("badge", "margin", "coreset", "random")
DATASETS = ("openml_6", "digits", "mnist", "mnist,copies=test", "svhn")  # of which two are one data set
SIZES = (50, 100)
SEEDS = range(4)
KNOWN = {name: name.partition(",")[0] for name in DATASETS}


def value(dataset: str, strategy: str, size: int, seed: int, labels: int) -> float:
    """A curve that rises, with a lead of the strategy, of the data set, and noise."""
    rng = np.random.default_rng(abs(hash((DATASETS.index(dataset), STRATEGIES.index(strategy), size, seed))) % 2**32)
    lead = {"badge": 0.02, "margin": 0.001, "coreset": -0.01, "random": 0.0}[strategy]
    return 0.9 - 0.5 * 0.99 ** (labels / 10) + lead * (1 + DATASETS.index(dataset) / 3) + 0.004 * rng.standard_normal()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gains")
    for dataset, strategy, size, seed in product(DATASETS, STRATEGIES, SIZES, SEEDS):
        if (dataset, strategy, seed) == ("svhn", "margin", 3):
            continue  # a seed fewer
        labels = range(100, 1100 if strategy == "random" else 900, size)
        curve = {count: value(dataset, strategy, size, seed, count) for count in labels}
        write_run(folder, Identity(dataset, "mlp", strategy, size, "", seed), curve)
    return folder


@pytest.fixture(scope="module")
def rounds(folder: Path) -> pd.DataFrame:
    return load_results(folder).rounds


def read(folder: Path) -> dict[tuple[str, int], dict[str, dict[int, dict[int, float]]]]:
    """Data set and batch size -> strategy -> seed -> labels -> accuracy."""
    found: dict = defaultdict(lambda: defaultdict(lambda: defaultdict(dict)))
    for path in folder.rglob("rounds.csv"):
        for row in csv.DictReader(path.read_text().splitlines()):
            curve = found[row["dataset"], int(row["batch_size"])][row["strategy"]][int(row["seed"])]
            curve[int(row["num_labelled"])] = float(row["test_accuracy"])
    return found


def area(curve: dict[int, float], first: float, last: float) -> float:
    """The mean of a curve that is linear between its points."""
    points = [(first, np.interp(first, [*curve], [*curve.values()]))]
    points += [(float(x), y) for x, y in curve.items() if first < x < last]
    points += [(last, np.interp(last, [*curve], [*curve.values()]))]
    return sum((y0 + y1) / 2 * (x1 - x0) for (x0, y0), (x1, y1) in pairwise(points)) / (last - first)


def quantile(level: float, degrees: int) -> float:
    return float(special.stdtrit(degrees, 1 - (1 - level) / 2))


def by_hand(values: list[float]) -> dict[str, float]:
    """Mean, interval and p-value of Student's t."""
    n, mean = len(values), float(np.mean(values))
    spread = float(np.sqrt(np.sum((np.array(values) - mean) ** 2) / (n - 1)))
    half = quantile(0.95, n - 1) * spread / np.sqrt(n)
    p = 2 * float(special.stdtr(n - 1, -abs(mean) / spread * np.sqrt(n)))
    return {"gain": mean, "low": mean - half, "high": mean + half, "p": p, "sd": spread, "num": n}


def holm_by_hand(p: dict[str, float]) -> dict[str, float]:
    adjusted, largest = {}, 0.0
    for rank, name in enumerate(sorted(p, key=lambda name: p[name])):
        largest = max(largest, min(1.0, (len(p) - rank) * p[name]))
        adjusted[name] = largest
    return adjusted


def verdict_by_hand(of: dict[str, float], margin: float = 0.5) -> str:
    half = quantile(0.9, int(of["num"]) - 1) * of["sd"] / np.sqrt(of["num"])
    if of["low"] > 0:
        return "above, by less than the margin" if of["high"] < margin else "above"
    if of["high"] < 0:
        return "below, by less than the margin" if of["low"] > -margin else "below"
    return "same" if of["gain"] - half > -margin and of["gain"] + half < margin else "open"


def gains_by_hand(folder: Path) -> dict[tuple[object, ...], dict[str, float]]:
    """(data set, batch size, strategy, part) -> its numbers."""
    found = {}
    for (dataset, size), curves in read(folder).items():
        last = min(max(map(max, seeds.values())) for seeds in curves.values())
        edges = [100 + (last - 100) * third / 3 for third in range(4)]
        spans = {"whole": (edges[0], edges[3]), "early": (edges[0], edges[1])}
        spans |= {"middle": (edges[1], edges[2]), "late": (edges[2], edges[3])}
        random = {n: np.mean([curve[n] for curve in curves["random"].values()]) for n in curves["random"][0]}
        enough = min(n for n in random if random[n] >= 0.99 * random[max(random)])
        budgets = [100 + 2**m * size for m in range(int(np.log2((enough - 100) / size)))]
        for part in [*spans, *map(str, budgets)]:
            of_part = {}
            for strategy in ("badge", "margin", "coreset"):
                shared = sorted(set(curves[strategy]) & set(curves["random"]))
                ours, theirs = (
                    [
                        area(curves[name][seed], *spans[part]) if part in spans else curves[name][seed][int(part)]
                        for seed in shared
                    ]
                    for name in (strategy, "random")
                )
                of_part[strategy] = by_hand([100 * (a - b) for a, b in zip(ours, theirs, strict=True)])
            adjusted = holm_by_hand({name: each["p"] for name, each in of_part.items()})
            for strategy, each in of_part.items():
                found[dataset, size, strategy, part] = each | {"p_holm": adjusted[strategy]}
    return found


class TestInASetting:
    def test_they_are_those_of_a_second_implementation(self, folder, rounds):
        expected = gains_by_hand(folder)
        table = gains(rounds)
        assert list(table.columns) == GAIN_COLUMNS
        assert len(table) == len(expected) > 150
        for row in table.to_dict("records"):
            of = expected[row["dataset"], row["batch_size"], row["strategy"], row["part"]]
            for name in ("gain", "low", "high", "p", "p_holm"):
                assert row[name] == pytest.approx(of[name], rel=1e-12, abs=1e-12), name
            assert row["num_seeds"] == of["num"]
            assert row["detectable"] == pytest.approx(detectable_factor(of["num"]) * of["sd"] / of["num"] ** 0.5)
            assert row["verdict"] == verdict_by_hand(of)
            if row["p_holm"] < 0.05 or row["verdict"] in ("same", "open"):
                assert row["verdict_holm"] == row["verdict"]
            else:
                assert row["verdict_holm"] in ("same", "open")
        assert {Verdict(each).kind for each in table["verdict"]} == {"above", "below", "same", "open"}

    def test_they_are_scipys(self, rounds):
        of = gains(rounds, against="margin")
        row = of[(of["strategy"] == "badge") & (of["dataset"] == "digits") & (of["part"] == "200")].iloc[0]
        at = rounds[(rounds["dataset"] == "digits") & (rounds["batch_size"] == row["batch_size"])]
        at = at[at["num_labelled"] == 200].pivot(index="seed", columns="strategy", values="test_accuracy")
        test = stats.ttest_rel(100 * at["badge"], 100 * at["margin"])
        interval = test.confidence_interval()
        assert (row["p"], row["low"], row["high"]) == pytest.approx((test.pvalue, interval.low, interval.high))

    def test_a_measure_in_other_units_has_its_sign_and_no_same(self, rounds):
        lossy = rounds.assign(test_loss=1 - rounds["test_accuracy"])
        ours, theirs = gains(lossy, [TEST_LOSS]), gains(lossy, [ACCURACY])
        assert ours["gain"].to_numpy() == pytest.approx(theirs["gain"].to_numpy() / 100)
        assert "same" in set(theirs["verdict"])
        assert "same" not in set(ours["verdict"])
        assert set(ours["measure"]) == {"test_loss"}
        with_margin = [replace(TEST_LOSS, margin=0.005)]
        assert gains(lossy, with_margin)["verdict"].tolist() == theirs["verdict"].tolist(), "half a point"
        over, of_points = overall(gains(lossy, with_margin), KNOWN, measures=with_margin), overall(theirs, KNOWN)
        assert over["verdict"].tolist() == of_points["verdict"].tolist()
        assert "same" in set(over["verdict"])

    def test_a_setting_whose_runs_lack_a_measure_has_no_gains_in_it(self, rounds):
        older = rounds["dataset"] == "digits"
        mixed = rounds.assign(test_balanced_accuracy=rounds["test_accuracy"].mask(older))
        balanced = Measure("test_balanced_accuracy", "balanced accuracy", "")
        table = gains(mixed, [ACCURACY, balanced])
        assert set(table[table["measure"] == balanced.column]["dataset"]) == {*DATASETS} - {"digits"}
        assert "digits" in set(table[table["measure"] == ACCURACY.column]["dataset"])

    def test_rounding_is_no_gain(self, tmp_path):
        """Areas that are equal on paper, and differ in the last digit."""
        curves = {"random": [0.028, 0.124, 0.671, 0.647], "badge": [0.028, 0.671, 0.124, 0.647]}
        for (strategy, accuracies), seed in product(curves.items(), range(5)):
            identity = Identity("digits", "mlp", strategy, 10, "", seed)
            write_run(tmp_path, identity, dict(zip((10, 20, 30, 40), accuracies, strict=True)))
        rounds = load_results(tmp_path).rounds
        areas_of = mean_areas(areas(rounds)).set_index("strategy")["area"]
        assert areas_of["badge"] != areas_of["random"]
        (whole,) = gains(rounds).query("part == 'whole'").to_dict("records")
        assert (whole["gain"], whole["p"], whole["verdict_holm"]) == (0, 1, "same")
        assert beats(areas(rounds), {"digits": "digits"})["share"].tolist() == [0.5, 0.5]

    def test_the_margin_is_the_users(self, rounds):
        wide, none = (set(gains(rounds, margin=margin)["verdict"]) for margin in (100.0, 0.0))
        assert wide == {"above, by less than the margin", "below, by less than the margin", "same"}
        assert none == {"above", "below", "open"}

    def test_a_baseline_that_is_not_there_is_named(self, rounds):
        with pytest.raises(ResultsError, match=r"against=badg: there is no run of that strategy(.|\n)*badge"):
            gains(rounds, against="badg")
        assert gains(rounds[rounds["strategy"] != "random"]).empty

    def test_what_may_change_is_partial(self, rounds):
        table = gains(rounds).set_index(["dataset", "strategy"])["is_partial"]
        assert table["svhn", "margin"].all()
        assert not table["digits"].any()

    def test_one_seed_says_nothing(self, rounds):
        table = gains(rounds[rounds["seed"] == 0])
        assert set(table["part"]) == {"whole", "early", "middle", "late"}
        assert table[["low", "high", "p", "p_holm", "detectable"]].isna().all(axis=None)
        assert set(table["verdict"]) == set(table["verdict_holm"]) == {"open"}


class TestASample:
    def test_the_factors_are_those_of_the_noncentral_t(self):
        assert [round(detectable_factor(num), 2) for num in (5, 10)] == [3.76, 3.15]
        assert np.isnan(detectable_factor(1))

    @pytest.mark.slow
    def test_what_is_detectable_is_found_in_80_percent(self):
        """20,000 draws: a standard error of .0028."""
        for num in (3, 5, 10):
            shift = detectable_factor(num) / num**0.5
            sample = Sample.of(np.random.default_rng(num).standard_normal((20_000, num)) + shift)
            assert (sample.p_N < 0.05).mean() == pytest.approx(0.8, abs=4 * 0.0028)

    def test_without_variance(self):
        sample = Sample.of(np.array([[0.1, 0.1, 0.1], [0.0, 0.0, 0.0], [0.3, np.nan, np.nan], [np.nan] * 3]))
        assert sample.p_N[:2].tolist() == [0.0, 1.0]
        assert np.array(sample.interval())[:, 0].tolist() == [0.1, 0.1]
        assert np.isnan(np.array([sample.p_N[2:], *np.array(sample.interval())[:, 2:]])).all()
        assert verdicts(sample, 0.5) == ["above, by less than the margin", "same", "open", "open"]
        assert verdicts(sample, 0.05) == ["above", "same", "open", "open"]

    def test_holm_leaves_out_what_was_not_tested(self):
        adjusted = holm(np.array([0.01, np.nan, 0.04, 0.03]))
        assert adjusted[[0, 2, 3]].tolist() == pytest.approx([0.03, 0.06, 0.06])
        assert np.isnan(adjusted[1])


class TestOverDataSets:
    def test_they_are_those_of_a_second_implementation(self, folder, rounds):
        by_setting = gains_by_hand(folder)
        table = overall(gains(rounds), KNOWN)
        assert list(table.columns) == OVERALL_COLUMNS
        assert len(table) == 3 * 4 * 3  # strategies, parts, batch sizes and all of them
        for (size, part), rows in table.groupby(["batch_size", "part"]):
            expected = {}
            for strategy in rows["strategy"]:
                by_family = defaultdict(list)
                for dataset, own_size in product(DATASETS, SIZES):
                    if size in ("all", str(own_size)):
                        of = by_setting[dataset, own_size, strategy, part]
                        by_family[KNOWN[dataset]].append(of["gain"])
                expected[strategy] = by_hand([float(np.mean(each)) for each in by_family.values()])
            adjusted = holm_by_hand({name: each["p"] for name, each in expected.items()})
            for row in rows.to_dict("records"):
                of = expected[row["strategy"]]
                assert row["num_datasets"] == 4
                predicted = quantile(0.95, 3) * of["sd"] * (1 + 1 / 4) ** 0.5
                of |= {"predicted_low": of["gain"] - predicted, "predicted_high": of["gain"] + predicted}
                for name in ("gain", "low", "high", "p", "predicted_low", "predicted_high"):
                    assert row[name] == pytest.approx(of[name], rel=1e-12, abs=1e-12), name
                assert row["p_holm"] == pytest.approx(adjusted[row["strategy"]], rel=1e-12)

    def test_the_interval_is_that_of_a_meta_analysis_with_equal_variances(self, rounds):
        table = overall(gains(rounds), KNOWN).set_index(["batch_size", "strategy", "part"])
        row = table.loc[("all", "badge", "whole")]
        means = gains(rounds)
        means = means[(means["strategy"] == "badge") & (means["part"] == "whole")]
        effects = means.groupby(means["dataset"].map(KNOWN))["gain"].mean().to_numpy()
        found = combine_effects(effects, np.full(len(effects), effects.var(ddof=1)), method_re="iterated", use_t=True)
        low, high = found.conf_int(use_t=True)[0]
        assert (row["low"], row["high"]) == pytest.approx((low, high), rel=1e-6)

    @pytest.mark.moderate
    def test_what_lacks_a_setting_of_the_results_may_change(self, rounds):
        few = rounds[(rounds["strategy"] != "badge") | (rounds["dataset"] != "mnist")]
        settings = [curves.setting for curves in setting_curves(few)]
        lacking = overall(gains(few, against="badge"), KNOWN, settings=settings)
        assert lacking["is_partial"].all(), "no run of the baseline on mnist"
        whole = rounds[rounds["dataset"] != "svhn"]
        settings = [curves.setting for curves in setting_curves(whole)]
        assert not overall(gains(whole, against="badge"), KNOWN, settings=settings)["is_partial"].any()

    def test_two_data_sets_are_too_few(self, rounds):
        few = rounds[rounds["dataset"].isin(["digits", "mnist", "mnist,copies=test"])]
        table = overall(gains(few), KNOWN)
        assert table["gain"].notna().all()
        assert set(table["num_datasets"]) == {2}
        assert table[["low", "high", "predicted_low", "predicted_high", "p", "p_holm"]].isna().all(axis=None)
        assert set(table["verdict"]) == {"open"}
        shares = beats(areas(few), KNOWN)
        assert shares["share"].between(0, 1).all()
        assert shares[["low", "high"]].isna().all(axis=None)
        with pytest.raises(ResultsError, match="ranks need three strategies or more, and three data sets or more"):
            ranked(mean_areas(areas(few)), KNOWN)

    def test_how_often_one_beats_another(self, folder, rounds):
        shares = beats(areas(rounds), KNOWN).set_index(["first", "second"])
        by_family = defaultdict(list)
        for (dataset, _), curves in read(folder).items():
            both = set(curves["random"]) & set(curves["margin"])
            wins = [
                np.sign(
                    area(curves["margin"][seed], 100, max(curves["badge"][0]))
                    - area(curves["random"][seed], 100, max(curves["badge"][0]))
                )
                / 2
                + 0.5
                for seed in both
            ]
            by_family[KNOWN[dataset]].append(np.mean(wins))
        of = by_hand([float(np.mean(each)) for each in by_family.values()])
        row = shares.loc[("margin", "random")]
        assert (row["share"], row["low"], row["high"]) == pytest.approx(
            (of["gain"], max(of["low"], 0), min(of["high"], 1))
        )
        assert row["share"] + shares.loc[("random", "margin"), "share"] == pytest.approx(1)

    def test_a_family_that_a_data_set_was_told_is_its_unit(self, tmp_path):
        for dataset, family in (
            ("openml,id=14", "digits of Utah"),
            ("openml,id=18", "digits of Utah"),
            ("openml_6", ""),
        ):
            path = write_run(tmp_path, Identity(dataset, "mlp", "random", 100, "", 0), {100: 0.5, 200: 0.6})
            (start,) = json.loads((path / "environment.json").read_text())
            (path / "environment.json").write_text(json.dumps([start | ({"family": family} if family else {})]))
        rounds = load_results(tmp_path).rounds
        assert families(rounds, runs_in(tmp_path)) == {
            "openml,id=14": "digits of Utah",
            "openml,id=18": "digits of Utah",
            "openml_6": "openml_6",
        }
        assert families(rounds) == {"openml,id=14": "openml", "openml,id=18": "openml", "openml_6": "openml_6"}


class TestRanks:
    def test_settings_of_a_data_set_are_averaged_before(self, rounds):
        whole = rounds[(rounds["dataset"] != "svhn")]
        ranks = ranked(mean_areas(areas(whole)), KNOWN)
        assert ranks.datasets == ("digits", "mnist", "openml_6")
        assert len(ranks.settings) == 8
        table = mean_areas(areas(whole)).assign(family=lambda table: table["dataset"].map(KNOWN))
        means = table.pivot_table(index="family", columns="strategy", values="area")
        assert ranks.mean_ranks.to_dict() == means.rank(axis=1, ascending=False).mean().to_dict()
        assert ranks.statistic == pytest.approx(stats.friedmanchisquare(*means.to_numpy().T).statistic)

    def test_who_cannot_be_told_from_the_first_shares_its_place(self):
        by_dataset = pd.DataFrame(
            {
                "a": [0.9, 0.8, 0.7, 0.6],
                "b": [0.88, 0.81, 0.69, 0.6],
                "c": [0.5, 0.41, 0.3, 0.2],
                "d": [0.5, 0.41, 0.3, 0.2],
            }
        )
        ranks = by_dataset.rank(axis=1, ascending=False).mean().sort_values(kind="stable")
        assert places(by_dataset, ranks, 0.04).to_dict() == {"a": 1, "b": 1, "c": 3, "d": 3}
        assert set(places(by_dataset, ranks, 0.06)) == {1}, "Friedman's test finds no difference"

    def test_one_among_several_has_to_be_told_after_holms_method(self):
        differences = pd.Series([0.03, 0.0, 0.02, 0.01, 0.025])
        by_dataset = pd.DataFrame({"a": 0.9, **dict.fromkeys("bcd", 0.9 - differences)}, index=range(5))
        p = stats.ttest_1samp(differences, 0).pvalue
        assert p < 0.05 < 3 * p
        ranks = pd.Series({"a": 1.0, "b": 3.0, "c": 3.0, "d": 3.0})
        assert set(places(by_dataset, ranks, 0.01)) == {1}
        assert places(by_dataset[["a", "b"]], ranks[:2], 0.01).tolist() == [1, 2], "alone it is told"

    def test_who_ranks_before_one_that_shares_the_first_place_shares_it(self):
        by_dataset = pd.DataFrame(
            {"a": [0.9, 0.8, 0.7, 0.6], "b": [0.89, 0.79, 0.69, 0.59], "c": [0.1, 0.9, 0.1, 0.7], "d": [0.0] * 4}
        )
        ranks = pd.Series({"a": 1.25, "b": 2.25, "c": 2.5, "d": 4.0})
        assert places(by_dataset, ranks, 0.01).to_dict() == {"a": 1, "b": 1, "c": 1, "d": 4}


@pytest.mark.moderate
def test_the_report_has_them_all(folder):
    found = everything(folder, against="margin", margin=1.0)
    tables = found.tables()
    assert set(tables["gains"]["against"]) == {"margin"}
    assert list(tables["overall"].columns) == OVERALL_COLUMNS
    assert len(tables["beats"]) == 12

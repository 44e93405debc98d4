"""The page of the leaderboard: every number of it is computed again, by other code, from the runs."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from papers.leaderboard import made as page_module
from papers.leaderboard import page as page_of
from papers.leaderboard import regime as regime_module
from papers.leaderboard.claims import claims
from papers.leaderboard.protocol import RESULTS, Protocol
from papers.leaderboard.regime import regime_of
from papers.leaderboard.standings import oracle_share, standings
from scipy import stats

from al_bench.analysis.results import IDENTITY
from al_bench.analysis.statistics.gains import PARTS
from al_bench.core.errors import ResultsError
from al_bench.leaderboard.adding import COLUMNS
from al_bench.records.archive.moving import pack, restore
from al_bench.records.identity import Identity
from tests.support.leaderboard_again import areas_again, gain_again, holm_again, interval_again
from tests.support.made_results import write_run

STRATEGIES = ("random", "margin", "typiclust", "coreset", "bait", "balanced_oracle")
DATASETS = {"openml_182": 6, "openml_36": 7, "openml_1489": 2, "openml_60": 3}
SEEDS = 3
LEARNER = "mlp,optimizer.lr=0.001,training=regularised,width=256"


def made(strategy: str, dataset: str, seed: int, share: float) -> float:
    """TypiClust is ahead early and behind late; every gain differs by data set; Bait is Margin but on one."""
    shift = {"random": 0.0, "margin": 0.06, "typiclust": 0.12 - 0.12 * share, "coreset": -0.1, "balanced_oracle": 0.11}
    other = "bait" if dataset == "openml_60" else "margin"
    of_it = 0.05 if strategy == "bait" and other == "bait" else shift.get(strategy, shift["margin"])
    wobble = 0.004 * np.sin(17 * seed + 5 * DATASETS[dataset] + len(strategy))
    return 0.4 + 0.3 * share + of_it * (1 + 0.1 * DATASETS[dataset] / 7) + (wobble if of_it else 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Archives of four data sets, of which one lacks a run; one has a seed too many, one a strategy."""
    runs, folder = (tmp_path_factory.mktemp(name) for name in ("runs", "leaderboard"))
    for dataset, num_classes in {**DATASETS, "openml_1497": 4}.items():
        for strategy in STRATEGIES:
            for seed in range(SEEDS + (dataset == "openml_36")):
                if (dataset, strategy, seed) == ("openml_1497", "margin", 1):
                    continue
                labels = [num_classes * (1 + number) for number in range(9)]
                known = (DATASETS.get(dataset) and dataset) or "openml_36"
                curve = {count: float(made(strategy, known, seed, count / labels[-1])) for count in labels}
                name = f"{dataset},max_pool_size=10000,scale=true"
                identity = Identity(name, LEARNER, strategy, num_classes, f"num_initial={num_classes}", seed)
                path = write_run(runs, identity, curve)
                if strategy == "balanced_oracle":
                    text = (path / "environment.json").read_text()
                    (path / "environment.json").write_text(text.replace('"budget"', '"is_oracle": true, "budget"'))
    pack(runs, folder / "low")
    text = (RESULTS / "protocol.yaml").read_text()
    (folder / "protocol.yaml").write_text(re.sub("^seeds: 10$", f"seeds: {SEEDS}", text, flags=re.MULTILINE))
    return folder


@pytest.fixture(scope="module")
def found(folder, tmp_path_factory):
    protocol = Protocol.read(folder / "protocol.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(regime_module, "strategies_of", lambda name: STRATEGIES)
        of_it = regime_of("low", folder / "low", protocol, tmp_path_factory.mktemp("restored") / "runs")
    return standings(of_it, "test_accuracy", protocol), protocol


@pytest.fixture(scope="module")
def again(folder, tmp_path_factory):
    """The areas of the data sets that are whole."""
    runs = tmp_path_factory.mktemp("again")
    restore(folder / "low", runs)
    of_all = areas_again(runs, "test_accuracy")
    for of_it in of_all["openml_36"].values():
        of_it.pop(SEEDS)
    return {name: of_all[name] for name in DATASETS}


def test_a_data_set_is_in_it_once_all_its_runs_are(found):
    standing, _ = found
    assert standing.regime.datasets == ("satimage", "segment", "phoneme", "waveform")
    assert standing.regime.lacking["wall_robot"] == 1
    assert standing.regime.lacking["kropt"] == len(STRATEGIES) * SEEDS
    assert len(standing.regime.rounds[IDENTITY].drop_duplicates()) == 4 * len(STRATEGIES) * SEEDS


def test_gains_over_data_sets_are_those_computed_again(found, again):
    standing, protocol = found
    compared = [name for name in STRATEGIES if name != "balanced_oracle"]
    for against in ("random", "margin"):
        others = [name for name in compared if name != against]
        for number, part in enumerate(PARTS):
            over = standing.over(against, part)
            gains = {name: gain_again(again, name, against, number) for name in others}
            p_holm = holm_again({name: stats.ttest_1samp(each, 0).pvalue for name, each in gains.items()})
            for name, values in gains.items():
                row, (low, high) = over.loc[name], interval_again(values)
                spread = stats.t.isf(0.025, 3) * np.std(values, ddof=1) * np.sqrt(1 + 1 / 4)
                expected = [np.mean(values), low, high, np.mean(values) - spread, p_holm[name]]
                assert np.allclose(row[["gain", "low", "high", "predicted_low", "p_holm"]].astype(float), expected)
    oracle = gain_again(again, "balanced_oracle", "random", 0)
    assert np.isclose(standing.over("random").loc["balanced_oracle", "gain"], np.mean(oracle))
    share = oracle_share(standing, protocol)
    assert np.isclose(share["margin"], np.mean(gain_again(again, "margin", "random", 0)) / np.mean(oracle))


def test_how_often_margin_is_beaten_is_counted_again(found, again):
    standing, _ = found
    for name in ("random", "typiclust", "bait"):
        shares = []
        for of_it in again.values():
            differences = np.array([of_it[name][seed][0] - of_it["margin"][seed][0] for seed in range(SEEDS)])
            shares.append(np.mean((differences > 1e-9) + 0.5 * (np.abs(differences) <= 1e-9)))
        assert np.isclose(standing.beats.loc[name, "share"], np.mean(shares))


def test_places_are_shared_with_whom_the_first_cannot_be_told_from(found, again):
    """Coreset and Random are behind in every data set; Bait is the first but on one."""
    standing, _ = found
    means = {name: np.mean(gain_again(again, name, "random", 0)) for name in STRATEGIES[1:-1]} | {"random": 0.0}
    assert [*standing.places.index] == sorted(means, key=means.get, reverse=True)
    assert standing.places["margin"] == standing.places["bait"] == 1
    assert (standing.places["random"], standing.places["coreset"]) == (4, 5)
    columns = [gain_again(again, name, "random", 0) for name in STRATEGIES[1:-1]] + [[0.0] * 4]
    assert np.isclose(standing.p_value, stats.friedmanchisquare(*columns).pvalue)


def test_claims_hold_where_the_intervals_say_so(found):
    early, late, badge, frozen, tables = claims(*found)
    assert (early.holds, late.holds) == (True, True)
    assert badge.holds is None
    assert frozen.holds is None  # no data set has frozen features
    assert tables.holds in (True, "open")
    assert "above" in early.measured
    assert "over 4 data sets" in early.measured


def test_seconds_of_a_query_are_of_a_label(found):
    standing, _ = found
    expected = np.mean([1000 * 9 * 0.25 / (8 * num_classes) for num_classes in DATASETS.values()])
    assert np.isclose(standing.milliseconds["margin"], expected)


@pytest.mark.slow
def test_the_page_says_it(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(regime_module, "strategies_of", lambda name: STRATEGIES)
    monkeypatch.setattr("sys.argv", ["leaderboard", str(folder), "--out", str(tmp_path)])
    page_module.main()
    assert capsys.readouterr().out == f"{tmp_path / 'README.md'}\n"
    text = (tmp_path / "README.md").read_text()
    assert "Data sets (4): satimage, segment, phoneme, waveform. 72 runs" in text
    assert "The protocol asks for eleven data sets" in text
    assert "* medium: no runs yet" in text
    assert "## Submissions" not in text
    assert "| – | *balanced_oracle* |" in text
    assert re.search(r"^\| 1 \| (bait|margin) \| \+\d\.\d\d ± \d\.\d\d ↑ \|", text, re.MULTILINE)
    (folder / "submissions.csv").write_text(f"{','.join(COLUMNS)}\nmine,low,9,A,0123abc,,0,1,1,0.5,1.5,,,0.3.0,ff\n")
    page_module.main()
    text = (tmp_path / "README.md").read_text()
    assert "## Submissions\n" in text
    assert "| low | mine | +1.00 ± 0.50 |" in text
    assert (tmp_path / "standings_low.png").stat().st_size > 10_000
    for name in ("gains", "overall"):
        table = pd.read_csv(tmp_path / f"{name}.csv")
        assert [*table["regime"].unique()] == ["low"]
        assert {*table["measure"]} == {"test_accuracy", "test_balanced_accuracy"}
        assert not {"model", "variant"} & {*table.columns}


def test_submissions_are_a_table_by_their_gain_and_what_they_say_is_text():
    def row(**said):
        due = {"regimes": "low", "num_runs": "30", "authors": "A; B", "commit": "0123abc", "deviations": ""}
        cost = {"tuning_trials": "0", "cpu_hours": "1.5", "description": "", "code": "", "al_bench": "0", "sha256": "f"}
        return {**due, **cost, "gain": "", "low": "", "high": "", **said}

    rows = [
        row(strategy="unknown"),
        row(strategy="mine", gain="1.5", low="0.5", high="2.5", code="https://a.b/c", description="<b>|*x*"),
        row(strategy="few", gain="2.25", low="nan", high="nan"),
        row(strategy="both", regimes="low medium", gain="-1 3", low="-2 2", high="0 4"),
    ]
    table = page_of.submissions_table(pd.DataFrame(rows))
    shown = [*zip(table["regime"], table["strategy"], table["gain over random"], strict=True)]
    assert shown == [
        ("low", "few", "+2.25"),
        ("low", "[mine](https://a.b/c)", "+1.50 ± 1.00"),
        ("low", "both", "-1.00 ± 1.00"),
        ("low", "unknown", ""),
        ("medium", "both", "+3.00 ± 1.00"),
    ]
    assert table["what it does"][1] == r"\<b\>\|\*x\*"
    assert page_of.submissions_table(pd.DataFrame(columns=COLUMNS)).empty


def test_without_a_whole_data_set_there_is_no_page(folder, tmp_path):
    protocol = Protocol.read(folder / "protocol.yaml")
    with pytest.raises(ResultsError, match=r"low: no data set of the protocol has all its runs.*'satimage': 252"):
        page_module.all_standings(folder, protocol.model_copy(update={"seeds": SEEDS + 7}))


@pytest.mark.slow
def test_the_published_numbers_are_those_of_the_archives(tmp_path):
    """Each gain over data sets in overall.csv, from the files of the runs."""
    if not (RESULTS / "overall.csv").exists():
        pytest.skip("NO LEADERBOARD IS PUBLISHED YET")
    published = pd.read_csv(RESULTS / "overall.csv").query("part == 'whole' and measure == 'test_accuracy'")
    protocol = Protocol.read()
    for name, rows in published.groupby("regime"):
        found = regime_of(str(name), RESULTS / str(name), protocol, tmp_path / str(name))
        again = areas_again(tmp_path / str(name), "test_accuracy")
        names = protocol.names(str(name))
        whole = {each: of_it for each, of_it in again.items() if names.get(each) in found.datasets}
        of_all = rows[rows["batch_size"] == "all"]
        assert len(of_all) >= len(found.strategies) - 1
        for row in of_all.to_dict("records"):
            values = gain_again(whole, row["strategy"], row["against"], 0)
            assert np.isclose(row["gain"], np.mean(values)), row
            assert len(values) < 3 or np.allclose([row["low"], row["high"]], interval_again(values)), row

"""Regimes: what differs in more than data set and batch size is shown side by side, and in no number together."""

import re
from pathlib import Path

import pandas as pd
import pytest

from al_bench.analysis.everything import Comparison, Everything, everything
from al_bench.analysis.page.export import _drawings
from al_bench.analysis.page.report import report
from al_bench.analysis.regimes import by_regime, conditions_of
from al_bench.analysis.settings import group_name, grouped
from al_bench.analysis.statistics.ranks import Ranks
from al_bench.records.identity import Identity
from tests.analysis.page.test_report import plain
from tests.support.made_results import noisy, write_run

DATASETS = ("digits", "letters", "mnist")
NOISE, PROBE = "label_noise.rate=0.1", "features=minilm"
REGIMES = {  # what is added to the name of a data set, model and variant
    "mlp": ("", "mlp", ""),
    f"mlp · {NOISE}": (f",{NOISE}", "mlp", ""),
    f"linear · {PROBE}": ("", "linear", PROBE),
    f"linear · {NOISE},{PROBE}": (f",{NOISE}", "linear", PROBE),
}
LEAD = {"badge": 0.03, "margin": 0.01, "random": 0.0}


def write(folder: Path, regimes: dict[str, tuple[str, str, str]]) -> None:
    """Curves of another height, order of strategies and spread in each."""
    for number, (added, model, variant) in regimes.items():
        place = list(REGIMES).index(number)
        for position, dataset in enumerate(DATASETS):
            for strategy, lead in LEAD.items():
                for seed in range(3):
                    counts = [100 + 100 * round for round in range(9)]
                    raised = lead * (1 - place) - 0.1 * place + 0.002 * position * (strategy == "margin")
                    curve = {count: noisy("other", seed, count / 900) + raised for count in counts}
                    write_run(folder, Identity(f"{dataset}{added}", model, strategy, 100, variant, seed), curve)


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Everything:
    folder = tmp_path_factory.mktemp("together")
    write(folder, REGIMES)
    return everything(folder)


@pytest.fixture(scope="module", params=REGIMES)
def alone(request, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Everything]:
    folder = tmp_path_factory.mktemp("alone")
    write(folder, {request.param: REGIMES[request.param]})
    return request.param, everything(folder)


def of_regime(table: pd.DataFrame, regime: str) -> pd.DataFrame:
    _, model, variant = REGIMES[regime]
    done = regime.partition(" · ")[2] or variant
    return table[(table["model"] == model) & (table["variant"] == done)]


def assert_same_rows(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    """In whatever order of the strategies."""
    assert len(theirs)
    keys = [name for name in ours if not pd.api.types.is_float_dtype(ours[name])]
    pd.testing.assert_frame_equal(*(each.sort_values(keys).reset_index(drop=True) for each in (ours, theirs)))


@pytest.mark.parametrize(
    ("dataset", "variant", "conditions"),
    [
        ("mnist", "", ""),
        ("mnist,copies=test", "", ""),
        ("openml,id=6,scale=true", "num_initial=20", "num_initial=20"),
        ("openml,id=6,scale=true", "num_initial=10", ""),
        ("cifar10,long_tail.ratio=0.02", "features=minilm,num_initial=10", "long_tail.ratio=0.02,features=minilm"),
        ("openml,id=6", "num_initial=100", "num_initial=100"),
        ("cifar10,long_tail.ratio=0.02", "", "long_tail.ratio=0.02"),
        ("a,copies=pool,duplicates.share=1,max_pool_size=9", "x=1", "duplicates.share=1,max_pool_size=9,x=1"),
        ("a,label_noise.matrix=[[0.9,0.1],[0,1]],name=b", "", "label_noise.matrix=[[0.9,0.1],[0,1]]"),
        ("multiple_features,modalities=[fourier,max_pool_size=1]", "", ""),
        ("label_noise.rate=0.1", "", ""),
    ],
)
def test_what_was_done_to_the_pool_is_read_off_a_name(dataset, variant, conditions):
    assert conditions_of(dataset, variant, 10) == conditions


@pytest.mark.slow
class TestEachIsAsIfItWereAlone:
    def test_gains_over_data_sets(self, together, alone):
        regime, found = alone
        assert_same_rows(of_regime(together.overall, regime), found.overall)
        assert set(found.overall["num_datasets"]) == {3}

    def test_how_often_one_beats_another(self, together, alone):
        regime, found = alone
        assert_same_rows(of_regime(together.beats, regime), found.beats)

    def test_ranks_and_profiles(self, together, alone):
        regime, found = alone
        assert list(found.ranks) == [regime]
        ours, theirs = together.ranks[regime], found.ranks[regime]
        assert isinstance(ours, Ranks)
        assert isinstance(theirs, Ranks)
        assert ours.mean_ranks.to_dict() == theirs.mean_ranks.to_dict()
        assert ours.p_value == theirs.p_value
        gaps, alone_gaps = together.profiles[regime].gaps, found.profiles[regime].gaps
        pd.testing.assert_frame_equal(gaps[alone_gaps.columns], alone_gaps)

    def test_no_penalty_matrix_is_of_two_conditions(self, together, alone):
        regime, found = alone
        conditions = regime.partition(" · ")[2]
        assert isinstance(together.comparison, Comparison)
        ours = {tuple(each.group.items()): each.matrix for each in together.comparison.matrices}
        theirs = {tuple(each.group.items()): each.matrix for each in found.comparison.matrices}
        for group, matrix in theirs.items():
            if not {"dataset"} & dict(group).keys() or "label_noise" not in regime:
                pd.testing.assert_frame_equal(
                    ours[(("variant", conditions), *group)].loc[matrix.index, matrix.columns], matrix
                )


def test_numbers_in_names_are_in_their_order():
    names = [f"features=minilm,num_initial={number}" for number in (385, 77, 1155)]
    settings = [{"dataset": "banking77", "model": "linear", "batch_size": 10, "variant": name} for name in names]
    in_order = [names[1], names[0], names[2]]
    assert [regime["variant"] for regime, _ in by_regime(pd.DataFrame(settings))] == in_order
    assert [group["variant"] for group, _ in grouped(settings) if group.keys() == {"variant"}] == in_order


def test_models_that_are_trained_in_different_ways_are_in_no_group_together():
    models = (
        *("mlp", "mlp,width=32", "resnet", "mlp,start=warm,width=32", "resnet,start=warm"),
        *("mlp,max_epochs=20,training=regularised", "mlp,max_epochs=50,stop_at_train_accuracy=null"),
        "mlp,patience=5,widths=[1,start=2]",
    )
    settings = [{"dataset": "digits", "model": model, "batch_size": 10, "variant": ""} for model in models]
    whole = {group_name(group): members for group, members in grouped(settings) if group.keys() == {"variant"}}
    assert whole == {
        "no variant": [0, 1, 2],
        "variant start=warm": [3, 4],
        "variant training=regularised": [5],
        "variant stop_at_train_accuracy=null": [6],
        "variant patience=5": [7],
    }
    assert next(group for group, _ in grouped(settings[:3])) == {}


def test_each_has_a_table_a_matrix_and_a_sentence_of_its_own(together):
    text = plain(report(together))
    for regime in REGIMES:
        assert f"Gain over random in area under the curve: {regime}" in text
        assert f"How often the strategy of the row beats that of the column: {regime}" in text
        assert f"Over 3 data sets ({regime}), in points: " in text
        assert f"by setting (Holm), {regime}: " in text
        assert f"{regime}: By mean rank over 3 data sets" in text
    for conditions in (NOISE, PROBE, f"{NOISE},{PROBE}"):
        assert f"variant {conditions}: largest possible entry 3" in text
        assert f"Mean penalties (variant {conditions}), the lowest first: " in text
    assert "no variant: largest possible entry 3" in text
    assert "all settings: largest" not in text


def test_their_tables_and_figures_have_their_names(together, tmp_path):
    tables = together.tables()
    for name in ("mean_ranks", "nemenyi", "profiles"):
        assert set(tables[name]["regime"]) == set(REGIMES), name
    paths = [path.name for drawing in _drawings(together, tmp_path) for path in drawing.args if isinstance(path, Path)]
    assert len(set(paths)) == len(paths)
    assert sum(bool(re.match("ranks_regime", path)) for path in paths) == len(REGIMES)
    assert "penalty_overall" in paths, "of no variant"

"""The protocol of the leaderboard, decided before its runs, is what is configured."""

import pytest
import yaml
from hydra import compose, initialize_config_dir

from al_bench.analysis.statistics.gains import PARTS
from al_bench.analysis.statistics.intervals import MARGIN
from al_bench.analysis.statistics.measures import MEASURES
from al_bench.config.schema import CONF

FILE = CONF.parent / "docs" / "results" / "leaderboard" / "protocol.yaml"
PROTOCOL = yaml.safe_load(FILE.read_text())
REGIMES = list(PROTOCOL["regimes"])


def experiment(regime: str):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", [f"experiment=leaderboard/{regime}"], return_hydra_config=True)


def names_of(composed, key: str) -> list[str]:
    return [name.strip() for name in composed.hydra.sweeper.params[key].split(",")]


@pytest.mark.parametrize("regime", REGIMES)
def test_an_experiment_has_the_data_sets_seeds_and_rounds_of_the_protocol(regime):
    composed = experiment(regime)
    known = PROTOCOL["datasets"].items()
    due = {f"leaderboard/{name}" for name, each in known if regime in each.get("regimes", REGIMES)}
    settings = names_of(composed, "setting")
    assert set(settings) == due
    assert len(settings) == len(due) >= 11
    assert composed.hydra.sweeper.params.seed == f"range({PROTOCOL['seeds']})"
    assert composed.name == f"leaderboard_{regime}"
    schedule = PROTOCOL["regimes"][regime]
    assert {key: composed.schedule[key] for key in schedule} == schedule
    assert schedule["num_rounds"] >= PROTOCOL["min_rounds"]


def test_regimes_have_the_same_strategies():
    """Oracles last, as said; the baselines first."""
    strategies = names_of(experiment("low"), "strategy")
    assert names_of(experiment("medium"), "strategy") == strategies
    assert len({*strategies}) == len(strategies)
    assert strategies[:2] == [PROTOCOL["baseline"], PROTOCOL["also_against"]]
    assert [name for name in strategies if "/" in name] == [f"oracle/{name}" for name in PROTOCOL["oracles"]]


@pytest.mark.parametrize("name", PROTOCOL["datasets"])
def test_a_setting_is_its_data_set_by_its_learner(name):
    said = PROTOCOL["datasets"][name]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = compose("config", [f"setting=leaderboard/{name}", "schedule=low"], return_hydra_config=True)
    choices = composed.hydra.runtime.choices
    assert (choices["dataset"], choices["model"]) == (said["dataset"], said["learner"])
    if said["learner"] == "mlp":
        assert choices["training@model"] == "regularised"
        assert (composed.model.width, composed.model.optimizer.lr, composed.dataset.scale) == (256, 1e-3, True)
    assert composed.dataset.get("max_pool_size") == (None if name == "clinc150" else 10_000)


def test_what_is_said_is_what_the_analysis_says():
    assert {*PROTOCOL["measures"]} <= {measure.column for measure in MEASURES}
    assert PROTOCOL["measures"][0] == "test_accuracy"
    assert tuple(PROTOCOL["parts"]) == tuple(PARTS)
    assert PROTOCOL["margin"] == MARGIN
    assert not {*PROTOCOL["datasets"]} & {*PROTOCOL["marked"]}
    assert {*PROTOCOL["footnotes"]} <= {*PROTOCOL["datasets"]}

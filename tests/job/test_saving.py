"""`save=`: what is asked for is what the measured networks said and were, and changes nothing else."""

import json

import numpy as np
import pytest
import torch

from al_bench.records.reading import rows_of
from al_bench.records.saved import LAST_WEIGHTS, PREDICTIONS, SAVED, WEIGHTS, read_predictions, saved_path, saved_rounds
from al_bench.training.trained import metrics_of
from tests.conftest import assert_same_results, run_directory

MARGIN = "strategy=margin"
RUN = ("model.width=8", "model.max_epochs=3", "num_initial=20", "num_validation=5", "batch_size.size=15", MARGIN)
SHORT, LONG = "budget=55", "budget=70"  # three rounds, and four


@pytest.mark.slow
def test_predictions_give_the_measures_of_rounds_csv(cli, tmp_path):
    assert cli(*RUN, SHORT, "save=predictions").code == 0
    path = run_directory(tmp_path)
    rows = rows_of(path)
    assert saved_rounds(path, PREDICTIONS) == {row["round"] for row in rows} == {0, 1, 2}
    for row in rows:
        found = read_predictions(path, row["round"])
        metrics = metrics_of(torch.from_numpy(found.logits_NC), torch.from_numpy(found.targets_N))
        names = ("accuracy", "balanced_accuracy", "loss", "macro_f1", "brier", "ece", "auroc")
        assert {name: row[f"test_{name}"] for name in names} == {name: getattr(metrics, name) for name in names}
        assert {"validation_macro_f1", "validation_brier"} <= row.keys()
        assert "validation_auroc" not in row  # five examples lack classes


@pytest.mark.moderate
def test_weights_are_tensors_that_load_safely_and_predict_the_same(cli, tmp_path):
    from al_bench.models.mlp import MLP

    assert cli(*RUN, SHORT, "save=[weights,predictions,last_weights,weights]").code == 0
    path = run_directory(tmp_path)
    assert (saved_rounds(path, WEIGHTS), saved_rounds(path, LAST_WEIGHTS)) == ({0, 1, 2}, {2})
    assert saved_path(path, LAST_WEIGHTS, 2).read_bytes() == saved_path(path, WEIGHTS, 2).read_bytes()
    from al_bench.datasets.digits import digits

    inputs = digits(rng=np.random.default_rng(0)).test.inputs
    for round in range(3):
        network = MLP(input_shape=inputs.shape[1:], num_classes=10, width=8)
        network.load_state_dict(torch.load(saved_path(path, WEIGHTS, round), weights_only=True))
        assert all(parameter.device.type == "cpu" for parameter in network.parameters())
        assert network(inputs).shape == read_predictions(path, round).logits_NC.shape


@pytest.mark.slow
def test_saving_changes_no_result_and_is_no_part_of_the_identity(cli, tmp_path):
    assert cli(*RUN, SHORT, "name=plain").code == 0
    assert cli(*RUN, SHORT, "name=saving", f"save=[{','.join(SAVED)}]").code == 0
    plain, saving = (run_directory(tmp_path / "outputs" / name) for name in ("plain", "saving"))
    assert_same_results(plain, saving)
    assert plain.relative_to(tmp_path / "outputs" / "plain") == saving.relative_to(tmp_path / "outputs" / "saving")
    assert not any((plain / kind).exists() for kind in SAVED)
    assert "finished" in cli(*RUN, SHORT, "name=saving").out  # skipped, though it is asked for less


@pytest.mark.slow
def test_a_resumed_run_saves_from_then_on_and_says_so(cli, tmp_path):
    assert cli(*RUN, SHORT, "save=weights").code == 0
    assert cli(*RUN, LONG, "save=[predictions,weights,last_weights]").code == 0
    path = run_directory(tmp_path)
    assert {kind: saved_rounds(path, kind) for kind in SAVED} == {
        PREDICTIONS: {3},
        WEIGHTS: {0, 1, 2, 3},
        LAST_WEIGHTS: {3},
    }
    told = [line[line.index("save=") :] for line in (path / "run.log").read_text().splitlines() if "save=" in line]
    of_rounds = "of the rounds that are done have no file (the first is round"
    assert told == [
        f"save=predictions: 3 {of_rounds} 0), and get none; there is one from round 3 on",
        f"save=last_weights: 1 {of_rounds} 2), and get none; there is one from round 3 on",
    ]


@pytest.mark.slow
def test_an_older_configuration_without_the_key_is_resumed(cli, tmp_path):
    assert cli(*RUN, SHORT).code == 0
    path = run_directory(tmp_path)
    config = (path / "config.yaml").read_text()
    assert "save: []\n" in config
    (path / "config.yaml").write_text(config.replace("save: []\n", ""))
    assert cli(*RUN, LONG).code == 0
    assert json.loads((path / "done.json").read_text())["num_labelled"] == 70


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("save=predictons", "save=predictons: predictons cannot be saved; did you mean 'predictions'?"),
        ("save=[weights,3]", "save=[weights,3]: 3 cannot be saved; known: last_weights, predictions, weights"),
        ("save=null", "save=null: null cannot be saved"),
        ("save={a: 1}", "must be a list, as in key=[a,b]"),
    ],
)
def test_what_cannot_be_saved_is_refused(cli, tmp_path, typed, message):
    result = cli(typed)
    assert result.code == 1
    assert message in result.err
    assert not (tmp_path / "outputs").exists()

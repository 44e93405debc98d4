"""The experiments of the papers, as they are configured."""

import pytest
import yaml
from hydra import compose, initialize_config_dir

from al_bench.config import CONF

# Ash et al. (2020): data set, model, width, learning rate, mini-batch (of the published code), labels in the end
PAIRS = [
    ("mnist", "mlp", 256, 1e-3, 64, 50_000),
    ("svhn", "mlp", 256, 1e-3, 64, 50_000),
    ("svhn", "resnet", 64, 1e-3, 64, 50_000),
    ("svhn", "vgg", None, 1e-3, 64, 50_000),
    ("cifar10", "mlp", 256, 1e-3, 128, None),
    ("cifar10", "resnet", 64, 1e-3, 128, None),
    ("cifar10", "vgg", None, 1e-3, 128, None),
    ("openml_6", "mlp", 1024, 1e-4, 128, None),
    ("openml_155", "mlp", 1024, 1e-4, 128, None),
    ("openml_156", "mlp", 1024, 1e-4, 128, None),
    ("openml_184", "mlp", 1024, 1e-4, 128, None),
]


@pytest.mark.parametrize(("dataset", "model", "width", "lr", "minibatch_size", "budget"), PAIRS)
def test_a_setting_is_the_papers(dataset, model, width, lr, minibatch_size, budget):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = compose("config", [f"setting={dataset}_{model}"], return_hydra_config=True)
        plain = compose("config", [f"dataset={dataset}", f"model={model}"])
    assert composed.hydra.runtime.choices.dataset == dataset
    assert composed.hydra.runtime.choices.model == model
    assert (composed.dataset, composed.model) == (plain.dataset, plain.model)
    assert composed.model.get("width") == width
    assert composed.model.optimizer._target_ == "torch.optim.Adam"
    assert (composed.model.optimizer.lr, composed.model.minibatch_size) == (lr, minibatch_size)
    assert (composed.num_initial, composed.budget) == (100, budget)
    assert composed.model.get("depth", 11) == 11
    assert composed.model.stop_at_train_accuracy == 0.99


def test_there_are_eleven_settings():
    names = {path.stem for path in (CONF / "setting").glob("*.yaml")}
    assert names == {f"{dataset}_{model}" for dataset, model, *_ in PAIRS}


def test_the_grid_of_the_paper_and_a_part_of_it(cli):
    """33 settings, 7 strategies, 5 seeds: of one batch size a third."""
    axes = yaml.safe_load((CONF / "experiment" / "badge" / "paper.yaml").read_text())["hydra"]["sweeper"]["params"]
    assert axes["batch_size"] == "b100,b1000,b10000"
    assert (
        f"{11 * 7 * 5} runs, 0 of them finished" in cli("experiment=badge/paper", "batch_size=b100", "dry_run=true").out
    )
    part = ("setting=svhn_vgg,openml_6_mlp", "batch_size=b1000", "strategy=badge,random", "seed=0,7")
    told = cli("experiment=badge/paper", *part, "dry_run=true").out
    assert "8 runs, 0 of them finished" in told
    assert "openml_6 · mlp · b1000" in told
    assert "svhn · vgg · b1000" in told

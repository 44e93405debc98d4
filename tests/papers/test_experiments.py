"""The experiments of the papers, as they are configured."""

import pytest
import yaml
from hydra import compose, initialize_config_dir

from al_bench.analysis.budgets import compared_settings
from al_bench.analysis.results import load_results
from al_bench.config.schema import CONF
from al_bench.records.archive.moving import restore

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


@pytest.mark.parametrize(("dataset", "model", "width", "lr", "minibatch_size", "budget"), PAIRS)
def test_a_setting_of_the_published_code(dataset, model, width, lr, minibatch_size, budget):
    """Narrower or deeper, with its learning rate and clamp; the rest is the paper's."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        paper = compose("config", [f"setting={dataset}_{model}"])
        code = compose("config", [f"setting=reference/{dataset}_{model}"], return_hydra_config=True)
    assert code.hydra.runtime.choices["training@model"] == "reference"
    changed = {"mlp": {"width": 128}, "resnet": {"width": 16}, "vgg": {"depth": 16}}[model]
    changed |= {"gradient_clamp": 0.1, "recompute_batch_norm": False}
    changed["optimizer"] = {**paper.model.optimizer, "lr": 1e-4}
    assert dict(code.model) == {**paper.model, **changed}
    assert (code.dataset, code.budget, code.num_initial) == (paper.dataset, budget, 100)
    assert code.model.minibatch_size == minibatch_size


@pytest.mark.parametrize("folder", ["", "reference"])
def test_there_are_eleven_settings(folder):
    names = {path.stem for path in (CONF / "setting" / folder).glob("*.yaml")}
    assert names == {f"{dataset}_{model}" for dataset, model, *_ in PAIRS}


def axes_of(experiment: str) -> dict[str, str]:
    """What an experiment of BADGE sweeps over, without spaces."""
    text = (CONF / "experiment" / "badge" / f"{experiment}.yaml").read_text()
    axes = yaml.safe_load(text)["hydra"]["sweeper"]["params"]
    return {name: "".join(values.split()) for name, values in axes.items()}


@pytest.mark.slow
def test_the_grid_of_the_paper_and_a_part_of_it(cli):
    """33 settings, 7 strategies, 5 seeds: of one batch size a third."""
    assert axes_of("paper")["batch_size"] == "b100,b1000,b10000"
    assert (
        f"{11 * 7 * 5} runs, 0 of them finished" in cli("experiment=badge/paper", "batch_size=b100", "dry_run=true").out
    )
    part = ("setting=svhn_vgg,openml_6_mlp", "batch_size=b1000", "strategy=badge,random", "seed=0,7")
    told = cli("experiment=badge/paper", *part, "dry_run=true").out
    assert "8 runs, 0 of them finished" in told
    assert "openml_6 · mlp · b1000" in told
    assert "svhn · vgg · b1000" in told


@pytest.mark.slow
def test_the_grid_of_the_published_code(cli):
    """That of the paper, with other settings of the same pairs."""
    paper, reference = axes_of("paper"), axes_of("reference")
    assert reference.pop("setting") == ",".join(f"reference/{name}" for name in paper.pop("setting").split(","))
    assert reference == paper
    told = cli("experiment=badge/reference", "batch_size=b100", "seed=3", "strategy=badge", "dry_run=true").out
    assert "11 runs, 0 of them finished" in told


@pytest.mark.parametrize("path", sorted((CONF / "setting" / "small").glob("*.yaml")), ids=lambda path: path.stem)
def test_small_settings_let_random_go_on_and_the_others_stop_where_they_are_compared(path):
    def composed(strategy: str):
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return compose("config", [f"setting=small/{path.stem}", f"strategy={strategy}"])

    random, badge, joint = map(composed, ("random", "badge", "joint"))
    assert random.budget == (50_000 if random.dataset._target_.endswith("mnist") else None)
    assert badge.budget == joint.budget
    num_batches = (badge.budget - badge.num_initial) / badge.batch_size.size
    assert num_batches in (2, 4, 8, 16, 32, 64)
    assert path.stem.endswith(f"_b{badge.batch_size.size}")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        paper = compose("config", [f"setting={path.stem.rpartition('_')[0]}_mlp"])
    assert (badge.dataset, badge.model, badge.num_initial) == (paper.dataset, paper.model, paper.num_initial)


@pytest.mark.slow
def test_small_settings_stop_where_the_published_runs_of_random_say(tmp_path):
    """As the runs of the archive compare them."""
    restore(CONF.parent / "docs" / "results" / "badge", tmp_path, with_unfinished=False)
    compared = compared_settings(load_results(tmp_path).rounds, is_partial=True)
    assert len(compared) >= 2
    for each in compared:
        setting = "small/{dataset}_b{batch_size}".format(**each.curves.setting)
        with initialize_config_dir(str(CONF), version_base="1.3"):
            assert compose("config", [f"setting={setting}", "strategy=badge"]).budget == each.budgets[-1]


@pytest.mark.slow
def test_an_afternoon_on_a_cpu(cli):
    """No product: each setting has its batch size. Another budget is the command line's to choose."""
    told = cli("experiment=badge/small", "dry_run=true").out
    for setting in ("mnist · mlp · b100", "mnist · mlp · b1000", "openml_6 · mlp · b1000", "openml_156 · mlp · b1000"):
        assert f"\n{setting}\n" in told
    part = cli("experiment=badge/small", "setting=small/openml_184_b1000", "strategy=random,badge", "dry_run=true")
    assert "10 runs, 0 of them finished" in part.out
    with initialize_config_dir(str(CONF), version_base="1.3"):
        assert compose("config", ["setting=small/mnist_b100", "strategy=random", "budget=300"]).budget == 300


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("experiment=badge/smal", "did you mean 'badge/small'? (known: badge/paper, badge/reference, badge/small, "),
        ("setting=mnist_b1000", "did you mean 'small/mnist_b1000'?"),
        ("setting=mnist_mpl", "did you mean 'mnist_mlp'?"),
    ],
)
def test_an_option_in_a_folder_is_found(cli, typed, meant):
    told = cli(typed).err
    assert told.startswith(f"al-bench: {typed}: there is no such option; {meant}")
    assert told.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "num_runs"),
    [
        ("uni_modal", 2 * 5 * 10),
        ("multi_modal", 2 * 5 * 10),
        ("views", 6 * 5 * 10),
        ("weight", 2 * 6 * 10),
        ("ramp", 2 * 4 * 10),
        ("queries", 2 * 4 * 10),
        ("tune_network", 2 * 6 * 3),
        ("tune_training", 2 * 6 * 3),
        ("tune_weight", 2 * 12 * 3),
        ("tune_batch", 2 * 4 * 3),
    ],
)
def test_the_experiments_of_joint_training(cli, name, num_runs):
    told = cli(f"experiment=joint/{name}", "dry_run=true").out
    assert f"{num_runs} runs, 0 of them finished" in told


def test_all_experiments_of_joint_training_are_tested():
    """By the test above: its list is what lies there."""
    mark = test_the_experiments_of_joint_training.pytestmark[0]
    assert {name for name, _ in mark.args[1]} == {path.stem for path in (CONF / "experiment" / "joint").glob("*.yaml")}


@pytest.mark.parametrize(
    ("dataset", "num_initial", "batch_size"), [("digits", 20, 20), ("multiple_features", 20, 20), ("mnist", 100, 100)]
)
def test_joint_training_has_twenty_rounds(dataset, num_initial, batch_size):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = compose("config", [f"setting=joint/{dataset}"], return_hydra_config=True)
    assert composed.hydra.runtime.choices.dataset == dataset
    assert composed.hydra.runtime.choices.model == "dbn"
    assert (composed.num_initial, composed.batch_size.size) == (num_initial, batch_size)
    assert (composed.budget - num_initial) / batch_size == 20


def test_hyperparameters_of_joint_training_are_chosen_at_other_seeds_than_it_is_measured_at():
    seeds: dict[bool, set[str]] = {True: set(), False: set()}
    for path in (CONF / "experiment" / "joint").glob("*.yaml"):
        node = yaml.safe_load(path.read_text())
        is_tuning = path.stem.startswith("tune_")
        assert ("num_validation" in node) is is_tuning
        assert node["name"] == ("joint_tuning" if is_tuning else "joint")
        seeds[is_tuning].add(node["hydra"]["sweeper"]["params"]["seed"])
    assert seeds == {True: {"range(100,103)"}, False: {"range(10)"}}

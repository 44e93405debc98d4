"""Every yaml of every group of conf/ is part of a run that is checked: a new one is tested by being there."""

from functools import partial
from importlib.util import find_spec

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from al_bench.config.planning import planned
from al_bench.config.schema import CONF
from al_bench.core.errors import ConfigError
from al_bench.job.built import Parts
from al_bench.records.identity import Identity
from tests.support.made_results import write_run

OPTIONS = sorted(path.relative_to(CONF).with_suffix("") for path in CONF.rglob("*.yaml") if path.parent != CONF)
FINISHED = "runs/digits/mlp/random/b100"
TO_SAY = {  # what has no default, and features of texts
    "dataset=arrays": "dataset.path=mine.npz",
    "dataset=modalities": "dataset.path=mine.npz",
    "dataset=openml": "dataset.id=6",
    "initial=strategy": "strategy=random",
    "dataset=csv": "dataset.path=mine.csv dataset.target=kind",
    "dataset=images": "dataset.path=mine",
    "dataset=texts": "dataset.path=mine.csv features._target_=tests.support.texts.Letters",
    "dataset=banking77": "features._target_=tests.support.texts.Letters",
    "dataset=clinc150": "features._target_=tests.support.texts.Letters",
    "training@model=probe_sgd": "model=linear",
    "training@model=probe_adamw": "model=linear",
    "strategy=replay": f"strategy.of='{FINISHED}'",
}
PLUGINS = {"joblib": "joblib", "ray": "ray", "submitit_slurm": "submitit"}
BESIDE = {"training": "training@model", "hydra/sweeper": "", "hydra/help": ""}  # how they are chosen


def group_of(option) -> str:
    """`setting/small/mnist_b100` is an option of the group `setting`, `hydra/launcher/ray` of `hydra/launcher`."""
    return "/".join(option.parts[: 2 if option.parts[0] == "hydra" else 1])


@pytest.mark.command
@pytest.mark.parametrize("option", OPTIONS, ids=str)
def test_an_option_is_one_that_a_run_can_be_made_of(option, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "runs", Identity("digits", "mlp", "random", 100, "", 0), {100: 0.5, 200: 0.6})
    (tmp_path / FINISHED / "s0" / "config.yaml").write_text("num_initial: 100\n")
    group = group_of(option)
    name = str(option.relative_to(group))
    if name in PLUGINS and find_spec(f"hydra_plugins.hydra_{PLUGINS[name]}_launcher") is None:
        pytest.skip(f"{name.upper()} LAUNCHER MISSING: hydra-{PLUGINS[name]}-launcher")
    choice = f"{BESIDE.get(group, group)}={name}" if BESIDE.get(group, group) else ""
    given = [choice, *TO_SAY.get(choice, "").split()] if choice else []
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = compose("config", given, return_hydra_config=True)
        own = OmegaConf.masked_copy(composed, [key for key in composed if key != "hydra"])
        run = planned(own, composed.hydra)
    try:
        parts = Parts.checked(run.config)
    except ConfigError as error:
        if "not installed" not in str(error):
            raise
        pytest.skip(f"PACKAGE MISSING: {error}")
    assert isinstance(parts.network, partial)
    assert run.identity.path.parts[-1] == f"s{run.config.seed}"
    if group in ("dataset", "model", "strategy"):
        assert getattr(run.identity, group).partition(",")[0] == name.removeprefix("oracle/")

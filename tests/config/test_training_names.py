"""How networks are trained is a choice that names tell; those of before it was stay as they were."""

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from al_bench.config.planning import planned
from al_bench.config.schema import CONF
from al_bench.core.errors import ConfigError
from al_bench.job.built import Parts
from al_bench.records.identity import Identity

REFERENCE = "mlp,gradient_clamp=0.1,optimizer.lr=0.0001,recompute_batch_norm=false"


def identity(*overrides: str) -> Identity:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = compose("config", [*overrides], return_hydra_config=True)
        own = OmegaConf.masked_copy(composed, [key for key in composed if key != "hydra"])
        run = planned(own, composed.hydra)
    Parts.checked(run.config)
    return run.identity


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        (["model=linear"], "linear"),
        (["model=mlp", "model.pass_precision=bfloat16"], "mlp,pass_precision=bfloat16"),
        (["model=mlp", "model.pass_precision=float32"], "mlp"),
        (["model=linear", "training@model=probe"], "linear"),
        (["model=linear", "model.ridge=0.1", "model.bias=true"], "linear,bias=true,ridge=0.1"),
        (["model=linear", "training@model=paper"], "linear,training=paper"),
        (["model=mlp", "training@model=probe"], "mlp,training=probe"),
        (["model=mlp", "training@model=paper"], "mlp"),
        (["model=mlp", "training@model=regularised"], "mlp,training=regularised"),
        (
            ["model=mlp", "training@model=regularised", "model.max_epochs=9"],
            "mlp,lr_schedule.T_max=9,max_epochs=9,training=regularised",
        ),
        (["model=linear", "training@model=probe_sgd"], "linear,training=probe_sgd"),
        (["model=linear", "training@model=probe_adamw"], "linear,training=probe_adamw"),
        (
            ["model=mlp", "training@model=reference"],
            "mlp,gradient_clamp=0.1,optimizer.lr=0.0001,recompute_batch_norm=false",
        ),
        (["model=dbn", "training@model=fixed"], "dbn"),
        (["model=mlp", "training@model=fixed"], "mlp,max_epochs=50,minibatch_size=64,stop_at_train_accuracy=null"),
        (["dataset=mnist", "training@model=reference"], REFERENCE),
    ],
)
def test_the_name_of_the_model_says_how_it_is_trained(overrides, name):
    assert identity(*overrides).model == name


def test_passes_of_a_last_layer_alone_are_float32():
    with pytest.raises(ConfigError, match=r"model.pass_precision=bfloat16: Linear has no layers before its last one"):
        identity("model=linear", "training@model=probe_adamw", "model.pass_precision=bfloat16")

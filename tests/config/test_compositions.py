"""The jobs of a sweep are those that Hydra composes, though it composes few of them."""

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from omegaconf import OmegaConf

from al_bench.config.compositions import Compositions
from al_bench.config.planning import planned
from al_bench.core.errors import UserError

SWEEPS = {
    "values and seeds": ("strategy=badge,random", "batch_size.size=20,30", "model.width=8,16", "seed=0,1"),
    "the later of two": (
        "model.width=8",
        "batch_size=b10,b100",
        "batch_size.size=20,30",
        "++model.width=16",
        "seed=1,2",
    ),
    "a default said": ("batch_size=b10", "batch_size.size=10,20", "++num_initial=100,50", "++seed=3,4"),
    "removed": ("strategy=badge", "~strategy.first", "num_initial=20,30", "seed=0,1"),
    "a computed seed": ("seed='${batch_size.size}'", "batch_size.size=20,30", "num_initial=20,30"),
    "computed from the seed": ("seed=20,30", "num_initial='${seed}'", "batch_size.size=20,30"),
    "mappings": ("model.width=32", "model={width:8},{width:16}", "model.max_epochs=3,4", "seed=0,1"),
    "mappings of a part": ("model.optimizer.lr=.3", "model.optimizer={lr:.1},{weight_decay:.2}", "seed=0,1"),
    "nested choices": ("strategy=joint", "strategy@strategy.query=badge,random", "strategy.entropy_weight=.1,.2"),
    "values of the data": ("dataset=digits,multiple_features", "model=mlp,dbn", "dataset.copies=keep,pool", "seed=0,1"),
    "an experiment": ("experiment=joint/weight", "setting=joint/digits", "seed=0,1"),
    "Hydra's own": ("hydra.job.config.override_dirname.kv_sep=:", "model.width=8,9", "batch_size.size=20", "seed=0,1"),
    "refused, some": ("batch_size.size=0,20", "num_initial=20,-1", "seed=0,99999999999999999999"),
}


def told_by(plan):
    """A run, or why there is none."""
    try:
        return plan()
    except UserError as error:
        return str(error)


@pytest.mark.slow
@pytest.mark.parametrize("sweep", SWEEPS.values(), ids=SWEEPS)
def test_a_job_is_what_hydra_composes(cli, monkeypatch, sweep):
    runs = []
    of = Compositions.of

    def compared(self, overrides):
        composition, seed = of(self, overrides)
        composed = self._loader.load_sweep_config(self._sweep, [*overrides])
        own = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
        runs.append(told_by(lambda: composition.planned(seed)))
        assert runs[-1] == told_by(lambda: planned(own, composed.hydra))
        return composition, seed

    monkeypatch.setattr(Compositions, "of", compared)
    told = cli("-m", *sweep, "dry_run=true")
    assert len(runs) >= 4, told
    assert len({getattr(run, "path", run) for run in runs}) >= 4
    assert (told.code == 1) == any(isinstance(run, str) for run in runs), told


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sweep", "times"),
    [
        (("model.width=8,16", "batch_size.size=20,30", "seed=range(5)"), 1),
        (("strategy=badge,random", "batch_size=b10,b100", "num_initial=20,30", "seed=range(5)"), 4),
    ],
)
def test_hydra_composes_each_set_of_choices_once(cli, monkeypatch, sweep, times):
    composed = []
    load = ConfigLoaderImpl.load_sweep_config
    monkeypatch.setattr(
        ConfigLoaderImpl, "load_sweep_config", lambda self, *given: (composed.append(given), load(self, *given))[1]
    )
    assert cli("-m", *sweep, "dry_run=true").code == 0
    assert len(composed) == times


def test_a_value_that_cannot_be_set_is_refused_as_hydra_does(cli):
    told = cli("-m", "modl.width=8,16", "seed=0,1", "dry_run=true")
    alone = cli("modl.width=8", "dry_run=true")
    assert told.code == alone.code == 1
    assert told.err.replace("=8,16", "=8") == alone.err

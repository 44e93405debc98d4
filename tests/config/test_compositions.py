"""The jobs of a sweep are those that Hydra composes, though it composes few of them."""

from contextlib import suppress

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from al_bench.config.compositions import Composed, Compositions
from al_bench.config.planning import planned
from al_bench.config.schema import CONF
from al_bench.core.errors import ConfigError, UserError

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
    "restored": ("model.width=8,'${batch_size.size}',9", "++model.dropout=.1,0", "batch_size.size=20,30", "seed=0,1"),
    "added": ("++strategy.subset_size=500,null", "num_initial=20,30", "++dataset.family=a,null"),
    "the first of a pair": ("model.optimizer.lr=1,.5,1e-3", "model.lr_schedule=null", "num_validation=0,20"),
    "hyperparameters": ("dataset=digits,openml_6", "dataset.hyperparameters.width=8,9", "seed=0,1"),
    "a schedule": ("schedule=low,medium", "dataset=digits,openml", "num_validation=0,10"),
    "a schedule and what it says": ("schedule=low,medium", "batch_size.size=20,30", "seed=0,1"),
    "how to train": ("training@model=paper,fixed", "model.max_epochs=3,4", "seed=0,1"),
    "keys that are computed": (
        "seed=20,30",
        "num_initial='${${name}}'",
        "name=seed,num_validation",
        "num_validation=40",
    ),
    "references in references": ("seed=20,30", "num_initial='${num_validation}'", "num_validation='${seed}',40"),
    "lists": ("save=[],[weights],[predictions]", "num_initial=20,30", "model.width=8"),
    "texts": ("name=a,'b,c',\"'d'\",1.0", "device=cpu,auto"),
    "no name of a run": ("dry_run=true", "num_threads=0,1", "budget=null,200", "model.width=x,8"),
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
    assert len({str(run if isinstance(run, str) else run.config.plain) for run in runs}) >= 4
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("swept", "first"),
    [
        ("modl.width=8,16", "modl.width=8"),
        ("model.width.of=1,2", "model.width.of=1"),
        ("+model.width=8,16", "+model.width=8"),
        ("~model.nothing", "~model.nothing"),
        ("schedule.labels_per_class=1,2", "schedule.labels_per_class=1"),
        ("save.first=1,2", "save.first=1"),
        ("strategy@strategy.query=badge,random", "strategy@strategy.query=badge"),
        ("model@nothing=mlp,vgg", "model@nothing=mlp"),
    ],
)
def test_a_value_that_cannot_be_set_is_refused_as_hydra_does(cli, swept, first):
    told = cli("-m", "model.width=8", swept, "seed=0,1", "dry_run=true")
    alone = cli("model.width=8", first, "dry_run=true")
    assert told.code == alone.code == 1
    assert told.err.replace(swept, first) == alone.err


def test_what_a_job_sets_is_gone_for_the_next():
    """Even where something fails in between."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        given = Composed(compose("config", [], return_hydra_config=True))
        read = OverridesParser.create().parse_overrides
        before = str(given._own)
        values = read(["model.width=8", "++seed=3", "num_initial=20", "model.width='${seed}'"])
        with suppress(ConfigError), given.having(values, 5) as own:
            assert (own.model.width, own.num_initial, own.seed) == (5, 20, 5)
            assert own is given._own
            raise ConfigError("in between")
        assert str(given._own) == before
        for value in ("save=[weights]", "~model.width", "model.optimizer={lr: 1}"):
            with given.having(read([value]), None) as own:
                assert own is not given._own
            assert str(given._own) == before

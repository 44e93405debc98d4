"""What a key means stands once, in the docstring of what it is an argument of; `--help` and the site read it there."""

import inspect
import re

import pytest
import yaml
from hydra.utils import get_object
from omegaconf import OmegaConf

from al_bench.config.reading.meanings import BESIDE, documented, keys_of
from al_bench.config.schema import CONF
from al_bench.core.strategy import Strategy

GROUPS = ("batch_size", "dataset", "features", "initial", "model", "schedule", "strategy", "tracker", "training")
OPTIONS = sorted(path for group in GROUPS for path in (CONF / group).rglob("*.yaml"))
TARGETS = {target for path in OPTIONS for target in re.findall(r"_target_: (al_bench\S+)", path.read_text())}


def node_of(path):
    """With what the file takes from another of its group."""
    node = yaml.safe_load(path.read_text())
    bases = [base for base in node.pop("defaults", []) if isinstance(base, str) and base != "_self_"]
    return OmegaConf.to_container(OmegaConf.merge(*(node_of(path.with_stem(base)) for base in bases), node))


def lacking(node):
    return [key.path for key in keys_of(node) if not key.meaning and not key.source.startswith("torch.")]


def test_every_key_of_every_option_has_a_meaning():
    for path in OPTIONS:
        group, node = path.relative_to(CONF).parts[0], node_of(path)
        if group == "training":
            group, node = "model", {"_target_": "al_bench.models.linear.Linear", **node}
        root = node if group == "schedule" else {group: node}
        assert lacking(root) == [], path


def test_every_root_key_has_one():
    node = yaml.safe_load((CONF / "config.yaml").read_text())
    assert lacking({**node, "dataset": {"family": "a"}, "nonsense": 1}) == ["defaults", "nonsense"]


@pytest.mark.slow
def test_what_has_a_meaning_is_an_argument():
    for target in sorted({*TARGETS, *(source for sources in BESIDE.values() for source in sources)}):
        found = get_object(target)
        arguments = {*inspect.signature(found).parameters, *getattr(found, "__annotations__", ())}
        arguments |= {"subset_size"} if inspect.isclass(found) and issubclass(found, Strategy) else set()
        assert documented(target).meanings.keys() <= arguments, target
        assert documented(target).summary, target


def test_a_class_of_the_user_is_read_without_being_imported(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "mine.py").write_text(
        "from al_bench.strategies.badge import Badge as Base\nraise SystemExit\n\n\nclass Mine(Base):\n"
        '    """The first\n    paragraph.\n\n    And more.\n    """\n\n'
        "    def __init__(self, share, *, first=1, seed=None):\n"
        '        """As Google has it.\n\n        Args:\n            share: of what: it is\n                that.\n\n'
        '            seed: None for none.\n\n        Raises:\n            ValueError: never.\n        """\n'
    )
    told = documented("mine.Mine")
    assert told.summary == "The first paragraph."
    assert {**told.meanings} == {
        "first": documented("al_bench.strategies.badge.Badge").meanings["first"],
        "share": "of what: it is that.",
        "seed": "null for none.",
    }
    for unknown in ("mine.Other", "no_such_module.Mine", "torch.optim.Adam", ""):
        assert not documented(unknown).meanings


def test_help_says_values_as_they_are_typed_and_what_they_mean(cli, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    told = cli("--help", "strategy=power_bald", "dataset=openml", "save=[weights,predictions]").out
    keys = told[told.index("== Configuration") :]
    assert "strategy: al_bench.strategies.bald.PowerBald\n    A batch drawn by the scores of BALD" in keys
    assert "\nstrategy.num_samples=20\n    S, of `head` and `network`.\n" in keys
    assert "\ndataset.id=???\n    of the data set on OpenML.\n" in keys
    assert "\nmodel.width=1024\n    of the hidden layer, D.\n" in keys
    assert "\nsave=[weights,predictions]\n" in keys
    assert "\nbudget=null\n" in keys
    assert "\ndry_run=false\n" in keys
    assert max(map(len, keys.splitlines())) <= 80


def test_help_of_an_experiment_says_what_it_sweeps_over(cli):
    told = " ".join(cli("--help", "experiment=leaderboard/low").out.split())
    assert "This is a sweep, over all combinations of setting=leaderboard/satimage, leaderboard/segment," in told
    assert " strategy=random, margin, badge, " in told
    assert " seed=range(10) " in told
    assert "This is a sweep" not in cli("--help").out

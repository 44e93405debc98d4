"""What a strategy goes by, read from its source."""

import shutil

import pytest

from al_bench.config.reading import sources
from al_bench.config.reading.families import IN_ORDER, families
from al_bench.config.reading.sources import CONF, constant

MINE = """
from al_bench import Needs, Strategy
from al_bench.strategies.sampled import Sampled as Base

class Alone(Strategy):
    needs, family = Needs.NONE, "both"
    family = "diversity"

class Derived(Base):
    def query(self): ...

class Other(Derived):
    family = "uncertainty"

class Nothing(Strategy):
    def __init__(self):
        family = "diversity"
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    (tmp_path / "of_families.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize(
    ("name", "family"),
    [("Alone", "diversity"), ("Derived", "Bayesian"), ("Other", "uncertainty"), ("Nothing", None), ("Absent", None)],
)
def test_a_class_says_it_or_one_that_it_derives_from(mine, name, family):
    assert constant(f"of_families.{name}", "family") == family


def test_one_file_and_one_yaml_are_a_new_strategy_of_its_family(mine, tmp_path, monkeypatch):
    shutil.copytree(CONF / "strategy", tmp_path / "conf" / "strategy")
    for name, target in (("a_new_one", "Alone"), ("another", "Nothing")):
        (tmp_path / "conf" / "strategy" / f"{name}.yaml").write_text(f"_target_: of_families.{target}\n")
    before = families.__wrapped__()
    monkeypatch.setattr(sources, "CONF", tmp_path / "conf")
    assert families.__wrapped__() == before | {"diversity": (*before["diversity"], "a_new_one")}
    assert tuple(before) == IN_ORDER

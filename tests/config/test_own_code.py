"""Code of a user's that runs name: a change is told of, as curves of two codes would be mixed."""

import json

import pytest

from al_bench.config import own_code
from al_bench.records.starts.noted import Starts
from al_bench.records.starts.told import changed_modules, starts_of
from tests.conftest import run_directory

QUICK = ("model.width=8", "model.max_epochs=2", "num_initial=10", "batch_size.size=10", "budget=20")
STRATEGY = """
from al_bench import Needs, Strategy


class Last(Strategy):
    needs = Needs.LOGITS

    def query(self, context, batch_size, rng):
        return context.unlabelled.logits_NC[:, 0].argsort()[-batch_size:]
"""


@pytest.fixture
def strategy(tmp_path):
    folder = tmp_path / "conf" / "strategy"
    folder.mkdir(parents=True)
    (folder / "last.yaml").write_text("_target_: last_rows.Last\n")
    (tmp_path / "last_rows.py").write_text(STRATEGY)
    return tmp_path / "last_rows.py"


def test_modules_of_a_users_are_told_from_what_is_installed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "mine_of_test.py").write_text("class A:\n    class B: pass\n")
    (tmp_path / "package_of_test").mkdir()
    (tmp_path / "package_of_test" / "__init__.py").write_text("raise ValueError('imported')\n")
    (tmp_path / "package_of_test" / "part.py").write_text("class C: pass\n")
    nodes = {
        "strategy": {"_target_": "mine_of_test.A", "query": {"_target_": "al_bench.strategies.margin.Margin"}},
        "model": {"parts": [{"_target_": "torch.nn.Linear"}, {"_target_": "json.loads"}, {"_target_": "no.such.Part"}]},
        "dataset": {"_target_": "mine_of_test.A.B"},
        "features": {"_target_": "package_of_test.part.C"},
    }
    found = own_code.own_code(nodes)
    assert set(found) == {"mine_of_test", "package_of_test.part"}
    assert changed_modules([], found) == []
    assert changed_modules([{}], found) == []  # of a version that did not note it
    assert changed_modules([{"own_code": found}], found) == []
    assert changed_modules([{"own_code": {"mine_of_test": "0"}}], found) == ["mine_of_test"]


def test_what_no_run_has_noted_is_not_compared(tmp_path, caplog):
    for noted in ([1], "text", {"mine": 3}, None, 7):
        (tmp_path / "environment.json").write_text(json.dumps([{"own_code": noted}]))
        assert changed_modules(starts_of(tmp_path), {"mine": "digest"}) == []
        Starts(tmp_path).add({"own_code": {"mine": "digest"}}, "a run")
    assert "has changed" not in caplog.text


@pytest.mark.slow
def test_a_strategy_that_was_edited_is_told_of_where_a_run_is_skipped_and_where_it_goes_on(cli, strategy):
    assert cli("strategy=last", *QUICK).code == 0
    assert "last_rows" in json.loads((run_directory(strategy.parent) / "environment.json").read_text())[-1]["own_code"]
    again = cli("strategy=last", *QUICK).out
    assert "finished before, skipped" in again
    assert "changed" not in again
    strategy.write_text(STRATEGY.replace("[-batch_size:]", "[:batch_size]"))
    own_code._digest.cache_clear()
    for command in (["strategy=last"], ["-m", "strategy=last"]):
        told = cli(*command, *QUICK).out
        assert "finished before last_rows was changed; another name=... starts again" in told
        assert "skipped" in told
    told = cli("strategy=last", *QUICK, "budget=30").out
    assert "last_rows has changed since the last start, and rounds from here on are by what it says now" in told
    assert "finished" in told

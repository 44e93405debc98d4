"""Replay: what one model has bought, bought again by another."""

import json

import numpy as np
import pytest
import torch

from al_bench.core.errors import ConfigError, StrategyError
from al_bench.core.rounds import Committed, RoundRecord
from al_bench.core.strategy import Outputs, QueryContext
from al_bench.loop.rounds_of import ActiveLearning
from al_bench.records.reading import rows_of
from al_bench.strategies.badge import Badge
from al_bench.strategies.coreset import Coreset
from al_bench.strategies.joint import Joint
from al_bench.strategies.replay import Bought, Replay
from tests.conftest import assert_same_results, blobs, run_directory, small_learner

DATASET = blobs()


def context(indices: list[int]) -> QueryContext:
    index_N = torch.tensor(indices)
    return QueryContext(Outputs(), Outputs(), torch.zeros(0), len(indices), 3, 0, indices=index_N)


def replay(indices: list[int], *, is_oracle: bool = False) -> Replay:
    return Replay("folder", lambda _: Bought(np.array(indices, dtype=np.int64), is_oracle))


def of(records: list[RoundRecord]) -> Replay:
    return replay([index for record in records for index in record.batch.indices.tolist()])


def run(strategy, **changed) -> list[RoundRecord]:
    settings = {"seed": 2, "num_initial": 20, "batch_size": 30, "budget": 125, "num_validation": 10} | changed
    return list(ActiveLearning(DATASET, small_learner(DATASET), strategy, **settings).rounds())


@pytest.mark.parametrize("seed", range(5))
def test_rows_are_those_of_the_next_that_were_bought_in_their_order(seed):
    rng = np.random.default_rng(seed)
    left = rng.permutation(50)[:30].tolist()
    bought = rng.permutation(50).tolist()
    rows = replay(bought).query(context(left), 5, rng)
    assert rows.tolist() == [left.index(index) for index in bought if index in left][:5]


def test_more_than_was_bought_is_an_error():
    with pytest.raises(StrategyError, match="replay: 3 labels are asked for, and 2 are left of what was bought"):
        replay([7, 1, 9, 3]).query(context([1, 2, 3]), 3, np.random.default_rng(0))


@pytest.mark.slow
def test_the_first_batch_is_replayed_too_where_there_is_no_network():
    whole = run(Coreset(space="features"), num_initial=0)
    again = run(of(whole), num_initial=0)
    assert [each.batch.indices.tolist() for each in again] == [each.batch.indices.tolist() for each in whole]
    assert [each.test for each in again] == [each.test for each in whole]


@pytest.mark.moderate
def test_the_same_model_learns_the_same_and_a_run_goes_on_from_its_committed_rounds():
    whole = run(Badge())
    again = run(of(whole))
    assert [(each.batch.indices.tolist(), each.test) for each in again] == [
        (each.batch.indices.tolist(), each.test) for each in whole
    ]
    for num_committed in (1, 2, 3):
        committed = Committed([each.batch for each in whole[:num_committed]])
        rest = run(of(whole), committed=committed)
        assert [each.test for each in rest] == [each.test for each in whole[num_committed:]]


def test_a_smaller_budget_buys_the_beginning_of_the_last_batch():
    whole = run(Badge())
    short = run(of(whole), budget=67)
    assert short[-1].batch.indices.tolist() == whole[2].batch.indices[:7].tolist()
    longer = run(of(whole), committed=Committed([each.batch for each in short]))
    bought = [index for each in (*short, *longer) for index in each.batch.indices.tolist()]
    assert bought == [index for each in whole for index in each.batch.indices.tolist()]


def test_it_can_be_the_rule_of_joint_training():
    whole = run(Badge(), budget=60)
    again = run(Joint(of(whole)), budget=60)
    assert again[1].batch.indices.tolist() == whole[1].batch.indices.tolist()


def test_of_an_oracle_it_is_one():
    assert replay([], is_oracle=True).is_oracle
    assert not replay([]).is_oracle


def test_a_subset_is_refused():
    strategy = replay([])
    strategy.check(pool_size=9, batch_size=1, num_classes=2, num_dimensions=1)
    strategy.subset_size = 5
    with pytest.raises(ConfigError, match=r"strategy.subset_size=5: what is bought again may lie outside of it"):
        strategy.check(pool_size=9, batch_size=1, num_classes=2, num_dimensions=1)


QUICK = ("model.max_epochs=2", "num_initial=20", "batch_size.size=20")
OF = "outputs/default/digits/mlp,max_epochs=2/margin/b20/num_initial=20"
AGAIN = ("strategy=replay", f"strategy.of='{OF}'")


def indices_in(path) -> list[str]:
    return [line.split(",")[2] for line in (path / "queries.csv").read_text().splitlines()]


@pytest.fixture
def bought(cli, tmp_path):
    """A finished run of margin at seed 0."""
    assert cli(*QUICK, "strategy=margin", "budget=70").code == 0
    return tmp_path / OF / "s0"


@pytest.mark.slow
class TestRuns:
    def test_another_model_buys_the_same_and_says_so_by_its_name(self, cli, tmp_path, bought):
        assert cli(*QUICK, "model.width=16", *AGAIN, "budget=70").code == 0
        path = tmp_path / "outputs/default/digits/mlp,max_epochs=2,width=16"
        path = run_directory(path)
        assert path.parts[-4] == "replay,of=mlp,max_epochs=2.margin"
        assert (path / "queries.csv").read_bytes() == (bought / "queries.csv").read_bytes()
        accuracies = [[row["test_accuracy"] for row in rows_of(each)] for each in (path, bought)]
        assert accuracies[0] != accuracies[1]
        assert cli("report", "outputs/default").code == 0

    def test_wherever_the_folder_is_it_is_the_same_run(self, cli, tmp_path, bought):
        command = (*QUICK, "model.width=16", "strategy=replay", "budget=50")
        assert cli(*command, f"strategy.of='{OF}'").code == 0
        moved = tmp_path / "elsewhere" / "digits"
        moved.parent.mkdir()
        (tmp_path / "outputs/default/digits/mlp,max_epochs=2").rename(tmp_path / "kept")
        moved.mkdir()
        (tmp_path / "kept").rename(moved / "mlp,max_epochs=2")
        of = f"strategy.of='{moved}/mlp,max_epochs=2/../mlp,max_epochs=2/margin/b20/num_initial=20/'"
        assert "finished before" in cli(*command, of).out
        assert cli(*command, of, "budget=70").code == 0
        paths = list((tmp_path / "outputs").rglob("queries.csv"))
        assert len(paths) == 1
        source = moved / "mlp,max_epochs=2/margin/b20/num_initial=20/s0"
        assert indices_in(paths[0].parent) == indices_in(source)

    def test_a_killed_run_goes_on_byte_for_byte(self, cli, tmp_path, bought):
        command = (*QUICK, "model.width=16", *AGAIN)
        assert cli(*command, "budget=70").code == 0
        assert cli(*command, "budget=40", "name=cut").code == 0
        assert cli(*command, "budget=70", "name=cut").code == 0
        cut, whole = (
            run_directory(tmp_path / f"outputs/{name}/digits/mlp,max_epochs=2,width=16") for name in ("cut", "default")
        )
        assert_same_results(cut, whole)

    def test_the_first_batch_of_a_cold_start_is_bought_again_too(self, cli, tmp_path):
        cold = ("model.max_epochs=2", "batch_size.size=20", "budget=50", "num_initial=0")
        assert cli(*cold, "strategy=coreset", "strategy.space=features").code == 0
        of = "outputs/default/digits/mlp,max_epochs=2/coreset,space=features/b20/initial=strategy,num_initial=0"
        assert cli(*cold, "strategy=replay", f"strategy.of='{of}'", "model.width=16").code == 0
        paths = list((tmp_path / "outputs").rglob("queries.csv"))
        assert len({path.read_bytes() for path in paths}) == 1 < len(paths) == 2

    def test_of_an_oracle_it_is_in_no_comparison(self, cli, tmp_path):
        assert cli(*QUICK, "strategy=oracle/balanced_oracle", "budget=40").code == 0
        of = "strategy.of='outputs/default/digits/mlp,max_epochs=2/balanced_oracle/b20/num_initial=20'"
        assert cli(*QUICK, "strategy=replay", of, "budget=40", "model.width=16").code == 0
        path = run_directory(tmp_path / "outputs/default/digits/mlp,max_epochs=2,width=16")
        assert json.loads((path / "environment.json").read_text())[-1]["is_oracle"] is True

    @pytest.mark.parametrize(
        ("said", "told"),
        [
            (("budget=70", "seed=3"), "there is no run of seed 3 in it (there: 0)"),
            (("budget=90",), "its run of seed 0 has 70 labels, and this one asks for 90; say budget=70"),
            ((), "its run of seed 0 has 70 labels, and this one asks for 1,437; say budget=70"),
            (("budget=70", "num_initial=30"), "its runs have num_initial=20, and this one num_initial=30; they must"),
            (("budget=70", "num_validation=5"), "its runs have num_validation=0, and this one num_validation=5"),
            (("budget=70", "initial=balanced"), 'its runs have initial={"_target_":"al_bench.loop.initial.uniform"}'),
            (("budget=70", "batch_size.size=25"), "has bought 20 labels in round 1, where this one buys 25"),
            (("budget=70", "batch_size.size=10"), "has bought 20 labels in round 1, where this one buys 10"),
            (("budget=70", f"strategy.of='{OF}/s0'"), "that is one run; name the folder above it"),
            (("budget=70", "strategy.of=nowhere"), "there is no such folder of runs; name the one above s0"),
            (("budget=70", "strategy.of=outputs"), "there is no such folder of runs; name the one above s0"),
        ],
    )
    def test_what_is_not_the_same_is_refused_before_a_folder_is_made(self, cli, tmp_path, bought, said, told):
        result = cli(*QUICK, "name=again", *AGAIN, *said)
        assert result.code == 1
        assert result.err.startswith("al-bench: strategy.of=")
        assert told in result.err
        assert not (tmp_path / "outputs" / "again").exists()

    def test_what_is_damaged_foreign_or_elsewhere_is_refused(self, cli, tmp_path, bought):
        command = (*QUICK, "name=again", *AGAIN, "budget=70")

        def told() -> str:
            return cli(*command).err

        config = (bought / "config.yaml").read_text()
        (bought / "config.yaml").write_text("- 3\n")
        assert "its run of seed 0 is not finished" in told()
        (bought / "config.yaml").write_text("a: *x\n")
        assert "s0 in it cannot be read: " in told()
        (bought / "config.yaml").unlink()
        (bought / "config.yaml").symlink_to(tmp_path / "other.yaml")
        (tmp_path / "other.yaml").write_text(config)
        assert "config.yaml is a link, not a file" in told()
        (bought / "config.yaml").unlink()
        (bought / "config.yaml").write_text(config)
        queries = (bought / "queries.csv").read_text()
        (bought / "queries.csv").write_text(queries.replace("\n0,0,", "\n0,0,1"))
        assert "s0 in it cannot be read: " in told()
        (bought / "queries.csv").write_text(queries)
        done = (bought / "done.json").read_text()
        (bought / "done.json").unlink()
        assert "its run of seed 0 is not finished" in told()
        (bought / "done.json").write_text(done)
        bought.rename(tmp_path / "s0")
        bought.symlink_to(tmp_path / "s0")
        assert "s0 is a link, not a file" in told()
        bought.unlink()
        bought.mkdir()
        assert "its run of seed 0 is not finished" in told()

    def test_other_data_is_refused(self, cli, tmp_path, bought):
        told = cli(*QUICK, *AGAIN, "budget=70", "dataset.copies=pool", "dataset.test_fraction=0.3").err
        assert "its runs are on other data than this one" in told

    def test_features_of_the_same_examples_are_not_other_data(self, cli, tmp_path, bought):
        (tmp_path / "conf" / "features").mkdir(parents=True)
        (tmp_path / "conf" / "features" / "signs.yaml").write_text("_target_: signs.Signs\n")
        (tmp_path / "signs.py").write_text(
            "class Signs:\n    def __call__(self, inputs):\n        return inputs.sign()\n"
        )
        own = ("--config-dir", "conf", *QUICK, "features=signs", "budget=70")
        assert cli(*own, *AGAIN).code == 0
        path = run_directory(tmp_path / "outputs/default/digits/mlp,max_epochs=2/replay,of=mlp,max_epochs=2.margin")
        assert (path / "queries.csv").read_bytes() == (bought / "queries.csv").read_bytes()

    def test_runs_of_another_experiment_with_the_same_labels_are_told_apart(self, cli, tmp_path, bought):
        command = (*QUICK, "model.width=16", *AGAIN[:1])
        assert cli(*command, f"strategy.of='{OF}'", "budget=50").code == 0
        other = tmp_path / "outputs/other/digits/mlp,max_epochs=2/margin"
        assert cli(*QUICK, "strategy=random", "name=other", "budget=70").code == 0
        (tmp_path / "outputs/other/digits/mlp,max_epochs=2/random").rename(other)
        for name in ("rounds.csv", "done.json"):
            file = other / "b20/num_initial=20/s0" / name
            file.write_text(file.read_text().replace("random", "margin"))
        told = cli(*command, f"strategy.of='{other}/b20/num_initial=20'", "budget=70").err
        assert "this run has bought what others had, whose runs are called the same; say name=..." in told


def test_a_run_without_a_folder_says_what_to_say(cli):
    assert cli("strategy=replay").err == "al-bench: strategy.of has no value; say strategy.of=...\n"

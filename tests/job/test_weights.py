"""Weights in the run directory: whatever instant a run dies at, it goes on to the same bytes."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from al_bench.core.errors import RunDirectoryError
from al_bench.job.weights import keep_weights, with_weights
from al_bench.loop.rounds_of import ActiveLearning
from al_bench.models.mlp import MLP
from al_bench.records.directory import RunDirectory
from al_bench.records.identity import Identity
from al_bench.records.layout import RESTART_WEIGHTS, weights_name
from al_bench.strategies.badge import Badge
from al_bench.training.learner import Learner
from al_bench.training.options import TrainingOptions
from tests.conftest import assert_same_results, blobs

DATASET = blobs()
IDENTITY = Identity("blobs", "mlp,start=warm", "badge", 15, "", 0)
SIZES = {"seed": 0, "num_initial": 20, "batch_size": 15, "budget": 80}
ADAM = partial(torch.optim.Adam, lr=1e-2, fused=True)
LEARNER = Learner(partial(MLP, (5,), 4, 16), TrainingOptions(ADAM, 8, max_epochs=3, start="warm"))
INSTANTS = ["before its weights", "before its row", "after its row"]


class KilledError(Exception):
    """As by the operating system."""


def never(round: int, instant: str) -> bool:
    return False


def run(path: Path, dies: Callable[[int, str], bool] = never) -> None:
    def look(instant: str) -> None:
        if dies(record.round, instant):
            raise KilledError

    with RunDirectory.opened(path, IDENTITY, {"seed": 0}, {}) as directory:
        committed = with_weights(directory, LEARNER.build())
        for record in ActiveLearning(DATASET, LEARNER, Badge(), **SIZES, committed=committed).rounds():
            look("before its weights")
            keep_weights(directory, record)
            look("before its row")
            directory.append(record)
            look("after its row")


@pytest.mark.parametrize("instant", INSTANTS)
@pytest.mark.parametrize("round", range(5))
def test_a_run_that_dies_goes_on_to_the_same_bytes(round, instant, tmp_path):
    run(tmp_path / "whole")
    with pytest.raises(KilledError):
        run(tmp_path / "killed", lambda *at: at == (round, instant))
    run(tmp_path / "killed")
    assert_same_results(tmp_path / "killed", tmp_path / "whole")
    for name in RESTART_WEIGHTS:
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_run_that_dies_at_every_instant_goes_on(tmp_path):
    run(tmp_path / "whole")
    seen = set()

    def dies(*at: object) -> bool:
        is_new = at not in seen
        seen.add(at)
        return is_new

    for _ in range(20):
        try:
            run(tmp_path / "killed", dies)
            break
        except KilledError:
            pass
    assert len(seen) == 15
    assert_same_results(tmp_path / "killed", tmp_path / "whole")


def other_network(path: Path) -> None:
    with RunDirectory.opened(path, IDENTITY, {"seed": 0}, {}) as directory:
        (record,) = [*ActiveLearning(DATASET, LEARNER, Badge(), **SIZES | {"budget": 20}).rounds()]
        keep_weights(directory, replace(record, round=2, weights={"chooses": {"x": torch.ones(1)}}))


DAMAGE = {
    "is missing": lambda path: (path / weights_name(2)).unlink(),
    r"it is damaged": lambda path: (path / weights_name(2)).write_bytes((path / weights_name(2)).read_bytes()[:-1]),
    "it is of round 1": lambda path: (path / weights_name(1)).replace(path / weights_name(2)),
    "its weights are not those of the network": other_network,
}


@pytest.mark.parametrize("problem", DAMAGE)
def test_weights_that_are_not_as_they_were_written_are_refused(problem, tmp_path):
    with pytest.raises(KilledError):
        run(tmp_path, lambda *at: at == (2, "after its row"))
    DAMAGE[problem](tmp_path)
    before = {each.name: each.read_bytes() for each in tmp_path.glob("*.csv")}
    with pytest.raises(RunDirectoryError, match=f"{problem}.*round 3 would start from its weights"):
        run(tmp_path)
    assert before == {each.name: each.read_bytes() for each in tmp_path.glob("*.csv")}


def test_a_flipped_bit_is_found(tmp_path):
    with pytest.raises(KilledError):
        run(tmp_path, lambda *at: at == (2, "after its row"))
    content = bytearray((tmp_path / weights_name(2)).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / weights_name(2)).write_bytes(content)
    with pytest.raises(RunDirectoryError, match="it is damaged"):
        run(tmp_path)


def test_nothing_but_tensors_is_read(tmp_path):
    """A pickle that would call something is refused."""
    import hashlib
    import pickle

    with pytest.raises(KilledError):
        run(tmp_path, lambda *at: at == (2, "after its row"))

    class Calls:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "called",))

    content = pickle.dumps(Calls())
    (tmp_path / weights_name(2)).write_bytes(hashlib.sha256(content).digest() + content)
    with pytest.raises(RunDirectoryError, match="cannot be used"):
        run(tmp_path)
    assert not (tmp_path / "called").exists()

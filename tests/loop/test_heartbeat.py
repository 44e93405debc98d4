"""Nobody waits for minutes without a word, nor trusts a network that has hardly been trained."""

import logging
import threading
import time

import numpy as np
import pytest

from al_bench.loop import heartbeat
from al_bench.loop.heartbeat import Heartbeat
from al_bench.loop.rounds_of import active_learning
from al_bench.strategies.kdpp import KDPP
from al_bench.strategies.random import Random
from tests.conftest import blobs, run_directory, small_learner

DATASET = blobs()
QUICK = ("model.width=8", "model.max_epochs=3", "num_initial=20", "batch_size.size=20")


@pytest.fixture
def every_instant(monkeypatch, caplog):
    monkeypatch.setattr(heartbeat, "SECONDS_BETWEEN_LINES", 0.02)
    caplog.set_level(logging.INFO)
    return caplog


class Slow(Random):
    def query(self, context, batch_size, rng):
        time.sleep(0.1)
        return super().query(context, batch_size, rng)


def test_what_takes_long_says_what_it_is_since_when_and_how_long_it_may_take(every_instant):
    heart = Heartbeat("digits · seed 0")
    for _ in range(2):
        with heart.during("choosing", "round 3: choosing 100 of 1,000"):
            time.sleep(0.1)
    lines = every_instant.messages
    assert "digits · seed 0: round 3: choosing 100 of 1,000, for 0 s now; how long it takes is not known" in lines
    assert "digits · seed 0: round 3: choosing 100 of 1,000, for 0 s now; the last time it took 0 s" in lines


def test_there_is_no_word_of_what_is_short_and_none_afterwards(caplog):
    caplog.set_level(logging.INFO)
    before = set(threading.enumerate())
    heart = Heartbeat()
    with pytest.raises(ZeroDivisionError), heart.during("choosing", "choosing"):
        raise ZeroDivisionError
    (thread,) = set(threading.enumerate()) - before
    del heart
    thread.join(10)
    assert not thread.is_alive()
    assert not caplog.messages


def test_a_slow_query_of_a_run_is_told_whatever_the_strategy(every_instant):
    options = {"seed": 0, "num_initial": 20, "batch_size": 10, "budget": 40}
    list(active_learning(DATASET, small_learner(DATASET), Slow(), **options))
    told = [line for line in every_instant.messages if "choosing" in line]
    assert "round 0: choosing 10 of 180, for 0 s now; how long it takes is not known" in told
    assert "round 1: choosing 10 of 170, for 0 s now; the last time it took 0 s" in told


def test_training_is_told_too(every_instant, monkeypatch):
    learner = small_learner(DATASET)
    train = type(learner).fit

    def slowly(*arguments, **keywords):
        time.sleep(0.1)
        return train(*arguments, **keywords)

    monkeypatch.setattr(type(learner), "fit", slowly)
    list(active_learning(DATASET, learner, Random(), seed=0, num_initial=20, num_validation=5, budget=25))
    assert "round 0: training on 20 labels, for 0 s now; how long it takes is not known" in every_instant.messages


def test_a_kdpp_of_minutes_says_so_before_it_begins(caplog):
    caplog.set_level(logging.INFO)
    sizes = {"batch_size": 100, "num_classes": 10}
    KDPP().check(pool_size=1000, num_dimensions=16, **sizes)
    assert not caplog.messages
    KDPP().check(pool_size=50_000, num_dimensions=500, **sizes)
    (line,) = caplog.messages
    assert line.startswith("kdpp: a query takes up to ")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("budget=5000", "budget=5000: the training pool has 1437 examples"),
        ("num_initial=1438", "num_initial=1438: the training pool has 1437 examples"),
        ("num_validation=1430", "num_validation=1430: with num_initial=20 that is more than the training pool's 1437"),
    ],
)
def test_more_labels_than_the_pool_has_are_refused_before_the_run_starts(cli, tmp_path, override, message):
    result = cli(*QUICK, override)
    assert result.code == 1
    assert message in result.err
    assert "starts" not in result.out
    assert not (run_directory(tmp_path) / "rounds.csv").exists()


def warned(caplog, num_inputs: int = 50, **training: object) -> list[str]:
    caplog.clear()
    dataset = blobs(num_inputs=num_inputs)
    learner = small_learner(dataset, **{"stop_at_train_accuracy": 0.3, "max_epochs": 50} | training)
    list(active_learning(dataset, learner, Random(), seed=0, num_initial=10, batch_size=10, budget=40))
    return [line for line in caplog.messages if "hardly learned" in line]


def test_a_training_accuracy_that_is_reached_at_once_on_few_labels_is_warned_of_once(caplog):
    (line,) = warned(caplog)
    assert line.startswith("round 0: model.stop_at_train_accuracy=0.3 ended training after ")
    assert "epochs on 10 labels of 50 inputs each" in line
    assert not warned(caplog, num_inputs=5), "as many labels as inputs"
    assert not warned(caplog, stop_at_train_accuracy=None, max_epochs=2), "another rule"
    assert not warned(caplog, stop_at_train_accuracy=1.0, max_epochs=2), "the limit"
    assert not warned(caplog, stop_at_train_accuracy=0.999, minibatch_size=64), "many epochs"


def test_equal_logits_have_equal_scores_wherever_they_stand():
    """So they go by pool order; scores that are equal on paper alone go by their rounding."""
    import torch

    from al_bench.strategies.uncertainty import Confidence, Entropy, Margin

    rng = np.random.default_rng(0)
    for num_classes in (2, 3, 10, 26):
        row = torch.from_numpy(rng.normal(size=num_classes) * 3)
        logits = torch.from_numpy(rng.normal(size=(101, num_classes)))
        logits[::3] = row
        for strategy in (Confidence, Entropy, Margin):
            assert len(strategy.score(logits)[::3].unique()) == 1

"""Seconds and class balance."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from al_bench.analysis.results import load_results
from al_bench.analysis.runs import runs_in
from al_bench.analysis.statistics.costs import batch_balance, class_balance, seconds
from al_bench.analysis.statistics.training_steps import with_steps
from al_bench.records.identity import Identity
from tests.support.made_results import write_run


def write(folder: Path, strategy: str, seed: int, **columns: list[object]) -> None:
    identity = Identity("digits", "mlp", strategy, 10, "", seed)
    num_rounds = len(next(iter(columns.values())))
    path = write_run(folder, identity, {10 + 10 * round: 0.5 for round in range(num_rounds)}) / "rounds.csv"
    rounds = pd.read_csv(path, keep_default_na=False)
    rounds.assign(**columns).to_csv(path, index=False, quoting=csv.QUOTE_MINIMAL)


def test_seconds_are_counted_up_to_the_labels_that_all_strategies_have(tmp_path):
    for seed, stalled in enumerate((0.0, 0.0, 500.0)):
        write(tmp_path, "random", seed, fit_seconds=[1.0, 2.0, 3.0, 100.0], query_seconds=[0.5, 0.25, 0.75, 0.0])
        write(tmp_path, "badge", seed, fit_seconds=[2.5 - seed + stalled, 2.0, 2.0], query_seconds=[1.0, 3.0, 0.0])
    found = seconds(load_results(tmp_path).rounds).set_index("strategy")
    assert found["to_labels"].tolist() == [30, 30]
    assert found["fit_seconds"].to_dict() == {"random": 6.0, "badge": 6.5}
    assert found["query_seconds"].to_dict() == {"random": 1.5, "badge": 4.0}
    assert found["seconds_per_query"].to_dict() == {"random": 0.5, "badge": 2.0}, "no query after the last round"


def test_runs_that_end_earlier_are_not_counted_as_cheap(tmp_path):
    for seed in range(2):
        write(tmp_path, "random", seed, fit_seconds=[1.0, 2.0, 3.0], query_seconds=[0.5, 0.25, 0.0])
        write(
            tmp_path,
            "badge",
            seed,
            fit_seconds=[2.0, 2.0, 2.0][: 3 - 2 * seed],
            query_seconds=[1.0, 3.0, 0.0][: 3 - 2 * seed],
        )
    found = seconds(load_results(tmp_path).rounds).set_index("strategy")
    assert found["fit_seconds"].to_dict() == {"random": 6.0, "badge": 6.0}
    assert found["num_runs"].to_dict() == {"random": 2, "badge": 1}


def test_how_often_the_epoch_limit_was_hit(tmp_path):
    write(tmp_path, "random", 0, epoch_limit_hit=["True", "False", "False", "True"])
    write(tmp_path, "badge", 0, epoch_limit_hit=["False", "False"])
    found = seconds(load_results(tmp_path).rounds).set_index("strategy")
    assert found["epoch_limit_share"].to_dict() == {"random": 0.5, "badge": 0.0}


@pytest.mark.parametrize(
    ("counts", "balance"),
    [
        ([5, 5, 5], 1.0),
        ([15, 0, 0], 0.0),
        ([4, 3, 3], 1.0),  # as even as ten examples can be
        ([1, 1, 0, 0, 0], 1.0),
        ([1, 0, 0], 1.0),
        ([5, 5, 0], np.log(2) / -(4 / 10 * np.log(0.4) + 2 * 0.3 * np.log(0.3))),
    ],
)
def test_the_balance_of_a_batch(counts, balance):
    assert batch_balance(np.array([counts], dtype=float)) == pytest.approx([balance])


def test_class_balance_leaves_out_the_initial_labels(tmp_path):
    write(tmp_path, "badge", 0, class_counts=["10 0", "5 5", "10 0"])
    write(tmp_path, "random", 0, class_counts=["10 0", "5 5", "5 5"])
    found = class_balance(load_results(tmp_path).rounds).set_index("strategy")
    assert found["balance"].to_dict() == {"badge": 0.5, "random": 1.0}
    assert found["num_batches"].tolist() == [2, 2]


def test_results_without_these_columns_have_none(tmp_path):
    write(tmp_path, "badge", 0, class_counts=["10 0", "5 5"])
    for path in tmp_path.rglob("rounds.csv"):
        pd.read_csv(path, keep_default_na=False).drop(columns=["class_counts", "fit_seconds", "query_seconds"]).to_csv(
            path, index=False
        )
    rounds = load_results(tmp_path).rounds
    assert class_balance(rounds).empty
    assert seconds(rounds)[["fit_seconds", "query_seconds", "seconds_per_query"]].isna().all(axis=None)


def test_steps_of_older_runs_are_epochs_times_mini_batches_of_what_is_trained_on(tmp_path):
    """Of num_labelled - num_validation, by the model's minibatch_size, not by another that config.yaml has."""
    for seed, config in enumerate(
        ("dataset:\n  minibatch_size: 3\nmodel:\n  a:\n    minibatch_size: 5\n  minibatch_size: 8\n", "seed: 0\n")
    ):
        write(tmp_path, "badge", seed, num_epochs=[10, 20])
        path = tmp_path / Identity("digits", "mlp", "badge", 10, "", seed).path
        (path / "config.yaml").write_text(config)
    write(tmp_path, "random", 0, num_steps=[7, 9])
    for path in tmp_path.rglob("badge/**/rounds.csv"):
        pd.read_csv(path, keep_default_na=False).drop(columns="num_steps").to_csv(path, index=False)
    runs = runs_in(tmp_path)
    rounds = load_results(tmp_path).rounds.assign(num_validation=4)
    rounds = with_steps(rounds, runs).set_index(["strategy", "seed"])["num_steps"]
    assert rounds["badge", 0].tolist() == [10 * 1, 20 * 2], "6 and 16 examples"
    assert rounds["badge", 1].isna().all()
    assert rounds["random", 0].tolist() == [7, 9]

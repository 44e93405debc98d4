"""Steps and seconds, and what says that a machine was busy."""

import csv
import statistics
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from al_bench.analysis.results import load_results
from al_bench.analysis.runs import runs_in
from al_bench.analysis.spent.costs import COSTS, costs
from al_bench.analysis.spent.training_steps import busy_lines, busy_runs, with_steps
from al_bench.records.identity import Identity
from tests.support.forks import python
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
    found = costs(load_results(tmp_path).rounds).set_index("strategy")
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
    found = costs(load_results(tmp_path).rounds).set_index("strategy")
    assert found["fit_seconds"].to_dict() == {"random": 6.0, "badge": 6.0}
    assert found["num_runs"].to_dict() == {"random": 2, "badge": 1}


def test_how_often_the_epoch_limit_was_hit(tmp_path):
    write(tmp_path, "random", 0, epoch_limit_hit=["True", "False", "False", "True"])
    write(tmp_path, "badge", 0, epoch_limit_hit=["False", "False"])
    found = costs(load_results(tmp_path).rounds).set_index("strategy")
    assert found["epoch_limit_share"].to_dict() == {"random": 0.5, "badge": 0.0}


def test_results_without_seconds_have_none(tmp_path):
    write(tmp_path, "badge", 0, fit_seconds=[1.0, 1.0])
    for path in tmp_path.rglob("rounds.csv"):
        pd.read_csv(path, keep_default_na=False).drop(columns=["fit_seconds", "query_seconds"]).to_csv(
            path, index=False
        )
    found = costs(load_results(tmp_path).rounds)
    assert found[["fit_seconds", "query_seconds", "seconds_per_query"]].isna().all(axis=None)


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


def test_costs_are_what_a_plain_computation_of_the_files_says(tmp_path):
    """Two settings, runs that end at different labels, and one strategy whose runs have no CPU seconds."""
    rng = np.random.default_rng(0)
    for batch_size in (10, 20):
        for strategy, num_rounds in (("random", 6), ("badge", 4), ("margin", 5)):
            for seed in range(5):
                identity = Identity("digits", "mlp", strategy, batch_size, "", seed)
                short = seed == 4 and strategy == "margin"
                counts = [10 + batch_size * round for round in range(2 if short else num_rounds)]
                path = write_run(tmp_path, identity, dict.fromkeys(counts, 0.5)) / "rounds.csv"
                table = pd.read_csv(path, keep_default_na=False)
                names = ("fit_seconds", "query_seconds", "fit_cpu_seconds", "query_cpu_seconds")
                table = table.assign(**{name: rng.uniform(0.1, 9, len(counts)).round(6) for name in names})
                table = table.assign(num_steps=rng.integers(1, 900, len(counts)))
                lacking = ["fit_cpu_seconds", "query_cpu_seconds"] if strategy == "margin" else []
                table.drop(columns=lacking).to_csv(path, index=False)
    found = costs(with_steps(load_results(tmp_path).rounds, runs_in(tmp_path)))
    assert len(found) == 6
    for row in found.to_dict("records"):
        assert row["to_labels"] == 10 + 3 * row["batch_size"], "where badge ends"
        folder = tmp_path / "digits" / "mlp" / row["strategy"] / f"b{row['batch_size']}"
        medians, num_runs = plain_costs(folder, row["to_labels"])
        assert row["num_runs"] == num_runs == (4 if row["strategy"] == "margin" else 5)
        assert ("microseconds_per_step" in medians) == (row["strategy"] != "margin")
        for name in COSTS:
            assert row[name] == pytest.approx(medians.get(name, np.nan), rel=1e-12, nan_ok=True), name


def plain_costs(folder: Path, to_labels: int) -> tuple[dict[str, float], int]:
    """Medians over the runs that go so far, of what their files say; and how many there are."""
    of_runs: dict[str, list[float]] = {}
    for path in folder.rglob("rounds.csv"):
        lines = [*csv.DictReader(path.read_text().splitlines())]
        if int(lines[-1]["num_labelled"]) < to_labels:
            continue
        counted = [line for line in lines if int(line["num_labelled"]) <= to_labels]
        sums = {name: sum(float(line[name]) for line in counted) for name in COSTS if name in lines[0]}
        if "fit_cpu_seconds" in sums:
            sums["microseconds_per_step"] = 1e6 * sums["fit_cpu_seconds"] / sums["num_steps"]
        for name, value in sums.items():
            of_runs.setdefault(name, []).append(value)
    return {name: statistics.median(values) for name, values in of_runs.items()}, len(of_runs["num_steps"])


def busy_of(folder: Path) -> dict[tuple[object, ...], str]:
    """What is said of runs that are marked, by strategy and seed."""
    table = busy_runs(with_steps(load_results(folder).rounds, runs_in(folder)))
    keys = zip(table["strategy"], table["seed"], strict=True)
    return dict(zip(keys, busy_lines(table), strict=True))


def test_a_run_that_waited_for_the_processor_is_marked(tmp_path):
    """By 1.2 of the sums over its rounds, queries too; the first is at the limit, and not above it."""
    walls = ([1.2, 2.4], [1.2, 2.41], [1.0, 2.0], [0.1, 4.0], [1.0, 1.0])
    for seed, wall in enumerate(walls):
        query = {"query_seconds": [0.0, 1.7 if seed == 4 else 0.0], "query_cpu_seconds": [0.0, 0.0]}
        write(tmp_path, "badge", seed, fit_seconds=wall, fit_cpu_seconds=[1.0, 2.0], num_steps=[100, 200], **query)
    told = busy_of(tmp_path)
    assert [*told] == [("badge", 3), ("badge", 4), ("badge", 1)], "the slowest first"
    assert told["badge", 3] == (
        "digits · mlp · badge · b10 · seed 3: training and querying took 1.37 times their CPU seconds by the "
        "clock (above 1.2); a step 10,000 microseconds of CPU, 1.00 times the lower quartile of its setting"
    )


def test_a_run_whose_steps_took_long_is_marked_by_the_lower_quartile_of_its_setting(tmp_path):
    """Of the seconds of the processor; of the clock, where a run has no others. Of another setting they say nothing."""
    for seed, seconds in enumerate((1.0, 1.0, 1.0, 1.51, 3.0, 3.0, 3.0, 9.0)):
        columns = {
            "num_steps": [500, 500],
            "fit_cpu_seconds": [seconds / 2, seconds / 2],
            "fit_seconds": [seconds / 2] * 2,
        }
        write(tmp_path, "badge", seed, **columns)
    for seed, seconds in enumerate((1.0, 1.5, 1.6)):
        write(tmp_path, "random", seed, num_steps=[500, 500], fit_seconds=[seconds / 2, seconds / 2])
        path = tmp_path / Identity("digits", "mlp", "random", 10, "", seed).path / "rounds.csv"
        table = pd.read_csv(path, keep_default_na=False)
        table.drop(columns=["fit_cpu_seconds", "query_cpu_seconds"]).to_csv(path, index=False)
    other = Identity("other", "mlp", "badge", 10, "", 0)
    write_run(tmp_path, other, {10: 0.5}, num_steps=1, fit_cpu_seconds=90.0, fit_seconds=90.0)
    told = busy_of(tmp_path)
    assert told.keys() == {("badge", seed) for seed in range(3, 8)} | {("random", 2)}
    assert told["badge", 7].endswith(
        "seed 7: training and querying took 1.00 times their CPU seconds by the clock; "
        "a step 9,000 microseconds of CPU, 9.00 times the lower quartile of its setting (above 1.5)"
    )
    assert told["random", 2].endswith(
        "seed 2: a step 1,600 microseconds by the clock, 1.60 times the lower quartile of its setting (above 1.5)"
    )


def test_of_runs_that_say_nothing_of_their_steps_nothing_is_said(tmp_path):
    for seed, seconds in enumerate((1.0, 9.0)):
        write(tmp_path, "badge", seed, fit_seconds=[seconds, seconds])
    for path in tmp_path.rglob("rounds.csv"):
        table = pd.read_csv(path, keep_default_na=False)
        table.drop(columns=["num_steps", "fit_cpu_seconds", "query_cpu_seconds"]).to_csv(path, index=False)
    assert busy_of(tmp_path) == {}
    rounds = load_results(tmp_path).rounds
    assert costs(rounds)[["num_steps", "fit_cpu_seconds", "microseconds_per_step"]].isna().all(axis=None)


@pytest.mark.command
def test_status_lists_the_runs_on_a_busy_machine(tmp_path):
    """Three lines of them, and all with --all; what is broken is no reason to fail."""
    for seed in range(20):
        write(tmp_path, "badge", seed, fit_seconds=[9.0 + seed, 9.0], fit_cpu_seconds=[1.0, 1.0])
    twin = tmp_path / "again" / Identity("digits", "mlp", "badge", 10, "", 0).path
    twin.mkdir(parents=True)
    first = tmp_path / Identity("digits", "mlp", "badge", 10, "", 0).path
    (twin / "rounds.csv").write_text((first / "rounds.csv").read_text())

    def told(*options: str) -> str:
        done = python(Path(__file__).parents[3] / "scripts" / "status.py", tmp_path, *options)
        assert done.returncode == 0, done.stderr
        return done.stdout

    few, every = told(), told("--all")
    assert "runs on a busy machine: 20" in few
    assert few.count("by the clock (above 1.2)") == 3
    assert "... and 17 more lines (--all)" in few
    assert every.count("by the clock (above 1.2)") == 20
    assert "broken: 1\n" in few

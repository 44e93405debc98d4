"""What strategies bought: copies, classes, and how evenly."""

import csv
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from al_bench.analysis.results import load_results
from al_bench.analysis.spent.bought import BOUGHT, batch_balance, bought, bought_curves, class_balance
from al_bench.records.identity import Identity
from tests.analysis.spent.test_costs import write
from tests.support.made_results import write_run


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


def plain_balance(counts: Sequence[int]) -> float:
    """Entropy of the counts over that of the most even ones of as many examples."""
    even = [0] * len(counts)
    for example in range(sum(counts)):
        even[example % len(counts)] += 1

    def entropy(numbers: Sequence[int]) -> float:
        return -sum(number / sum(numbers) * math.log(number / sum(numbers)) for number in numbers if number)

    return entropy(counts) / entropy(even)


def test_bought_is_what_a_plain_computation_of_the_files_says(tmp_path):
    """Three classes, of which one is rare; runs of 4 and 6 rounds; 5 labels are validation examples."""
    rng = np.random.default_rng(0)
    for strategy in ("badge", "random"):
        for seed in range(4):
            num_rounds = 4 if seed == 3 and strategy == "badge" else 6
            counts = {15 + 10 * round: 0.5 for round in range(num_rounds)}
            identity = Identity("digits", "mlp", strategy, 10, "", seed)
            path = write_run(tmp_path, identity, counts, num_validation=5) / "rounds.csv"
            classes = rng.multinomial(10, [0.6, 0.39, 0.01], num_rounds).tolist()
            table = pd.read_csv(path, keep_default_na=False)
            table["class_counts"] = [" ".join(map(str, batch)) for batch in classes]
            table.assign(num_copies=rng.integers(0, 10, num_rounds)).to_csv(path, index=False)
    found = bought(load_results(tmp_path).rounds)
    assert len(found) == 12
    assert found["unseen_classes"].nunique() > 2
    for row in found.to_dict("records"):
        values: dict[str, list[float]] = {"copies": [], "unseen_classes": [], "balance": [], "batch_balance": []}
        for path in (tmp_path / "digits" / "mlp" / row["strategy"]).rglob("rounds.csv"):
            so_far, before = [0, 0, 0], 5
            for line in csv.DictReader(path.read_text().splitlines()):
                batch = [*map(int, line["class_counts"].split())]
                so_far = [one + other for one, other in zip(so_far, batch, strict=True)]
                size, before = int(line["num_labelled"]) - before, int(line["num_labelled"])
                if before == row["num_labelled"]:
                    values["copies"].append(int(line["num_copies"]) / size)
                    values["unseen_classes"].append(so_far.count(0))
                    values["balance"].append(plain_balance(so_far))
                    values["batch_balance"] += [plain_balance(batch)] if line["round"] != "0" else []
        is_late = row["strategy"] == "badge" and row["num_labelled"] > 45
        assert row["num_seeds"] == len(values["copies"]) == (3 if is_late else 4)
        assert (row["is_common"], row["is_partial"]) == (not is_late, is_late)
        for name, of_runs in values.items():
            if name == "batch_balance" and row["num_labelled"] == 15:
                assert np.isnan(row[name])
            else:
                assert row[name] == pytest.approx(sum(of_runs) / len(of_runs), rel=1e-12), name


def test_what_older_runs_do_not_say_is_empty(tmp_path):
    """Not the number of labels; and of a run that knows it, it is there beside them."""
    write(tmp_path, "badge", 0, class_counts=["10 0", "5 5"], num_copies=[0, 5])
    write(tmp_path, "random", 0, class_counts=["10 0", "5 5"])
    path = tmp_path / Identity("digits", "mlp", "random", 10, "", 0).path / "rounds.csv"
    pd.read_csv(path, keep_default_na=False).drop(columns=["class_counts", "num_copies"]).to_csv(path, index=False)
    rounds = load_results(tmp_path).rounds
    found = bought(rounds).set_index(["strategy", "num_labelled"])
    said = ["copies", "unseen_classes", "balance"]
    assert found.loc[("badge", 20), said].tolist() == [0.5, 0.0, pytest.approx(plain_balance([15, 5]))]
    assert found.loc["random", [*said, "batch_balance"]].isna().all(axis=None)
    none = bought(rounds.drop(columns=["class_counts", "num_copies"]))
    assert none[[*said, "batch_balance"]].isna().all(axis=None)
    assert not bought_curves(none, {"dataset": "digits", "model": "mlp", "batch_size": 10, "variant": ""})
    assert class_balance(rounds.drop(columns="class_counts")).empty


def test_figures_are_of_what_varies_in_a_setting(tmp_path):
    for strategy in ("badge", "random"):
        write(tmp_path, strategy, 0, class_counts=["10 0", "0 10"], num_copies=[0, 0])
    write_run(tmp_path, Identity("digits", "mlp", "badge", 20, "", 0), {10: 0.5, 30: 0.6}, num_copies=1)
    table = bought(load_results(tmp_path).rounds)
    names = {}
    for batch_size in (10, 20):
        setting = {"dataset": "digits", "model": "mlp", "batch_size": batch_size, "variant": ""}
        names[batch_size] = {
            measure.column: rows["mean"].tolist() for measure, rows in bought_curves(table, setting).items()
        }
    assert names[10] == {"unseen_classes": [1.0, 0.0] * 2, "balance": [0.0, 1.0] * 2}
    assert names[20] == {"copies": [0.1, 0.05]}
    assert {measure.column for measure in BOUGHT} == {"copies", "unseen_classes", "balance"}

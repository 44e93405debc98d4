"""A run of a submission beside what is planned and published: each difference a line, with both values."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from al_bench.leaderboard.board import Board, Place
from al_bench.leaderboard.published import First
from al_bench.leaderboard.submission import Run
from al_bench.records.columns import SETTING_COLUMNS
from al_bench.records.identity import differing_keys
from al_bench.records.starts.told import Start, split_digest

ROUNDING = 1e-6  # of an accuracy that is a share of the test set


def unplaced(run: Run, board: Board) -> str:
    """Why a run has no place: what its setting is, and that of the leaderboard which is most like it."""
    own = run.identity.as_dict()
    likeness = [sum(own[column] == ours for column, ours in _setting(place).items()) for place in board.places]
    nearest = board.places[int(np.argmax(likeness))]
    differences = [
        f"{column}={own[column]}, where {column}={ours} is right"
        for column, ours in _setting(nearest).items()
        if own[column] != ours
    ]
    return f"{run.name}: is in no setting of the leaderboard; the nearest is {nearest}: {'; '.join(differences)}"


def differences(run: Run, place: Place, first: First) -> Iterator[str]:
    """What of a run is not as it has to be in a place, whose first round is published."""
    configs = (place.planned.config.with_seed(first.seed).plain, run.config, place.planned.default)
    for line in differing_keys(*map(_without_strategy, configs)):
        yield f"{run.name}/config.yaml: {line}"
    start = next((start for start in reversed(run.starts) if "data" in start), Start())
    if start.get("is_oracle") is True:
        yield f"{run.name}/environment.json: is_oracle=true: a strategy that sees hidden labels is not compared"
    split = split_digest(start)
    if split != first.split_digest:
        yield (
            f"{run.name}/environment.json: data={split}, where {first.split_digest} is right: other source data, or "
            "split otherwise"
        )
    if run.pool_size != first.pool_size:
        yield f"{run.name}/done.json: pool_size={run.pool_size}, where {first.pool_size} is right"
    yield from _rounds(run, place, first)


def other_features(run: Run, first: First) -> bool:
    """Whether a run learned from other numbers of the same examples, as features may be on another machine."""
    return any(start.get("data", first.data_digest) != first.data_digest for start in run.starts)


def _rounds(run: Run, place: Place, first: First) -> Iterator[str]:
    """What is wrong with rounds.csv and queries.csv."""
    rounds = run.rounds
    wanted = place.planned.config.wanted
    last = wanted.within(first.pool_size)
    size = place.planned.identity.batch_size
    due = [first.num_labelled, *range(first.num_labelled + size, last + 1, size)]
    if (there := rounds["num_labelled"]) != due:
        round = next((round for round, pair in enumerate(zip(there, due, strict=False)) if pair[0] != pair[1]), None)
        yield (
            f"{run.name}/rounds.csv: it has {len(there)} rounds, where {len(due)} are due"
            if round is None
            else f"{run.name}/rounds.csv: num_labelled={there[round]} in round {round}, where {due[round]} is right"
        )
    digest, accuracies = rounds.get("queries_digest", [None])[0], rounds["test_accuracy"]
    if digest != first.queries_digest:
        yield (
            f"{run.name}/queries.csv: the digest of round 0 is {digest}, where {first.queries_digest} is right: its "
            "first labels are not those that are drawn at this seed"
        )
    if problem := is_off(accuracies[0], first.test_accuracy, first):
        yield f"{run.name}/rounds.csv: test_accuracy={accuracies[0]:.4f} in round 0, where Random has {problem}"
    for round, accuracy in enumerate(accuracies):
        if abs(accuracy * first.num_test - np.rint(accuracy * first.num_test)) > ROUNDING:
            yield (
                f"{run.name}/rounds.csv: test_accuracy={accuracy} in round {round}, which is no share of the "
                f"{first.num_test} examples of the test set"
            )
            return


def is_off(accuracy: float, right: float, first: First) -> str:
    """What would be right, if an accuracy is further from that than another machine's may be; else empty."""
    return f"{right:.4f}, give or take {first.tolerance:.4f}" if abs(accuracy - right) > first.tolerance else ""


def _setting(place: Place) -> dict[str, object]:
    return dict(zip(SETTING_COLUMNS, place.setting, strict=True))


def _without_strategy(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The strategy is the submission's own: what it would be built of is not looked at."""
    return {key: value for key, value in config.items() if key != "strategy"}

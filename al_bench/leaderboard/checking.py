"""The check of a submission: all that is wrong with it, each a line that names file, key, value and what is right."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from al_bench.config.reading.families import shipped
from al_bench.core.errors import ResultsError
from al_bench.leaderboard.board import Board, Place, setting_of
from al_bench.leaderboard.comparing import differences, other_features, unplaced
from al_bench.leaderboard.published import First
from al_bench.leaderboard.retraining import drawn, retrained
from al_bench.leaderboard.submission import ARCHIVE, Run, Submission, read_submission
from al_bench.records.layout import seeds_title

MAX_LISTED = 20


Placed = Mapping[Place, Sequence[Run]]
"""The runs of each place that has any."""


@dataclass(frozen=True)
class Checked:
    """A submission in which nothing is wrong.

    Args:
        submission: that was read.
        placed: its runs, by data set of a regime.
        strategy: what its strategy is called in paths.
        regimes: that it is in.
        remarks: what was not checked, a line each.
        retrained: the rounds that were, a line each.
    """

    submission: Submission = field(repr=False)
    placed: Placed = field(repr=False)
    strategy: str
    regimes: tuple[str, ...]
    remarks: tuple[str, ...]
    retrained: tuple[str, ...]


def check(folder: Path, board: Board | None = None) -> Checked:
    """A submission held against the leaderboard: files first, and then three of its rounds, trained again.

    Raises:
        ResultsError: with all that is wrong.
        ConfigError, DataError: if the rounds cannot be trained here.
    """
    submission = read_submission(folder)
    board = Board.read() if board is None else board
    archive = folder / ARCHIVE
    if not submission.runs:
        raise ResultsError(f"{archive}: there is no run in it")
    by_setting = {place.setting: place for place in board.places}
    refuse(archive, [unplaced(run, board) for run in submission.runs if setting_of(run.identity) not in by_setting])
    placed: dict[Place, list[Run]] = {}
    for run in submission.runs:
        placed.setdefault(by_setting[setting_of(run.identity)], []).append(run)
    refuse(archive, [*_strategy_problems(submission.runs), *_missing(placed, board)])
    known = list(_published(placed, board))
    if not known:
        listed = ", ".join(map(str, placed))
        raise ResultsError(f"{archive}: {listed}: not published yet, so there is nothing to check them by")
    refuse(archive, [line for run, place, first in known for line in differences(run, place, first)])
    again = drawn(known, submission.digest)
    refuse(archive, [problem for each in again if (problem := retrained(each))])
    return Checked(
        submission,
        placed,
        strategy=submission.runs[0].identity.strategy,
        regimes=tuple(dict.fromkeys(place.regime for place in placed)),
        remarks=tuple(_remarks(placed, board, known)),
        retrained=tuple(f"{each.run.name}, round {each.round}" for each in again),
    )


def refuse(archive: Path, problems: Sequence[str]) -> None:
    """ResultsError with these, if there are any."""
    if problems:
        more = [f"... and {len(problems) - MAX_LISTED} more"] if len(problems) > MAX_LISTED else []
        raise ResultsError("\n".join([*(f"{archive}: {line}" for line in problems[:MAX_LISTED]), *more]))


def _strategy_problems(runs: Sequence[Run]) -> Iterator[str]:
    names = sorted({run.identity.strategy for run in runs})
    if len(names) > 1:
        yield f"strategy={', '.join(names)}: a submission is of one strategy; make one of each"
    for taken in sorted({*names} & shipped()):
        yield f"strategy={taken}: is the name of one that al_bench comes with; give yours another"


def _missing(placed: Placed, board: Board) -> Iterator[str]:
    """Seeds that are not the protocol's, or lacking, and data sets that are lacking where there are others."""
    for place, runs in placed.items():
        seeds = {run.identity.seed for run in runs}
        if seeds != {*place.seeds} and place.is_checked:
            right = seeds_title(place.seeds)
            yield f"{place}: it has the seeds {seeds_title(seeds)}, where {right} are right, all of them"
    for regime in dict.fromkeys(place.regime for place in placed):
        if lacking := [place.name for place in board.due(regime) if place not in placed]:
            command = board.command(regime, next(iter(placed.values()))[0].identity.strategy.partition(",")[0])
            yield f"{regime}: {', '.join(lacking)} lacking: a regime has all of its data sets, or none; run {command}"


def _published(placed: Placed, board: Board) -> Iterator[tuple[Run, Place, First]]:
    """The runs that can be checked."""
    for place, runs in placed.items():
        if place.is_checked and board.is_published(place):
            for run in runs:
                yield run, place, board.published[place.regime, run.identity.dataset, run.identity.seed]


def _remarks(placed: Placed, board: Board, known: Sequence[tuple[Run, Place, First]]) -> Iterator[str]:
    for place in placed:
        if not place.is_checked:
            yield f"{place}: its data are drawn anew by whoever runs it, so it is not checked"
        elif not board.is_published(place):
            yield f"{place}: not published yet, so it is not checked"
    for place in dict.fromkeys(place for run, place, first in known if other_features(run, first)):
        yield f"{place}: its features are not those of the published runs to the last bit, of the same examples"

"""A checked submission as a row of the leaderboard's table, with its files beside it; nothing that is there changes."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from al_bench.core.errors import ResultsError
from al_bench.files.locks import alone_in
from al_bench.files.writing import append_lines, replace_bytes, whole_lines
from al_bench.leaderboard.cards import CARD
from al_bench.leaderboard.checking import Checked
from al_bench.leaderboard.standing import Gain, gains_beside
from al_bench.leaderboard.submission import ARCHIVE, MAX_ARCHIVE

SUBMISSIONS = "submissions"
TABLE = f"{SUBMISSIONS}.csv"
COLUMNS = (
    *("strategy", "regimes", "num_runs", "authors", "commit", "deviations", "tuning_trials", "cpu_hours"),
    *("gain", "low", "high", "description", "code", "al_bench", "sha256"),
)


@dataclass(frozen=True)
class Added:
    """Where the files of a submission are, what its row says, and its gains beside those of others."""

    path: Path
    row: Mapping[str, object]
    gains: Sequence[Gain]


def add(checked: Checked, board_folder: Path) -> Added:
    """Keep a submission in the folder of the leaderboard.

    Raises:
        ResultsError: if the folder is none, one of its name is there, or all archives would be too large.
    """
    if not (board_folder / "protocol.yaml").is_file():
        raise ResultsError(
            f"{board_folder}: holds no protocol.yaml; --to names the folder of the leaderboard in a clone, "
            "docs/results/leaderboard"
        )
    submission, target = checked.submission, board_folder / SUBMISSIONS / checked.strategy
    with alone_in(board_folder):
        if _is_there(checked.strategy, board_folder):
            raise ResultsError(
                f"{board_folder / TABLE}: strategy={checked.strategy} is there; nothing is overwritten, so give yours "
                "another name"
            )
        size = sum(path.stat().st_size for path in board_folder.rglob("*.tar.xz") if path.parent != target)
        if (size := size + len(submission.archive_bytes)) > MAX_ARCHIVE:
            raise ResultsError(
                f"{board_folder}: with this one all archives have {size:,} bytes; at most {MAX_ARCHIVE:,} are kept"
            )
        target.mkdir(parents=True, exist_ok=True)  # without a row, it is what a kill has left
        replace_bytes(target / ARCHIVE, submission.archive_bytes)
        replace_bytes(target / CARD, submission.card_bytes)
        header = "" if (board_folder / TABLE).exists() else f"{','.join(COLUMNS)}\n"
        gains = gains_beside(checked.placed, board_folder)
        row = _row(checked, [each for each in gains if each.strategy == checked.strategy])
        append_lines(board_folder / TABLE, header + _line(row))
    return Added(target, row, gains)


def _is_there(strategy: str, board_folder: Path) -> bool:
    """Whether the table has a row of it; names that differ in case are the same folder to some."""
    rows = csv.DictReader(whole_lines(board_folder / TABLE))
    return strategy.casefold() in {row["strategy"].casefold() for row in rows}


def _row(checked: Checked, gains: Sequence[Gain]) -> dict[str, object]:
    """What is said of a submission; gains are a number for each regime, and nothing where they are not known."""
    submission, card = checked.submission, checked.submission.card
    versions = sorted({str(run.starts[-1].get("al_bench")) for run in submission.runs if run.starts})
    values = (
        *(checked.strategy, " ".join(checked.regimes), len(submission.runs), "; ".join(card.authors), card.commit),
        *("; ".join(card.deviations), card.tuning_trials, card.cpu_hours),
        *(" ".join(f"{getattr(each, name):.4f}" for each in gains) for name in ("gain", "low", "high")),
        *(card.description, card.code, " ".join(versions), submission.digest),
    )
    return dict(zip(COLUMNS, values, strict=True))


def _line(row: Mapping[str, object]) -> str:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerow(row.values())
    return text.getvalue()

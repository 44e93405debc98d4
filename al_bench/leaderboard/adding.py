"""A checked submission as a row of the leaderboard's table, with its files beside it; nothing that is there changes."""

import csv
from io import StringIO
from pathlib import Path

from al_bench.core.errors import ResultsError
from al_bench.files.locks import alone_in
from al_bench.files.writing import append_lines, replace_bytes, whole_lines
from al_bench.leaderboard.cards import CARD
from al_bench.leaderboard.checking import Checked
from al_bench.leaderboard.submission import ARCHIVE, MAX_ARCHIVE

SUBMISSIONS = "submissions"
TABLE = f"{SUBMISSIONS}.csv"
COLUMNS = (
    *("strategy", "regimes", "num_runs", "authors", "commit", "deviations", "tuning_trials", "cpu_hours"),
    *("al_bench", "sha256"),
)


def add(checked: Checked, board_folder: Path) -> Path:
    """Keep a submission in the folder of the leaderboard; its files are where the path says.

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
        append_lines(board_folder / TABLE, header + _row(checked))
    return target


def _is_there(strategy: str, board_folder: Path) -> bool:
    """Whether the table has a row of it; names that differ in case are the same folder to some."""
    rows = csv.DictReader(whole_lines(board_folder / TABLE))
    return strategy.casefold() in {row["strategy"].casefold() for row in rows}


def _row(checked: Checked) -> str:
    submission, card, text = checked.submission, checked.submission.card, StringIO()
    versions = sorted({str(run.starts[-1].get("al_bench")) for run in submission.runs if run.starts})
    values = (
        *(checked.strategy, " ".join(checked.regimes), len(submission.runs), "; ".join(card.authors), card.commit),
        *("; ".join(card.deviations), card.tuning_trials, card.cpu_hours, " ".join(versions), submission.digest),
    )
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()

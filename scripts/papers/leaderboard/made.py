"""Everything in docs/results/leaderboard but the runs, from the runs: tables, figures, and the page that shows them.

    python scripts/leaderboard.py docs/results/leaderboard [--out DIR]

Reads the archives of each regime's folder (see scripts/archive.py). A data set is in a regime once all of its runs are.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from al_bench.core.errors import ResultsError, UserError
from al_bench.files.locks import alone_in
from al_bench.files.writing import replace_text
from al_bench.leaderboard.adding import COLUMNS, TABLE
from papers.leaderboard.page import draw_standings, page
from papers.leaderboard.protocol import Protocol
from papers.leaderboard.regime import regime_of
from papers.leaderboard.standings import Standings, published, standings
from papers.pages import folders


def main() -> None:
    """Write the files."""
    folder, out = folders(__doc__, "with a folder of archives for each regime, and protocol.yaml")
    try:
        protocol = Protocol.read(folder / "protocol.yaml")
        found, unread = all_standings(folder, protocol)
        out.mkdir(parents=True, exist_ok=True)
        with alone_in(out):
            write(found, unread, protocol, submitted(folder), out)
    except (UserError, OSError, ValueError) as error:
        sys.exit(f"leaderboard: {folder}: {error}")
    print(out / "README.md")


def all_standings(folder: Path, protocol: Protocol) -> tuple[list[list[Standings]], list[str]]:
    """Of each regime that has a whole data set, by each measure; and why others are left out."""
    found, unread = [], []
    for name in protocol.regimes:
        if not (folder / name).is_dir():
            unread.append(f"{name}: no runs yet")
            continue
        with TemporaryDirectory() as scratch:
            try:
                of_it = regime_of(name, folder / name, protocol, Path(scratch) / "runs")
            except ResultsError as error:
                unread.append(f"{name}: {error}")
                continue
            found.append([standings(of_it, column, protocol) for column in protocol.measures])
    if not found:
        raise ResultsError("; ".join(unread))
    return found, unread


def submitted(folder: Path) -> pd.DataFrame:
    """What others have added, each value as it is written."""
    table = folder / TABLE
    return pd.read_csv(table, dtype=str, keep_default_na=False) if table.exists() else pd.DataFrame(columns=COLUMNS)


def write(
    found: list[list[Standings]], unread: list[str], protocol: Protocol, submissions: pd.DataFrame, out: Path
) -> None:
    """Numbers as CSV, figures as PNG and PDF, and README.md."""
    for name, table in published([each for of_it in found for each in of_it]).items():
        replace_text(out / f"{name}.csv", table.to_csv(index=False))
    for first, *_ in found:
        draw_standings(first, protocol, out / f"standings_{first.regime.name}")
    replace_text(out / "README.md", page(found, protocol, unread, submissions))

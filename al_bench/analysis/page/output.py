"""Where the analysis of a folder of results is written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from al_bench.files.locks import alone_in
from al_bench.files.writing import check_link, read_text, replace_text

MARK = ".analysis_of"  # in a folder that a link leads to: the results whose analysis it holds


@contextmanager
def output_folder(folder: Path, out: Path | None) -> Iterator[Path]:
    """`out`, which is the user's choice, else FOLDER/analysis; made, and for one process at a time.

    Raises:
        OSError: if FOLDER/analysis is a link to a folder that holds anything but an analysis of this one.
    """
    place = folder / "analysis" if out is None else out
    whose = f"{folder.resolve()}\n"
    if out is None:
        check_link(place, lambda: (place / MARK).is_file() and read_text(place / MARK) == whose, (f".{MARK}.partial",))
    place.mkdir(parents=True, exist_ok=True)
    with alone_in(place):
        if out is None and place.is_symlink():
            replace_text(place / MARK, whose)
        yield place

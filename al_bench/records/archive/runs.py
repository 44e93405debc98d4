"""A run in an archive: its files, whether they are whole, and which of two copies of it goes on from the other."""

import lzma
import re
import tarfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from itertools import zip_longest
from pathlib import Path

from al_bench.core.errors import ResultsError
from al_bench.records.archive.safety import Limits, members_of, regular_files
from al_bench.records.layout import (
    CONFIG,
    CURVE,
    DONE,
    ENVIRONMENT,
    ERROR,
    FILES,
    MEASURES,
    QUERIES,
    ROUNDS,
    STATES,
    identity_of_path,
)
from al_bench.records.rounds_file import texts_of
from al_bench.records.saved import PREDICTIONS, saved_path, saved_rounds

Files = Mapping[str, bytes]
"""Of a run directory, by name."""

Runs = Mapping[str, Files]
"""By name: the path of a run directory below the folder of its experiment."""

NEEDED = (CONFIG, ENVIRONMENT, QUERIES, ROUNDS)


def name_of(path: Path) -> str:
    """<dataset>/<model>/<strategy>/b<batch size>[/<variant>]/s<seed>, wherever that is; empty for other paths."""
    identity = identity_of_path(path)
    return Path(*path.absolute().parts[-6 if identity["variant"] else -5 :]).as_posix() if identity else ""


def archived(runs: Runs) -> bytes:
    """An archive of these runs: the same runs make the same bytes."""
    content = BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, files in sorted(runs.items()):
            for file, text in sorted(files.items()):
                member = tarfile.TarInfo(f"{name}/{file}")
                member.size = len(text)
                tar.addfile(member, BytesIO(text))
    return lzma.compress(content.getvalue())


def read(archive: Path, limits: Limits) -> dict[str, Files]:
    """The runs of an archive; all of it is held against its checksum before any of it is believed.

    Raises:
        ResultsError: if it cannot be read, is larger than the limits, or holds anything but files of runs.
    """
    runs: dict[str, dict[str, bytes]] = {}
    for path, content in members_of(archive, limits):
        file = "/".join(path.parts[-2:])
        folder, file = (path.parents[1], file) if is_saved(file) else (path.parent, path.name)
        name = folder.as_posix()
        if path.name.startswith(".") or name_of(Path("/") / name) != name:
            raise ResultsError(f"{archive}: {path} is no file of a run")
        runs.setdefault(name, {})[file] = content
    return dict(runs)


def files_in(path: Path, *, with_predictions: bool = False) -> tuple[Files, list[str]]:
    """The files of a run directory, and what is wrong with those that are left out, a line each.

    rounds.csv is read first, so that what it counts is in the others. Predictions are those of committed rounds.
    """
    files, problems = regular_files(path, sorted(FILES, key=lambda name: name != ROUNDS))
    if with_predictions:
        try:
            there = saved_rounds(path, PREDICTIONS) & {*range(len(rounds_of(files)))}
        except OSError as error:
            return files, [*problems, f"{path / PREDICTIONS}: {error.strerror}"]
        names = [saved_path(Path(), PREDICTIONS, round).as_posix() for round in sorted(there)]
        of_rounds, others = regular_files(path, names)
        files, problems = files | of_rounds, problems + others
    return files, problems


def with_kept(files: Files, others: Files) -> Files:
    """The files of a run, with what another copy has beside results: predictions, and measures of a user's own."""
    kept = {name: content for name, content in others.items() if name == MEASURES or is_saved(name)}
    return {**kept, **files}


def is_saved(name: str) -> bool:
    """Whether a file's name in a run is that of predictions."""
    return re.fullmatch(rf"{PREDICTIONS}/round_\d{{3,}}\.npz", name) is not None


def committed_part(files: Files) -> Files:
    """What counts of an unfinished run: nothing beyond its last committed round, and no mark of how a start ended."""
    rounds = whole(files.get(ROUNDS, b""))
    num_rounds = len(rounds_of({ROUNDS: rounds}))
    kept = {name: content for name, content in files.items() if name not in (DONE, ERROR, CURVE)}
    kept[ROUNDS] = rounds
    num_queries = num_queried(kept)
    kept[QUERIES] = b"".join(whole(files.get(QUERIES, b"")).splitlines(keepends=True)[: 1 + num_queries])
    if STATES in files:
        kept[STATES] = b"".join(whole(files[STATES]).splitlines(keepends=True)[:num_rounds])
    return kept


def whole(content: bytes) -> bytes:
    """The whole lines of a file; a torn last one is left out."""
    return content[: content.rfind(b"\n") + 1]


def problem_of(files: Files, *, is_finished: bool) -> str:
    """What is wrong with the files of a run, so that it could not go on; empty if nothing."""
    needed = [*NEEDED, DONE] if is_finished else NEEDED
    if lacking := [name for name in sorted(needed) if not files.get(name, b"").strip()]:
        return f"{', '.join(lacking)}: missing or empty"
    if not (rounds := rounds_of(files)):
        return "rounds.csv has no round"
    if files[QUERIES].count(b"\n") - 1 != num_queried(files):
        return "queries.csv does not hold the labels that rounds.csv counts"
    states = files.get(STATES)
    if states is not None and states.count(b"\n") != len(rounds):
        return f"{STATES} does not hold the rounds that rounds.csv has"
    return ""


def goes_on(files: Files, others: Files, where: str) -> bool:
    """Whether the first of two directories of a run has more rounds.

    One has to begin with the other, in the columns that both have, seconds apart.

    Raises:
        ResultsError: if their results or their queries differ; `where` says which they are.
    """
    for first, second in zip_longest(rounds_of(files), rounds_of(others)):
        if first is None or second is None:
            break
        if any(first[name] != second[name] for name in first.keys() & second.keys()):
            raise ResultsError(f"{where}: two runs of the same identity with different results; nothing was changed")
    queries, other_queries = (each.get(QUERIES, b"") for each in (files, others))
    if not queries.startswith(other_queries) and not other_queries.startswith(queries):
        raise ResultsError(f"{where}: two runs of the same identity with different queries; nothing was changed")
    return len(rounds_of(files)) > len(rounds_of(others))


def num_queried(files: Files) -> int:
    """The rows that queries.csv has by the last round; 0 without a round."""
    rounds = rounds_of(files)
    try:
        return int(rounds[-1]["num_labelled"]) - int(rounds[-1].get("num_validation") or 0) if rounds else 0
    except (KeyError, TypeError, ValueError):  # rounds.csv of something else, which is said elsewhere
        return 0


def rounds_of(files: Files) -> Sequence[Mapping[str, str]]:
    """The rows of rounds.csv without seconds; none if it is no table of rounds."""
    try:
        columns = texts_of(files.get(ROUNDS, b"").decode(errors="replace").splitlines(keepends=True))
    except ValueError:
        return []
    names = [name for name in columns if not name.endswith("_seconds")]
    return [dict(zip(names, row, strict=True)) for row in zip(*(columns[name] for name in names), strict=True)]

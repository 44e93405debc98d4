"""The files of a run directory, that they are its own, and the log among them; and what its path says."""

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from itertools import groupby
from pathlib import Path

from al_bench.files.locks import LOCK as LOCK
from al_bench.files.writing import open_own, open_regular, read_text

ROUNDS, QUERIES, STATES, LOG = "rounds.csv", "queries.csv", "strategy_state.jsonl", "run.log"
CONFIG, ENVIRONMENT, DONE, ERROR = "config.yaml", "environment.json", "done.json", "error.json"
FLIPS, VALIDATION, MEASURES, CURVE, WANDB_ID = "flips.csv", "validation.csv", "measures.csv", "curve.png", "wandb_id"
RESTART_WEIGHTS = ("weights_even.bin", "weights_odd.bin")  # of the last round of each kind, from which the next starts
APPENDED = (ROUNDS, QUERIES, STATES, LOG)
DRAWN = {"flips": FLIPS, "validation": VALIDATION}  # anew at every start; by what environment.json calls the digest
REPLACED = (CONFIG, ENVIRONMENT, *DRAWN.values(), DONE, ERROR, CURVE, MEASURES, WANDB_ID, *RESTART_WEIGHTS)
POSSIBLE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")  # as wandb takes it, and no pattern in it
FILES = (*APPENDED, *REPLACED)
BATCH_PART, SEED_PART, MOST_PARTS = re.compile(r"b\d+"), re.compile(r"s\d+"), 6  # of the path of a run directory


def check_files(path: Path) -> None:
    """OSError if one of a run's files is not a file of its own: none is read or written through a link."""
    for name in FILES:
        opener = open_own if name in APPENDED else open_regular
        with suppress(FileNotFoundError):
            os.close(opener(path / name, os.O_RDONLY | os.O_NOFOLLOW))


def weights_name(round: int) -> str:
    """The name of the file with the weights of a round, which takes the place of those of two rounds before."""
    return RESTART_WEIGHTS[round % 2]


class _Appending(logging.FileHandler):
    """A log that is appended to as the tables are."""

    def _open(self) -> TextIOWrapper:
        return open(self.baseFilename, "a", encoding=self.encoding, errors="backslashreplace", opener=open_own)


@contextmanager
def logging_to(path: Path, is_ours: Callable[[], bool]) -> Iterator[None]:
    """Within it, what al_bench logs is appended to a file, too, as long as that is ours."""
    handler = _Appending(path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handler.addFilter(lambda _: is_ours())
    logger = logging.getLogger("al_bench")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        with suppress(OSError):
            handler.close()


def identity_of_path(path: Path) -> dict[str, object]:
    """From .../<dataset>/<model>/<strategy>/b<batch size>[/<variant>]/s<seed>; empty if it is not like that."""
    *parts, last = path.parts if len(path.parts) > MOST_PARTS else path.absolute().parts
    if not SEED_PART.fullmatch(last):
        return {}
    variant = "" if parts and BATCH_PART.fullmatch(parts[-1]) else parts.pop() if parts else ""
    if len(parts) < 4 or not BATCH_PART.fullmatch(parts[-1]):
        return {}
    dataset, model, strategy, batch_size = parts[-4:]
    identity = {"dataset": dataset, "model": model, "batch_size": int(batch_size[1:]), "variant": variant}
    return identity | {"strategy": strategy, "seed": int(last[1:])}


def folder_named(text: str) -> Path:
    """A folder as it is typed, whole, told by the names alone; `~` is the home, if there is one."""
    return Path(os.path.normpath(Path(os.path.expanduser(text)).absolute()))  # noqa: PTH111 (which raises without one)


def path_of(identity: Mapping[str, object]) -> Path:
    """The path of the run directory, below the folder of the experiment; `identity_of_path` is the way back."""
    return Path(*_run_parts(identity), f"s{identity['seed']}")


def run_title(identity: Mapping[str, object]) -> str:
    """For people: `digits · mlp · badge · b100 · seed 0`."""
    return " · ".join([*_run_parts(identity), f"seed {identity['seed']}"])


def setting_title(setting: Mapping[str, object]) -> str:
    """For people: `digits · mlp · b100`."""
    return " · ".join(setting_parts(setting))


def setting_parts(setting: Mapping[str, object]) -> list[str]:
    """What a setting is called after."""
    return _parts(setting, ("dataset", "model"))


def _run_parts(identity: Mapping[str, object]) -> list[str]:
    return _parts(identity, ("dataset", "model", "strategy"))


def _parts(identity: Mapping[str, object], columns: tuple[str, ...]) -> list[str]:
    parts = (*(identity[column] for column in columns), f"b{identity['batch_size']}", identity["variant"])
    return [str(part) for part in parts if part != ""]


def wandb_id(path: Path) -> str:
    """The id of its wandb run that a run directory keeps; empty if there is none, or what is there cannot be one."""
    try:
        known = read_text(path / WANDB_ID).strip()
    except (OSError, ValueError):
        return ""
    return known if POSSIBLE_ID.fullmatch(known) else ""


def offline_folders(folder: Path, run_id: str) -> list[Path]:
    """The folders below `<folder>/wandb` of the run of this id: a folder's name is its time and the whole id."""
    name = re.compile(rf"offline-run-\d{{8}}_\d{{6}}-{re.escape(run_id)}")
    found = [path for path in (folder / "wandb").glob("offline-run-*") if name.fullmatch(path.name)]
    return [path for path in found if path.is_dir() and not path.is_symlink()]


def seeds_title(seeds: Iterable[int]) -> str:
    """Seeds in few letters, for people: `0-4, 7`."""
    known = sorted(set(seeds))
    runs = [[seed for _, seed in run] for _, run in groupby(enumerate(known), key=lambda pair: pair[1] - pair[0])]
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)

"""Where the study of a search is stored: for one process at a time, and for no other search."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import optuna
import yaml
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import SQLAlchemyError

from al_bench.core.errors import BusyError, ConfigError, RunDirectoryError, message_of
from al_bench.files.locks import is_free
from al_bench.sweeps.search import RESULTS, Search, Study

STUDY, LOCK = "study.db", ".study.lock"
MAX_LISTED = 8  # differences in a message

optuna.logging.set_verbosity(optuna.logging.WARNING)  # type: ignore[attr-defined]


@contextmanager
def opened(search: Search, folder: Path, storage: Any, study_name: str) -> Iterator[Study]:
    """The study of a search, created or gone on with, for this process alone.

    Args:
        search: what it must be a study of.
        folder: of the results.
        storage: as `optuna.create_study` takes it; None for a file in the folder.
        study_name: in the storage.

    Raises:
        ConfigError: if the study, or the results in the folder, are another search's; nothing is written then.
        BusyError: if another process is doing the search.
        RunDirectoryError: if it cannot be stored.
    """
    file = None if storage else folder / STUDY
    name = "hydra.sweeper.storage" if storage else str(file)
    with _storing(name):
        _check(_found(storage, file, study_name), search, folder, name)
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        try:
            if not is_free(lock):
                raise BusyError(f"another process does the search in {folder}; wait for it, or say name=...")
            _check(_found(storage, file, study_name), search, folder, name)  # another process may have begun one
            study = optuna.create_study(
                storage=storage or _url(folder / STUDY),
                study_name=study_name,
                direction=search.direction,
                load_if_exists=True,
            )
            for key, value in search.attributes().items() if not study.trials else ():
                if study.user_attrs.get(key) != value:
                    study.set_user_attr(key, value)
            yield Study(study, search, folder, name)
        finally:
            os.close(lock)


@contextmanager
def _storing(name: str) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        told = message_of(error.__cause__ or error).splitlines()[0]
        raise RunDirectoryError(f"{name}: the search cannot be stored: {told}") from error


def _url(file: Path) -> str:
    """Of a database in a file, whatever that is called."""
    return f"sqlite:///file:{quote(str(file.absolute()))}?uri=true"


def _found(storage: Any, file: Path | None, study_name: str) -> optuna.Study | None:
    """The study, if it is there."""
    if file is not None and not os.path.lexists(file):
        return None
    if file is not None and (file.is_symlink() or not file.is_file()):
        raise ConfigError(f"{file} is no file; say another name=...")
    try:
        return optuna.load_study(study_name=study_name, storage=storage or _url(file))  # type: ignore[arg-type]
    except KeyError:
        return None
    except (ImportError, ValueError) as error:
        raise ConfigError(f"hydra.sweeper.storage: {message_of(error)}") from error


def _check(study: optuna.Study | None, search: Search, folder: Path, name: str) -> None:
    """ConfigError if going on would add to another search, or write over its results."""
    differences = search.differences(study) if study is not None else []
    if differences:
        more = [f"and {len(differences) - MAX_LISTED} more"] * (len(differences) > MAX_LISTED)
        listed = "\n  ".join(differences[:MAX_LISTED] + more)
        raise ConfigError(f"{name} holds another search; give this one another name=...:\n  {listed}")
    results = folder / RESULTS
    if results.exists() and not _is_of(study, results):
        raise ConfigError(f"{results} is of another search; give this one another name=..., or delete that file")


def _is_of(study: optuna.Study | None, results: Path) -> bool:
    """Whether these are results of the study."""
    try:
        stored = yaml.safe_load(results.read_text())
        trial = study.trials[stored["best_trial"]] if study is not None else None
        return trial is not None and trial.value == stored["best_value"]
    except (OSError, ValueError, LookupError, TypeError, yaml.YAMLError):
        return False

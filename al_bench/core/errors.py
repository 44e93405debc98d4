"""The errors that a user can cause: the message is all that is shown, so it names the way out."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

MAX_LISTED = 20  # names in a message
MAX_WORD = 200  # letters of a value in a message
DIVERGED = "a smaller model.optimizer.lr or scaled inputs may help"


class UserError(Exception):
    """Base of the errors below. `al-bench` prints the message without a stack trace and exits with 1."""


class ConfigError(UserError):
    """A value in the configuration is wrong; known before any data is loaded."""


class InputsError(ConfigError):
    """A model cannot take the inputs of a data set."""


class DataError(UserError):
    """A data set is missing, broken or cannot be learned from; known before training."""


class TrainingError(UserError):
    """Training went wrong in a way that a user can mend."""


class StrategyError(UserError):
    """A strategy broke its contract."""


class RunDirectoryError(UserError):
    """A run directory is locked, damaged, of another configuration or cannot be written."""


class BusyError(RunDirectoryError):
    """Another process is doing this run."""


class LaunchError(UserError):
    """A launcher could not begin the runs of a sweep."""


class ResultsError(UserError):
    """A folder of results cannot be analysed as asked."""


def described(error: BaseException) -> str:
    """`TypeError: its message`, of any error."""
    return f"{type(error).__name__}: {message_of(error)}"


def message_of(error: BaseException) -> str:
    """What an error says, whatever it is made of."""
    try:
        return str(error)
    except Exception as of_str:
        return f"(its message cannot be shown: {type(of_str).__name__})"


def first_line(error: BaseException) -> str:
    """The first line of what an error says; its type, if it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def nearest(name: str, known: Iterable[str]) -> str:
    """The second half of a message about an unknown name: the nearest known one, or all of them."""
    known = sorted(map(str, known))  # a key of a yaml file may be a number
    matches = get_close_matches(str(name), known, n=1, cutoff=0.5)
    listed = ", ".join(known[:MAX_LISTED]) + (", ..." if len(known) > MAX_LISTED else "") or "none"
    return f"did you mean {matches[0]!r}? (known: {listed})" if matches else f"known: {listed}"


def shortened(message: str) -> str:
    """The message without the middle of a value of thousands of letters; a path is shown whole."""
    return re.sub(rf"[^\s/]{{{MAX_WORD},}}", lambda word: f"{word[0][: MAX_WORD // 2]}...{word[0][-20:]}", message)

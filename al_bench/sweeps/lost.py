"""What is said of processes that a launcher lost: on a line, with the key, the process and where to read on."""

import re
from collections.abc import Mapping
from multiprocessing import TimeoutError as WorkerTimeoutError
from textwrap import shorten
from typing import Any

from al_bench.core.errors import described, message_of
from al_bench.records.identity import canonical

MAX_TOLD = 200  # letters of an error that launchers tell pages of
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
FRAME = re.compile(r"^\s+File \".*\", line \d+", re.MULTILINE)


class LostError(Exception):
    """A process of a launcher is gone; the message says all of it."""


def told(error: BaseException) -> str:
    """An error of a launcher on a line: its cause, which in a trace stands last, and the log that it names."""
    if isinstance(error, LostError):
        return str(error)
    text = COLOURS.sub("", message_of(error))
    name = type(error).__name__
    if codes := re.search(r"exit codes of the workers are (\{[^}]*\})", text):
        return (
            f"{name}: a worker process of hydra/launcher=joblib ended with {codes[1]}: it was killed, as where memory "
            "is short (fewer hydra.launcher.n_jobs need less), or a library crashed, whose trace is above"
        )
    if FRAME.search(text):
        return f"{name}: {shorten(_cause(text), MAX_TOLD, placeholder=' ...')}{_log(text)}"
    return shorten(described(error), MAX_TOLD, placeholder=" ...") + _log(text)


def in_time(error: WorkerTimeoutError, launcher: Mapping[str, Any]) -> LostError:
    """The loss of a job whose launcher waited no longer for a worker; joblib says nothing with it."""
    seconds = canonical(launcher.get("timeout"))
    return LostError(
        f"hydra.launcher.timeout={seconds}: a run took longer than these seconds, so joblib ended its worker processes "
        f"({type(error).__name__})"
    )


def in_ray(error: BaseException, logs: object) -> LostError:
    """The loss of a task of Ray whose process is gone, or that never had one.

    Args:
        error: of Ray.
        logs: the folder of the logs of Ray's processes on this machine.
    """
    hint = "; fewer runs at a time need less: hydra.launcher.ray.init.num_cpus"
    hint *= type(error).__name__ == "OutOfMemoryError"
    return LostError(f"hydra/launcher=ray: {told(error)}{hint}; the logs of Ray's processes: {logs}")


def _cause(trace: str) -> str:
    """The error at the end of a trace, after the last frame: all lines of its message."""
    *_, last = FRAME.finditer(trace)
    lines = trace[last.end() :].splitlines()[1:]
    start = next((number for number, line in enumerate(lines) if re.match(r"[^\W\d][\w.]*(:|$)", line)), 0)
    message = []
    for line in lines[start:]:
        if line.startswith("-----"):  # what submitit puts around it
            break
        message.append(line)
    return " ".join(" ".join(message).split())


def _log(text: str) -> str:
    """The first path of those that submitit lists, which is that of stderr."""
    path = re.search(r"^\s+- (/.*)$", text, re.MULTILINE)
    return f"; its log: {path[1]}" if path else ""

"""`python` in processes that are forked from one that has imported PyTorch and what else we use.

The imports take ten times what most tests have a command do. All else is as in a process of its own: the working
directory, the variables, the arguments, what it prints, signals, and how it ends. What depends on the start of the
interpreter or on the imports themselves is tested by `subprocess`.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[2]
ENVIRONMENT = dict(os.environ)  # before any test has changed it
IMPORTED = (  # an optimizer imports the last
    *("al_bench.run", "al_bench.sweeps.jobs", "al_bench.datasets.digits", "al_bench.analysis.page.report"),
    *("al_bench.analysis.pictures.run_curve", "optuna", "torch._dynamo"),
)


class Process:
    """`python` with these arguments: like `subprocess.Popen`.

    Args:
        arguments: `-m` and a module, `-c` and code, or a script; and what follows.
        cwd: the working directory.
        out: the file that gets what is printed.
        err: the file that gets the errors; `out`, if none is named.
        environment: all its variables; those of this process, if none are named.
        is_session: whether it leads a group of processes of its own.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        out: Path,
        err: Path | None = None,
        environment: Mapping[str, str] | None = None,
        is_session: bool = False,
    ):
        environment = dict(os.environ if environment is None else environment)
        for name in {*environment, *ENVIRONMENT}:
            if name.startswith(("PYTHON", "OMP_", "MKL_")):
                assert environment.get(name) == ENVIRONMENT.get(name), f"{name} is read when the interpreter starts"
        for file in (out, err):  # they are there when this returns, as of `subprocess.Popen`
            if file is not None:
                file.touch()
        self.returncode: int | None = None
        self.pid: int = _ask(
            arguments=[*arguments],
            cwd=str(cwd),
            out=str(out),
            err=None if err is None else str(err),
            environment=environment,
            is_session=is_session,
        )

    def poll(self) -> int | None:
        """The exit code, if it has ended; negative, if a signal has ended it."""
        if self.returncode is None:
            self.returncode = _ask(poll=self.pid)
        return self.returncode

    def wait(self, timeout: float) -> int:
        """The exit code; kills what has not ended after so many seconds."""
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired([str(self.pid)], timeout)
            time.sleep(0.005)
        return code


def python(
    *arguments: object,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float = 240,
    check: bool = False,
) -> subprocess.CompletedProcess[str]:
    """What `subprocess.run` tells of `python` with these arguments, its output captured."""
    command = [*map(str, arguments)]
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = Process(command, cwd=cwd or Path.cwd(), out=out, err=err, environment=environment)
        completed = subprocess.CompletedProcess(command, process.wait(timeout), out.read_text(), err.read_text())
    if check:
        completed.check_returncode()
    return completed


@cache
def _server() -> subprocess.Popen[str]:
    """It ends with the process that started it, as that ends its input."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.forks"],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _ask(**question: object) -> Any:
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    print(json.dumps(question), file=server.stdin, flush=True)
    return json.loads(server.stdout.readline())


def _serve() -> None:
    """Starts processes, and tells how they have ended."""
    for name in IMPORTED:
        with suppress(ImportError):  # of an extra
            importlib.import_module(name)
    del sys.modules["al_bench.run"]  # or `-m al_bench.run` would warn of it
    gc.freeze()
    for line in sys.stdin:
        question = json.loads(line)
        if "poll" in question:
            pid, status = os.waitpid(question["poll"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if answer == 0:
                _become(**question)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _become(
    arguments: list[str], cwd: str, out: str, err: str | None, environment: dict[str, str], is_session: bool
) -> None:
    """This process, as if it had just been started; it ends here."""
    code = 1
    try:
        if is_session:
            os.setsid()
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update(environment)
        _direct(0, os.devnull, os.O_RDONLY)
        _direct(1, out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        if err is None:
            os.dup2(1, 2)
        else:
            _direct(2, err, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
        del sys.path[0]  # where the server was started
        code = _code_of(arguments)
        threading._shutdown()  # type: ignore[attr-defined]  # what the interpreter does at its end
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _direct(descriptor: int, path: str, flags: int) -> None:
    opened = os.open(path, flags, 0o666)
    os.dup2(opened, descriptor)
    os.close(opened)


def _code_of(arguments: list[str]) -> int:
    kind, *rest = arguments
    try:
        if kind == "-m":
            sys.path.insert(0, str(Path.cwd()))
            sys.argv = rest
            runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
        elif kind == "-c":
            sys.path.insert(0, "")
            sys.argv = ["-c", *rest[1:]]
            exec(compile(rest[0], "<string>", "exec"), vars(_new_main()))
        else:
            sys.path.insert(0, str(Path(kind).resolve().parent))
            sys.argv = arguments
            runpy.run_path(kind, run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 0xFF
        sys.stderr.write(f"{end.code}\n")
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _new_main() -> ModuleType:
    sys.modules["__main__"] = ModuleType("__main__")
    return sys.modules["__main__"]


if __name__ == "__main__":
    _serve()

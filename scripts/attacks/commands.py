"""Commands in processes that are forked from one that has everything loaded, so that a case takes little time."""

import importlib
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch._dynamo

from al_bench.run import main

torch.set_num_threads(1)  # threads are not forked
MAX_WAIT = 120.0  # seconds, on a machine that does other things
MAX_MEMORY = 16 << 30


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    seconds: float
    waited: float
    text: str


def run(command: Sequence[str], folder: Path, as_process: bool = False) -> Ended:
    """`al-bench`, or one of the scripts, in a forked process or one of its own; without network."""
    output, start = folder.parent / "output", time.monotonic()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    child = os.fork()
    if not child:
        try:
            os._exit(_in_child(command, folder, output, as_process))
        finally:  # whatever was raised: what the parent does at its end, such as removing its folder, is not for it
            os._exit(98)
    status, waited = 0, 0.0
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0 and waited < MAX_WAIT:
        time.sleep(0.005)
        waited = time.monotonic() - start
    if ended[0] == 0:
        os.kill(child, signal.SIGKILL)
        ended = os.waitpid(child, 0)
    status = os.waitstatus_to_exitcode(ended[1])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Ended(status, seconds, waited, output.read_text(errors="replace") if output.exists() else "")


def _in_child(command: Sequence[str], folder: Path, output: Path, as_process: bool) -> int:
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(folder)
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    nowhere = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    os.environ.update({"HOME": str(folder), **nowhere})
    scripts = Path(__file__).parents[1]
    is_script = command[0].isidentifier() and (scripts / f"{command[0]}.py").exists()
    if as_process:
        start = [str(scripts / f"{command[0]}.py"), *command[1:]] if is_script else ["-m", "al_bench.run", *command]
        return subprocess.run([sys.executable, *start], check=False).returncode
    sys.argv = list(command) if is_script else ["al-bench", *command]
    try:
        (_main_of(command[0]) if is_script else main)()
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(end.code + "\n")
        return 1 if isinstance(end.code, str) else int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        return 99
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _main_of(script: str) -> Callable[[], None]:
    function: Callable[[], None] = importlib.import_module(script).main
    return function

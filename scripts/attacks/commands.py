"""Commands in processes that are forked from one that has everything loaded, so that a case takes little time."""

import os
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
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
    """`al-bench` with these arguments, in a forked process or one of its own; without network."""
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
    if as_process:
        return subprocess.run([sys.executable, "-m", "al_bench.run", *command], check=False).returncode
    sys.argv = ["al-bench", *command]
    try:
        main()
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

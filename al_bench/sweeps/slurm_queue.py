"""What Slurm says of the tasks of an array that are not over."""

import logging
import os
import re
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SECONDS_UNTIL_TOLD = 60.0  # of a task that does not start
RUNNING = ("RUNNING", "COMPLETING", "CONFIGURING")  # states of a task on its node
USUAL = ("None", "Priority", "Resources", "JobArrayTaskLimit")  # reasons to wait for tasks that run
KEYS = {  # what asks for more of what a task had too little of
    "OUT_OF_MEMORY": "; hydra.launcher.mem_gb=... asks for more",
    "TIMEOUT": "; hydra.launcher.timeout_min=... asks for more",
}

log = logging.getLogger("al_bench.sweep")


def queued_tasks(array: str, of: Sequence[Any]) -> dict[str, tuple[str, str]]:
    """The tasks of an array that wait or run, with state and reason.

    All of them, without state and reason, while Slurm gives no answer.

    Args:
        array: its number.
        of: submitit's jobs.
    """
    command = ["squeue", "--noheader", "--array", "--jobs", array, "--format", "%i|%T|%r"]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("SQUEUE_")}
    told = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if told.returncode != 0 and "Invalid job id" not in told.stderr:  # it forgets a job after minutes
        return {job.job_id: ("", "") for job in of}
    lines = (line.strip().split("|", 2) for line in told.stdout.splitlines() if line.strip())
    return {name: (state, reason) for name, state, reason in lines}


def how_it_ended(task: str) -> str:
    """How a task that is in no queue any more ended, in a few words; "" where Slurm has forgotten it."""
    try:
        command = ["scontrol", "show", "job", task, "--oneliner"]
        told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""
    found = re.search(r"\bJobState=(\S+)", told)
    if found is None:
        return ""
    key = next((key for state, key in KEYS.items() if found[1].startswith(state)), "")
    return f" ({found[1]}{key})"


def how_it_was_lost(task: str, log_file: Path) -> str:
    """How a task that left no result was lost: it ended, with its log, or that it never began, and has none."""
    if log_file in log_file.parent.iterdir():  # which asks a network's disk anew
        return f"Slurm ended task {task} before it had a result{how_it_ended(task)}; its log: {log_file}"
    return f"task {task} never started{how_it_ended(task)}"


class Waiting:
    """Says why tasks have not started for a minute; that they wait for their turn, only where no other runs."""

    def __init__(self, array: str) -> None:
        self._array = array
        self._since: dict[tuple[str, str], float] = {}  # of a state and reason, when it was first seen
        self._told: set[tuple[str, str]] = set()

    def look(self, queued: Mapping[str, tuple[str, str]], now: float) -> None:
        """At the tasks in the queue, with state and reason as squeue gives them, at a time in seconds."""
        is_running = any(state in RUNNING for state, _ in queued.values())
        counts = Counter(
            why for why in queued.values() if why[0] and why[0] not in RUNNING and not (is_running and why[1] in USUAL)
        )
        self._since = {why: self._since.get(why, now) for why in counts}
        for why, count in counts.items():
            if now - self._since[why] >= SECONDS_UNTIL_TOLD and why not in self._told:
                self._told.add(why)
                log.warning(
                    "%d tasks of Slurm array %s have not started for a minute: %s (%s); `squeue --jobs %s` shows them, "
                    "`scancel %s` gives them up",
                    count,
                    self._array,
                    *why,
                    self._array,
                    self._array,
                )

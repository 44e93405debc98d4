"""Hydra's launcher for Slurm: a killed job fails alone, and one that Slurm stops goes on where it was."""

import logging
import os
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from itertools import repeat
from types import FrameType
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus

from al_bench.sweeps import lost
from al_bench.sweeps.slurm_queue import Waiting, how_it_was_lost, queued_tasks

SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_BETWEEN_QUEUES = 10.0  # Slurm's controller is everybody's

USUAL_MAX_ARRAY_SIZE = 1001

log = logging.getLogger("al_bench.sweep")


class Stopped(KeyboardInterrupt):
    """Slurm stops a task: what it is doing ends now, and is no failure. Its cause says what becomes of the task."""


with suppress(ImportError):
    from hydra_plugins.hydra_submitit_launcher import submitit_launcher
    from hydra_plugins.hydra_submitit_launcher.config import BaseQueueConf

    class SlurmLauncher(submitit_launcher.SlurmLauncher):
        """Runs as tasks of a Slurm array."""

        def __call__(self, *arguments: Any) -> JobReturn:
            """What a task does, on its node."""
            signal_of_slurm = getattr(signal, f"SIG{os.environ.get('SUBMITIT_PREEMPT_SIGNAL', 'USR2')}")
            queue_again: Any = signal.getsignal(signal_of_slurm)

            def stop(number: int, frame: FrameType | None) -> None:
                try:
                    queue_again(number, frame)
                except BaseException as error:  # SystemExit; or that it was queued too often, or cannot be
                    raise Stopped from error

            if callable(queue_again):
                signal.signal(signal_of_slurm, stop)
            try:
                returned: JobReturn = super().__call__(*arguments)
            except Stopped as stopped:
                raise stopped.__cause__ or SystemExit(-1) from None
            return returned

        def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
            """See `hydra.plugins.launcher.Launcher`. More jobs than Slurm takes as one array are one after another."""
            size = _max_array_size()
            starts = range(0, len(job_overrides), size)
            return [
                returned
                for start in starts
                for returned in self._array(job_overrides[start : start + size], initial_job_idx + start)
            ]

        def _array(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
            import submitit

            options = dict(self.params)
            max_num_timeout = options.pop("max_num_timeout")
            executor = submitit.AutoExecutor(
                options.pop("submitit_folder"), cluster="slurm", slurm_max_num_timeout=max_num_timeout
            )
            shared = {field.name for field in fields(BaseQueueConf)}
            executor.update_parameters(
                **{name if name in shared else f"slurm_{name}": value for name, value in options.items()}
            )
            numbers = range(initial_job_idx, initial_job_idx + len(job_overrides))
            ids = [str(number) for number in numbers]
            jobs = executor.map_array(
                self,
                [list(overrides) for overrides in job_overrides],
                repeat("hydra.sweep.dir"),
                numbers,
                ids,
                repeat(Singleton.get_state()),
            )
            array = jobs[0].job_id.partition("_")[0]
            log.info("Slurm array %s; its logs are in %s*", array, jobs[0].paths.folder.with_name(array))
            try:
                return _waited_for(jobs, array)
            except KeyboardInterrupt:
                log.warning("Slurm goes on with array %s; `scancel %s` ends it", array, array)
                raise


def _waited_for(jobs: Sequence[Any], array: str) -> list[JobReturn]:
    """What each of submitit's jobs returned; an error for one that Slurm has no more and that left no result."""
    returned: dict[str, JobReturn] = {}
    missed: set[str] = set()  # in no queue at the last look
    waiting = Waiting(array)
    looked = time.monotonic()
    while len(returned) < len(jobs):
        left = [job for job in jobs if job.job_id not in returned]
        for job in left:
            if job.paths.result_pickle in job.paths.folder.iterdir():  # which asks a network's disk anew
                returned[job.job_id] = _result(job)
        if time.monotonic() - looked >= SECONDS_BETWEEN_QUEUES:
            queued = queued_tasks(array, of=left)
            gone = {job.job_id: job for job in left if job.job_id not in returned and job.job_id not in queued}
            for name in gone.keys() & missed:
                returned[name] = _failed(lost.LostError(how_it_was_lost(name, gone[name].paths.stderr)))
            missed, looked = set(gone), time.monotonic()
            waiting.look({name: state for name, state in queued.items() if name not in returned}, looked)
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return [returned[job.job_id] for job in jobs]


def _result(job: Any) -> JobReturn:
    try:
        returned: JobReturn = job.result()
    except Exception as error:  # as submitit found it
        return _failed(error)
    return returned


def _max_array_size() -> int:
    """How many tasks Slurm takes as one array."""
    try:
        told = subprocess.run(["scontrol", "show", "config"], capture_output=True, text=True, check=False).stdout
    except OSError:  # no Slurm here, as submitit will tell
        told = ""
    found = re.search(r"MaxArraySize\s*=\s*(\d+)", told)
    return max(1, int(found[1])) if found else USUAL_MAX_ARRAY_SIZE


def _failed(error: Exception) -> JobReturn:
    return JobReturn(status=JobStatus.FAILED, _return_value=error)

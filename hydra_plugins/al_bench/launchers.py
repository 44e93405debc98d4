"""Hydra's launchers for clusters, changed in what a sweep of hours needs.

A job whose process was killed is a failure of that job alone, jobs of Ray run in the folder of the command, and a job
that Slurm stops goes on where it was.
"""

import logging
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from functools import partial
from itertools import repeat
from pathlib import Path
from types import FrameType
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, setup_globals
from omegaconf import open_dict

from al_bench.core.errors import LaunchError
from al_bench.sweeps import lost
from al_bench.sweeps.slurm_queue import Waiting, how_it_ended, queued_tasks
from al_bench.sweeps.workers import run_in, variables_of_the_command

SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_BETWEEN_QUEUES = 10.0  # Slurm's controller is everybody's

USUAL_MAX_ARRAY_SIZE = 1001

log = logging.getLogger("al_bench.sweep")


class Stopped(KeyboardInterrupt):
    """Slurm stops a task: what it is doing ends now, and is no failure. Its cause says what becomes of the task."""


def _failed(error: Exception) -> JobReturn:
    return JobReturn(status=JobStatus.FAILED, _return_value=error)


with suppress(ImportError):
    from hydra_plugins.hydra_ray_launcher import ray_launcher

    class RayLauncher(ray_launcher.RayLauncher):
        """Runs as tasks of a Ray cluster: one that is started on this machine for the sweep, or one that runs."""

        def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
            """See `hydra.plugins.launcher.Launcher`."""
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            from hydra_plugins.hydra_ray_launcher import _launcher_util as util

            setup_globals()
            assert self.config is not None
            assert self.hydra_context is not None
            assert self.task_function is not None
            _check_address(self.ray_cfg.init.get("address"))
            util.start_ray(self.ray_cfg.init)
            _check_gpus(self.ray_cfg)
            task = partial(run_in, str(Path.cwd()), variables_of_the_command(), self.task_function)
            tasks = []
            for number, overrides in enumerate(job_overrides, initial_job_idx):
                composed = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
                with open_dict(composed):
                    composed.hydra.job.id = composed.hydra.job.num = number
                tasks.append(
                    util.launch_job_on_ray(
                        self.hydra_context, self.ray_cfg.remote, composed, task, Singleton.get_state()
                    )
                )
            return [self._returned(task) for task in tasks]

        @staticmethod
        def _returned(task: Any) -> JobReturn:
            import ray

            try:
                returned: JobReturn = ray.get(task)
            except ray.exceptions.RayError as error:
                node = getattr(ray._private.worker, "_global_node", None)
                return _failed(lost.in_ray(error, node.get_logs_dir_path() if node else "where Ray was started"))
            return returned


def _check_address(address: str | None) -> None:
    """LaunchError for a host and port where nobody answers; Ray would wait for minutes."""
    if address is None or not (found := re.fullmatch(r"(?:ray://)?([^:/]+):(\d+)", address)):
        return
    try:
        socket.create_connection((found[1], int(found[2])), timeout=10).close()
    except OSError as error:
        raise LaunchError(f"hydra.launcher.ray.init.address={address}: nobody answers there ({error})") from error


def _check_gpus(ray_cfg: Any) -> None:
    """LaunchError for more GPUs a run than any node of a cluster of this machine has; it would wait for ever."""
    import ray

    wanted = ray_cfg.remote.get("num_gpus") or 0
    most = max((node["Resources"].get("GPU", 0) for node in ray.nodes()), default=0)
    if most and not wanted:
        log.warning("the cluster's GPUs are not used; hydra.launcher.ray.remote.num_gpus=1 gives a run one")
    if wanted > most and ray_cfg.init.get("address") is None:
        raise LaunchError(f"hydra.launcher.ray.remote.num_gpus={wanted}: this machine has {most:.0f}")
    if wanted > most:
        log.warning("no node of the cluster has %s GPUs yet: runs wait for one that has", wanted)


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
                reason = f"Slurm ended task {name} before it had a result{how_it_ended(name)}"
                returned[name] = _failed(lost.LostError(f"{reason}; its log: {gone[name].paths.stderr}"))
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

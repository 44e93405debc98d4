"""Hydra's launcher for Ray: a killed job is a failure of that job alone, and jobs run in the folder of the command."""

import logging
import os
import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, setup_globals
from omegaconf import open_dict

from al_bench.core.errors import LaunchError
from al_bench.sweeps import lost
from al_bench.sweeps.workers import run_in, variables_of_the_command

log = logging.getLogger("al_bench.sweep")

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
                logs = node.get_logs_dir_path() if node else "where Ray was started"
                return JobReturn(status=JobStatus.FAILED, _return_value=lost.in_ray(error, logs))
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

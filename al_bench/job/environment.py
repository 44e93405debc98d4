"""What a run was made with: versions, device, commit."""

import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

import al_bench
from al_bench.config.reading.sources import constant, targets

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "pandas", "scikit-learn", "hydra-core", "omegaconf")


def describe(device: str, packages: Iterable[str] = ()) -> dict[str, object]:
    """Versions, device, host, command, and the commit of a source checkout with whether it was clean.

    Args:
        device: of the run.
        packages: distributions whose versions are noted beside those that are for every run.
    """
    is_cuda = device.startswith("cuda")
    return {
        "command": sys.argv,
        "host": platform.node(),
        "device": device,
        "device_name": torch.cuda.get_device_name(device) if is_cuda else _processor(),
        "python": platform.python_version(),
        "al_bench": al_bench.__version__,
        "versions": _versions(tuple(packages)),
        "torch_build": torch.__version__,
        **_slurm_task(),
        **_commit(),
    }


@cache
def of_extractors() -> tuple[str, ...]:
    """The packages of all options of conf/features, which may be installed or not; used or not, they are noted."""
    of_each = (constant(target, "packages") for target in reversed(targets("features").values()))
    return tuple(dict.fromkeys(package for packages in of_each if isinstance(packages, tuple) for package in packages))


def _versions(packages: tuple[str, ...]) -> dict[str, str]:
    found = {package: version(package) for package in PACKAGES}
    for package in (*of_extractors(), *packages):
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _slurm_task() -> dict[str, object]:
    """As Slurm's commands and the names of its logs call it."""
    if array := os.environ.get("SLURM_ARRAY_JOB_ID"):
        return {"slurm_task": f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}"}
    return {"slurm_task": os.environ["SLURM_JOB_ID"]} if "SLURM_JOB_ID" in os.environ else {}


@cache
def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


@cache
def _commit() -> dict[str, object]:
    """The commit that this package's source tree is at, if it is one, and whether its code is that of the commit."""
    tree = Path(__file__).parents[2]
    if not (tree / ".git").exists():
        return {}
    try:
        head, changes = (
            subprocess.run(["git", "-C", str(tree), *command], capture_output=True, check=True, text=True).stdout
            for command in (["rev-parse", "HEAD"], ["status", "--porcelain", "--", "al_bench", "hydra_plugins", "conf"])
        )
    except (OSError, subprocess.CalledProcessError):
        return {}
    return {"commit": head.strip(), "commit_clean": not changes.strip()}

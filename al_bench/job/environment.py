"""What a run was made with: versions, device, commit."""

import os
import platform
import subprocess
import sys
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

import al_bench

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "pandas", "scikit-learn", "hydra-core", "omegaconf")
EXTRACTORS = ("timm", "sentence-transformers", "efficientnet-lite-pytorch")  # extras, which may be installed or not


def describe(device: str) -> dict[str, object]:
    """Versions, device, host, command, and the commit of a source checkout with whether it was clean."""
    is_cuda = device.startswith("cuda")
    return {
        "command": sys.argv,
        "host": platform.node(),
        "device": device,
        "device_name": torch.cuda.get_device_name(device) if is_cuda else _processor(),
        "python": platform.python_version(),
        "al_bench": al_bench.__version__,
        "versions": dict(_versions()),
        "torch_build": torch.__version__,
        **_slurm_task(),
        **_commit(),
    }


@cache
def _versions() -> dict[str, str]:
    found = {package: version(package) for package in PACKAGES}
    for package in EXTRACTORS:
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

"""The device of a run: where processes share a machine, each has a GPU of its own."""

import multiprocessing
import os
import tempfile
from collections.abc import Sequence
from functools import cache
from itertools import count
from pathlib import Path

import torch

from al_bench.core.errors import ConfigError
from al_bench.files.locks import is_free


def is_child() -> bool:
    """Whether this process was started by `multiprocessing` or joblib."""
    return multiprocessing.parent_process() is not None


@cache
def own_gpu(names: Sequence[str]) -> int:
    """The place in `names` (of physical GPUs) of one for as long as this process lives: among those that fewest have.

    Held by a lock on a file of the user's, which the system gives back however the process ends.

    Raises:
        ConfigError: if the folder of these files is another user's.
    """
    folder = Path(tempfile.gettempdir(), f"al_bench_gpus_{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise ConfigError(f"{folder} is not yours, so GPUs cannot be shared out by it; device=cuda:<number> names one")
    for place in count():
        for position, name in enumerate(names):
            lock = os.open(folder / f"{name}_{place}", os.O_RDWR | os.O_CREAT, 0o600)
            if is_free(lock):
                return position  # the lock stays open
            os.close(lock)
    raise AssertionError("unreachable")


def device_of(name: str) -> str:
    """The device that a configuration means; ConfigError if there is none of that number."""
    if name == "auto" and torch.cuda.is_available():
        num_gpus = torch.cuda.device_count()
        if num_gpus == 1 or not is_child():
            return "cuda"
        names = tuple(str(torch.cuda.get_device_properties(gpu).uuid) for gpu in range(num_gpus))
        return f"cuda:{own_gpu(names)}"
    if name == "auto":
        return "cpu"
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f"device={name}: PyTorch sees {torch.cuda.device_count()} CUDA devices here; try device=cpu")
    return name

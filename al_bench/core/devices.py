"""Devices: moving tensors to them, how exactly they compute, and how long they work.

Seconds are of the clock, and of the processor, to which other work on the machine adds little.
"""

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Precision = Literal["float32", "bfloat16"]


def num_gpus() -> int:
    """The CUDA devices that PyTorch sees."""
    return torch.cuda.device_count()


def to_device(tensor: Tensor, device: str | torch.device) -> Tensor:
    """The tensor on a device; the host does not wait for the work that is queued there.

    From page-locked memory a copy is queued like any kernel; from other memory CUDA waits for the queue to be empty.
    """
    if tensor.device.type == "cpu" and torch.device(device).type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def autocast(precision: Precision, device: str) -> AbstractContextManager[object]:
    """Within, forward passes are of this precision: as they are written, or PyTorch's autocast."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16)


@dataclass(frozen=True)
class Seconds:
    """A time that was taken: by the clock, and of this process's threads on the processor."""

    wall: float = 0.0
    cpu: float = 0.0

    def __add__(self, other: "Seconds") -> "Seconds":
        return Seconds(self.wall + other.wall, self.cpu + other.cpu)


class Stopwatch:
    """Started when it is made. On CUDA both times are the clock's, of work that the device has done."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._start = self._now()

    def seconds(self) -> Seconds:
        """Wall-clock and CPU seconds since it was started."""
        now = self._now()
        return Seconds(now.wall - self._start.wall, now.cpu - self._start.cpu)

    def _now(self) -> Seconds:
        if not self._device.startswith("cuda"):
            return Seconds(time.perf_counter(), time.process_time())
        torch.cuda.synchronize(self._device)
        wall = time.perf_counter()
        return Seconds(wall, wall)

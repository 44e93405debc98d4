"""Moving tensors between the host and a device."""

import torch
from torch import Tensor


def to_device(tensor: Tensor, device: str | torch.device) -> Tensor:
    """The tensor on a device; the host does not wait for the work that is queued there.

    From page-locked memory a copy is queued like any kernel; from other memory CUDA waits for the queue to be empty.
    """
    if tensor.device.type == "cpu" and torch.device(device).type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)

"""Augmentation of images in training, drawn for each by itself, on the device (He et al., 2016, for CIFAR-10)."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from al_bench.core.devices import to_device

PADDING = 4  # pixels on each side, of value 0


def crop_flip(images_NCHW: Tensor, rng: np.random.Generator) -> Tensor:
    """Pad, crop at random to the size before, and mirror left to right with probability 1/2.

    Three numbers are drawn per example, in their order, so the result does not depend on how many come at once.

    Args:
        images_NCHW: as stored, before normalisation, of any type.
        rng: draws on the host.
    """
    num_images, _, height, width = images_NCHW.shape
    device = images_NCHW.device
    uniforms_N3 = rng.random((num_images, 3))
    offsets_N2 = to_device(torch.from_numpy((uniforms_N3[:, :2] * (2 * PADDING + 1)).astype(np.int64)), device)
    is_mirrored_N1 = to_device(torch.from_numpy(uniforms_N3[:, 2:] < 0.5), device)
    columns_W = torch.arange(width, device=device)
    rows_NH = offsets_N2[:, :1] + torch.arange(height, device=device)
    columns_NW = offsets_N2[:, 1:] + torch.where(is_mirrored_N1, columns_W.flip(0), columns_W)
    padded = functional.pad(images_NCHW, (PADDING,) * 4)
    images = torch.arange(num_images, device=device)[:, None, None]
    cropped_NHWC = padded[images, :, rows_NH[:, :, None], columns_NW[:, None, :]]
    return cropped_NHWC.permute(0, 3, 1, 2).contiguous()
